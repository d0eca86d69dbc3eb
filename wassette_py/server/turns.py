"""Threads that take turns at reading: whoever reads a call makes it himself, and another one reads on.

So nobody waits for a thread to wake up between a line and its answer. There is one reader at a time, as the session demands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

Task = Callable[[], None]


class Threads(Protocol):
    """`sandbox.workers.Workers`."""

    def submit(self, task: Task) -> None: ...


class Turns:
    """Reads `lines` and hands each to `receive`; `ended` is called when there are no more, or when reading failed."""

    def __init__(self, lines: Iterator[bytes | None], receive: Callable[[bytes | None], None], ended: Task) -> None:
        self._lines = lines
        self._receive = receive
        self._ended = ended
        self._threads: Threads | None = None
        self._reader = 0
        self._task: Task | None = None

    def use(self, threads: Threads) -> Callable[[Task], None]:
        """From now on `threads` take the turns; returns what `receive` submits its tasks to."""
        self._threads = threads
        return self._submit

    def reads_here(self) -> bool:
        """Whether the thread that asks is the one that reads: nothing the client says is heard before it is done."""
        return self._reader == threading.get_ident()

    def _submit(self, task: Task) -> None:
        assert self._threads is not None
        if self._task is None and self._reader == threading.get_ident():
            self._task = task
        else:
            self._threads.submit(task)

    def read(self) -> None:
        """One turn: until a line makes work for this thread, or there are no more."""
        self._reader = threading.get_ident()
        going_on = False
        try:
            for line in self._lines:
                self._receive(line)
                task, self._task = self._task, None
                if task is not None:
                    going_on = self._handed_over()
                    task()
                    if going_on:
                        return
        finally:  # whatever happens here: a server that reads no more must not stay
            if not going_on:
                self._ended()

    def _handed_over(self) -> bool:
        assert self._threads is not None
        self._reader = 0
        try:
            self._threads.submit(self.read)
        except RuntimeError:  # no thread can be started: this one reads on when its work is done
            self._reader = threading.get_ident()
            return False
        return True
