"""References: where a component comes from, parsed once and strictly, so that what is decided about a text and what is fetched agree.

One anchored grammar makes both the trust scope and the request (`trust/` and `oci.py` take these values, never text). Everything has one
canonical spelling: `parse_reference(str(r)) == r`. Nothing here looks at a disk or a network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidReference
from wassette_py.names import HEX, TAG, Digest, parse_host, parse_repository, valid_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAX_REFERENCE = 4096
URL_PATH = r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+"
URL_QUERY = r"\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"

_FORMS = "a path, file:///PATH, https://HOST/PATH#sha256=HEX, oci://REGISTRY/REPOSITORY:TAG, oci-layout:///DIRECTORY:TAG"


@dataclass(frozen=True)
class FileReference:
    """A file on this machine; `path` is absolute and without dot segments."""

    path: Path

    @property
    def source(self) -> str:
        return str(self)

    @property
    def default_id(self) -> str | None:
        return _id_from(self.path.stem)

    def __str__(self) -> str:
        return f"file://{_quoted(self.path)}"


@dataclass(frozen=True)
class HttpsReference:
    """A file on a web server: `url` without fragment."""

    url: str
    digest: Digest | None = None

    @property
    def source(self) -> str:
        return self.url

    @property
    def host(self) -> str:
        """Host, with the port when it is not 443."""
        return self.url.removeprefix("https://").partition("/")[0]

    @property
    def path(self) -> str:
        """The path, without query."""
        return self.url.removeprefix("https://").partition("?")[0].partition("/")[2]

    @property
    def default_id(self) -> str | None:
        return _id_from(self.path.rpartition("/")[2].rpartition(".")[0] or self.path.rpartition("/")[2])

    def __str__(self) -> str:
        return f"{self.url}#sha256={self.digest.hex}" if self.digest else self.url


@dataclass(frozen=True)
class OciReference:
    """An artifact in a registry; a tag or a digest, or both (then the digest says what is fetched)."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @property
    def source(self) -> str:
        return f"oci://{self.registry}/{self.repository}"

    @property
    def default_id(self) -> str | None:
        return _id_from(self.repository.rpartition("/")[2])

    def __str__(self) -> str:
        return self.source + _suffix(self.tag, self.digest)


@dataclass(frozen=True)
class LayoutReference:
    """An artifact in an OCI image layout on disk; without tag and digest it means the only one there."""

    path: Path
    tag: str | None = None
    digest: Digest | None = None

    @property
    def source(self) -> str:
        return f"oci-layout://{_quoted(self.path)}"

    @property
    def default_id(self) -> str | None:
        # One layout holds many components, told apart by their tags; a tag that is a version leaves the directory's name.
        named = self.tag is not None and self.tag != "latest" and re.match(r"v?[0-9]", self.tag) is None
        return _id_from(self.tag if named and self.tag else self.path.name)

    def __str__(self) -> str:
        return self.source + _suffix(self.tag, self.digest)


__all__ = ["Digest", "FileReference", "HttpsReference", "LayoutReference", "OciReference", "Reference", "parse_reference", "valid_id"]

Reference = FileReference | HttpsReference | OciReference | LayoutReference


def parse_reference(text: str, *, base: Path | None = None) -> Reference:
    """The reference that `text` is; a bare path is taken relative to `base` (default: the working directory). Raises InvalidReference."""
    if not text or len(text) > MAX_REFERENCE or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise InvalidReference("a reference is one line of text, neither empty nor endless", f"give {_FORMS}")
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    scheme = match[1].lower() if match else ""
    if scheme in _PARSERS:
        if not text.startswith(f"{scheme}://"):
            _refuse(text, f"{scheme} is written in lower case and followed by ://", f"{scheme}://{text[len(scheme) + 1 :].lstrip('/')}")
        return _writable(_PARSERS[scheme](text))
    if scheme == "http":
        _refuse(text, "http:// cannot be trusted to bring the bytes that were sent", f"https{text[4:]}")
    if "://" in text:
        _refuse(text, f"{scheme or 'this'} is no scheme of a reference", f"give {_FORMS}")
    return _writable(FileReference(_normal(without_root(os.path.abspath(os.path.join(base or Path.cwd(), text))))))


def _writable(reference: Reference) -> Reference:
    # Its one spelling escapes characters, and may be longer than what was typed.
    if len(str(reference)) > MAX_REFERENCE:
        raise InvalidReference("a path this long cannot be written as a reference", "move the file to a shorter path")
    return reference


