"""What a trust scope asks of signatures: who must have signed, in which form, for which repository, and what else they must say.

Values and pure questions about them; the file's grammar is `rule_reader`, the decision `verifier`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wassette_py.dataclass import dataclass
from wassette_py.names import HEX, TAG, parse_repository
from wassette_py.reference import OciReference, Reference
from wassette_py.trust.evidence import FORMATS, Format
from wassette_py.trust.identities import Keyless, Named
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.roots import TrustRoot
from wassette_py.trust.versions import Version

Scalar = str | int | float | bool


@dataclass(frozen=True)
class SignedRepository:
    """Which repository a legacy signature must have been made for: `exact`, or the reference's own, with `source` replaced by `target`."""

    exact: str | None = None
    source: str | None = None
    target: str | None = None

    def check(self, signed_for: str, reference: Reference) -> None:
        """Raises ValueError when `signed_for` (a docker-reference) is another repository, or another tag of it."""
        match = re.fullmatch(rf"([^@]+?)(?::({TAG}))?(?:@sha256:{HEX})?", signed_for)
        found = parse_repository(match[1]) if match else None
        if match is None or found is None:
            raise ValueError(f"it was made for {signed_for!r}, which is no repository"[:300])
        name, wanted = "/".join(found), self.wanted(reference)
        if name != wanted:
            raise ValueError(f"it was made for {name}, not for {wanted or reference.source}")
        tag = reference.tag if isinstance(reference, OciReference) else None
        if match[2] and tag and match[2] != tag:
            raise ValueError(f"it was made for the tag {match[2]}, not for {tag}")

    def wanted(self, reference: Reference) -> str | None:
        """The repository signatures of `reference` must name; None: there is none, since it comes from no registry."""
        if self.exact is not None:
            return self.exact
        if not isinstance(reference, OciReference):
            return None
        name = f"{reference.registry}/{reference.repository}"
        if self.source is not None and f"{name}/".startswith(f"{self.source}/"):
            return f"{self.target}{name[len(self.source) :]}"
        return name


@dataclass(frozen=True)
class AttestationRule:
    """A statement of type `predicate_type` by one of `by`, in whose predicate each path of `where` has that value."""

    predicate_type: str
    by: tuple[Named, ...]
    where: tuple[tuple[str, Scalar], ...] = ()

    def unmet(self, predicate: Any) -> str | None:
        """Why `predicate` is not what is asked for; None when it is."""
        for path, wanted in self.where:
            found = predicate
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            # In Python 1 == True == 1.0; in a policy they are three things.
            if type(found) is not type(wanted) or found != wanted:
                return f"{path} is {found!r}, not {wanted!r}"[:300]
        return None


@dataclass(frozen=True)
class SignatureRule:
    """All of `every` and at least `at_least` of `some` have signed, and each attestation is there. What a signature says of the
    transparency logs `logs` must be true, and with `log_required` there must be something (a keyless one is always in the log of its
    root). It must be of `min_version` or later, and every signature that counts no older than `max_age`, by the clock of such a log."""

    every: tuple[Named, ...] = ()
    some: tuple[Named, ...] = ()
    at_least: int = 0
    formats: tuple[Format, ...] = FORMATS
    repository: SignedRepository = SignedRepository()
    annotations: tuple[tuple[str, str], ...] = ()
    logs: tuple[PublicKey, ...] = ()
    log_required: bool = False
    attestations: tuple[AttestationRule, ...] = ()
    min_version: Version | None = None
    max_age: timedelta | None = None

    @property
    def named(self) -> tuple[Named, ...]:
        """Everybody the rule names."""
        return (*self.every, *self.some, *(one for attestation in self.attestations for one in attestation.by))

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """Every key the rule names, once."""
        return tuple({one.fingerprint: one for one in reversed(self.named) if isinstance(one, PublicKey)}.values())

    @property
    def roots(self) -> tuple[TrustRoot, ...]:
        """Every trust root the rule names, once."""
        return tuple({one.root.fingerprint: one.root for one in reversed(self.named) if isinstance(one, Keyless)}.values())

    def unmet_annotations(self, annotations: Mapping[str, Any]) -> str | None:
        """Why a signature with these annotations does not count; None when it does."""
        for name, wanted in self.annotations:
            if annotations.get(name) != wanted:
                return f"its annotation {name} is {annotations.get(name)!r}, not {wanted!r}"[:300]
        return None
