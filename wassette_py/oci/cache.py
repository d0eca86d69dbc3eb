"""What was downloaded once, kept by digest, so that it need not be downloaded again and can be had without a network.

A private folder of files named by their digests, hashed again whenever one is used, and bounded: what was not used for longest goes first.
Beside them stands what each tag meant when it was last asked for, which only `--offline` believes. Nothing here is trusted: who made the
bytes is verified after they leave this cache as it is when they come from a registry. A cache that cannot be used costs time, never a load.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wassette_py.control import Control
from wassette_py.errors import FetchError, InvalidReference
from wassette_py.files import private_folder, write_synced
from wassette_py.names import Digest
from wassette_py.oci.documents import Descriptor, parse_object
from wassette_py.oci.reading import MAX_DOCUMENT, read_blob_file, read_file

LIMIT = 1 << 30
MAX_NOTE = 16 << 20
ABANDONED = 3600.0
"""Seconds after which a temporary file is nobody's any more."""
_KEPT_OF_FULL = 0.9


class DownloadCache:
    """The cache in `folder`. Safe to use from many threads and processes."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self.used: set[Path] = set()
        """What was read or kept through this object: all that is needed to do the same again."""

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes | None:
        """The bytes of `descriptor`, hashed again; what is damaged is removed. Raises Cancelled."""
        path = self._path(descriptor.digest)
        if not path.exists():
            return None
        try:
            data = read_blob_file(path, descriptor, limit=limit, what=f"cached blob {descriptor.digest}", control=control)
        except FetchError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        self.used.add(path)
        return data

    def file(self, digest: Digest, *, limit: int, control: Control) -> bytes | None:
        """`blob` for whoever knows no size."""
        with contextlib.suppress(OSError):
            return self.blob(Descriptor("", digest, self._path(digest).stat().st_size), limit=limit, control=control)
        return None

    def keep(self, data: bytes) -> Digest:
        """Keeps `data`, or does not."""
        digest = Digest.of(data)
        path = self._path(digest)
        self.used.add(path)
        if len(data) <= self.limit and not path.exists():
            self._write(path, data)
            self._shrink()
        return digest

    def remember(self, name: str, digest: Digest, media_type: str | None) -> None:
        """Keeps that `name` (a reference) meant the document of that digest."""
        self.note(name, {"digest": str(digest), "mediaType": media_type})

    def remembered(self, name: str, control: Control) -> tuple[bytes, str | None, Digest] | None:
        """The document that `name` meant when it was last remembered: bytes, media type, digest. Raises Cancelled."""
        known = self.noted(name, control) or {}
        try:
            digest, media_type = Digest.parse(str(known.get("digest"))), known.get("mediaType")
        except InvalidReference:
            return None
        data = self.file(digest, limit=MAX_DOCUMENT, control=control)
        if data is None or not isinstance(media_type, str | None):
            return None
        return data, media_type, digest

    def note(self, name: str, value: Mapping[str, Any]) -> None:
        """Keeps something about `name`, or does not."""
        self.used.add(self._note_path(name))
        self._write(self._note_path(name), json.dumps({**value, "name": name}).encode())

    def noted(self, name: str, control: Control) -> Mapping[str, Any] | None:
        """What was kept about `name`, if it can be read. Raises Cancelled."""
        try:
            text, _ = read_file(self._note_path(name), limit=MAX_NOTE, what="cached note", control=control, stage="resolve")
            value = parse_object(text, "cached note")
        except FetchError:
            return None
        if value.get("name") != name:
            return None
        self.used.add(self._note_path(name))
        return value

    def _path(self, digest: Digest) -> Path:
        return self.folder / digest.algorithm / digest.hex

    def _note_path(self, name: str) -> Path:
        return self.folder / "notes" / f"{Digest.of(name.encode()).hex}.json"

    def _write(self, path: Path, data: bytes) -> None:
        with contextlib.suppress(OSError):
            private_folder(self.folder)
            private_folder(path.parent)
            temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
            write_synced(temporary, data)
            os.replace(temporary, path)

    def _shrink(self) -> None:
        """Removes what was not used for longest, until there is room again."""
        found: list[tuple[float, int, Path]] = []
        with contextlib.suppress(OSError), os.scandir(self.folder / "sha256") as listing:
            for entry in listing:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # another thread or process made room, or gave its temporary file its name
                    continue
                if entry.name.endswith(".tmp") and status.st_mtime > time.time() - ABANDONED:
                    continue
                found.append((0.0 if entry.name.endswith(".tmp") else status.st_mtime, status.st_size, Path(entry.path)))
        size = sum(size for _, size, _ in found)
        goal = self.limit if size <= self.limit else int(self.limit * _KEPT_OF_FULL)
        for modified, length, path in sorted(found):
            if size <= goal and modified:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            size -= length
