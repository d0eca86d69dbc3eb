"""The clock of all guests: increments the engine's epoch while calls run, so that each of them is looked at (`pacing.py`).

It does not decide anything (`pacing.py` does) and does not touch a store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

TICK = 0.01
"""Seconds between two looks at a running guest, where it is alone: what cancelling and deadlines are exact to."""

LINGER = 20
"""Ticks it goes on for after the last call, so that calls made back to back do not wake it each time."""

IDLE = 30.0
"""Seconds without a call after which its thread ends, and with it what keeps the engine."""


class Ticker:
    """A daemon thread that sleeps while nothing runs, and does `idle` when that was for long."""

    def __init__(self, tick: Callable[[], None], idle: Callable[[], None]) -> None:
        self._tick = tick
        self._idle = idle
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._running = 0
        self._is_waiting = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Ticker:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="epoch", daemon=True)
                thread.start()  # where none can be started, nothing runs, and the next call tries again
                self._thread = thread
            self._running += 1
            if self._is_waiting:
                self._changed.notify()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running -= 1

    def _run(self) -> None:
        idle = 0
        while True:
            if idle > LINGER:
                with self._lock:
                    self._is_waiting = True
                    is_over = not self._changed.wait_for(lambda: self._running, IDLE)
                    self._is_waiting = False
                    if is_over:
                        self._thread = None
                if is_over:
                    self._idle()
                    return
            idle = 0 if self._running else idle + 1
            time.sleep(TICK)
            self._tick()
