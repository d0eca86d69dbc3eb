"""The threads around guests: workers, the ticker, the memory watch, and how large a result is."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.patience import FOREVER, LONG, until
from wassette_py.sandbox import memory, ticker, workers
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.ticker import Ticker
from wassette_py.sandbox.workers import Worker, Workers


def test_tasks_run_on_daemon_threads_that_are_reused() -> None:
    pool = Workers(limit=4)
    seen: list[threading.Thread] = []
    for number in range(5):
        pool.submit(lambda: seen.append(threading.current_thread()))
        until(lambda number=number: len(seen) > number and pool._idle == 1)  # type: ignore[misc]
    assert len(set(seen)) == 1
    assert seen[0].daemon
    pool.close()
    until(lambda: not pool._workers)


def test_no_more_threads_than_the_limit_work_and_the_rest_waits() -> None:
    pool = Workers(limit=2)
    gate, running, done = threading.Event(), threading.Semaphore(0), []

    def task() -> None:
        running.release()
        gate.wait(FOREVER)
        done.append(1)

    for _ in range(6):
        pool.submit(task)
    assert running.acquire(timeout=LONG)
    assert running.acquire(timeout=LONG)
    assert not running.acquire(timeout=0.1)
    assert len(pool._workers) == 2
    gate.set()
    until(lambda: len(done) == 6)
    pool.close()


def test_a_task_that_fails_is_logged_and_its_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    pool = Workers(limit=1)
    done = threading.Event()

    def fail() -> None:
        raise ZeroDivisionError

    pool.submit(fail)
    pool.submit(done.set)
    assert done.wait(LONG)
    assert "a task failed" in caplog.text
    pool.close()


def test_a_thread_that_is_given_up_makes_room_and_ends_when_it_comes_back() -> None:
    pool = Workers(limit=1)
    gate, done = threading.Event(), threading.Event()
    stuck: list[threading.Thread] = []

    def block() -> None:
        stuck.append(threading.current_thread())
        gate.wait(FOREVER)

    pool.submit(block)
    pool.submit(done.set)
    until(lambda: bool(stuck))
    assert not done.wait(0.1)
    worker = stuck[0]
    assert isinstance(worker, Worker)
    worker.give_up()
    assert done.wait(LONG)
    gate.set()
    worker.join(LONG)
    assert not worker.is_alive()
    assert len(pool._workers) == 1
    idle = next(iter(pool._workers))
    idle.give_up()
    assert not pool._workers
    pool.close()


def test_what_no_thread_can_be_started_for_is_given_back_and_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = Workers(limit=1)
    gate, stuck, done = threading.Event(), threading.Event(), list[str]()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.submit(lambda: done.append("refused"))
    pool.submit(lambda: (stuck.set(), gate.wait(FOREVER), done.append("stuck"))[0])  # type: ignore[func-returns-value]
    assert stuck.wait(LONG)
    pool.submit(lambda: done.append("waits"))
    (worker,) = pool._workers
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot)
        worker.give_up()
    assert not pool._workers
    gate.set()
    pool.submit(lambda: done.append("next"))
    until(lambda: len(done) == 3)
    assert sorted(done) == ["next", "stuck", "waits"]
    pool.close()


def test_a_closed_pool_takes_nothing() -> None:
    pool = Workers(limit=1)
    pool.close()
    with pytest.raises(RuntimeError):
        pool.submit(lambda: None)


def test_an_idle_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE", 0.05)
    pool = Workers(limit=1)
    done = threading.Event()
    pool.submit(done.set)
    assert done.wait(LONG)
    until(lambda: not pool._workers)
    done.clear()
    pool.submit(done.set)
    assert done.wait(LONG)
    pool.close()


def test_the_tickers_thread_ends_when_nothing_runs_for_long_and_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "LINGER", 0)
    monkeypatch.setattr(ticker, "IDLE", 0.01)
    ticks: list[float] = []
    idle: list[int] = []
    clock = Ticker(lambda: ticks.append(time.monotonic()), lambda: idle.append(len(ticks)))
    for round in range(1, 3):
        before = len(ticks)
        with clock:
            until(lambda before=before: len(ticks) > before)  # type: ignore[misc]
        until(lambda round=round: len(idle) == round)  # type: ignore[misc]
        assert clock._thread is None


def test_the_ticker_ticks_while_something_runs_and_is_silent_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "LINGER", 2)
    ticks: list[float] = []
    clock = Ticker(lambda: ticks.append(time.monotonic()), lambda: None)
    for _ in range(2):
        before = len(ticks)
        with clock, clock:
            until(lambda before=before: len(ticks) > before + 5)  # type: ignore[misc]
        until(lambda: clock._changed._waiters)  # type: ignore[attr-defined]
        silent = len(ticks)
        time.sleep(0.1)
        assert len(ticks) == silent
    assert clock._thread is not None


def test_the_resident_set_is_known_and_the_cap_is_below_the_machines_memory() -> None:
    here = memory.resident()
    cap = memory.default_cap()
    assert here is not None
    assert cap is not None
    assert 1 << 20 < here < cap
    memory.trim()


def test_the_cap_is_the_smaller_one_of_machine_and_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited, limited = tmp_path / "unlimited", tmp_path / "limited"
    unlimited.write_text("max\n")
    limited.write_text("400000000\n")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", (str(unlimited), str(tmp_path / "none")))
    whole = memory.default_cap()
    assert whole is not None
    assert whole > 300_000_000
    monkeypatch.setattr(memory, "CONTROL_GROUPS", (str(unlimited), str(limited)))
    assert memory.default_cap() == 300_000_000


def test_where_memory_cannot_be_told_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> int:
        raise AttributeError("sysconf")

    monkeypatch.setattr("os.sysconf", missing)
    monkeypatch.setattr(memory, "CONTROL_GROUPS", ())
    assert memory.resident() is None
    assert memory.default_cap() is None
    watch = MemoryWatch(1)
    assert watch.last == 0
    assert not watch.is_exceeded()


FAULTS = """
import resource, sys
from wassette_py.sandbox import memory
memory.reuse_buffers()
size, count = map(int, sys.argv[1:])
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    [bytearray(size) for _ in range(count)]
before = faults()
for _ in range(20):
    [bytearray(size) for _ in range(count)]
