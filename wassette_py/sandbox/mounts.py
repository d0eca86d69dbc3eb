"""What is mounted where, as far as it makes one directory another: `/proc` under a second name, or a folder of this program's own.

A bind mount below a granted directory, as hosts' folders have it in containers, is a way around a check by names. Linux tells all mounts
in one table (proc(5)); elsewhere there is none to read, and names are all there is.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

from wassette_py.dataclass import dataclass, field
from wassette_py.policy.storage import covers

MOUNTS = "/proc/self/mountinfo"
FRESH = 1.0
"""Seconds for which the table is taken to be the same: reading it takes longer than a call."""


@dataclass(frozen=True)
class _Mount:
    """`root` of the file system on `device` is seen at `point`."""

    device: str
    root: str
    point: str
    kind: str


@dataclass(frozen=True)
class _Table:
    read: float
    file: str
    mounts: tuple[_Mount, ...]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


_PROC = _Mount("", "/", "/proc", "proc")
_seen = _Table(0.0, "", ())


def shows_processes(path: str) -> str | None:
    """The `/proc`, wherever it is mounted, that the directory holds or lies in."""
    points = (mount.point for mount in _table().mounts if mount.kind == "proc")
    return next((point for point in points if covers(path, point) or covers(point, path)), None)


def names_of(path: str) -> tuple[str, ...]:
    """The directory by every name it has: its own, and where the file system it is on is mounted again, all of it or a part."""
    table = _table()
    known = table.names.get(path)
    if known is None:
        known = table.names[path] = (path, *_others(path, table.mounts))
    return known


def _others(path: str, mounts: tuple[_Mount, ...]) -> Iterator[str]:
    # Of mounts at one point the last one counts.
    home = max((mount for mount in reversed(mounts) if covers(mount.point, path)), key=lambda mount: len(mount.point), default=None)
    if home is None:
        return
    inside = _joined(home.root, path[len(home.point.rstrip("/")) :])
    for mount in mounts:
        if mount is home or mount.device != home.device:
            continue
        if covers(mount.root, inside):
            yield _joined(mount.point, inside[len(mount.root.rstrip("/")) :])
        elif covers(inside, mount.root):
            yield mount.point


def _joined(above: str, below: str) -> str:
    return (above.rstrip("/") + below) or "/"


def _table() -> _Table:
    global _seen  # noqa: PLW0603 - one process has one table of mounts
    now = time.monotonic()
    if _seen.file != MOUNTS or now - _seen.read > FRESH:
        _seen = _Table(now, MOUNTS, (_PROC, *_read(MOUNTS)))
    return _seen


def _read(file: str) -> Iterator[_Mount]:
    # `36 35 98:0 /root /mount/point options optional… - type source options`, with blanks and the like as \040.
    try:
        with open(file, "rb") as table:
            lines = table.read().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        if rest:
            _, _, device, root, point, *_ = map(_text, fields.split(b" "))
            yield _Mount(device, root, point, _text(rest.split(b" ")[0]))


def _text(word: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), word))
