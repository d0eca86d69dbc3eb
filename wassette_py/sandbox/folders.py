"""Opens a granted directory, and no other one that somebody put in its place.

cap-std holds a guest inside a directory once that is open; nobody holds the way to it. A guest that may write in `/a` can replace `/a/b`
by a link to `/etc`, and the next call that was granted `/a/b`, its own or another component's, would be in `/etc`. So a link on the
way counts only when it belongs to another user than the one guests write as. A directory that holds `/proc` is refused too, wherever that
is mounted: by `/proc/self` a guest would see, and change, this very process.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from wassette_py.errors import InvalidPolicy, command
from wassette_py.sandbox.mounts import shows_processes

_MAX_LINKS = 40
_OPENING = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def opened(path: str, where: str) -> Iterator[str]:
    """A path by which the directory `path` can be opened as long as this lasts. Raises InvalidPolicy that begins with `where`."""
    if not os.path.isdir(path):
        if os.path.exists(path):
            raise InvalidPolicy(f"{where} is not a directory", command("ls", "-l", path))
        raise InvalidPolicy(f"{where} does not exist", command("mkdir", "-p", path))
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


def _this_user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else -1
