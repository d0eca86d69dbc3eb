"""Reads the log back: the events of all segments by time, and those that came since one looked. It trusts no line to be what it should.

Whether lines were removed or changed is `checking.py`'s question.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wassette_py.audit.segment import LONGEST_LINE, lines_of, segments, stamp, statuses

EventValue = dict[str, Any]
Wanted = Callable[[EventValue], bool]


def event_of(line: bytes) -> EventValue | None:
    """The event in a line, None when the line holds none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("time"), str) and isinstance(value.get("event"), str) else None


def happened(event: EventValue) -> bool:
    """Whether `event` is about what was done, not about the log itself."""
    return bool(event["event"] != "segment")


def events(folder: Path, *, unreadable: Callable[[Path, int], None], since: float = 0.0) -> Iterator[EventValue]:
    """Every event, by time; of segments written to after `since`. `unreadable` is told file and line of what is none, and line 0 of what is
    no segment at all. Raises OSError for the folder."""
    todo = [path for path, status in statuses(folder) if status.st_mtime >= since]
    open_ones: list[tuple[str, int, EventValue, Iterator[EventValue]]] = []
    count = 0
    while todo or open_ones:
        # A segment is opened when the others have come to its beginning, so that a year of them needs few open files.
        while todo and (not open_ones or todo[0].stem[: len("20260101T000000.000000Z")] <= open_ones[0][0]):
            lines = _of(todo.pop(0), unreadable)
            count += 1
            _push(open_ones, count, lines)
        if open_ones:
            _, number, event, lines = heapq.heappop(open_ones)
            yield event
            _push(open_ones, number, lines)


def _push(heap: list[tuple[str, int, EventValue, Iterator[EventValue]]], number: int, lines: Iterator[EventValue]) -> None:
    event = next(lines, None)
    if event is not None:
        heapq.heappush(heap, (stamp(event["time"]), number, event, lines))


def _of(path: Path, unreadable: Callable[[Path, int], None]) -> Iterator[EventValue]:
    number = 0
    try:
        for number, line in enumerate(lines_of(path), 1):
            event = event_of(line)
            if event is not None:
                yield event
            elif line.endswith(b"\n") or len(line) == LONGEST_LINE:  # else it is being written
                unreadable(path, number)
    except FileNotFoundError:  # removed meanwhile: what it held is too old to be told
        return
    except OSError:
        unreadable(path, 0)


class Follower:
    """What is added to the log from now on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = {path: status.st_size for path, status in statuses(folder)}

    def news(self) -> list[EventValue]:
        """The events since the last time, in their order. Raises OSError for the folder."""
        found: list[EventValue] = []
        for path in segments(self._folder):
            with contextlib.suppress(OSError):  # what is no segment says nothing
                found += filter(happened, self._of(path))
        return sorted(found, key=lambda event: str(event["time"]))

    def _of(self, path: Path) -> Iterator[EventValue]:
        for line in lines_of(path, self._read.get(path, 0)):
            if line.endswith(b"\n") or len(line) == LONGEST_LINE:  # else it is being written
                self._read[path] = self._read.get(path, 0) + len(line)
                event = event_of(line)
                if event is not None:
                    yield event
