"""Versions as semantic versioning orders them (https://semver.org), and the one a signed manifest says it is of. Pure."""

from __future__ import annotations

import re
from functools import total_ordering

from wassette_py.dataclass import dataclass
from wassette_py.trust.evidence import read_json

ANNOTATION = "org.opencontainers.image.version"
_FORM = re.compile(
    r"v?(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
MAX_TEXT = 128


@total_ordering
@dataclass(frozen=True)
class Version:
    """One version; build metadata does not count."""

    numbers: tuple[int, int, int]
    before: tuple[str, ...] = ()
    """What comes before the release of these numbers: `rc`, `1`."""

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers)) + (f"-{'.'.join(self.before)}" if self.before else "")

    def __lt__(self, other: Version) -> bool:
        return self._rank() < other._rank()

    def _rank(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        # A release comes after everything before it; numbers are compared as such, and come before words.
        parts = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in self.before]
        return self.numbers, not self.before, [(word, number, text if word else "") for word, number, text in parts]


def parse_version(text: str) -> Version:
    """The version that `text` is, with or without a leading v. Raises ValueError."""
    match = _FORM.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise ValueError(f"{text[:MAX_TEXT]!r} is not a version such as 1.2.3")
    return Version((int(match[1]), int(match[2]), int(match[3])), tuple(match[4].split(".")) if match[4] else ())


def version_of(manifest: bytes) -> Version:
    """The version that a manifest, or an index, says it is of. Raises ValueError with the reason why there is none."""
    annotations = read_json(manifest).get("annotations")
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if not isinstance(text, str):
        raise ValueError("its manifest names no version")
    return parse_version(text)


def stated_version(manifest: bytes) -> str | None:
    """`version_of`, as text; None where a manifest names none that can be compared."""
    try:
        return str(version_of(manifest))
    except ValueError:
        return None
