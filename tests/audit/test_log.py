"""Writing: private, chained, bounded, and never in the way of the work."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import DAY, Log, write
from tests.patience import FOREVER, LONG, until
from wassette_py.audit import Actor, AuditLog, acting, actor, segment
from wassette_py.audit import log as log_module
from wassette_py.audit.checking import check
from wassette_py.audit.reading import events
from wassette_py.audit.segment import Segment, prune, read_head, segments, time_text


def read(folder: Path) -> list[dict[str, Any]]:
    def fail(path: Path, line: int) -> None:
        raise AssertionError(f"{path}:{line}")

    return list(events(folder, unreadable=fail))


def tools(folder: Path) -> list[str]:
    return [event["tool"] for event in read(folder) if event["event"] == "call"]


def test_nothing_is_made_before_the_first_event(log: Log, folder: Path) -> None:
    made = log()
    assert made.flush()
    assert not folder.exists()
    write(made, "a")
    assert tools(folder) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_the_owner_can_read_it(log: Log, folder: Path) -> None:
    write(log(), "a")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert {path.suffix for path in files} == {".jsonl", ".head"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.claim("audit:chained")
def test_each_line_holds_the_hash_of_the_one_before(log: Log, folder: Path) -> None:
    from hashlib import sha256

    write(log(), "a", "b")
    [path] = segments(folder)
    lines = path.read_bytes().splitlines()
    values = [json.loads(line) for line in lines]
    assert [value["seq"] for value in values] == [1, 2, 3]
    assert [value["prev"] for value in values] == ["0" * 64, *(sha256(line).hexdigest() for line in lines[:2])]
    assert values[0]["event"] == "segment"
    assert read_head(path) == segment.Head(3, sha256(lines[2]).hexdigest())


def test_many_lines_written_at_once_are_chained_as_few_are(folder: Path) -> None:
    made = Segment.begin(folder, time.time(), retention=DAY, size=1 << 30)
    for count in (1, segment.MANY, 1):
        made.append([(time.time(), {"event": "call", "tool": f"of {count}"})] * count)
    made.close()
    assert (len(tools(folder)), check(folder).findings) == (segment.MANY + 2, [])


def test_many_threads_write_one_whole_chain(log: Log, folder: Path) -> None:
    made = log()

    def record() -> None:
        for _ in range(200):
            made.record({"event": "call", "tool": "t"})

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.flush(LONG)
    assert len(tools(folder)) == 1600
    assert check(folder).findings == []


def test_the_last_lines_are_written_when_the_process_ends(folder: Path) -> None:
    code = f"""
from pathlib import Path
from wassette_py.audit import AuditLog
AuditLog(Path({str(folder)!r}), retention=1e9, size=1 << 30).record({{"event": "call", "tool": "last"}})
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert tools(folder) == ["last"]


def test_a_start_pays_for_no_hash_and_no_file() -> None:
    heavy = "{'hashlib', 'json', 'datetime', 'typer', 'asyncio', 'wassette_py.audit.segment'}"
    code = f"import sys; before = set(sys.modules); import wassette_py.audit; print(sorted({heavy} & (set(sys.modules) - before)))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    assert ran.stdout == "[]\n"


def test_the_first_event_pays_for_no_openssl() -> None:
    code = "import sys; before = set(sys.modules); import wassette_py.audit.segment;"
    code += "print(sorted({'hashlib', 'ssl', 'typing'} & (set(sys.modules) - before)))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    assert ran.stdout == "[]\n"