print(faults() - before, end=" ")
before = memory.resident()
memory.trim()
print(before - memory.resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
@pytest.mark.parametrize(("size", "count"), [(1 << 20, 4), (31 << 20, 1)])
def test_memory_of_large_buffers_is_used_again_until_it_is_trimmed(size: int, count: int) -> None:
    touched = 20 * count * size // os.sysconf("SC_PAGESIZE")
    here, command = Path(__file__).parents[2], [sys.executable, "-c", FAULTS, str(size), str(count)]
    faults, given_back = subprocess.run(command, cwd=here, stdout=subprocess.PIPE, check=True).stdout.split()
    assert int(faults) < touched // 4
    assert int(given_back) > size * count // 2


def test_trimming_where_the_c_library_cannot_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.name", "nt")
    memory.trim()


def test_without_a_cap_nothing_is_exceeded() -> None:
    assert not MemoryWatch(None).is_exceeded()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the memory watch takes for the time; starts with 100."""
    now = [100.0]
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_one_call_at_a_time_is_ended_for_the_memory_of_all(now: list[float]) -> None:
    watch = MemoryWatch(1)
    assert [watch.is_exceeded() for _ in range(3)] == [True, False, False]
    now[0] += memory.SPARE + 0.01
    assert watch.is_exceeded()


def test_readings_are_shared_for_a_moment(now: list[float]) -> None:
    watch = MemoryWatch(None)
    watch.last = 7
    assert watch.resident() == 7
    now[0] += memory.READ_EVERY * 2
    assert watch.resident() > 7
