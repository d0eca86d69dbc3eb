"""Lines out: in order, in bounded memory, and without one thread more than needed in their way. It knows no message."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable

AT_ONCE = 4096
"""Bytes that fit into a pipe that has room at all (Linux' PIPE_BUF)."""
SHORT = 4 * AT_ONCE
"""Bytes that are written so, a part after another; more of them are a writer's work."""
MAX_BACKLOG = 32 << 20
"""Bytes that may wait for a client that does not read; whoever adds more waits with them."""


class Writer:
    """Writes lines to `descriptor` in the order they were given: at once when that cannot block, else on a thread of its own.

    `begun` (None: it has begun already) is called when the first line is out, `broken` when the client is gone.
    """

    def __init__(self, descriptor: int, *, begun: Callable[[], None] | None, broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._begun = begun
        self._broken = broken
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[bytes] = []
        self._backlog = 0
        self._first = begun is not None
        self._closed = False
        self._hurried = False
        self._holder = 0
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:  # pragma: no branch - Windows has none, and writes everything on the thread
            self._poll.register(descriptor, select.POLLOUT)
        threading.Thread(target=self._run, name="writer", daemon=True).start()

    def write(self, line: bytes) -> None:
        """Puts `line` in the queue; waits while too much is in it. What comes after a broken pipe is dropped."""
        with self._lock:
            if self._backlog >= MAX_BACKLOG:
                self._changed.wait_for(lambda: self._backlog < MAX_BACKLOG or self._closed or self._hurried)
            if self._closed or self._backlog >= MAX_BACKLOG:
                return
            if self._holder == threading.get_ident():
                self._waiting.append(line)
                self._backlog += len(line)
            elif left := self._after_writing_at_once(line):
                self._waiting.append(left)
                self._backlog += len(left)
                self._changed.notify_all()

    def hold(self) -> None:
        """What this thread writes from now on waits for `release`, or for what another thread writes: many lines go out as one."""
        self._holder = threading.get_ident()

    def release(self) -> None:
        """Writes what was held. To be called by any thread."""
        if not self._holder:
            return
        with self._lock:
            self._holder = 0
            data, self._waiting = b"".join(self._waiting), []
            self._backlog -= len(data)
            if left := self._after_writing_at_once(data):
                self._waiting = [left]
                self._backlog += len(left)
                self._changed.notify_all()

    def _after_writing_at_once(self, line: bytes) -> bytes:
        """What is left of `line` after a short one was written, where nothing waits and the pipe has room: one thread less in its way."""
        if self._first or self._backlog or len(line) > SHORT or self._poll is None:
            return line
        with contextlib.suppress(OSError):  # the writer's thread will meet it too, and tell
            while line and self._poll.poll(0) == [(self._descriptor, select.POLLOUT)]:
                line = line[os.write(self._descriptor, line[:AT_ONCE]) :]
        return line

    def hurry(self) -> None:
        """From now on nobody waits for the client: what does not fit any more is dropped."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Waits until everything is written; False when it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._backlog == 0 or self._closed, seconds)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            if self._begun is not None:
                self._drain()
                self._first = False
                with contextlib.suppress(RuntimeError):  # no thread can be started
                    self._begun()
            while True:
                self._drain()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._broken()

    def _drain(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            data, self._waiting = b"".join(self._waiting), []
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        with self._changed:
            self._backlog -= len(data)
            self._changed.notify_all()
