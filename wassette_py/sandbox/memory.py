"""Watches the memory of the whole process, because wasmtime bounds a guest's linear memories but not what the host holds for it.

A guest may own 99 999 handles of up to 128 KB each. What it costs is seen in the resident set alone, and freed memory goes back to
the system only when asked for. Elsewhere than on Linux nothing is watched.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time

CONTROL_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

READ_EVERY = 0.005
"""Seconds for which a reading is good: guests that tick together share one."""

SPARE = 0.25
"""Seconds without a further trap once one call was ended for it: what that gives back is to be seen first."""

TRIM_ABOVE = 64 << 20
"""A call whose process grew by more bytes than this gives them back to the system at its end."""


REUSE = ((-3, 32 << 20), (-1, 64 << 20), (-8, 2))
"""Options of the C library's `mallopt`: M_MMAP_THRESHOLD (this is the most it takes), M_TRIM_THRESHOLD, M_ARENA_MAX.

A message of a megabyte passes through a dozen buffers, and as a list of numbers through four of 32 MB, since wasmtime has 32 bytes a
value. Each would be mapped for itself, paged in and unmapped again, which costs more than all that is done with it; so they come from
memory that is kept, at most 64 MiB in each of two places, until nothing has been called for a while (`ticker.py`).
"""


def resident() -> int | None:
    """Bytes of this process in memory, None where it cannot be told."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def default_cap() -> int | None:
    """Three quarters of what this process may have, the machine's memory or its control group's; None where it cannot be told."""
    known = [amount for amount in (_machine(), *map(_control_group, CONTROL_GROUPS)) if amount]
    return min(known) * 3 // 4 if known else None


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _control_group(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            return int(file.read())  # "max" when there is none
    except (OSError, ValueError):
        return None


def trim() -> None:
    """Gives freed memory back to the system, where the C library can."""
    _call_c_library("malloc_trim", (0,))


def reuse_buffers() -> None:
    """Has this process use the memory of large buffers again, where the C library can."""
    _call_c_library("mallopt", *REUSE)


def _call_c_library(name: str, *calls: tuple[int, ...]) -> None:
    function = getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
    if function is not None:
        for arguments in calls:
            function(*arguments)


class MemoryWatch:
    """`cap` bytes for the whole process, None: as many as there are; `last` is the latest reading."""

    def __init__(self, cap: int | None) -> None:
        self.cap = cap
        self._lock = threading.Lock()
        self._read_at = time.monotonic()
        self.last = resident() or 0
        self._spared_until = 0.0

    def resident(self) -> int:
        """The resident set as of the last `READ_EVERY` seconds; 0 where it cannot be told."""
        now = time.monotonic()
        if now >= self._read_at + READ_EVERY:
            self._read_at = now
            self.last = resident() or 0
        return self.last

    def is_exceeded(self) -> bool:
        """Whether the call that asks is to be ended."""
        if self.cap is None or self.resident() <= self.cap:
            return False
        with self._lock:
            now = time.monotonic()
            if now < self._spared_until:
                return False
            self._spared_until = now + SPARE
            return True
