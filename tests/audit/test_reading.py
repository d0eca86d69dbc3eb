"""Reading: all segments by time, what is new, and numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.audit.conftest import Log, no_segments, write
from wassette_py.audit.counting import Numbers, percentile
from wassette_py.audit.reading import Follower, event_of, events, happened
from wassette_py.audit.segment import LONGEST_LINE, segments, stamp


def _segment(folder: Path, *times: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stamp(times[0])}-1-0000.jsonl"
    path.write_text("".join(json.dumps({"time": time, "event": "call", "from": times[0]}) + "\n" for time in times))


def _at(second: int) -> str:
    return f"2026-01-31T12:00:{second:02d}.000000Z"


def test_segments_of_many_processes_are_merged_by_time(folder: Path) -> None:
    _segment(folder, _at(1), _at(4), _at(9))
    _segment(folder, _at(2), _at(3), _at(5))
    _segment(folder, _at(20))
    read = [event["time"] for event in events(folder, unreadable=lambda path, line: None)]
    assert read == [_at(second) for second in (1, 2, 3, 4, 5, 9, 20)]


def test_segments_nobody_wrote_to_since_are_not_read(folder: Path) -> None:
    _segment(folder, _at(1))
    _segment(folder, _at(2))
    os.utime(segments(folder)[0], (100, 100))
    assert [event["time"] for event in events(folder, unreadable=lambda path, line: None, since=1000)] == [_at(2)]


def test_a_segment_that_is_removed_while_others_are_read_is_not_missed(folder: Path) -> None:
    for second in (1, 2, 3):
        _segment(folder, _at(second))
    told: list[Path] = []
    reading = events(folder, unreadable=lambda path, line: told.append(path))
    assert next(reading)["time"] == _at(1)
    segments(folder)[-1].unlink()
    assert [event["time"] for event in reading] == [_at(2)]
    assert told == []


def test_a_line_that_is_no_event_is_told_and_the_rest_is_read(folder: Path) -> None:
    _segment(folder, _at(1), _at(3))
    [path] = segments(folder)
    first, second = path.read_text().splitlines()
    path.write_text(f'{first}\n[]\n{{"time": 5, "event": "x"}}\n{"[" * 100_000}\n{second}\n{{"unfinished"')
    told: list[int] = []
    read = [event["time"] for event in events(folder, unreadable=lambda path, line: told.append(line))]
    assert (read, told) == ([_at(1), _at(3)], [2, 3, 4])
    assert event_of(b'{"time": "x"}') is None


def test_a_segment_that_was_emptied_holds_nothing_up(folder: Path) -> None:
    _segment(folder, _at(1))
    _segment(folder, _at(2))
    segments(folder)[0].write_bytes(b"")
    assert [event["time"] for event in events(folder, unreadable=lambda path, line: None)] == [_at(2)]
    segments(folder)[1].write_bytes(b"")
    assert list(events(folder, unreadable=lambda path, line: None)) == []


def test_a_follower_reads_each_new_event_once(log: Log, folder: Path) -> None:
    first, second = log(), log()
    write(first, "old")
    follower = Follower(folder)
    assert follower.news() == []
    write(first, "a")
    write(second, "b")
    assert [event["tool"] for event in follower.news()] == ["a", "b"]
    with segments(folder)[0].open("ab") as file:
        file.write(b'{"time":"9","event":"ca')
        file.flush()
        assert follower.news() == []
        file.write(b'll","tool":"c"}\n')
    assert [event["tool"] for event in follower.news()] == ["c"]


def test_calls_errors_denials_and_times_are_counted_by_tool() -> None:
    calls: list[tuple[str, float | None, list[object]]] = [
        ("ok", 1.0, []),
        ("ok", 3.0, [{}]),
        ("denied", 2.0, [{}]),
        ("trap", None, []),
        ("denied", 4.0, []),
    ]
    made = [{"event": "call", "component": "c", "tool": "t", "outcome": outcome, "ms": ms, "denied": den} for outcome, ms, den in calls]
    [tool] = Numbers([*made, {"event": "load", "component": "c"}]).tools()
    assert (tool.component, tool.tool, tool.calls, tool.errors, tool.denials) == ("c", "t", 5, 3, 3)
    assert (tool.percentile(0.5), tool.percentile(0.95)) == (2.0, 4.0)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.95, 95), (1.0, 100)])
def test_a_percentile_is_by_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == expected
    assert percentile([], share) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_what_is_no_segment_or_has_no_end_holds_nobody(log: Log, folder: Path) -> None:
    write(log(), "a")
    no_segments(folder)
    unreadable: list[tuple[str, int]] = []
    found = list(events(folder, unreadable=lambda path, line: unreadable.append((path.stem.rpartition("-")[2], line))))
    assert [event["tool"] for event in filter(happened, found)] == ["a"]
    assert sorted(unreadable) == [("fifo", 0), ("folder", 0), ("long", 1), ("loop", 0), ("zero", 0)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_a_log_goes_on_beside_what_is_no_segment(log: Log, folder: Path) -> None:
    folder.mkdir(parents=True)
    no_segments(folder)
    told: list[str] = []
    follower = Follower(folder)
    write(log(tell=told.append), "a")
    with next(path for path in folder.iterdir() if path.stem.endswith("long")).open("ab") as file:
        file.write(b"y" * LONGEST_LINE + b'\n{"time": "2026", "event": "call", "tool": "b"}\nhalf of a line')
    looks = [[event["tool"] for event in follower.news()] for _ in range(3)]
    assert (looks, told) == ([["a"], ["b"], []], [])
