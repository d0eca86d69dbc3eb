"""Long work on a thread of its own, while the main thread draws and listens for Ctrl-C.

Ctrl-C sets the work's cancel event, gives it a moment to clean up behind itself, and ends the program with 130. A second one does not wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from wassette_py.cli.render import Display
from wassette_py.control import Control, Progress
from wassette_py.errors import Cancelled

TICK = 0.1
GRACE = 1.0
"""Seconds a cancelled work has for taking away what it left; what it cannot, the next command that takes the lock does."""

T = TypeVar("T")


class _Work(Generic[T]):
    """One piece of work, its newest progress and how it ended."""

    def __init__(self, task: Callable[[Control], T]) -> None:
        self._task = task
        self.progress: Progress | None = None
        self.control = Control(report=self._report)
        self.ended = threading.Event()
        self._result: T
        self._error: BaseException | None = None

    def _report(self, progress: Progress) -> None:
        self.progress = progress

    def run(self) -> None:
        try:
            self._result = self._task(self.control)
        except BaseException as error:  # it is raised again where the work is waited for
            self._error = error
        self.ended.set()

    def has_ended(self, *, within: float) -> bool:
        """Waits for that, so many seconds. NOTE: a key that is pressed just as a wait begins is seen when that wait is over."""
        until = time.monotonic() + within
        while not self.ended.wait(TICK):
            if time.monotonic() >= until:
                return False
        return True

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result


def wait_for(task: Callable[[Control], T], *, label: str, verbose: bool = False) -> T:
    """Runs `task` and returns its result. Raises what it raises; Cancelled after Ctrl-C, unless it was done by then."""
    work = _Work(task)
    display, began = Display(label, verbose=verbose), time.monotonic()
    try:
        threading.Thread(target=work.run, daemon=True, name=label).start()
        while not work.ended.wait(TICK):
            display.tick(work.progress, time.monotonic() - began)
    except KeyboardInterrupt:
        work.control.cancel.set()
        if not work.has_ended(within=GRACE):
            raise Cancelled("interrupted") from None
    finally:
        display.close(time.monotonic() - began)
    return work.result()
