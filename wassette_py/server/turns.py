"""Threads that take turns at reading: whoever reads a call makes it himself, and another one reads on.

So nobody waits for a thread to wake up between a line and its answer. A call that is brief is made before the next line is read, by the
same thread: a hundred of them a moment apart wake nobody. One that was thought brief, and is not, is relieved of reading soon. There is one
reader at a time, as the session demands.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Threads(Protocol):
        """`sandbox.workers.Workers`."""

        def submit(self, task: Task) -> None: ...

    class Outlet(Protocol):
        """`writer.Writer`."""

        def hold(self) -> None: ...

        def release(self) -> None: ...


Task = Callable[[], None]

BRIEF = 0.0002
"""Seconds: what takes less is done before the next line is read. Waking a thread takes as long."""
SHORT = 0.002
"""The same where no line waits to be read."""
LOOK = 0.005
"""Seconds between two looks at whether a task is still the same: by then it is not brief."""
HELD = 0.001
"""Seconds for which an answer may be held back."""
LINGER = 20
"""Looks at nothing after which nobody looks any more, until there is a brief task again."""


class Turns:
    """Reads `lines` and hands each to `receive`; `ended` is called when there are no more, or when reading failed.

    While there are `more` lines that need not be waited for, what brief tasks write is held back at the `outlet` for a moment.
    """

    def __init__(
        self,
        lines: Iterator[bytes | None],
        receive: Callable[[bytes | None], None],
        ended: Task,
        *,
        more: Callable[[], bool],
        outlet: Outlet,
    ) -> None:
        self._lines = lines
        self._more = more
        self._outlet = outlet
        self._receive = receive
        self._ended = ended
        self._threads: Threads | None = None
        self._reader = 0
        self._task: tuple[Task, float] | None = None
        self._lock = threading.Lock()
        self._work: tuple[int, int] | None = None
        """Who reads and is at work instead (its thread, and the how manieth work this is): whoever takes it away reads on."""
        self._count = 0
        self._looker: threading.Thread | None = None
        self._looks = False
        self._look_again = threading.Event()

    def use(self, threads: Threads) -> Callable[[Task, float], None]:
        """From now on `threads` take the turns; returns what `receive` submits its tasks to, with the seconds each may take."""
        self._threads = threads
        return self._submit

    def reads_here(self) -> bool:
        """Whether the thread that asks is the one that reads: nothing the client says is heard before it is done.

        One that reads is relieved of it, if it can be.
        """
        me, work = threading.get_ident(), self._work
        return self._reader == me and not (work is not None and work[0] == me and self._relieved(work))

    def _submit(self, task: Task, seconds: float) -> None:
        assert self._threads is not None
        if self._task is None and self._work is None and self._reader == threading.get_ident():
            self._task = task, seconds
        else:
            self._threads.submit(task)

    def read(self) -> None:
        """One turn: until a line makes work for this thread that is not brief, or there are no more."""
        me = self._reader = threading.get_ident()
        mine, held = True, 0.0
        try:
            for line in self._lines:
                self._receive(line)
                more = self._more()
                if self._task is not None:
                    (task, seconds), self._task = self._task, None
                    self._count += 1
                    is_brief = seconds < (BRIEF if more else SHORT)
                    if is_brief and more and not held:
                        # NOTE: before anybody can relieve this thread: whoever does lets go of what it holds, and it never holds again.
                        self._outlet.hold()
                        held = time.monotonic()
                    work = self._work = me, self._count
                    if not is_brief or not self._is_looked_at():
                        self._relieved(work)
                    task()
                    with self._lock:
                        mine = self._work == work
                        if not mine:
                            return
                        self._work = None
                if held and (not more or time.monotonic() > held + HELD):
                    self._outlet.release()
                    held = 0.0
        finally:  # whatever happens here: a server that reads no more must not stay
            if mine:
                self._ended()

    def _relieved(self, work: tuple[int, int]) -> bool:
        """Has another thread read on, unless one does already; False when none can be started: then who works reads on when it is done."""
        assert self._threads is not None
        with self._lock:
            if self._work != work:
                return True
            self._work, self._reader = None, 0
            self._outlet.release()
            try:
                self._threads.submit(self.read)
            except RuntimeError:
                self._work, self._reader = work, work[0]
                return False
            return True

    # Whoever works cannot see how long it takes: another one looks.

    def _is_looked_at(self) -> bool:
        if self._looks:
            return True
        if self._looker is None:
            looker = threading.Thread(target=self._look, name="turns", daemon=True)
            try:
                looker.start()
            except RuntimeError:  # no thread can be started
                return False
            self._looker = looker
        self._looks = True
        self._look_again.set()
        return True

    def _look(self) -> None:
        seen = idle = 0
        while True:
            time.sleep(LOOK)
            work, count = self._work, self._count
            if work is not None and work[1] == seen:
                self._relieved(work)
            idle = idle + 1 if count == seen else 0
            seen = count
            if idle > LINGER:
                self._looks = False
                # NOTE: the work is looked at after that: who begins one now either is seen, or finds that nobody looks, and wakes us.
                self._look_again.wait(None if self._work is None else LOOK)
                self._look_again.clear()
                idle = 0
