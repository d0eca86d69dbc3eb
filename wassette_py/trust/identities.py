"""Signers without a key of their own: an identity that an issuer vouched for, in a certificate that lived for minutes.

An identity without its issuer says nothing, and an issuer without an identity says everything, so a rule names both.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import datetime

from wassette_py.dataclass import dataclass, field
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.roots import TrustRoot

PACKAGE = "sigstore >= 4.5, < 5"
INSTALL = f"{sys.executable} -m pip install '{PACKAGE}'"
MISSING = "verifying keyless bundles needs the package sigstore, which is not installed"
MAX_TEXT = 1024
_ANYBODY = ("nobody@nowhere.invalid", "https://nowhere.invalid/nobody/nothing/.github/workflows/none.yml@refs/heads/none")


@dataclass(frozen=True)
class Certified:
    """Who made a signature, as proven by a certificate, and when, by `clock` (a transparency log or a timestamp authority). `until`: from
    when on the root is too old to prove it."""

    issuer: str
    identity: str
    root: str
    time: datetime
    clock: str
    until: datetime | None = None

    @property
    def id(self) -> str:
        """What tells signers apart: the same identity at the same issuer is one signer, whatever certificate it had."""
        return f"keyless:{self.issuer}#{self.identity}"

    def __str__(self) -> str:
        return f"{shown(self.identity)} (issuer {shown(self.issuer)})"


@dataclass(frozen=True)
class Keyless:
    """What a rule asks for: `identity`, or what `pattern` matches as a whole, vouched for by `issuer` under `root`."""

    root: TrustRoot
    issuer: str
    identity: str | None = None
    pattern: str | None = None
    line: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        wanted = f"#{self.identity}" if self.pattern is None else f"~{self.pattern}"
        return f"keyless:{self.issuer}{wanted}"

    @property
    def name(self) -> str:
        return self.identity if self.identity is not None else f"/{self.pattern}/"

    def __str__(self) -> str:
        return f"{shown(self.name)} (issuer {shown(self.issuer)})"

    def names(self, one: PublicKey | Certified) -> bool:
        """Whether `one` is who is asked for."""
        if not isinstance(one, Certified) or one.issuer != self.issuer or one.root != self.root.fingerprint:
            return False
        return one.identity == self.identity if self.pattern is None else re.fullmatch(self.pattern, one.identity) is not None


Named = PublicKey | Keyless
"""Whom a rule names."""
Proven = PublicKey | Certified
"""Who is proven to have signed."""


def check_text(text: str, what: str) -> str:
    """`text`, fit to be an issuer or an identity. Raises ValueError."""
    if not text or len(text) > MAX_TEXT or not text.isprintable() or text != text.strip():
        raise ValueError(f"expected {what}: printable text of at most {MAX_TEXT} characters")
    return text


def check_pattern(text: str) -> str:
    """`text` as a pattern that an identity has to match from its first to its last character. Raises ValueError."""
    check_text(text, "a regular expression")
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if any(pattern.fullmatch(anybody) for anybody in _ANYBODY):
        raise ValueError("it matches any identity there may be")
    return text


def distinct(entries: Iterable[Named], proven: Iterable[Proven]) -> int:
    """How many of `entries` are there by distinct signers: who matches two entries stands for one of them."""
    signers = dict[str, list[Proven]]()
    for one in proven:
        signers.setdefault(one.id, []).append(one)
    stands_for: dict[str, Named] = {}

    def placed(entry: Named, seen: set[str]) -> bool:
        for id_, ones in signers.items():
            if id_ not in seen and any(map(entry.names, ones)):
                seen.add(id_)
                if id_ not in stands_for or placed(stands_for[id_], seen):
                    stands_for[id_] = entry
                    return True
        return False

    return sum(placed(entry, set()) for entry in entries)


def shown(text: str) -> str:
    """`text` of a certificate, fit for a line of talk."""
    return text if len(text) <= MAX_TEXT and text.isprintable() else f"{text[:100]!r}"
