"""Each way a guest ends badly has its own text; the guests make the real thing happen, so that wasmtime's texts are tested too."""

from __future__ import annotations

import pytest

from tests.sandbox import guests as text
from tests.sandbox.conftest import Guests, both_tiers
from wassette_py.errors import LimitExceeded, Trap, WassetteError
from wassette_py.limits import Limits

pytestmark = both_tiers

TRAPS = {
    "unreachable": "wasm `unreachable` instruction executed",
    "out-of-bounds": "out of bounds memory access",
    "divide-by-zero": "integer divide by zero",
    "overflow": "integer overflow",
    "not-a-number": "invalid conversion to integer",
    "no-such-element": "undefined element: out of bounds table access",
    "empty-element": "uninitialized element",
    "other-signature": "indirect call type mismatch",
}


def limit_of(error: WassetteError | None) -> str:
    assert isinstance(error, LimitExceeded), error
    return error.limit


@pytest.mark.parametrize("kind", TRAPS)
def test_a_trap_says_what_it_was(guests: Guests, kind: str) -> None:
    report = guests.call(text.PLAIN, kind)
    assert isinstance(report.error, Trap)
    assert str(report.error) == f"it trapped: {TRAPS[kind]}"
    assert report.value is None


def test_recursion_without_end_is_a_limit_of_the_stack(guests: Guests) -> None:
    assert limit_of(guests.call(text.PLAIN, "recurse").error) == "stack"


def test_an_exit_is_told_apart_from_a_trap(guests: Guests) -> None:
    failed, succeeded = (guests.call(text.EXIT, "leave", fail).error for fail in (True, False))
    assert (str(failed), str(succeeded)) == tuple(f"it ended itself with exit code {code} instead of returning" for code in (1, 0))


def test_what_an_allocator_says_before_it_gives_up_names_the_memory_limit(guests: Guests) -> None:
    report = guests.call(text.PRINT, "complain-and-trap", "memory allocation of 9 bytes failed")
    assert limit_of(report.error) == "memory"
    assert "512Mi" in str(report.error)


def test_a_trap_after_other_words_stays_a_trap(guests: Guests) -> None:
    report = guests.call(text.PRINT, "complain-and-trap", "panicked at src/lib.rs")
    assert isinstance(report.error, Trap)
    assert report.stderr == b"panicked at src/lib.rs"


@pytest.mark.parametrize(
    ("guest", "limits"),
    [
        (text.many("(memory 100)", 1), Limits(memory=1 << 20)),
        (text.many("(table 10000000 funcref)", 1), Limits()),
        (text.many("(memory 1)", 12), Limits()),
        (text.many("(table 1 funcref)", 101), Limits()),
        (text.many("(func)", 1001), Limits()),
    ],
    ids=["memory", "table", "memories", "tables", "instances"],
)
def test_what_a_component_needs_at_its_start_is_bounded(guests: Guests, guest: str, limits: Limits) -> None:
    assert limit_of(guests.call(guest, "f", limits=limits).error) == "memory"


def test_ten_memories_are_allowed(guests: Guests) -> None:
    assert guests.call(text.many("(memory 1)", 10), "f").error is None


def test_growing_past_the_limit_fails_inside_the_guest(guests: Guests) -> None:
    limits = Limits(memory=1 << 20)
    assert guests.call(text.PLAIN, "grow", 10, limits=limits).value == 1
    assert guests.call(text.PLAIN, "grow", 16, limits=limits).value == -1
    assert guests.call(text.PLAIN, "grow", 65535, limits=limits).value == -1


def test_a_byte_list_that_wasmtime_refuses_is_a_limit_of_the_output_with_its_own_text(guests: Guests) -> None:
    report = guests.call(text.PLAIN, "bytes", 3_000_000)
    assert limit_of(report.error) == "output"
    assert "2.7 MB" in str(report.error)
