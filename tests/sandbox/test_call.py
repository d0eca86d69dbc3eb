"""One call: fresh, bounded, cancellable, and answered once, whatever the guest does."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

from tests.patience import FOREVER, LONG, until
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import Guests, both_tiers
from wassette_py.errors import Cancelled, LimitExceeded, WassetteError
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument, StorageGrant
from wassette_py.sandbox import hostfuncs, instance, memory
from wassette_py.sandbox.call import CallReport, Sandbox
from wassette_py.sandbox.engine import Engine
from wassette_py.sandbox.state import CALLS, CallState
from wassette_py.sandbox.watchdog import GRACE
from wassette_py.sandbox.workers import Workers


def limit_of(report: CallReport) -> str:
    assert isinstance(report.error, LimitExceeded), report.error
    return report.error.limit


def test_a_report_says_how_a_call_ended(guests: Guests) -> None:
    began = time.monotonic()
    report = guests.call(text.PLAIN, "echo", "héé")
    assert report.value == "héé"
    assert (report.error, report.denied, report.stdout, report.stderr) == (None, (), b"", b"")
    assert 0 < report.seconds <= time.monotonic() - began


@both_tiers
def test_each_call_is_the_first_one_of_its_instance(guests: Guests) -> None:
    assert [guests.call(text.PLAIN, "count").value for _ in range(3)] == [1, 1, 1]


@both_tiers
def test_nothing_of_a_call_stays_behind(guests: Guests) -> None:
    guests.call(text.PLAIN, "count")
    guests.call(text.PLAIN, "unreachable")
    assert CALLS == {}


def cancel_what_runs(cancel: threading.Event) -> None:
    """Sets `cancel` some time after a call has begun."""

    def work() -> None:
        until(lambda: CALLS)
        time.sleep(0.1)
        cancel.set()

    threading.Thread(target=work, daemon=True).start()


@both_tiers
@pytest.mark.usefixtures("unwatched")
def test_a_guest_that_spins_is_ended_at_its_deadline(guests: Guests) -> None:
    report = guests.call(text.PLAIN, "spin", limits=Limits(timeout=0.3))
    assert limit_of(report) == "timeout"
    assert str(report.error) == "it took longer than 300ms"
    assert 0.3 <= report.seconds < LONG


@both_tiers
@pytest.mark.usefixtures("unwatched")
def test_a_guest_that_spins_before_it_can_be_called_is_ended_too(guests: Guests) -> None:
    report = guests.call(text.SPINS_AT_START, "f", limits=Limits(timeout=0.2))
    assert limit_of(report) == "timeout"
    assert report.seconds < LONG


@both_tiers
@pytest.mark.usefixtures("unwatched")
def test_a_cancelled_call_ends(guests: Guests) -> None:
    cancel = threading.Event()
    cancel_what_runs(cancel)
    report = guests.call(text.PLAIN, "spin", cancel=cancel)
    assert isinstance(report.error, Cancelled)
    assert report.seconds < LONG


def test_a_call_that_was_cancelled_before_it_began_is_cancelled_whatever_it_returns(guests: Guests) -> None:
    cancel = threading.Event()
    cancel.set()
    assert isinstance(guests.call(text.PLAIN, "add", 1, 2, cancel=cancel).error, Cancelled)


@both_tiers
@pytest.mark.parametrize("share", [0.5, 0.25])
def test_a_share_of_a_core_is_held(guests: Guests, share: float) -> None:
    component = guests.compile(text.PLAIN)
    spec = guests.spec(component, "spin", limits=Limits(timeout=2, cpu=share))
    reports: list[CallReport] = []
    used: list[float] = []

    def work() -> None:
        before = time.thread_time()
        guests.sandbox.call(component, spec, threading.Event(), reports.append)
        used.append(time.thread_time() - before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert limit_of(reports[0]) == "timeout"
    assert 0.01 < used[0] < (share + 1) / 2 * reports[0].seconds  # much less when the machine is busy, and all of it without a share


@pytest.mark.usefixtures("unwatched")
def test_a_guest_that_is_held_back_can_be_cancelled(guests: Guests) -> None:
    cancel = threading.Event()
    cancel_what_runs(cancel)
    report = guests.call(text.PLAIN, "spin", limits=Limits(cpu=0.01, timeout=FOREVER), cancel=cancel)
    assert isinstance(report.error, Cancelled)
    assert report.seconds < LONG


@both_tiers
@pytest.mark.parametrize(("name", "size"), [("text", 5000), ("text", 100 << 20), ("bytes", 5000)])
def test_a_result_larger_than_the_output_may_be_is_refused(guests: Guests, name: str, size: int) -> None:
    report = guests.call(text.PLAIN, name, size, limits=Limits(output=4000, timeout=FOREVER))
    assert limit_of(report) == "output"
    assert report.value is None


@both_tiers
def test_what_a_guest_wrote_and_its_result_are_bounded_together(guests: Guests) -> None:
    assert guests.call(text.PLAIN, "echo", "x" * 90, limits=Limits(output=100)).error is None
    assert limit_of(guests.call(text.PLAIN, "echo", "x" * 99, limits=Limits(output=100))) == "output"


@both_tiers
def test_memory_the_host_holds_for_a_guest_ends_the_call_and_is_given_back(guests: Guests) -> None:
    before = memory.resident()
    assert before is not None
    guests.sandbox = Sandbox(guests.engine, memory=before + (200 << 20))
    report = guests.call(io.HOST_MEMORY, "hoard", 50_000)
    assert limit_of(report) == "process-memory"
    after = memory.resident()
    assert after is not None
    assert after < before + (100 << 20)


def test_values_that_do_not_fit_are_an_error_and_not_a_crash(guests: Guests, caplog: pytest.LogCaptureFixture) -> None:
    report = guests.call(text.PLAIN, "add", "one", 2)
    assert type(report.error) is WassetteError
    assert "inside this program" in str(report.error)
    assert "calling add failed" in caplog.text


@both_tiers
def test_a_host_function_that_fails_is_an_error_of_this_program(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> bytes:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(hostfuncs, "_pairs", broken)
    report = guests.call(text.ENVIRONMENT, "variables")
    assert str(report.error) == "a host function failed: ZeroDivisionError: oh"


def test_an_epoch_callback_that_fails_ends_the_call(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("wassette_py.sandbox.pacing.Pace.look", broken)
    assert "epoch callback failed" in str(guests.call(text.PLAIN, "spin").error)


def test_a_receiver_that_fails_does_not_take_the_worker_with_it(guests: Guests, caplog: pytest.LogCaptureFixture) -> None:
    component = guests.compile(text.PLAIN)
    spec = guests.spec(component, "add", 1, 2)

    def fail(_: CallReport) -> None:
        raise ZeroDivisionError("oh")

    guests.sandbox.call(component, spec, threading.Event(), fail)
    assert "the receiver of a call's report failed" in caplog.text


class Fifo:
    """A directory with a FIFO that guests wait at until `release`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fifo"
        os.mkfifo(self.path)
        self.policy = PolicyDocument(storage=(StorageGrant(str(folder)),))

    def release(self, sandbox: Sandbox) -> None:
        """Lets everybody who reads, or still comes to, have their end of file, until none of them is lost."""

        def is_over() -> bool:
            with contextlib.suppress(OSError):  # nobody reads
                os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
            return sandbox._watchdog.lost("guest") == 0

        until(is_over)


