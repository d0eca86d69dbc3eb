"""AuditLog: takes events from any thread and writes them on one of its own, a moment later and many at once.

Whoever records never waits for the disk and never fails with it: a disk that is full or hangs costs lines, which are counted, told once on
stderr, and named by a line of their own as soon as one can be written again.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.audit.segment import Segment
    from wassette_py.files import StrPath

Event = Mapping[str, object]

MOST_WAITING = 4096
"""Events that wait for the disk; more are counted and dropped."""
LINGER = 0.01
"""Seconds between the first event and the write: the reply goes first, and what comes meanwhile is written with it."""
IDLE = 5.0
"""Seconds without an event after which the thread ends; the next event starts another."""
PATIENCE = 2.0
"""Seconds that the end of the process waits for the last lines."""

_LOGS: weakref.WeakSet[AuditLog] = weakref.WeakSet()


@atexit.register
def flush(seconds: float = PATIENCE) -> None:
    """Waits for the disk to have every event of this process, at most so long for each log."""
    for log in list(_LOGS):
        log.flush(seconds)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


class AuditLog:
    """The audit log in `folder`, of which this process writes one segment, made at the first event; older than `retention` s is removed."""

    def __init__(self, folder: StrPath, *, retention: float, size: int, tell: Callable[[str], None] = _tell) -> None:
        self.folder = folder
        self._retention = retention
        self._size = size
        self._tell = tell
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._hurry = threading.Event()
        self._waiting: list[tuple[float, Event]] = []
        self._writing = False
        self._lost = 0
        self._told = False
        self._thread: threading.Thread | None = None
        self._segment: Segment | None = None
        _LOGS.add(self)

    def record(self, event: Event) -> None:
        """Takes `event`. Neither waits nor raises."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append((time.time(), event))
            if self._thread is None:
                self._begin()
            elif len(self._waiting) == 1:
                self._changed.notify_all()

    def flush(self, seconds: float = PATIENCE) -> bool:
        """Waits until everything recorded was written, or could not be; False when it took longer."""
        self._hurry.set()
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True, name="audit")
        with contextlib.suppress(RuntimeError):  # an interpreter that is ending starts no thread
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._waiting, IDLE):
                    self._thread = None
                    return
            self._hurry.wait(LINGER)
            self._hurry.clear()
            with self._changed:
                batch, self._waiting, self._writing = self._waiting, [], True
                lost, self._lost = self._lost, 0
            try:
                self._write(batch, lost)
            except Exception as error:  # whatever it is: the work goes on, and somebody is told
                self._failed(error, lost + len(batch))
            finally:
                with self._changed:
                    self._writing = False
                    self._changed.notify_all()

    def _write(self, batch: list[tuple[float, Event]], lost: int) -> None:
        from pathlib import Path

        from wassette_py.audit.segment import Segment, is_due

        now = batch[0][0]  # a segment is named after its first event: readers rely on that
        if self._segment is None or is_due(self._segment, now):
            if self._segment is not None:
                self._segment.close()
                self._segment = None
            self._segment = Segment.begin(Path(self.folder), now, retention=self._retention, size=self._size)
        missing: list[tuple[float, Event]] = [(now, {"event": "lost", "count": lost})] if lost else []
        self._segment.append([*missing, *batch])

    def _failed(self, error: Exception, count: int) -> None:
        with self._changed:
            self._lost += count
        if not self._told:
            self._told = True
            reason = getattr(error, "strerror", None) or str(error)
            self._tell(f"warning: the audit log in {self.folder} cannot be written ({reason}); calls go on without it")
