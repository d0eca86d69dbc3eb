"""Bytes are read bounded, counted and hashed, wherever they come from; what does not fit its promise is never returned.

The rooms above ask for a descriptor's bytes or for a file's, and get all of them or an error; nothing is written to a disk here.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from wassette_py.control import Control, Stage
from wassette_py.dataclass import dataclass
from wassette_py.errors import DigestMismatch, FetchError, NotFound
from wassette_py.files import opened_regular
from wassette_py.names import Digest
from wassette_py.oci.documents import Descriptor

MAX_COMPONENT = 128 << 20
MAX_DOCUMENT = 4 << 20
MAX_POLICY = 1 << 20
CHUNK = 1 << 16
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Seconds: to connect, between two bytes, until something sent is answered, for all tries of one request together, and for one body as
    a whole; how often to try."""

    connect: float = 5.0
    read: float = 10.0
    write: float = 120.0
    budget: float = 20.0
    body: float = 900.0
    tries: int = 4


class Arrived:
    """What has arrived of some bytes: counted and hashed, kept when a try breaks off so that the next may go on from there."""

    def __init__(self) -> None:
        self.buffer, self.hasher = io.BytesIO(), hashlib.sha256()

    @property
    def size(self) -> int:
        return self.buffer.tell()

    def add(self, chunk: bytes) -> None:
        self.hasher.update(chunk)
        self.buffer.write(chunk)

    def clear(self) -> None:
        """Begins anew."""
        self.buffer, self.hasher = io.BytesIO(), hashlib.sha256()


def collect(
    chunks: Iterable[bytes],
    *,
    limit: int,
    what: str,
    control: Control,
    stage: Stage = "fetch",
    total: int | None = None,
    arrived: Arrived | None = None,
) -> tuple[bytes, Digest]:
    """All of `chunks` (after what has `arrived`), and their digest. Raises FetchError past `limit` bytes, Cancelled; `total` is what is
    expected, for the progress."""
    arrived = arrived or Arrived()
    control.step(stage, arrived.size, total)
    for chunk in chunks:
        arrived.add(chunk)
        if arrived.size > limit:
            raise FetchError(f"{what} is larger than {limit} bytes")
        control.step(stage, arrived.size, total)
    return arrived.buffer.getvalue(), Digest(arrived.hasher.hexdigest())


def read_blob(
    chunks: Iterable[bytes], descriptor: Descriptor, *, limit: int, what: str, control: Control, arrived: Arrived | None = None
) -> bytes:
    """The blob a descriptor promises, after what has `arrived` of it. Raises DigestMismatch, FetchError when it is larger or shorter."""
    # One byte past the promised size is enough to know that the promise is broken.
    arrived = arrived or Arrived()
    rest = _some_past(chunks, descriptor.size - arrived.size)
    data, digest = collect(rest, limit=limit, what=what, control=control, total=descriptor.size, arrived=arrived)
    if len(data) != descriptor.size:
        more = "more than" if len(data) > descriptor.size else f"{len(data)} of"
        raise FetchError(
            f"{what} has {more} the {descriptor.size} bytes its manifest says", "try again; if it stays so, the registry is broken"
        )
    if digest != descriptor.digest:
        raise DigestMismatch(str(digest), str(descriptor.digest), what=what, after=len(data))
    return data


def check_size(descriptor: Descriptor, limit: int, what: str) -> None:
    """Refuses what is too large before a byte of it is read."""
    if descriptor.size > limit:
        raise FetchError(f"{what} has {descriptor.size} bytes, more than the {limit} that are read")


def read_file(path: Path, *, limit: int, what: str, control: Control, stage: Stage = "fetch") -> tuple[bytes, Digest]:
    """A regular file, and its digest. Raises NotFound, FetchError, Cancelled."""

    def read(file: Iterator[bytes], size: int) -> tuple[bytes, Digest]:
        if size > limit:
            raise FetchError(f"{what} is larger than {limit} bytes")
        return collect(file, limit=limit, what=what, control=control, stage=stage, total=size)

    return _with_file(path, what, read)


def read_blob_file(path: Path, descriptor: Descriptor, *, limit: int, what: str, control: Control) -> bytes:
    """`read_blob` from a file. Raises NotFound, FetchError, Cancelled."""
    return _with_file(path, what, lambda file, _: read_blob(file, descriptor, limit=limit, what=what, control=control))


def _with_file(path: Path, what: str, read: Callable[[Iterator[bytes], int], T]) -> T:
    try:
        with opened_regular(path) as file:
            return read(iter(lambda: file.read(CHUNK), b""), os.fstat(file.fileno()).st_size)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"there is no {what}", "a component in a registry is written oci://REGISTRY/REPOSITORY:TAG") from None
    except OSError as error:
        raise FetchError(f"{what} cannot be read: {error.strerror or error}") from None


def _some_past(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    read = 0
    for chunk in chunks:
        yield chunk
        read += len(chunk)
        if read > size:
            return