def _parse_file(text: str) -> FileReference:
    path = text.removeprefix("file://")
    if not path.startswith("/") or "?" in path or "#" in path:
        _refuse(text, "a file reference is file:// and an absolute path, ? and # percent-encoded", "file:///absolute/path.wasm")
    return FileReference(_path_from(path, text))


def _parse_https(text: str) -> HttpsReference:
    url, mark, fragment = text.partition("#")
    match = re.fullmatch(rf"https://([^/?@]+)({URL_PATH})({URL_QUERY})?", url)
    host = parse_host(match[1]) if match else None
    if match is None or host is None:
        _refuse(text, "not an https reference (no user, no empty path segment)", "https://host.example/path/name.wasm#sha256=HEX")
    # Servers and clients resolve dot segments and encoded slashes each in their way; a scope must mean what is requested.
    if re.search(r"(?i)/(?:\.|%2e){1,2}(?=/|$)|%2f|%5c|%00", match[2]):
        _refuse(text, "its path has dot segments or an encoded slash", "write the path the server is to be asked for")
    if mark and re.fullmatch(rf"sha256={HEX}", fragment) is None:
        _refuse(text, "what follows # is not sha256= and 64 lower-case hexadecimal digits", f"{url}#sha256=HEX")
    # One spelling: %61 is the letter a, and a scope must not depend on which of the two was typed.
    path = re.sub(r"%[0-9A-Fa-f]{2}", _decoded, match[2])
    return HttpsReference(f"https://{host}{path}{match[3] or ''}", Digest(fragment[7:]) if mark else None)


def _parse_oci(text: str) -> OciReference:
    rest = text.removeprefix("oci://")
    match = re.fullmatch(rf"([^/@]+)/([^:@]+)(?::({TAG}))?(?:@sha256:({HEX}))?", rest)
    if match is None:
        _refuse(text, "not a registry reference", "oci://registry.example/repository:tag@sha256:HEX (tag or digest or both)")
    parsed = parse_repository(f"{match[1]}/{match[2]}")
    if parsed is None and parse_host(match[1]) is None:
        _refuse(text, f"{match[1]!r} does not name a registry: a host has a dot or a port, or is localhost", f"oci://docker.io/{rest}")
    if parsed is None:
        _refuse(text, f"{match[2]!r} is not a repository (lower case, parts of a-z 0-9 joined by . _ or -)", f"oci://{rest.lower()}")
    if match[3] is None and match[4] is None:
        _refuse(text, "it names no tag and no digest, and none is assumed", f"oci://{rest}:TAG or oci://{rest}@sha256:HEX")
    return OciReference(*parsed, match[3], Digest(match[4]) if match[4] else None)


def _parse_layout(text: str) -> LayoutReference:
    pattern = rf"oci-layout://(/(?:[A-Za-z]:/)?[^:@?#]*)(?::({TAG}))?(?:@sha256:({HEX}))?"
    match = re.fullmatch(pattern, text)
    if match is None:
        _refuse(text, "an OCI layout is named by its absolute path, : @ ? # percent-encoded", "oci-layout:///absolute/directory:tag")
    return LayoutReference(_path_from(match[1], text), match[2], Digest(match[3]) if match[3] else None)


_PARSERS: dict[str, Callable[[str], Reference]] = {
    "file": _parse_file,
    "https": _parse_https,
    "oci": _parse_oci,
    "oci-layout": _parse_layout,
}


def _refuse(text: str, reason: str, hint: str) -> NoReturn:
    raise InvalidReference(f"{text}: {reason}", hint)


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else match[0].upper()


def _suffix(tag: str | None, digest: Digest | None) -> str:
    return (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _id_from(name: str) -> str | None:
    name = name.lower()
    return name if valid_id(name) else None


def _quoted(path: Path) -> str:
    text = path.as_posix()
    return quote(os.fsencode(text if text.startswith("/") else f"/{text}"), safe="/!$&'()*+,;=~")


def _path_from(quoted: str, text: str) -> Path:
    raw = unquote_to_bytes(quoted)
    if b"\0" in raw:
        _refuse(text, "a path has no NUL character", "write the path as it is")
    return _normal(without_root(os.fsdecode(raw)))


def without_root(path: str, *, windows: bool = os.name == "nt") -> str:
    """The path in a URL as this system writes it: `/C:/x` is `C:/x` on Windows, and `//x` is `/x` elsewhere."""
    if windows:
        return re.sub(r"^/([A-Za-z]:/)", r"\1", path)
    return f"/{path.lstrip('/')}"


def _normal(path: str) -> Path:
    # Dot segments go by spelling, not by what links point to: a scope and a request see the same text.
    return Path(os.path.abspath(path))
