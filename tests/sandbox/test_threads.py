"""Many threads, one engine, one linker a component: no wrong answer, nothing lost, nothing left."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.patience import FOREVER, grows_by, until
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import Guests
from wassette_py.errors import Cancelled, LimitExceeded, Trap
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument, StorageGrant, Variable
from wassette_py.sandbox.call import CallReport, CallSpec
from wassette_py.sandbox.engine import CompiledComponent
from wassette_py.sandbox.memory import resident
from wassette_py.sandbox.state import CALLS

THREADS, CALLS_EACH = 16, 625


@pytest.mark.usefixtures("unwatched")  # which may find that a busy machine has lost them
def test_ten_thousand_mixed_calls_of_sixteen_threads_get_their_own_answers_and_leave_nothing(guests: Guests, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    storage = PolicyDocument(storage=(StorageGrant(str(tmp_path)),))
    variables = PolicyDocument(variables=(Variable("A"),))
    plain, files, config, http, sleep, say = (
        guests.compile(it) for it in (text.PLAIN, io.FILES, text.CONFIG, io.HTTP, text.SLEEP, text.PRINT)
    )
    wrong: list[object] = []
    kinds: Counter[str] = Counter()

    def one(chance: random.Random) -> None:
        number = chance.randrange(1 << 20)
        kind = chance.choice(["add", "echo", "trap", "read", "get", "send", "sleep", "spin", "say"])
        kinds[kind] += 1
        match kind:
            case "add":
                check(plain, guests.spec(plain, "add", number, 1), lambda it: it.value == number + 1)
            case "echo":
                check(plain, guests.spec(plain, "echo", str(number)), lambda it: it.value == str(number))
            case "trap":
                check(
                    plain, guests.spec(plain, "divide-by-zero"), lambda it: isinstance(it.error, Trap) and "divide by zero" in str(it.error)
                )
            case "read":
                check(files, guests.spec(files, "read", 0, "a.txt", policy=storage), lambda it: it.value == 5)
            case "get":
                spec = guests.spec(config, "get1", "A", policy=variables, environment={"A": str(number)})
                check(config, spec, lambda it: it.value == ("ok", (str(number),)))
            case "send":
                check(
                    http, guests.spec(http, "send", 0, 1, f"h{number}.org"), lambda it: f"https://h{number}.org:443" in it.denied[0].target
                )
            case "sleep":
                check(sleep, guests.spec(sleep, "sleep", 3_000_000), lambda it: it.error is None and it.seconds >= 0.003)
            case "spin":
                spec = guests.spec(plain, "spin", limits=Limits(timeout=0.02))
                check(plain, spec, lambda it: isinstance(it.error, LimitExceeded) and it.error.limit == "timeout")
            case "say":
                check(say, guests.spec(say, "say", str(number)), lambda it: it.stdout == str(number).encode())

    def check(component: CompiledComponent, spec: CallSpec, is_right: object) -> None:
        assert callable(is_right)
        reports: list[CallReport] = []
        guests.sandbox.call(component, spec, threading.Event(), reports.append)
        if len(reports) != 1 or not is_right(reports[0]):
            wrong.append((spec.function.name, spec.values, reports))

    def work(seed: int, calls: int = CALLS_EACH) -> None:
        chance = random.Random(seed)
        for _ in range(calls):
            one(chance)

    work(THREADS, 300)  # whatever is kept for the next call is there now
    memory = resident() or 0
    files_before, threads_before = len(os.listdir("/proc/self/fd")), threading.active_count()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert kinds.total() == THREADS * CALLS_EACH + 300
    assert (resident() or 0) - memory < 64 << 20  # 2 MB where nothing else runs; each call's own would be gigabytes
    until(lambda: CALLS == {})  # behind the last ones, instances may still be made
    until(lambda: len(os.listdir("/proc/self/fd")) <= files_before + 2)
    until(lambda: threading.active_count() <= threads_before + 2)


def test_other_calls_are_answered_while_guests_spin(guests: Guests) -> None:
    component = guests.compile(text.PLAIN)
    cancel = threading.Event()
    ended: list[CallReport] = []
    spin = guests.spec(component, "spin", limits=Limits(timeout=FOREVER))
    spinning = [threading.Thread(target=guests.sandbox.call, args=(component, spin, cancel, ended.append)) for _ in range(8)]
    for thread in spinning:
        thread.start()
    try:
        until(lambda: len(CALLS) == 8)
        assert {guests.call(text.PLAIN, "add", 1, 2).value for _ in range(40)} == {3}
        assert ended == []
    finally:
        cancel.set()
        for thread in spinning:
            thread.join()
    assert [type(report.error) for report in ended] == [Cancelled] * 8


@pytest.mark.parametrize("name", ["spin", "unreachable"])
def test_resident_memory_stays_flat_over_many_calls(guests: Guests, name: str) -> None:
    limits = Limits(timeout=0.001)

    def calls() -> None:
        for _ in range(150):
            guests.call(text.PLAIN, name, limits=limits)

    assert grows_by(calls, enough=8 << 20) < 8 << 20
