"""Waiting for what is to come true, on machines of any speed: a state is waited for, never a time.

A test that says how long something may take leaves `LONG` for it, and makes sure that what it guards against would take longer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

LONG = 60.0
"""Seconds that nothing takes which takes milliseconds on a quiet machine. A disk that others write to is waited for longest."""

FOREVER = 200.0
"""Seconds that are longer than any test waits, and shorter than pytest lets it."""


def until(condition: Callable[[], object], seconds: float = LONG) -> None:
    """Waits until `condition()` holds; fails when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.005)


def held_up(first: Callable[[], object], begun: threading.Event, second: Callable[[], object], go: threading.Event) -> None:
    """Runs both to their end, each on a thread: `first` waits for `go` once `begun` is set, and `second` has its chance to pass it by."""
    threads = [threading.Thread(target=work) for work in (first, second)]
    threads[0].start()
    assert begun.wait(LONG)
    threads[1].start()
    threads[1].join(0.1)
    go.set()
    for thread in threads:
        thread.join(LONG)


def resident() -> int:
    """Bytes of this process in memory."""
    import os

    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def grows_by(work: Callable[[], object], enough: int) -> int:
    """Bytes by which the process grows with each `work`: of several the least, as other threads grow and shrink it too.

    What leaks does so every time. `enough` is what need not be looked at again.
    """
    least = 1 << 62
    for _ in range(5):
        before = resident()
        work()
        least = min(least, resident() - before)
        if least < enough:
            break
    return least
