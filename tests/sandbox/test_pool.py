"""Slots for memories: what a guest wrote is nobody else's, and a process that cannot have slots does without."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.patience import LONG, until
from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests
from wassette_py.errors import LimitExceeded
from wassette_py.sandbox import pool
from wassette_py.sandbox.call import CallReport
from wassette_py.sandbox.engine import Engine

_DIRTY = """
(component
  (core module $m
    (memory (export "memory") PAGES)
    (data (i32.const 70000) "as compiled")
    (func (export "sum") (result i32)
      (local $at i32) (local $sum i32)
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 7))) (i32.const SIZE))))
      (memory.fill (i32.const 0) (i32.const 255) (i32.const SIZE))
      (drop (memory.grow (i32.const 128)))
      (memory.fill (i32.const SIZE) (i32.const 255) (i32.const 8388608))
      (local.get $sum))
    (func (export "grown") (result i32)
      (local $at i32) (local $sum i32)
      (if (i32.ne (memory.grow (i32.const 128)) (i32.const PAGES)) (then (unreachable)))
      (local.set $at (i32.const SIZE))
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 7))) (i32.const GROWN))))
      (local.get $sum)))
  (core instance $m (instantiate $m))
  (func (export "sum") (result u32) (canon lift (core func $m "sum")))
  (func (export "grown") (result u32) (canon lift (core func $m "grown"))))
"""
"""A memory, and 8 MiB more: looked at, then written all over."""


def dirty(pages: int) -> str:
    sizes = {"PAGES": pages, "SIZE": pages << 16, "GROWN": (pages + 128) << 16}
    return functools.reduce(lambda text, name: text.replace(name, str(sizes[name])), sizes, _DIRTY)


DIRTY = dirty(64)
"""Of which 4 MiB are kept behind a call, and half of the rest; of `SPACIOUS` nothing."""
SPACIOUS = dirty(256)
guests_of_both_sizes = pytest.mark.parametrize("guest", [DIRTY, SPACIOUS], ids=["kept", "spacious"])

TABLE = """
(component
  (core module $m
    (type $f (func (result i32)))
    (table $t 1000 2000 (ref null $f))
    (func $one (result i32) (i32.const 1))
    (elem (table $t) (i32.const 0) (ref null $f) (ref.func $one))
    (func (export "filled") (result i32)
      (local $at i32) (local $sum i32)
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (i32.eqz (ref.is_null (table.get $t (local.get $at))))))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (table.size $t))))
      (drop (table.grow $t (ref.func $one) (i32.const 1000)))
      (table.fill $t (i32.const 0) (ref.func $one) (i32.const 2000))
      (local.get $sum)))
  (core instance $m (instantiate $m))
  (func (export "filled") (result u32) (canon lift (core func $m "filled"))))
"""
"""How many entries of a table are there, of which one is as compiled; then all of it is filled, and as much more."""

WRITTEN = sum(b"as compiled"[place] for place in range(11) if (70000 + place) % 7 == 0)


@guests_of_both_sizes
def test_nothing_a_guest_wrote_is_found_by_the_next_one(guests: Guests, guest: str) -> None:
    assert [guests.call(guest, "sum").value for _ in range(6)] == [WRITTEN] * 6
    assert guests.call(guest, "grown").value == 0


def test_nothing_a_guest_put_into_a_table_is_found_by_the_next_one(guests: Guests) -> None:
    assert [guests.call(TABLE, "filled").value for _ in range(6)] == [1] * 6


@guests_of_both_sizes
def test_nothing_a_guest_wrote_is_found_by_another_component(guests: Guests, guest: str) -> None:
    other = guest.replace("as compiled", "as it is not")
    expected = sum(b"as it is not"[place] for place in range(12) if (70000 + place) % 7 == 0)
    for _ in range(3):
        assert guests.call(guest, "sum").value == WRITTEN
        assert guests.call(other, "sum").value == expected


@guests_of_both_sizes
def test_what_a_guest_wrote_that_was_ended_is_gone_too(guests: Guests, guest: str) -> None:
    for _ in range(3):
        assert guests.call(text.PLAIN, "unreachable").error is not None
        assert guests.call(guest, "sum").value == WRITTEN


def test_more_guests_at_once_than_there_is_room_for_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MEMORIES", 1)
    guests = Guests(Engine(tmp_path))
    component = guests.compile(text.PLAIN)
    cancel, ended = threading.Event(), threading.Event()
    spin = guests.spec(component, "spin")
    reports: list[CallReport] = []

    def spins() -> None:
        while not cancel.is_set():  # the one place may be taken by the other call when this one comes
            guests.sandbox.call(component, spin, cancel, reports.append)
        ended.set()

    threading.Thread(target=spins, daemon=True).start()
    errors: list[object] = []

    def is_full() -> bool:
        errors.append(guests.call(text.PLAIN, "add", 1, 2).error)
        return errors[-1] is not None

    until(is_full)
    cancel.set()
    error = errors[-1]
    assert isinstance(error, LimitExceeded)
    assert (error.limit, str(error)) == ("busy", "more guests run at once than this process has room for")
    assert ended.wait(LONG)
    until(lambda: guests.call(text.PLAIN, "add", 1, 2).value == 3)  # a place is free a moment after its answer


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS")
def test_a_process_that_may_not_reserve_so_many_addresses_runs_guests_without_slots(tmp_path: Path) -> None:
    program = """
import pathlib, resource, sys
from tests.patience import LONG, until
from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests
from wassette_py.sandbox.engine import Engine
resource.setrlimit(resource.RLIMIT_AS, (64 << 30, 64 << 30))
print(Guests(Engine(pathlib.Path(sys.argv[1]))).call(text.PLAIN, "add", 1, 2).value)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def test_an_engine_that_cannot_have_slots_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ADDRESSES", 1 << 60)
    assert Guests(Engine(tmp_path)).call(text.PLAIN, "add", 1, 2).value == 3
