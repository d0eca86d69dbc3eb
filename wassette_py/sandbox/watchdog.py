"""Answers for guests that nothing can stop, such as one that waits for a writer of a FIFO in a directory it was granted.

The answer never depends on the guest's thread: past deadline (or cancelling) and grace it is given here, and the thread is counted as
lost until it comes back. Its store is not touched: a store in use must not be closed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from wassette_py.sandbox.state import CallState
from wassette_py.sandbox.workers import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.sandbox.call import CallReport

GRACE = 0.4
"""Seconds past its deadline for which a guest may still end by itself, on a machine with more guests than cores."""

CANCEL_GRACE = 0.1
"""The same for one that was cancelled: a native sleep cannot be interrupted, and whoever cancels waits."""

SCAN = 0.05


class Running:
    """One call under way, which is answered once: by its thread, or by the watchdog."""

    def __init__(self, component_id: str, call: CallState, done: Callable[[CallReport], None]) -> None:
        self.component_id = component_id
        self.call = call
        self.thread = threading.current_thread()
        self.is_answered = False
        self._done = done
        self._cancelled_at: float | None = None

    def is_overdue(self, now: float) -> bool:
        """Whether it should have ended by itself."""
        if self._cancelled_at is None and self.call.cancel.is_set():
            self._cancelled_at = now
        cancelled = self._cancelled_at is not None and now >= self._cancelled_at + CANCEL_GRACE
        return cancelled or now >= self.call.deadline + GRACE

    def answer(self, report: CallReport) -> None:
        """Hands the report over; what the receiver raises is its own."""
        try:
            self._done(report)
        except Exception:
            import logging

            logging.getLogger(__name__).exception("the receiver of a call's report failed")


class Watchdog:
    """`make_report` makes the answer for a call that is given up."""

    def __init__(self, make_report: Callable[[CallState], CallReport]) -> None:
        self._make_report = make_report
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._running: set[Running] = set()
        self._lost: Counter[str] = Counter()
        self._is_waiting = False
        self._is_ended = False
        self._thread: threading.Thread | None = None

    def lost(self, component_id: str) -> int:
        """How many threads calls of `component_id` hold that could not be stopped."""
        return self._lost.get(component_id, 0)

    def add(self, running: Running) -> bool:
        """From now on `running` is watched; False behind the end: then it must not begin. Raises RuntimeError where no thread is left."""
        with self._lock:
            if self._is_ended:
                return False
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                thread.start()
                self._thread = thread
            self._running.add(running)
            if self._is_waiting:
                self._changed.notify_all()
            return True

    def finish(self, running: Running) -> bool:
        """The call's thread is back. False when the watchdog answered before it."""
        with self._lock:
            self._running.discard(running)
            if running.is_answered:
                self._lost[running.component_id] -= 1
            if self._is_ended:  # nobody else waits for that
                self._changed.notify_all()
            was_answered, running.is_answered = running.is_answered, True
            return not was_answered

    def end(self, seconds: float) -> bool:
        """Ends whatever runs, as if cancelled, and waits, also for what was given up; whether all of it came back in time. Nothing begins
        any more."""
        with self._changed:
            self._is_ended = True
            for running in self._running:
                running.call.cancel.set()
            return self._changed.wait_for(self._is_idle, seconds)

    def _is_idle(self) -> bool:
        return not self._running and not self._lost.total()

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(SCAN)

    def _look(self) -> None:
        with self._changed:
            self._is_waiting = True
            self._changed.wait_for(lambda: self._running)
            self._is_waiting = False
            now = time.monotonic()
            overdue = [running for running in self._running if running.is_overdue(now)]
            for running in overdue:
                self._running.discard(running)
                self._lost[running.component_id] += 1
                running.is_answered = True
        for running in overdue:
            self._give_up(running)

    def _give_up(self, running: Running) -> None:
        running.call.stop("cancelled" if running.call.cancel.is_set() else "timeout")
        if isinstance(running.thread, Worker):
            running.thread.give_up()
        running.answer(self._make_report(running.call))
