"""Trust scopes: which references one rule is about. Whole path components only; the most exact host and then the longest path wins.

`ghcr.io/acme` is about `oci://ghcr.io/acme/…` and nothing that merely begins with the same letters; `*.acme.dev` about every registry
below acme.dev; `https://host/path`, `file:///dir` and `oci-layout:///dir` about what those schemes fetch. Scopes of paths go by spelling:
a link into a directory is not the directory.
"""

from __future__ import annotations

import re
from typing import Literal, assert_never

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidReference
from wassette_py.names import COMPONENT, is_loopback, parse_host, parse_registry
from wassette_py.reference import FileReference, HttpsReference, LayoutReference, OciReference, Reference, parse_reference

ScopeKind = Literal["registry", "https", "file", "oci-layout"]
FORMS = "HOST, HOST/PATH, *.HOST, https://HOST/PATH, oci-layout:///DIRECTORY or file:///DIRECTORY"


@dataclass(frozen=True)
class Scope:
    """A host (`*.x`: every host below x; "" for paths on this machine) and the path components below it."""

    kind: ScopeKind
    host: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        if self.kind in ("file", "oci-layout"):
            return f"{self.kind}:///{'/'.join(self.parts)}"
        return ("https://" if self.kind == "https" else "") + "/".join((self.host, *self.parts))

    @property
    def rank(self) -> tuple[bool, int, int]:
        """What is compared when several scopes name a reference; the greatest is the most exact."""
        return not self.host.startswith("*."), self.host.count("."), len(self.parts)

    @property
    def is_loopback(self) -> bool:
        return self.kind == "registry" and is_loopback(self.host)

    def holds(self, place: Scope) -> bool:
        """Whether the place of a reference is in this scope."""
        if self.kind != place.kind or place.parts[: len(self.parts)] != self.parts:
            return False
        return place.host.endswith(self.host[1:]) if self.host.startswith("*.") else place.host == self.host


def parse_scope(text: str) -> Scope:
    """The scope that `text` is. Raises ValueError with the reason."""
    if text.startswith(("file://", "oci-layout://", "https://")):
        return _parse_url(text)
    text = text.removeprefix("oci://")
    if "://" in text:
        raise ValueError(f"expected {FORMS}")
    host, _, path = text.partition("/")
    wildcard = host.startswith("*.")
    registry = parse_registry(host[2:] if wildcard else host)
    if registry is None:
        raise ValueError(f"{host!r} names no registry; expected {FORMS}")
    parts = tuple(path.split("/")) if path else ()
    if ":" in path or "@" in path:
        raise ValueError("a scope names a repository, not a tag or digest; pin a digest with digests: [sha256:…]")
    if not all(re.fullmatch(COMPONENT, part) for part in parts):
        raise ValueError("its path is not made of whole repository components (lower case, no * and no empty part)")
    return Scope("registry", f"*.{registry}" if wildcard else registry, parts)


def place_of(reference: Reference) -> Scope:
    """Where a reference stands, as the narrowest scope that holds it."""
    match reference:
        case OciReference():
            return Scope("registry", reference.registry, tuple(reference.repository.split("/")))
        case HttpsReference():
            return Scope("https", reference.host, tuple(reference.path.split("/")))
        case FileReference():
            return Scope("file", "", _components(str(reference)))
        case LayoutReference():
            return Scope("oci-layout", "", _components(reference.source))
        case _:
            assert_never(reference)


def _parse_url(text: str) -> Scope:
    host = parse_host(text.removeprefix("https://").rstrip("/"))
    if text.startswith("https://") and host is not None:
        return Scope("https", host, ())
    try:
        reference = parse_reference(text.rstrip("/") if text.rstrip("/").count("/") > 2 else text)
    except InvalidReference as error:
        raise ValueError(str(error)) from None
    if "?" in text or str(reference) != reference.source:
        raise ValueError("a scope names a place, without tag, digest or query")
    return place_of(reference)


def _components(url: str) -> tuple[str, ...]:
    """The percent-encoded components of a path in a URL; the root directory has none."""
    return tuple(part for part in url.partition("://")[2].split("/") if part)
