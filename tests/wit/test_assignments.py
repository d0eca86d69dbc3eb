"""NAME=VALUE words are read by the parameter's type."""

from __future__ import annotations

from typing import Any

import pytest

from tests.every_type import COLORS, F64, MODES, POINT, TEXT, U8, U16, U64
from wassette_py.errors import InvalidArguments
from wassette_py.wit.assignments import read_assignments
from wassette_py.wit.types import BYTES, BoolType, CharType, FunctionType, ListType, OptionType, WitType
from wassette_py.wit.values import read_arguments

PARAMS: dict[str, WitType] = {
    "text": TEXT,
    "maybe": OptionType(TEXT),
    "char": CharType(),
    "color": COLORS,
    "count": U8,
    "big": U64,
    "real": F64,
    "flag": BoolType(),
    "bytes": BYTES,
    "texts": ListType(TEXT),
    "numbers": OptionType(ListType(U16)),
    "modes": MODES,
    "point": POINT,
    "nested": OptionType(OptionType(U8)),
}
F = FunctionType(None, "f", tuple(PARAMS.items()), None)


@pytest.mark.parametrize(
    ("word", "json"),
    [
        ("text=", ""),
        ("text=5", "5"),
        ("text=a=b", "a=b"),
        ('text="quoted"', '"quoted"'),
        ("maybe=null", "null"),
        ("char=é", "é"),
        ("color=red", "red"),
        ("count=5", 5),
        ("big=18446744073709551615", "18446744073709551615"),
        ("big=9007199254740991", 9007199254740991),
        ("big=9007199254740992", "9007199254740992"),
        ("real=NaN", "NaN"),
        ("real=-Infinity", "-Infinity"),
        ("real=1e3", 1000.0),
        ("flag=true", True),
        ("bytes=1234", "1234"),
        ("bytes=[1, 2]", [1, 2]),
        ('bytes="aGk="', "aGk="),
        ("texts=one", ["one"]),
        ("texts=5", ["5"]),
        ('texts=["one", "two"]', ["one", "two"]),
        ("numbers=1", [1]),
        ("numbers=[1, 2]", [1, 2]),
        ('modes=["read"]', ["read"]),
        ("modes=read", ["read"]),
        ('point={"x": 1}', {"x": 1}),
        ('nested={"some": 3}', {"some": 3}),
        ("nested=null", None),
    ],
)
def test_a_word_is_read_by_the_type_of_its_parameter(word: str, json: Any) -> None:
    name = word.partition("=")[0]
    assert read_assignments(F, [word]) == {name: json}
    read_arguments(FunctionType(None, "f", ((name, PARAMS[name]),), None), {name: json})


def test_a_list_may_be_given_by_repeating_its_name() -> None:
    assert read_assignments(F, ["texts=[a]", "count=1", "texts=b"]) == {"texts": ["[a]", "b"], "count": 1}
    assert read_assignments(F, ["numbers=1", "numbers=2"]) == {"numbers": [1, 2]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["count"], "expected NAME=VALUE, got 'count'"),
        (["cuont=5"], f"unknown parameter 'cuont': the parameters are {', '.join(PARAMS)}"),
        (["count=5", "count=6"], "$.count: given 2 times, expected one value"),
    ],
)
def test_a_word_that_means_nothing_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        read_assignments(F, words)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["count=five"], '$.count: expected an integer from 0 to 255, got "five"'),
        (["numbers=a", "numbers=2"], "$.numbers[0]: expected an integer from"),
        ([f"point={'[' * 100_000}"], '$.point: expected an object, got "[[['),
    ],
)
def test_a_word_that_is_no_json_is_refused_by_what_was_expected_there(words: list[str], message: str) -> None:
    given = read_assignments(F, words)
    (name,) = given
    with pytest.raises(InvalidArguments) as refused:
        read_arguments(FunctionType(None, "f", ((name, PARAMS[name]),), None), given)
    assert str(refused.value).startswith(message)


def test_a_function_without_parameters_takes_no_words() -> None:
    with pytest.raises(InvalidArguments, match="there are no parameters"):
        read_assignments(FunctionType(None, "f", (), None), ["a=1"])