@both_tiers
def test_what_cannot_be_stopped_is_answered_and_counted_and_past_the_limit_refused(guests: Guests, tmp_path: Path) -> None:
    fifo = Fifo(tmp_path)
    guests.sandbox = Sandbox(guests.engine, abandoned=2)
    for lost in (1, 2):
        report = guests.call(io.FILES, "read", 0, "fifo", policy=fifo.policy, limits=Limits(timeout=1))
        assert limit_of(report) == "timeout"
        assert report.asked_for_directories
        assert 1 + GRACE <= report.seconds < LONG
        assert guests.sandbox._watchdog.lost("guest") == lost
    report = guests.call(io.FILES, "directories", policy=fifo.policy)
    assert limit_of(report) == "busy"
    assert "2 calls of 'guest' could not be stopped" in str(report.error)
    assert report.error is not None
    assert report.error.hint
    fifo.release(guests.sandbox)
    assert guests.call(io.FILES, "directories", policy=fifo.policy).value == 1


def test_a_blocked_call_that_is_cancelled_is_answered_after_the_grace(guests: Guests, tmp_path: Path) -> None:
    fifo = Fifo(tmp_path)
    cancel = threading.Event()
    cancel_what_runs(cancel)
    report = guests.call(io.FILES, "read", 0, "fifo", policy=fifo.policy, limits=Limits(timeout=FOREVER), cancel=cancel)
    assert isinstance(report.error, Cancelled)
    assert report.seconds < LONG
    fifo.release(guests.sandbox)


def test_a_blocked_call_outside_a_worker_is_answered_by_the_watchdog_too(guests: Guests, tmp_path: Path) -> None:
    fifo = Fifo(tmp_path)
    component = guests.compile(io.FILES)
    spec = guests.spec(component, "read", 0, "fifo", policy=fifo.policy, limits=Limits(timeout=1))
    reports: list[tuple[str, CallReport]] = []

    def done(report: CallReport) -> None:
        reports.append((threading.current_thread().name, report))

    thread = threading.Thread(target=guests.sandbox.call, args=(component, spec, threading.Event(), done), daemon=True)
    thread.start()
    until(lambda: reports)
    fifo.release(guests.sandbox)
    thread.join(LONG)
    assert not thread.is_alive()
    assert [(name, limit_of(report)) for name, report in reports] == [("watchdog", "timeout")]


