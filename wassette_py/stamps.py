"""When the files of a component directory changed: what a list of its tools is bound to, here and in another process.

This module imports nothing but `os`: a client's first list waits for it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

JOURNAL = ".wassette.journal"
SEEN = (".json", ".wasm", ".policy.yaml")

Stamp = tuple[int, int, int]


def temporary_name() -> str:
    """For a file until it is whole. What a killed process leaves of it goes with the next change that holds the directory's lock."""
    return f".wassette.tmp.{os.urandom(8).hex()}"


def folder_stamp(folder: str) -> list[str]:
    """A value that differs whenever a record, a wasm or a policy in `folder` has changed; it costs a stat a file."""
    return sorted([f"{name}/{changed}/{size}/{inode}" for name, (changed, size, inode) in _files(folder)])


def folder_hash(folder: str) -> int:
    """`folder_stamp` for one process: a number (of more than 64 bits) instead of a text a file."""
    return sum(map(hash, _files(folder)))


def _files(folder: str) -> Iterator[tuple[str, Stamp]]:
    try:
        with os.scandir(folder) as listing:
            for file in listing:
                name = file.name
                if name.endswith(SEEN) or name == JOURNAL:
                    try:
                        status = file.stat()
                    except FileNotFoundError:
                        continue
                    except OSError:  # a link to itself: there, and for its reader to complain about
                        yield name, (0, 0, 0)
                        continue
                    yield name, (status.st_mtime_ns, status.st_size, status.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return
