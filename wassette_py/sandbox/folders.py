"""Opens a granted directory, and no other one that somebody put in its place.

cap-std holds a guest inside a directory once that is open; nobody holds the way to it. A guest that may write in `/a` can replace `/a/b`
by a link to `/etc`, and the next call that was granted `/a/b`, its own or another component's, would be in `/etc`. So a link on the
way counts only when it belongs to another user than the one guests write as. A directory that holds `/proc` is refused too, wherever that
is mounted: by `/proc/self` a guest would see, and change, this very process.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wassette_py.errors import InvalidPolicy
from wassette_py.policy.storage import covers

MOUNTS = "/proc/self/mountinfo"
FRESH = 1.0
"""Seconds for which the mounts are taken to be the same: reading them takes longer than a call."""
_MAX_LINKS = 40
_OPENING = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def opened(path: str, where: str) -> Iterator[str]:
    """A path by which the directory `path` can be opened as long as this lasts. Raises InvalidPolicy that begins with `where`."""
    if not os.path.isdir(path):
        raise InvalidPolicy(f"{where} {'is not a directory' if os.path.exists(path) else 'does not exist'}", f"mkdir -p {path}")
    try:
        real = resolved(path, where)
        descriptor = os.open(path, _OPENING)
    except OSError as error:
        raise InvalidPolicy(f"{where} cannot be opened: {error.strerror}") from None
    try:
        # NOTE: what is open cannot be replaced any more; if it is what was resolved, nobody came between.
        through = f"/proc/self/fd/{descriptor}"
        if not os.path.isdir(through):  # pragma: no cover - not Linux: the way is checked, and a change after that is not seen
            yield real
            return
        if os.readlink(through) != real:
            raise InvalidPolicy(f"{where} is being replaced while it is opened")
        yield through
    finally:
        os.close(descriptor)


def resolved(path: str, where: str) -> str:
    """Where `path` leads. Raises InvalidPolicy for a link of this user's on the way, and for a directory that shows this process."""
    done, left, links = "/", [part for part in path.split("/") if part], 0
    while left:
        part = left.pop(0)
        step = os.path.normpath(os.path.join(done, part))
        status = os.lstat(step)
        if not stat.S_ISLNK(status.st_mode):
            done = step
            continue
        links += 1
        if status.st_uid == _this_user() or links > _MAX_LINKS:
            raise InvalidPolicy(
                f"{where} leads through the link {step}, which a guest could have made",
                f"grant the directory it leads to: {os.path.realpath(path)}",
            )
        target = os.readlink(step)
        done = "/" if target.startswith("/") else done
        left = [part for part in target.split("/") if part] + left
    shown = shows_processes(done)
    if shown is not None:
        raise InvalidPolicy(f"{where} holds {shown}, where a guest would reach this program itself", "grant the directories that are meant")
    return done


def shows_processes(path: str) -> str | None:
    """The `/proc`, wherever it is mounted, that the directory holds or lies in."""
    return next((mount for mount in _mounted() if covers(path, mount) or covers(mount, path)), None)


_seen: tuple[float, str, tuple[str, ...]] = (0.0, "", ())


def _mounted() -> tuple[str, ...]:
    """Where a proc file system is, as this process sees it."""
    global _seen  # noqa: PLW0603 - one process has one table of mounts
    now = time.monotonic()
    if _seen[1] != MOUNTS or now - _seen[0] > FRESH:
        _seen = (now, MOUNTS, ("/proc", *_proc_mounts(MOUNTS)))
    return _seen[2]


def _proc_mounts(file: str) -> Iterator[str]:
    # proc(5): `36 35 98:0 /root /mount/point options optional… - type source options`, with blanks and the like as \040.
    try:
        with open(file, "rb") as table:
            lines = table.read().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        if rest.startswith(b"proc "):
            yield os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), fields.split(b" ")[4]))


def _this_user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else -1
