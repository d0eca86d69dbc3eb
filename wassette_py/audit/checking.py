"""Finds what was removed, changed or reordered in the log: each line against the hash in the next, the last one against its head file,
each segment against those that began after it.

It can tell that something is wrong and where, not who did it, and it believes whoever wrote all of it anew (`segment.py`).
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wassette_py.audit.reading import EventValue, event_of
from wassette_py.audit.segment import FIRST, HEAD, LONGEST_LINE, Head, lines_of, read_head, segments
from wassette_py.dataclass import dataclass, field

MOST_READ = 256 << 20
"""Bytes of a segment: it is continued in a new one when it has 16 MiB, and one batch of lines may come on top."""
MOST_FOUND = 1000
"""Findings in a segment after which nobody needs more."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written; `line` 0: the segment as a whole."""

    segment: str
    line: int
    problem: str


@dataclass
class Checked:
    """What a check read, and what it found."""

    segments: int = 0
    events: int = 0
    begins: str | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Read:
    """One segment as far as the others ask about it."""

    hashes: list[str]
    after: list[dict[str, Any]]


def check(folder: Path) -> Checked:
    """Reads the whole log. Raises OSError."""
    # Others write meanwhile: a segment is begun with its head, has more lines than its head said before, never fewer, and may be removed.
    named = sorted(folder.glob(f"*{HEAD}"))
    paths = segments(folder)
    heads = {path: read_head(path) for path in paths}
    checked = Checked()
    known: dict[str, _Read] = {}
    for path in paths:
        checked.findings += _segment(path, heads[path], known)
    checked.segments = len(known)
    checked.events = sum(max(len(read.hashes) - 1, 0) for read in known.values())
    checked.begins = min(known)[:15] if known else None
    checked.findings += _missing(known)
    checked.findings += [
        Finding(path.stem, 0, "the segment of this head file is gone") for path in named if path.stem not in known and path.exists()
    ]
    return checked


def _segment(path: Path, head: Head | None, known: dict[str, _Read]) -> Iterator[Finding]:
    read = known[path.stem] = _Read([], [])
    previous, place, found, number = FIRST, 0, 0, 0
    try:
        for number, line in _bounded(path):
            event = event_of(line)
            problem = "this line is no event any more" if event is None else _problem(event, place, previous)
            if event is not None and number == 1 and event["event"] == "segment":
                after = event.get("after")
                read.after = [entry for entry in after if isinstance(entry, dict)] if isinstance(after, list) else []
                if event.get("segment") != path.stem:
                    problem = f"this file was named {event.get('segment')}"
            if problem:
                found += 1
                yield Finding(path.stem, number, problem)
                if found == MOST_FOUND:
                    raise OSError(errno.EINVAL, "too much of it is wrong")
            digest = hashlib.sha256(line).hexdigest()
            read.hashes.append(digest)
            seq = event.get("seq") if event else None
            now = seq if type(seq) is int else place + 1
            if now > place:  # a line that was moved says nothing of the one after it
                previous, place = digest, now
    except FileNotFoundError:  # removed meanwhile: if that was not the retention, the segments after it miss it
        del known[path.stem]
        return
    except OSError as error:
        yield Finding(path.stem, number, f"nothing of this segment can be read from here on: {error.strerror}")
        return
    if head is None:
        yield Finding(path.stem, 0, "its head file is missing or no head file any more")
    elif place < head.lines:
        yield Finding(path.stem, len(read.hashes), f"{_lines(head.lines - place)} missing after this one")
    elif not found and head.lines and read.hashes[head.lines - 1] != head.hash:
        yield Finding(path.stem, head.lines, "this line was changed")


def _bounded(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a segment without their ends, numbered. Raises OSError where it goes on for longer than any segment can."""
    size = 0
    for number, line in enumerate(lines_of(path), 1):
        size += len(line)
        if size > MOST_READ or len(line) == LONGEST_LINE:
            raise OSError(errno.EFBIG, "it is larger than any segment" if size > MOST_READ else "a line is longer than any event")
        if line.endswith(b"\n"):
            yield number, line[:-1]


def _problem(event: EventValue, place: int, previous: str) -> str | None:
    seq = event.get("seq")
    if type(seq) is not int:
        return "this line has lost its number"
    if seq > place + 1:
        return f"{_lines(seq - place - 1)} missing before this one"
    if seq <= place:
        return f"this line was moved or repeated: it is number {seq}"
    return None if event.get("prev") == previous else "the line before this one was changed" if place else "this line was changed"


def _lines(count: int) -> str:
    return "1 line is" if count == 1 else f"{count} lines are"


def _missing(known: dict[str, _Read]) -> Iterator[Finding]:
    """Segments that others name and that are gone or shorter. What is older than all that are left was removed by the retention."""
    oldest = min(known, default="")
    told: set[tuple[str, str]] = set()
    for name in sorted(known):
        for entry in known[name].after:
            segment, lines = str(entry.get("segment")), entry.get("lines")
            problem = None
            if segment not in known:
                problem = f"this segment is gone; {name} began after it" if segment > oldest else None
            elif isinstance(lines, int) and lines > 0:
                hashes = known[segment].hashes
                if len(hashes) < lines or hashes[lines - 1] != entry.get("hash"):
                    problem = "its first lines are not those that the next segment has seen"
            if problem and (segment, problem[:20]) not in told:
                told.add((segment, problem[:20]))
                yield Finding(segment, 0, problem)
