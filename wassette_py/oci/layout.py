"""An OCI image layout on disk, read with the same checks as a registry: `oci-layout`, `index.json`, `blobs/sha256/…`.

Specification: https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Names of files come from digests that were parsed,
never from what a document calls them. It writes nothing.
"""

from __future__ import annotations

from pathlib import Path

from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, FetchError, NotFound
from wassette_py.names import Digest
from wassette_py.oci.documents import INDEX_TYPES, TAG_ANNOTATION, Descriptor, Index, parse_document, parse_object, some_of
from wassette_py.oci.reading import MAX_DOCUMENT, read_blob_file, read_file
from wassette_py.oci.referrers import refers_to_signature
from wassette_py.reference import LayoutReference


class LayoutSource:
    """The layout a reference names."""

    def __init__(self, reference: LayoutReference) -> None:
        self.reference = reference
        self.folder = reference.path

    def resolve(self, control: Control) -> tuple[bytes, str, Digest]:
        """The bytes, media type and digest of what the reference names. Raises FetchError, Cancelled."""
        marker = self._document("oci-layout", control)
        if parse_object(marker, f"{self.folder}/oci-layout").get("imageLayoutVersion") != "1.0.0":
            raise FetchError(f"{self.folder} is not an OCI image layout of version 1.0.0")
        listed, digest = self.listed(control), self.reference.digest
        if digest is not None and self._blob_path(digest).exists() and all(entry.digest != digest for entry in listed):
            return self._unlisted(digest, control)
        entry = self._entry(listed)
        if digest is not None and entry.digest != digest:
            raise DigestMismatch(str(entry.digest), str(digest), what=str(self.reference))
        return self.blob(entry, limit=MAX_DOCUMENT, control=control), entry.media_type, entry.digest

    def _unlisted(self, digest: Digest, control: Control) -> tuple[bytes, str, Digest]:
        """A manifest that a tag meant once, and which is there still: a digest leads, whatever the tags mean now."""
        path = self._blob_path(digest)
        data, found = read_file(path, limit=MAX_DOCUMENT, what=f"blob {path}", control=control, stage="resolve")
        if found != digest:
            raise DigestMismatch(str(found), str(digest), what=f"blob {path}")
        return data, str(parse_object(data, f"manifest of {self.reference}").get("mediaType")), digest

    def listed(self, control: Control) -> tuple[Descriptor, ...]:
        """What `index.json` lists. Raises FetchError, Cancelled."""
        index = parse_document(self._document("index.json", control), INDEX_TYPES[0], f"{self.folder}/index.json")
        assert isinstance(index, Index)
        return index.manifests

    def document(self, descriptor: Descriptor, control: Control) -> tuple[bytes, str]:
        """The manifest an index names, and its media type."""
        return self.blob(descriptor, limit=MAX_DOCUMENT, control=control), descriptor.media_type

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes:
        """The bytes of one blob, checked. Raises FetchError."""
        path = self._blob_path(descriptor.digest)
        return read_blob_file(path, descriptor, limit=limit, what=f"blob {path}", control=control)

    def _blob_path(self, digest: Digest) -> Path:
        return self.folder / "blobs" / digest.algorithm / digest.hex

    def _document(self, name: str, control: Control) -> bytes:
        path = self.folder / name
        return read_file(path, limit=MAX_DOCUMENT, what=f"OCI layout file {path}", control=control, stage="resolve")[0]

    def _entry(self, listed: tuple[Descriptor, ...]) -> Descriptor:
        tag, digest = self.reference.tag, self.reference.digest
        components = [entry for entry in listed if not refers_to_signature(entry)]
        tags = sorted(str(entry.annotations[TAG_ANNOTATION]) for entry in components if TAG_ANNOTATION in entry.annotations)
        found = components
        if digest is not None:
            found = [entry for entry in listed if entry.digest == digest][:1]
        if tag is not None and (digest is None or not found):
            found = [entry for entry in listed if entry.annotations.get(TAG_ANNOTATION) == tag]
        if len(found) == 1:
            return found[0]
        hint = f"it has the tags {some_of(tags)}" if tags else "it has no tags"
        if not found:
            raise NotFound(f"{self.reference}: the layout has no such component", hint)
        raise FetchError(f"{self.reference} names {len(found)} components, not one", hint)
