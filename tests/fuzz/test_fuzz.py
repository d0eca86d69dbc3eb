"""A few seconds of fuzzing in every test run: no crash, no hang, no growth. The long run is `python -m tests.fuzz`."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import engines
from tests.fuzz.__main__ import main
from tests.fuzz.engines import LONGEST, Outcome, by_chance, has_atheris, mutated, with_atheris
from tests.fuzz.targets import TARGETS, Target
from wassette_py.sandbox.memory import resident, trim

SEED = 1 if "CI" in os.environ else random.SystemRandom().getrandbits(31)
"""As with hypothesis: CI judges a change by the same inputs each time, and finding new ones is for other times."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40)
@given(number=st.integers(0, 1 << 32), data=st.binary(max_size=200))
def test_no_bytes_do_harm(name: str, number: int, data: bytes) -> None:
    target = TARGETS[name]
    for tried in (data, mutated(random.Random(number), target.seeds)):
        began = time.thread_time()
        target.run(tried)
        assert time.thread_time() - began < LONGEST


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_do_no_harm_and_memory_does_not_grow(name: str) -> None:
    by_chance(name, 0.1, 1)
    trim()
    before = resident() or 0
    outcome = by_chance(name, 0.4, SEED)
    assert outcome.found is None
    assert outcome.executions > 0
    trim()  # a server's C library keeps that much by itself
    assert (resident() or 0) < before + (64 << 20)


LARGE: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda size: b"[" * size,
    "braces": lambda size: b'{"a":' * (size // 5),
    "digits": lambda size: b"9" * size,
    "dashes": lambda size: b"- " * (size // 2),
    "questions": lambda size: b"? " * (size // 2),
    "slashes": lambda size: b"https://a/" + b"../" * (size // 3),
    "percents": lambda size: b"https://a/" + b"%2e%2e/" * (size // 7),
    "stars": lambda size: b"*." * (size // 2),
    "spaces": lambda size: b" " * size,
    "lines": lambda size: b"a: b\n" * (size // 5),
    "zeros": lambda size: b"\0" * size,
    "quotes": lambda size: b'"' + b"\\" * size,
    "high": lambda size: b"\xff" * size,
}


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_large_and_regular_is_read_or_refused_soon(name: str, shape: str) -> None:
    began = time.thread_time()
    TARGETS[name].run(LARGE[shape](400_000))
    assert time.thread_time() - began < 5 * LONGEST


def test_a_crash_and_a_hang_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(data: bytes) -> None:
        raise ZeroDivisionError(data)

    monkeypatch.setitem(TARGETS, "crash", Target(crash, (b"x",)))

    def hang(_: bytes) -> None:
        sum(range(1_000_000))

    monkeypatch.setitem(TARGETS, "hang", Target(hang, (b"x",)))
    monkeypatch.setattr(engines, "LONGEST", 0.001)
    assert "ZeroDivisionError" in (by_chance("crash", 1, 0).found or "")
    assert "took" in (by_chance("hang", 1, 0).found or "")


def test_the_command_says_how_much_it_ran(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["json-rpc", "--seconds", "1", "--by-chance"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("json-rpc: ")
    assert shown.endswith(" executions in all\n")
    monkeypatch.setattr(sys.modules["tests.fuzz.__main__"], "by_chance", lambda *_: Outcome(1, "it"))
    assert main(["json-rpc", "--by-chance"]) == 1
    with pytest.raises(SystemExit):
        main(["no-such-target"])


@pytest.mark.skipif(not has_atheris(), reason="atheris has no wheel for this machine")
def test_atheris_runs_a_target() -> None:
    outcome = with_atheris("json-rpc", 2, SEED)
    assert outcome.found is None
    assert outcome.executions > 10