class Disk:
    """A disk that is full, but for `room` more writes and then a part of one, until it is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, room: int = 0, part: int | None = None) -> None:
        self.full = False
        self._room = room
        self._part = part
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.full or self._room:
            self._room -= self.full
            return self._write(descriptor, data)
        if self._part:
            part, self._part = self._part, None
            return self._write(descriptor, data[:part])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("part", [None, 10])
def test_a_full_disk_is_told_once_and_what_was_lost_is_counted(
    log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch, part: int | None
) -> None:
    told: list[str] = []
    made = log(tell=told.append)
    write(made, "before")
    disk = Disk(monkeypatch, part=part)
    disk.full = True
    write(made, "lost", "lost")
    write(made, "lost")
    assert told == [f"warning: the audit log in {folder} cannot be written (No space left on device); calls go on without it"]
    disk.full = False
    write(made, "after")
    assert [(event["event"], event.get("tool"), event.get("count")) for event in read(folder)[1:]] == [
        ("call", "before", None),
        ("lost", None, 3),
        ("call", "after", None),
    ]
    assert check(folder).findings == []


@pytest.mark.parametrize("room", [0, 1])
def test_a_disk_that_is_full_from_the_beginning_leaves_no_empty_files(
    log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk = Disk(monkeypatch, room=room)
    disk.full = True
    told: list[str] = []
    made = log(tell=told.append)
    for _ in range(3):
        write(made, "lost")
    assert list(folder.iterdir()) == []
    assert len(told) == 1


def test_a_place_that_cannot_be_written_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    write(AuditLog(tmp_path / "file" / "audit", retention=DAY, size=1 << 20), "a")
    assert capsys.readouterr().err.count("cannot be written (Not a directory); calls go on without it\n") == 1


@pytest.mark.parametrize("there", ["x.head", "x.jsonl"])
def test_a_segment_that_cannot_be_made_leaves_nothing(folder: Path, there: str) -> None:
    folder.mkdir(parents=True)
    (folder / there).touch()
    with pytest.raises(FileExistsError):
        Segment(folder / "x.jsonl", 0.0)
    assert _open_in(folder) == []
    assert os.listdir(folder) == [there]


def test_a_disk_that_hangs_holds_nobody_up_and_costs_bounded_memory(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MOST_WAITING", 3)
    begun, going = threading.Event(), threading.Event()
    write_now = os.write

    def write_when_it_goes(descriptor: int, data: bytes) -> int:
        begun.set()
        going.wait(FOREVER)
        return write_now(descriptor, data)

    monkeypatch.setattr(os, "write", write_when_it_goes)
    made = log()
    made.record({"event": "call", "tool": "first"})
    assert begun.wait(LONG)
    assert not made.flush(0.1)
    for _ in range(10):
        made.record({"event": "call", "tool": "more"})
    going.set()
    assert made.flush(LONG)
    write(made, "last")
    assert tools(folder) == ["first", "more", "more", "more", "last"]
    assert [event["count"] for event in read(folder) if event["event"] == "lost"] == [7]


def test_an_interpreter_that_ends_starts_no_thread_and_nothing_is_raised(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    made = log()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        made.record({"event": "call", "tool": "late"})
    assert not made.flush(0)
    write(made, "next")


def _open_in(folder: Path) -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return [name for name in found if name.startswith(str(folder))]


def until_it_rests(log: AuditLog) -> None:
    until(lambda: log._thread is None)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_log_without_work_holds_no_thread_and_one_that_is_gone_no_file(folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "IDLE", 0.05)
    made = log()
    write(made, "a")
    until_it_rests(made)
    write(made, "b")
    until_it_rests(made)
    assert len(segments(folder)) == 1
    assert len(_open_in(folder)) == 2
    del made
    until(lambda: gc.collect() >= 0 and _open_in(folder) == [])


@pytest.mark.parametrize("due", ["large", "old", "back", "gone"])
def test_a_large_an_old_and_a_removed_segment_is_continued_in_a_new_one(
    log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch, due: str
) -> None:
    made = log()
    write(made, "first")
    [first] = segments(folder)
    now = time.time()
    if due == "large":
        monkeypatch.setattr(segment, "LARGEST", 100)
    elif due == "gone":
        first.unlink()
        first.with_suffix(".head").unlink()
    else:
        monkeypatch.setattr(time, "time", lambda: now + (2 * DAY if due == "old" else -5))
    write(made, "second")
    newest = next(path for path in segments(folder) if path != first)
    about = json.loads(newest.read_bytes().splitlines()[0])
    assert [entry["segment"] for entry in about["after"]] == ([] if due == "gone" else [first.stem])
    assert sorted(tools(folder)) == (["second"] if due == "gone" else ["first", "second"])
    assert check(folder).findings == []


def _aged(folder: Path, days: float, *, size: int = 10) -> Path:
    now = time.time() - days * DAY
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{segment.stamp(time_text(now))}-1-{size:04x}.jsonl"
    path.write_bytes(b"x" * size)
    path.with_suffix(".head").touch()
    os.utime(path, (now, now))
    return path


def _used(folder: Path, days: int) -> list[Path]:
    """The segments of a log that was written to twice a day, the oldest first."""
    return [_aged(folder, half / 2 - 0.25) for half in range(2 * days, 0, -1)]


def test_what_is_older_than_the_retention_is_removed_when_a_segment_begins(log: Log, folder: Path) -> None:
    paths = _used(folder, 9)
    write(log(retention=7 * DAY), "a")
    assert segments(folder)[:-1] == paths[4:]
    assert not any(path.with_suffix(".head").exists() for path in paths[:4])


@pytest.mark.parametrize(("years", "lost"), [(1, 1), (70, 1), (-30, 0)])
def test_a_clock_that_leaps_takes_a_tenth_of_the_log_at_most(folder: Path, years: int, lost: int) -> None:
    paths = _used(folder, 10)

    def left(days: float) -> list[Path]:
        prune(folder, time.time() + days * DAY, retention=10.2 * DAY, size=1 << 30)
        return [path for path in paths if path.exists()]

    for number in range(20):  # however often something is written then
        assert left(years * 365) == paths[lost:]
        _aged(folder, -years * 365 - number / 1000)
    assert left(0) == paths[lost:]
    for half in range(1, 5):
        _aged(folder, -half / 2)
    assert paths[8] in left(2)
    assert paths[3] not in left(2)


def test_the_oldest_go_first_when_all_are_too_large(folder: Path) -> None:
    paths = [_aged(folder, 5 - number, size=100 + number) for number in range(4)]
    prune(folder, time.time(), retention=90 * DAY, size=210)
    assert segments(folder) == paths[2:]


def test_what_is_removed_has_no_gap_behind_it(folder: Path) -> None:
    written_to, *others = _used(folder, 9)
    os.utime(written_to)
    prune(folder, time.time(), retention=7 * DAY, size=1 << 30)
    assert segments(folder) == [written_to, *others]


def test_two_processes_may_remove_the_same_segment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "20200101T000000.000000Z-1-0000.jsonl"
    listed: Callable[[Path], list[Path]] = segments
    path = _aged(folder, 8)
    monkeypatch.setattr(segment, "segments", lambda where: [gone, *listed(where)])
    prune(folder, time.time(), retention=DAY, size=0)
    assert not path.exists()


def test_whoever_acts_is_named_by_the_thread_that_works_for_him() -> None:
    own = actor()
    assert own.client is None
    assert actor() is own
    with acting(Actor.named("s1", "client" * 50, "1.0")):
        assert actor().session == "s1"
        assert len(actor().client or "") == 100
    assert actor() is own
