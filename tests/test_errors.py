from __future__ import annotations

import inspect
import re

import pytest

from wassette_py import errors
from wassette_py.errors import (
    Cancelled,
    DigestMismatch,
    LimitExceeded,
    Refused,
    RegistryError,
    UnknownComponent,
    Unsigned,
    WassetteError,
)

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, WassetteError)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_stands_in_the_tree_of_the_docstring(error: type[WassetteError]) -> None:
    assert errors.__doc__ is not None
    lines = [line for line in errors.__doc__.splitlines() if re.search(rf"(?:─ |^){error.__name__}\b", line)]
    assert len(lines) == 1
    depth = len(error.__mro__) - len(WassetteError.__mro__)
    assert len(lines[0]) - len(lines[0].lstrip("│├└─ ")) == max(0, 4 * depth - 1)


def test_refusal_can_be_told_from_breakage_by_the_exit_code() -> None:
    codes = {error: error.exit_code for error in CLASSES}
    assert {error for error, code in codes.items() if code == 3} == {error for error in CLASSES if issubclass(error, Refused)}
    assert codes[Cancelled] == 130
    assert set(codes.values()) == {1, 3, 130}


def test_an_error_is_its_message_and_carries_a_hint() -> None:
    error = Unsigned("nothing vouches for it", "wassette trust add x")
    assert (str(error), error.hint, WassetteError("x").hint) == ("nothing vouches for it", "wassette trust add x", None)


def test_errors_keep_what_they_are_about() -> None:
    assert RegistryError("no", code="DENIED", status=403).status == 403
    assert LimitExceeded("too long", limit="timeout").limit == "timeout"
    unknown = UnknownComponent("fetch")
    assert (str(unknown), unknown.component_id) == ("no component 'fetch' is installed", "fetch")


def test_a_digest_mismatch_says_what_it_read() -> None:
    assert str(DigestMismatch("sha256:ab", "sha256:cd")) == "digest mismatch: got sha256:ab, want sha256:cd"
    error = DigestMismatch("sha256:ab", "sha256:cd", what="blob x", after=10)
    assert str(error) == "blob x: digest mismatch after 10 bytes: got sha256:ab, want sha256:cd"
    assert (error.got, error.want) == ("sha256:ab", "sha256:cd")
