"""Files written so that a crash leaves the old one or the new one, readable by their owner alone.

Used by everything that keeps something on disk. It decides no names and takes no locks. What is read is a regular file and bounded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from _thread import _local  # threading is slow to import, and waited for

TYPE_CHECKING = False  # `serve --stdio` reads files before its first reply, and does without these
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from typing import Any, BinaryIO, TypeVar

    _Found = TypeVar("_Found")

KEY_SIZE = 32

StrPath = str | os.PathLike[str]

Stamp = tuple[int, int, int, int]
MOMENT = 0.002
"""Seconds for which `look_afresh` holds at most."""


class _Look(_local):
    """What this thread saw of files at one moment, and what it found out from that."""

    seen: dict[StrPath, Stamp | None] | None = None
    found: dict[Hashable, Any] | None = None
    until = 0.0


_LOOK = _Look()
_ARRIVED = [0.0]
"""When a thread, any, looked at once: what arrived then may be left to another thread."""


def look_afresh(*, at_once: bool = True) -> None:
    """For a moment, `stamp_of` looks at each file once for this thread; not `at_once`: unless it has since something arrived.

    To be called when something arrives, before it is looked into: what is seen from here on is newer than whatever asked for it.
    """
    now = time.monotonic()
    if at_once:
        _ARRIVED[0] = now
    if at_once or now > _LOOK.until or _LOOK.until < _ARRIVED[0] + MOMENT:
        _LOOK.seen, _LOOK.found, _LOOK.until = {}, {}, now + MOMENT


def once(key: Hashable, find: Callable[[], _Found]) -> _Found:
    """What `find` says, which depends on `key` and on files alone: asked once a moment, where this thread looks so."""
    found = _LOOK.found
    if found is None or time.monotonic() > _LOOK.until:
        return find()
    if key not in found:
        found[key] = find()
    value: _Found = found[key]
    return value


def stamp_of(*paths: StrPath) -> tuple[Stamp | None, ...]:
    """A value that differs whenever one of the files has changed, appeared or gone; it costs a stat a file."""
    seen = _LOOK.seen
    if seen is None or time.monotonic() > _LOOK.until:
        return tuple([_stamp(path) for path in paths])
    for path in paths:
        if path not in seen:
            seen[path] = _stamp(path)
    return tuple([seen[path] for path in paths])


def _stamp(path: StrPath) -> Stamp | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # it is there and cannot be looked at, such as a link to itself: whoever reads it is told why
        return 0, 0, 0, error.errno or 0
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


@contextlib.contextmanager
def opened_regular(path: StrPath) -> Iterator[BinaryIO]:
    """A regular file, to be read. Raises OSError, also for a FIFO or a device: those could hold their reader for ever."""
    # Without O_NONBLOCK opening a FIFO waits for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def read_regular(path: StrPath, *, limit: int) -> bytes:
    """All of a regular file. Raises OSError, also where it is larger than `limit` bytes."""
    with opened_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, limit) + 1)  # a buffer of that size is mapped, and paged in
        if len(data) > size:  # it grows, or has no size
            data += file.read(limit + 1 - len(data))
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit} bytes", str(path))
    return data


def access_problem(path: StrPath) -> str | None:
    """Why a file or folder that should be its user's alone is not. Raises OSError."""
    if not hasattr(os, "geteuid"):  # pragma: no cover - Windows: a user's folders are theirs by their ACL
        return None
    status = os.stat(path)
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    if status.st_mode & 0o077:
        return f"others have access to it (mode {status.st_mode & 0o777:o})"
    return None


def own_key(path: StrPath) -> bytes:
    """The random key at `path`, made when it is not there. Raises OSError, also where somebody else might know it."""
    while not os.path.lexists(path):
        private_folder(_parts(path)[0])
        temporary = f"{os.fspath(path)}.new-{os.urandom(8).hex()}"
        write_synced(temporary, os.urandom(KEY_SIZE))
        try:
            # Another process may have been first: its key is the key then, and it has swept this one away.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(temporary, path)
        finally:
            _sweep_new(path)
    problem, key = access_problem(path), read_regular(path, limit=KEY_SIZE)
    if problem or len(key) != KEY_SIZE:
        raise OSError(errno.EPERM, problem or "its key is broken", str(path))
    if os.stat(path).st_nlink > 1:  # who made it was killed before it could
        _sweep_new(path)
    return key


def _sweep_new(path: StrPath) -> None:
    folder, name = _parts(path)
    for left in os.listdir(folder):
        if left.startswith(f"{name}.new-"):
            remove(os.path.join(folder, left))


def _parts(path: StrPath) -> tuple[str, str]:
    """The folder that a file is in, and its name there."""
    folder, name = os.path.split(path)
    return folder or os.curdir, name


def remove(path: StrPath) -> None:
    """Removes a file that may be gone already. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def private_folder(folder: StrPath) -> None:
    """Makes `folder` (0700) and what is missing above it; one that exists keeps the mode its owner gave it."""
    os.makedirs(folder, 0o700, exist_ok=True)


def write_synced(path: StrPath, data: bytes) -> None:
    """Writes a new file (0600) and waits until the disk has it; nothing is left when that fails. Raises OSError."""
    _LOOK.seen = _LOOK.found = None  # whoever writes looks again
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        remove(path)
        raise


def write_new(path: StrPath, data: bytes, *, mode: int = 0o600) -> None:
    """Writes a file that is not there yet, readable as `mode` says. Raises FileExistsError, OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(data)


def replace_newer(new: StrPath, path: StrPath) -> None:
    """Renames `new` over `path`, with a modification time later than what stood there, so that whoever compares times sees the change."""
    try:
        before = os.stat(path).st_mtime_ns
    except OSError:  # nothing, or a link to nothing or to itself, which the rename replaces
        before = 0
    now = os.stat(new)
    if now.st_mtime_ns <= before:
        os.utime(new, ns=(now.st_atime_ns, before + 1))
    os.replace(new, path)


def sync_folder(folder: StrPath) -> None:
    """Waits until the disk knows the names in `folder`; where folders cannot be opened (Windows) renames are durable on their own."""
    if os.name == "nt":  # pragma: no cover - Windows has no descriptor of a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: StrPath, data: bytes) -> None:
    """Replaces `path` by `data`: old or new, never a mix, never a part. Raises OSError."""
    folder, name = _parts(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp")  # of this write alone, whoever else writes it now
    try:
        write_synced(temporary, data)
    except OSError as error:
        error.filename = str(path)  # a disk that is full names nothing
        raise
    replace_newer(temporary, path)
    sync_folder(folder)
