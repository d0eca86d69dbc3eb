"""One file of the log: lines of JSON, each holding the hash of the line before it. Imported when the first event is written.

`<time>-<pid>-<random>.jsonl`, so that names sort by time; beside it `.head`, which says how many lines there are and the hash of the last
one, so that lines cut off at the end are missed too. The first line names the heads of the segments that were there, so that a missing
segment is missed by the next. Whoever may write this folder may also write all of it anew: the chain finds what was changed after, by a
mistake or in a hurry; against the operator himself only a copy elsewhere helps.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from wassette_py import __version__
from wassette_py.dataclass import dataclass
from wassette_py.files import opened_regular, private_folder, read_regular
from wassette_py.hashing import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.audit.log import Event

SUFFIX = ".jsonl"
HEAD = ".head"
FIRST = "0" * 64
LARGEST = 16 << 20
LONGEST = 86_400.0
"""Bytes and seconds after which a segment is continued in a new one."""
PAUSE = 0.1
"""How much of the retention passes, at most, while nothing is written."""
MANY = 32
"""Lines written at once from which on OpenSSL, four times as fast with them, is worth its import."""
WITNESSED = 8
"""How many earlier segments the first line names."""
LONGEST_HEAD = 200
LONGEST_LINE = 1 << 20
"""Bytes of a head file and of a line: readers take no more of what might have no end."""


def _encoder() -> Callable[[Event], str]:
    """What `json.dumps` makes anew for every value, made once."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # pragma: no cover - an interpreter without json's C code
        return json.JSONEncoder(separators=(",", ":"), check_circular=False, default=str).encode
    pieces = make(None, str, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, True)
    return lambda event: "".join(pieces(event, 0))


_text_of = _encoder()


@dataclass(frozen=True)
class Head:
    """Where a segment ends: so many lines, and the hash of the last."""

    lines: int
    hash: str

    def written(self) -> bytes:
        """As a `.head` file holds it; always as long, since it is written over the one before."""
        return f"{self.lines:012d} {self.hash}\n".encode()


def read_head(path: Path) -> Head | None:
    """The head of the segment at `path`, None where there is none to read."""
    with contextlib.suppress(OSError, ValueError):
        lines, _, digest = read_regular(path.with_suffix(HEAD), limit=LONGEST_HEAD).decode("ascii").strip().partition(" ")
        if len(digest) == len(FIRST) and lines.isdecimal():
            return Head(int(lines), digest)
    return None


def time_text(moment: float) -> str:
    """RFC 3339, in UTC, to the microsecond."""
    second = math.floor(moment)
    return f"{_second_text(second)}.{int((moment - second) * 1e6):06d}Z"


@lru_cache(16)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def stamp(time: str) -> str:
    """The time of an event as names of segments begin with it."""
    return time.replace("-", "").replace(":", "")


def segments(folder: Path) -> list[Path]:
    """The segments in `folder`, by the time they began; none when there is no such folder. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []


def statuses(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """The segments in `folder`, and what is known of each without reading it. Raises OSError."""
    found = []
    for path in segments(folder):
        with contextlib.suppress(FileNotFoundError):  # another process removed it meanwhile
            found.append((path, path.lstat()))
    return found


def lines_of(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The lines of a segment, each with its end, from a byte on. The last may lack it: it is being written, or longer than any event is,
    and then nothing after it is read. Raises OSError."""
    with opened_regular(path) as file:
        file.seek(offset)
        while line := file.readline(LONGEST_LINE):
            yield line
            if not line.endswith(b"\n"):
                return


