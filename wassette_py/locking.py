"""A lock file: one holder at a time among all threads and processes, released by the system when its holder dies.

The file stays where it is; only the lock on it comes and goes, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import os
import time

from wassette_py.errors import Locked

PATIENCE = 10.0
_PAUSE = 0.01


def take_lock(path: str | os.PathLike[str], *, patience: float = PATIENCE) -> int:
    """Waits for the lock on `path` and holds it until `release_lock`. Raises Locked after `patience` seconds, OSError."""
    # Each holder opens the file anew, so threads exclude each other as processes do.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        until = time.monotonic() + patience
        while not _take(descriptor):
            if time.monotonic() >= until:
                raise Locked(f"another process has held {path} for more than {patience:g} s", "wait until it ends, or end it")
            time.sleep(_PAUSE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def release_lock(lock: int) -> None:
    """Lets the next one in."""
    os.close(lock)


if os.name == "nt":  # pragma: no cover - Windows has no fcntl; this branch is the same four lines on msvcrt

    def _take(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

else:

    def _take(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