def test_a_pool_replaces_the_thread_of_a_call_that_cannot_be_stopped(guests: Guests, tmp_path: Path) -> None:
    fifo = Fifo(tmp_path)
    component = guests.compile(io.FILES)
    blocked = guests.spec(component, "read", 0, "fifo", policy=fifo.policy, limits=Limits(timeout=1))
    quick = guests.spec(component, "directories")
    workers = Workers(limit=1)
    reports: list[CallReport] = []
    answered = threading.Semaphore(0)

    def done(report: CallReport) -> None:
        reports.append(report)
        answered.release()

    workers.submit(lambda: guests.sandbox.call(component, blocked, threading.Event(), done))
    workers.submit(lambda: guests.sandbox.call(component, quick, threading.Event(), done))
    assert answered.acquire(timeout=LONG)
    assert answered.acquire(timeout=LONG)
    assert [limit_of(reports[0]), reports[1].value] == ["timeout", 0]
    fifo.release(guests.sandbox)


def test_ctrl_c_ends_waiting_for_a_call(tmp_path: Path, engine: Engine) -> None:
    program = """
import pathlib, sys, threading, time
from tests.patience import until
from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests
from wassette_py.host.caller import waited
from wassette_py.sandbox.engine import Engine
from wassette_py.sandbox.state import CALLS
guests = Guests(Engine(pathlib.Path(sys.argv[1])))
cancel = threading.Event()
component = guests.compile(text.PLAIN)
def tell():
    until(lambda: CALLS)
    print("ready", flush=True)
threading.Thread(target=tell, daemon=True).start()
try:
    waited(lambda done: guests.sandbox.call(component, guests.spec(component, "spin"), cancel, done))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=LONG)
    assert said == b"interrupted\n"
    assert process.returncode == 0


@both_tiers
def test_a_sleeping_call_that_is_cancelled_is_answered_before_it_comes_back_at_its_deadline(guests: Guests) -> None:
    cancel = threading.Event()
    cancel_what_runs(cancel)
    report = guests.call(text.SLEEP, "sleep", 3600 * 10**9, limits=Limits(timeout=4), cancel=cancel)
    assert isinstance(report.error, Cancelled)
    assert report.seconds < 4
    until(lambda: guests.sandbox._watchdog.lost("guest") == 0)


def test_ending_a_sandbox_ends_its_calls(guests: Guests) -> None:
    component = guests.compile(text.PLAIN)
    reports: list[CallReport] = []
    spin = guests.spec(component, "spin")
    threads = [threading.Thread(target=guests.sandbox.call, args=(component, spin, threading.Event(), reports.append)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(guests.sandbox._watchdog._running) == 3)
    assert guests.sandbox.end(LONG)
    for thread in threads:
        thread.join(LONG)
    assert [type(report.error) for report in reports] == [Cancelled] * 3
    assert guests.sandbox.end(0)


def test_a_sandbox_that_nobody_holds_any_more_is_gone(guests: Guests) -> None:
    """Its watchdog's thread stays, and its engine has terabytes of addresses."""
    assert guests.call(text.PLAIN, "add", 1, 2).value == 3
    gone = weakref.ref(guests.sandbox)
    guests.sandbox = Sandbox(guests.engine)
    until(lambda: gc.collect() >= 0 and gone() is None)


@pytest.mark.parametrize("name", ["flood", "spin", "sleep"])
def test_a_program_that_exits_while_a_guest_runs_exits_cleanly(tmp_path: Path, name: str) -> None:
    program = """
import pathlib, sys, threading, time
from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests
from wassette_py.limits import Limits
from wassette_py.sandbox.engine import Engine
guests = Guests(Engine(pathlib.Path(sys.argv[1])))
component = guests.compile({"flood": text.PRINT, "sleep": text.SLEEP}.get(sys.argv[2], text.PLAIN))
arguments = {"sleep": (3600 * 10**9,)}.get(sys.argv[2], ())
spec = guests.spec(component, sys.argv[2], *arguments, limits=Limits(output=1 << 30))
threading.Thread(target=guests.sandbox.call, args=(component, spec, threading.Event(), lambda _: None), daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), name], cwd=Path(__file__).parents[2], check=False, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_what_calls_share_is_made_once(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Re-reading types, building a linker or a codec costs milliseconds a call."""

    def made_again(*_: object) -> None:
        raise AssertionError

    component = guests.compile(text.PLAIN)
    spec = guests.spec(component, "add", 1, 2)
    reports: list[CallReport] = []
    guests.sandbox.call(component, spec, threading.Event(), reports.append)
    for name in ("linking.build_linker", "read_component_type", "FunctionCodec"):
        monkeypatch.setattr(f"wassette_py.sandbox.engine.{name}", made_again)
    guests.sandbox.call(component, spec, threading.Event(), reports.append)
    assert [(report.value, report.error) for report in reports] == [(3, None)] * 2


def test_tables_instances_and_memories_have_bounds() -> None:
    assert (instance.MEMORIES, instance.TABLES, instance.INSTANCES) == (11, 100, 1000)


def states() -> int:
    return len([found for found in gc.get_objects() if type(found) is CallState])


def test_what_a_call_held_is_gone_without_the_collector(guests: Guests) -> None:
    gc.collect()
    gc.disable()
    before = states()
    try:
        assert guests.call(text.PLAIN, "echo", "x").error is None
        assert limit_of(guests.call(text.PLAIN, "spin", limits=Limits(timeout=0.01))) == "timeout"
        until(lambda: states() <= before)
    finally:
        gc.enable()
