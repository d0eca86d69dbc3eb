"""The two ends of a pipe, and the lines that come in by one, in bounded memory. It knows no message; `writer.py` has the lines that go out.

stdin and stdout belong to the protocol alone: `claim` takes private copies and points fd 0 at nothing and fd 1 at stderr, so that nothing a
library, a child or a stray `print` does can reach the wire.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in messages.py
if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 16


def claim() -> tuple[int, int]:
    """Private descriptors of stdin and stdout, which are diverted from now on."""
    spare = os.open(os.devnull, os.O_RDWR)
    while spare <= 2:  # a closed standard descriptor: the next file opened would become it
        spare = os.open(os.devnull, os.O_RDWR)
    source, sink = os.dup(0), os.dup(1)
    os.dup2(spare, 0)
    os.dup2(2, 1)
    os.close(spare)
    set_blocking = getattr(os, "set_blocking", lambda descriptor, blocking: None)  # not on Windows before Python 3.12
    for descriptor in (source, sink):
        set_blocking(descriptor, True)  # who shares a terminal with us may have changed it
    return source, sink


def lines(descriptor: int, most: int) -> Iterator[bytes | None]:
    """The lines that can be read, without their ends; None for one of more than `most` bytes. Ends with the input.

    `os.read`, since a daemon thread inside `sys.stdin.buffer` aborts the process at its end.
    """
    parts: list[bytes] = []
    size = 0
    while chunk := _read(descriptor):
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield b"".join((*parts, piece)) if size + len(piece) <= most else None
            parts, size = [], 0
        size += len(rest)
        if size <= most:
            parts.append(rest)
        else:
            parts = []  # skipped to its end, and counted
    if size:
        yield b"".join(parts) if size <= most else None


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:
        return b""
