"""The two ends of a pipe, and the lines that come in by one, in bounded memory. It knows no message; `writer.py` has the lines that go out.

stdin and stdout belong to the protocol alone: `claim` takes private copies and points fd 0 at nothing and fd 1 at stderr, so that nothing a
library, a child or a stray `print` does can reach the wire.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # the first reply waits for this module
if TYPE_CHECKING:
    from collections.abc import Callable

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


class Lines:
    """The lines that can be read from `descriptor`, without their ends; None for one of more than `most` bytes. Ends with the input.

    `os.read`, since a daemon thread inside `sys.stdin.buffer` aborts the process at its end.
    """

    def __init__(self, descriptor: int, most: int) -> None:
        self._descriptor = descriptor
        self._most = most
        self._whole: list[bytes | None] = []
        """Lines that were read, the first last."""
        self._parts: list[bytes] = []
        self._size = 0
        self.arrived: Callable[[], None] = lambda: None
        """Called when something was read, by the thread that did."""

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> bytes | None:
        while not self._whole:
            chunk = self._read()
            if not chunk:
                if not self._size:
                    raise StopIteration
                self._end(b"")
                break
            self._take(chunk)
        return self._whole.pop()

    def more(self) -> bool:
        """Whether a line is there already."""
        return bool(self._whole)

    def waiting(self, seconds: float) -> bool:
        """Whether there is a line, or something of one, within that time. Not for Windows, which cannot poll a pipe."""
        if self._whole:
            return True
        import select

        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _take(self, chunk: bytes) -> None:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._end(piece)
        self._whole.reverse()
        self._size += len(rest)
        if self._size <= self._most:
            self._parts.append(rest)
        else:
            self._parts = []  # skipped to its end, and counted

    def _end(self, piece: bytes) -> None:
        self._whole.append(b"".join((*self._parts, piece)) if self._size + len(piece) <= self._most else None)
        self._parts, self._size = [], 0

    def _read(self) -> bytes:
        try:
            chunk = os.read(self._descriptor, CHUNK)
        except OSError:
            return b""
        self.arrived()
        return chunk
