from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.server.sealing import LIFETIME, LONGEST, InvalidState, Sealer

ARGUMENTS = {"a": 1, "b": {"c": [2]}}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def sealer(clock: Clock | None = None) -> Sealer:
    return Sealer("someone", clock=clock or Clock())


def test_what_is_sealed_comes_back_once() -> None:
    one = sealer()
    text = one.seal({"x": ["y"]}, "tool", ARGUMENTS)
    assert one.open(text, "tool", {"b": {"c": [2]}, "a": 1}) == {"x": ["y"]}
    with pytest.raises(InvalidState, match="used before"):
        one.open(text, "tool", ARGUMENTS)


def test_nothing_of_a_state_can_be_read() -> None:
    text = sealer().seal({"decision": "always always always"}, "tool", {})
    assert b"always" not in base64.urlsafe_b64decode(text + "==")


def test_a_state_is_taken_for_its_own_tool_arguments_and_connection_alone() -> None:
    one = sealer()
    text = one.seal({}, "tool", ARGUMENTS)
    for wrong in (("other", ARGUMENTS), ("tool", {}), ("tool", {**ARGUMENTS, "a": 2}), ("tool", {**ARGUMENTS, "c": 0})):
        with pytest.raises(InvalidState, match="changed, or of another"):
            one.open(text, *wrong)
    with pytest.raises(InvalidState, match="changed, or of another"):
        sealer().open(text, "tool", ARGUMENTS)
    assert one.open(text, "tool", ARGUMENTS) == {}


def test_a_state_of_another_principal_is_refused() -> None:
    one, other = Sealer("one"), Sealer("other")
    other._key = one._key  # replicas may share a key one day; principals still differ
    with pytest.raises(InvalidState):
        other.open(one.seal({}, "tool", {}), "tool", {})


def test_a_state_expires_and_is_forgotten_then() -> None:
    clock = Clock()
    one = sealer(clock)
    first, second = one.seal({}, "t", {}), one.seal({}, "t", {})
    clock.now += LIFETIME - 1
    one.open(first, "t", {})
    assert len(one._taken) == 1
    clock.now += 1
    for text in (first, second):
        with pytest.raises(InvalidState, match="expired"):
            one.open(text, "t", {})
    assert one._taken == {}


ALPHABET = string.ascii_letters + string.digits + "-_=+/ é"


@given(st.integers(0, 500), st.integers(1, len(ALPHABET) - 1))
def test_a_state_with_one_character_changed_is_refused(place: int, shift: int) -> None:
    one = sealer()
    text = one.seal({"decided": {}}, "t", {})
    at = place % len(text)
    new = ALPHABET[(ALPHABET.index(text[at]) + shift) % len(ALPHABET)]
    with pytest.raises(InvalidState):
        one.open(text[:at] + new + text[at + 1 :], "t", {})


@pytest.mark.parametrize("text", ["", "A", "AAAA", "A" * (LONGEST + 1), "é", "!!!!", 5, {}, [], True, "A" * 38, "A" * 37])
def test_what_is_no_state_is_refused(text: object) -> None:
    with pytest.raises(InvalidState):
        sealer().open(text, "t", {})
