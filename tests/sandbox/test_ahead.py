"""An instance that was made before its call is that call's alone, and knows nothing but what that call may."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.patience import LONG, until
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import Guests
from wassette_py.errors import Cancelled
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument, StorageGrant, Variable
from wassette_py.sandbox import ahead, pool
from wassette_py.sandbox.ahead import Ahead
from wassette_py.sandbox.call import CallReport
from wassette_py.sandbox.engine import CompiledComponent
from wassette_py.sandbox.state import CALLS

WALL = text.component(
    imports="""(import "wasi:clocks/wall-clock@0.2.3" (instance $wall
    (type $record (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $record)))
    (export "now" (func (result $datetime)))
    (export "resolution" (func (result $datetime)))))""",
    lowers={"now": ('$wall "now"', "(param i32)"), "resolution": ('$wall "resolution"', "(param i32)")},
    code="""
    (func (export "now") (result i64) (call $now (i32.const 0))
      (i64.add (i64.mul (i64.load (i32.const 0)) (i64.const 1000000000)) (i64.load32_u (i32.const 8))))
    (func (export "resolution") (result i64) (call $resolution (i32.const 0))
      (i64.add (i64.mul (i64.load (i32.const 0)) (i64.const 1000000000)) (i64.load32_u (i32.const 8))))""",
    exports={"now": "(result u64)", "resolution": "(result u64)"},
)
BEGINS = "(func $begin {begin}) (start $begin)"
ASKS_AT_ITS_START = text.ENVIRONMENT.replace(
    '(func (export "variables")', BEGINS.format(begin="(call $get-environment (i32.const 0))") + '(func (export "variables")', 1
)
READS_THE_CLOCK_AT_ITS_START = text.SLEEP.replace(
    '(func (export "sleep")', BEGINS.format(begin="(drop (call $now))") + '(func (export "sleep")', 1
)
PRINTS_AT_ITS_START = text.PRINT.replace(
    '(func (export "say")', BEGINS.format(begin="(call $say (call $stdout) (i32.const 0) (i32.const 3))") + '(func (export "say")', 1
)


class Kept:
    """Guests of which each component is compiled once, as a server keeps it."""

    def __init__(self, guests: Guests) -> None:
        self.guests = guests
        self.compiled: dict[str, CompiledComponent] = {}
        self.ahead: Ahead = guests.sandbox._ahead

    def component(self, guest: str) -> CompiledComponent:
        return self.compiled.setdefault(guest, self.guests.compile(guest))

    def call(
        self, guest: str, name: str, *values: object, policy: PolicyDocument | None = None, limits: Limits | None = None, lang: str = "C"
    ) -> CallReport:
        component = self.component(guest)
        spec = self.guests.spec(
            component, name, *values, policy=policy or PolicyDocument(), limits=limits or Limits(timeout=LONG), environment={"LANG": lang}
        )
        report = self.guests.reported(component, spec, threading.Event())
        self.settle()
        return report

    def settle(self) -> None:
        """Waits until nobody is at work behind a call: its own thread, which answers first, or the one that makes the next instance."""
        workers = self.guests.workers
        until(lambda: workers._idle == len(workers._workers) and not self.ahead._left)

    def waits(self, guest: str) -> bool:
        """Whether an instance waits for the next call."""
        place = self.ahead._places.get(self.component(guest))
        return place is not None and place.guest is not None


@pytest.fixture
def kept(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """With instances made ahead for every component, however fast it is, and however soon its next call comes."""
    monkeypatch.setattr(ahead, "WORTH", 0.0)
    monkeypatch.setattr(ahead, "WORTH_ALWAYS", 0.0)
    monkeypatch.setattr(ahead, "START", LONG)
    return Kept(guests)


def was_ahead(report: CallReport) -> bool:
    return report.instantiating == 0


@pytest.mark.claim("sandbox:fresh-instance")
def test_each_call_is_the_first_one_of_its_instance_also_of_one_made_before_it(kept: Kept) -> None:
    reports = [kept.call(text.PLAIN, "count") for _ in range(4)]
    assert [report.value for report in reports] == [1] * 4
    assert [was_ahead(report) for report in reports] == [False, True, True, True]
    assert CALLS == {}


@pytest.mark.parametrize(("worth", "worth_always"), [(LONG, LONG), (0.0, LONG), (LONG, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("pause", [0.0, LONG], ids=["paused", "at once"])
def test_what_is_instantiated_fast_is_made_ahead_where_calls_leave_time_for_it(
    guests: Guests, monkeypatch: pytest.MonkeyPatch, pause: float, worth: float, worth_always: float
) -> None:
    for name, value in (("WORTH", worth), ("WORTH_ALWAYS", worth_always), ("PAUSE", pause)):
        monkeypatch.setattr(ahead, name, value)
    kept = Kept(guests)
    is_worth = (worth_always if pause else worth) == 0.0
    assert [was_ahead(kept.call(text.PLAIN, "count")) for _ in range(4)][2:] == [is_worth] * 2


@pytest.mark.claim("environment:granted-only")
def test_variables_are_those_of_the_call_and_a_revocation_holds_at_once(kept: Kept) -> None:
    granted = PolicyDocument(variables=(Variable("LANG"),))
    assert kept.call(text.ENVIRONMENT, "variables", policy=granted).value == [("LANG", "C")]
    second = kept.call(text.ENVIRONMENT, "variables", policy=granted, lang="de")
    assert (was_ahead(second), second.value) == (True, [("LANG", "de")])
    revoked = kept.call(text.ENVIRONMENT, "variables")
    assert (was_ahead(revoked), revoked.value) == (True, [])


@pytest.mark.claim("storage:granted-only")
def test_directories_are_opened_for_a_call_and_not_before_it(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    granted = PolicyDocument(storage=(StorageGrant(str(tmp_path)),), source="policy")
    assert kept.call(io.FILES, "directories").value == 0
    assert kept.waits(io.FILES)
    with_one = kept.call(io.FILES, "directories", policy=granted)
    assert (was_ahead(with_one), with_one.value) == (False, 1)
    assert not kept.waits(io.FILES)  # what waited had no directory, and nothing is made for calls that have some
    assert kept.call(io.FILES, "read", 0, "a.txt", policy=granted).value == 5
    after = kept.call(io.FILES, "directories")
    assert (after.value, after.asked_for_directories) == (0, True)


def test_a_call_that_may_use_other_memory_makes_its_own_instance(kept: Kept) -> None:
    kept.call(text.PLAIN, "grow", 1)
    small = kept.call(text.PLAIN, "grow", 16, limits=Limits(memory=1 << 20, timeout=LONG))
    assert (was_ahead(small), small.value) == (False, -1)
    again = kept.call(text.PLAIN, "grow", 16, limits=Limits(memory=1 << 20, timeout=LONG))
    assert (was_ahead(again), again.value) == (True, -1)


def test_the_time_is_the_calls(kept: Kept) -> None:
    for _ in range(2):
        before = time.time_ns()
        report = kept.call(WALL, "now")
        assert isinstance(report.value, int)
        assert before <= report.value <= time.time_ns()
    assert was_ahead(report)
    assert kept.call(WALL, "resolution").value == 1


@pytest.mark.parametrize(
    ("guest", "name", "values"),
    [(ASKS_AT_ITS_START, "variables", ()), (READS_THE_CLOCK_AT_ITS_START, "sleep", (1,)), (PRINTS_AT_ITS_START, "say", ("hi",))],
    ids=["asks", "reads the clock", "prints"],
)
def test_a_component_whose_start_looks_at_the_world_is_never_made_ahead(
    kept: Kept, guest: str, name: str, values: tuple[object, ...]
) -> None:
    reports = [kept.call(guest, name, *values) for _ in range(3)]
    assert [(was_ahead(report), report.error) for report in reports] == [(False, None)] * 3
    assert not kept.waits(guest)
    assert len({report.stdout for report in reports}) == 1


def test_a_start_without_an_end_holds_nobody_up_for_long(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "START", 0.05)
    kept.call(text.SPINS_AT_START, "f", limits=Limits(timeout=0.1))
    assert kept.ahead._places[kept.component(text.SPINS_AT_START)].is_refused
    assert not kept.waits(text.SPINS_AT_START)


def test_a_component_that_reads_wasmtimes_own_clock_is_never_made_ahead(kept: Kept) -> None:
    assert [was_ahead(kept.call(text.CLOCK_ONLY, "clock")) for _ in range(2)] == [False, False]
    slept = [kept.call(text.SLEEP, "sleep", 1) for _ in range(2)]
    assert [was_ahead(report) for report in slept] == [False, True]  # this clock is ours


def test_few_wait_and_not_for_long(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "MOST", 1)
    kept.call(text.PLAIN, "count")
    kept.call(WALL, "resolution")
    assert (kept.waits(text.PLAIN), kept.waits(WALL)) == (False, True)
    monkeypatch.setattr(ahead, "IDLE", 0.0)
    kept.ahead._swept()
    assert not kept.waits(WALL)


def test_what_waits_is_looked_at_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "IDLE", 0.05)
    kept.call(text.PLAIN, "count")
    until(lambda: not kept.waits(text.PLAIN))


def test_the_end_of_a_sandbox_is_the_end_of_what_waits(kept: Kept) -> None:
    kept.call(text.PLAIN, "count")
    assert kept.waits(text.PLAIN)
    assert kept.guests.sandbox.end(LONG)
    assert not kept.waits(text.PLAIN)


def test_behind_its_end_a_sandbox_makes_nothing_and_calls_nobody(kept: Kept) -> None:
    component = kept.component(text.PLAIN)
    kept.call(text.PLAIN, "count")
    assert kept.guests.sandbox.end(LONG)
    assert isinstance(kept.call(text.PLAIN, "count").error, Cancelled)
    kept.ahead._prepare(component, kept.ahead._places[component], Limits().memory)
    assert not kept.waits(text.PLAIN)


def test_the_end_waits_for_what_is_being_made(kept: Kept) -> None:
    """Start code that runs when the interpreter ends would end the process by a signal."""
    component = kept.component(text.SPINS_AT_START)
    place = kept.ahead._places.setdefault(component, ahead._Place())
    maker = threading.Thread(target=kept.ahead._prepare, args=(component, place, Limits().memory))
    maker.start()
    until(lambda: CALLS)
    assert kept.guests.sandbox.end(LONG)
    assert CALLS == {}
    maker.join(LONG)
    assert not kept.waits(text.SPINS_AT_START)


def test_without_another_thread_the_one_of_the_call_does_it(kept: Kept) -> None:
    kept.ahead._worker.close()
    assert [was_ahead(kept.call(text.PLAIN, "count")) for _ in range(2)] == [False, True]


def test_a_call_does_not_wait_for_an_instance_that_is_being_made(kept: Kept) -> None:
    kept.call(text.PLAIN, "count")
    with kept.ahead._places[kept.component(text.PLAIN)].lock:
        assert not was_ahead(kept.call(text.PLAIN, "count"))


def test_many_calls_at_once_get_an_instance_each(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.MEMORIES > 64
    component = kept.component(text.PLAIN)
    spec = kept.guests.spec(component, "count", limits=Limits(timeout=LONG))
    reports: list[CallReport] = []

    def calls() -> None:
        for _ in range(50):
            kept.guests.sandbox.call(component, spec, threading.Event(), reports.append)

    threads = [threading.Thread(target=calls) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.value for report in reports] == [1] * 400
    kept.settle()
    assert CALLS == {}