class Segment:
    """A segment that this process writes."""

    def __init__(self, path: Path, began: float) -> None:
        self.path = path
        self.began = began
        self.size = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._head = Head(0, FIRST)
        # NOTE: the head first, and whole: whoever checks the log meanwhile finds no segment without one.
        self._end = os.open(path.with_suffix(HEAD), flags, 0o600)
        try:
            _write(self._end, self._head.written(), 0)
            self._lines = os.open(path, flags, 0o600)
        except OSError:
            os.close(self._end)
            path.with_suffix(HEAD).unlink(missing_ok=True)
            raise
        self._close = weakref.finalize(self, _closed, self._lines, self._end)
        self._close.atexit = False  # the last lines are written at the exit, too

    @classmethod
    def begin(cls, folder: Path, now: float, *, retention: float, size: int) -> Segment:
        """A new segment in `folder`, where room is made for it first. Raises OSError."""
        private_folder(folder)
        prune(folder, now, retention=retention, size=size)
        before = [(path, read_head(path)) for path in segments(folder)[-WITNESSED:]]
        began = time_text(now)
        segment = cls(folder / f"{stamp(began)}-{os.getpid()}-{os.urandom(2).hex()}{SUFFIX}", now)
        after = [{"segment": path.stem, "lines": head.lines, "hash": head.hash} for path, head in before if head is not None]
        about = {"event": "segment", "segment": segment.path.stem, "wassette": __version__, "after": after}
        try:
            segment.append([(now, about)])
        except OSError:
            segment.close()
            _remove(segment.path)
            raise
        return segment

    def append(self, events: Sequence[tuple[float, Event]]) -> None:
        """Writes `events` as lines, all or none of them. Raises OSError."""
        lines, head = _chained(events, self._head)
        try:
            _write(self._lines, lines, self.size)
        except OSError:
            with contextlib.suppress(OSError):  # a part of a line would end the chain
                os.ftruncate(self._lines, self.size)
            raise
        self.size, self._head = self.size + len(lines), head
        _write(self._end, head.written(), 0)

    def close(self) -> None:
        """Writes no more."""
        self._close()


def _closed(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def is_due(segment: Segment, now: float) -> bool:
    """Whether the next event goes to a new segment: this one is large or old, or somebody removed it."""
    if segment.size >= LARGEST or not 0 <= now - segment.began < LONGEST:
        return True
    return not segment.path.exists()


def _hashing(count: int) -> Callable[[bytes], str]:
    """What hashes so many lines."""
    if count < MANY:
        return lambda line: sha256_of(line).hex()
    import hashlib

    return lambda line: hashlib.sha256(line).hexdigest()


def _chained(events: Sequence[tuple[float, Event]], head: Head) -> tuple[bytes, Head]:
    lines: list[bytes] = []
    count, digest = head.lines, head.hash
    hashed = _hashing(len(events))
    for moment, event in events:
        count += 1
        line = _text_of({"seq": count, "prev": digest, "time": time_text(moment), **event}).encode()
        digest = hashed(line)
        lines += (line, b"\n")
    return b"".join(lines), Head(count, digest)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    os.lseek(descriptor, offset, os.SEEK_SET)
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def prune(folder: Path, now: float, *, retention: float, size: int) -> None:
    """Removes the oldest segments: those nobody has written to for `retention` seconds, and then while all are larger than `size` bytes.

    Always the oldest first, so that what is left has no gap.
    """
    known = statuses(folder)
    total = sum(status.st_size for _, status in known)
    ages = _ages([status.st_mtime for _, status in known], now, retention * PAUSE)
    for path, status in known:
        if ages[status.st_mtime] <= retention and total <= size:
            break
        total -= status.st_size
        _remove(path)


def _ages(times: Iterable[float], now: float, longest: float) -> dict[float, float]:
    """How long ago each was, where no time in which nothing was written counts for more than `longest`.

    A clock that is wrong by years looks like such a time, and then takes that much of the log, not all of it.
    """
    ages: dict[float, float] = {}
    age, after = 0.0, now
    for time in sorted(times, reverse=True):
        age += min(max(after - time, 0.0), longest)
        ages[time], after = age, time
    return ages


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else did, or still has it open where that forbids it
        path.unlink()
        path.with_suffix(HEAD).unlink()
