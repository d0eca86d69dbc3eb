"""The writing half of an OCI image layout: blobs by digest, and the index replaced as a whole.

Specification: https://github.com/opencontainers/image-spec/blob/main/image-layout.md. A layout that is not there is made; one that is there
is added to, and everything else in its index stays.
"""

from __future__ import annotations

import json
from pathlib import Path

from wassette_py.control import Control
from wassette_py.errors import FetchError
from wassette_py.files import read_regular, write_atomic
from wassette_py.locking import release_lock, take_lock
from wassette_py.names import Digest
from wassette_py.oci.documents import INDEX_TYPES, TAG_ANNOTATION, parse_object
from wassette_py.oci.layout import LayoutSource
from wassette_py.oci.reading import MAX_DOCUMENT, read_file

LOCK = ".wassette.lock"


class LayoutTarget(LayoutSource):
    """A layout that is written to."""

    def put_blob(self, data: bytes, control: Control) -> None:
        """Writes `data` unless it is there. Raises FetchError, Cancelled."""
        control.step("push", 0, len(data))
        digest = Digest.of(data)
        path = self.folder / "blobs" / digest.algorithm / digest.hex
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What a crash or somebody else left under that name is not believed.
            if not _holds(path, data):
                write_atomic(path, data)
        except OSError as error:
            raise _unwritable(path, error) from None
        control.step("push", len(data), len(data))

    def put_manifest(self, data: bytes, media_type: str, tag: str, control: Control) -> None:
        """Writes a manifest or an index and lets `tag` mean it. Raises FetchError, Cancelled."""
        self.put_blob(data, control)
        entry = {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data), "annotations": {TAG_ANNOTATION: tag}}
        try:
            lock = take_lock(self.folder / LOCK)
            try:
                index = self._index(control)
                others = [one for one in index["manifests"] if not isinstance(one, dict) or _tag_of(one) != tag]
                write_atomic(self.folder / "index.json", json.dumps({**index, "manifests": [*others, entry]}, indent=2).encode())
                if not (self.folder / "oci-layout").exists():
                    write_atomic(self.folder / "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            finally:
                release_lock(lock)
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def _index(self, control: Control) -> dict[str, list[object]]:
        path = self.folder / "index.json"
        if not path.exists():
            return {"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": []}  # type: ignore[dict-item]
        data, _ = read_file(path, limit=MAX_DOCUMENT, what=f"OCI layout file {path}", control=control, stage="push")
        index = dict(parse_object(data, str(path)))
        if not isinstance(index.get("manifests"), list):
            raise FetchError(f"{path} has no list of manifests")
        return index


def _tag_of(entry: dict[str, object]) -> object:
    annotations = entry.get("annotations")
    return annotations.get(TAG_ANNOTATION) if isinstance(annotations, dict) else None


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_regular(path, limit=len(data)) == data
    except OSError:
        return False


def _unwritable(path: Path, error: OSError) -> FetchError:
    return FetchError(f"{path} cannot be written: {error.strerror or error}")
