"""What arguments are refused with, what every type reads and writes, and how a result is unwrapped."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.every_type import COLORS, EXAMPLES, F32, F64, MODES, POINT, S64, SHAPE, TEXT, U8, U64, Example
from tests.wit.walk import result_json
from wassette_py.errors import InvalidArguments
from wassette_py.wit.reading import read
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    CharType,
    EnumType,
    FunctionType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    WitType,
)
from wassette_py.wit.values import read_arguments, write_result


def _function(**params: WitType) -> FunctionType:
    return FunctionType(None, "f", tuple(params.items()), None)


def _returning(type: WitType | None) -> FunctionType:
    return FunctionType(None, "f", (), type)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_of_every_type_is_read_and_written(example: Example) -> None:
    assert repr(read_arguments(_function(x=example.type), {"x": example.json})) == repr([example.value])
    assert result_json(_returning(TupleType((example.type,))), (example.value,)) == ("ok", [example.canonical])


def test_arguments_come_in_the_order_of_the_parameters() -> None:
    assert read_arguments(_function(a=U8, b=TEXT), {"b": "x", "a": 1}) == [1, "x"]


def test_an_option_may_be_left_out() -> None:
    assert read_arguments(_function(a=OptionType(U8)), {}) == [None]


ITEMS = ListType(RecordType((("count", U8), ("note", OptionType(TEXT)))))

REFUSALS: list[tuple[WitType, Any, str]] = [
    (ITEMS, [{"count": 1}, {"count": 2}, {"count": 3}, {"count": 300}], "$.x[3].count: expected an integer from 0 to 255, got 300"),
    (ITEMS, [{}], "$.x[0].count: missing, expected an integer from 0 to 255"),
    (ITEMS, [{"count": 1, "nope": 2}], "$.x[0].nope: unknown name, expected one of count, note"),
    (ITEMS, [{"count": 1, "a b": 2}], '$.x[0]["a b"]: unknown name, expected one of count, note'),
    (ITEMS, {"count": 1}, "$.x: expected an array, got an object"),
    (ITEMS, [[1, 2]], "$.x[0]: expected an object, got an array of 2 items"),
    (ITEMS, [{"count": 1, "note": 5}], "$.x[0].note: expected a string, got 5"),
    (BoolType(), 1, "$.x: expected true or false, got 1"),
    (U8, True, "$.x: expected an integer from 0 to 255, got true"),
    (U8, 1.5, "$.x: expected an integer from 0 to 255, got 1.5"),
    (U8, "5", '$.x: expected an integer from 0 to 255, got "5"'),
    (U8, 10**400, "$.x: expected an integer from 0 to 255, got a very large number"),
    (U8, math.nan, "$.x: expected an integer from 0 to 255, got NaN"),
    (U8, b"5", "$.x: expected an integer from 0 to 255, got a bytes"),
    (U64, 1 << 53, f"$.x: expected an integer from 0 to {(1 << 64) - 1} (a decimal string beyond ±9007199254740991), got 9007199254740992"),
    (U64, str(1 << 64), f'$.x: expected an integer from 0 to {(1 << 64) - 1} (a decimal string beyond ±9007199254740991), got "{1 << 64}"'),
    (S64, "-0", f'$.x: expected an integer from {-(1 << 63)} to {(1 << 63) - 1} (a decimal string beyond ±9007199254740991), got "-0"'),
    (F32, 3.5e38, '$.x: expected a number of at most ±3.4028235e+38, or "NaN", "Infinity", "-Infinity", got 3.5e+38'),
    (F64, math.inf, '$.x: expected a number of at most ±1.7976931e+308, or "NaN", "Infinity", "-Infinity", got Infinity'),
    (F64, "nan", '$.x: expected a number of at most ±1.7976931e+308, or "NaN", "Infinity", "-Infinity", got "nan"'),
    (CharType(), "ab", '$.x: expected one character, got "ab"'),
    (CharType(), "\ud800", '$.x: expected one character without lone surrogates, got "\\ud800"'),
    (TEXT, None, "$.x: expected a string, got null"),
    (TEXT, "a\udfff", '$.x: expected a string without lone surrogates, got "a\\udfff"'),
    (BYTES, "aGk", '$.x: expected base64 (RFC 4648, section 4), got "aGk"'),
    (BYTES, "é" * 50, '$.x: expected base64 (RFC 4648, section 4), got "' + "\\u00e9" * 40 + '\\u2026"'),
    (BYTES, [1, 256], "$.x[1]: expected an integer from 0 to 255, got 256"),
    (BYTES, 5, "$.x: expected base64 text or an array of integers from 0 to 255, got 5"),
    (TupleType((U8, U8)), [1], "$.x: expected an array of 2 items, got an array of 1 items"),
    (TupleType((U8, U8)), [1, -1], "$.x[1]: expected an integer from 0 to 255, got -1"),
    (OptionType(OptionType(U8)), 5, '$.x: expected null or an object with "some" alone, got 5'),
    (OptionType(OptionType(U8)), {"some": 256}, "$.x.some: expected an integer from 0 to 255, got 256"),
    (ResultType(U8, None), {"ok": 1, "err": None}, '$.x: expected an object with "ok" or "err" alone, got an object'),
    (ResultType(U8, None), {"ok": None}, "$.x.ok: expected an integer from 0 to 255, got null"),
    (ResultType(U8, None), {"err": 1}, "$.x.err: expected null, got 1"),
    (SHAPE, "dot", '$.x: expected an object with "tag" and, where the case has one, "val", got "dot"'),
    (SHAPE, {"tag": "oval"}, '$.x.tag: expected one of circle, square, line, dot, maybe, got "oval"'),
    (SHAPE, {"tag": "circle"}, '$.x.val: missing, expected a number of at most ±1.7976931e+308, or "NaN", "Infinity", "-Infinity"'),
    (SHAPE, {"tag": "dot", "val": None}, "$.x.val: unknown name, expected one of tag"),
    (SHAPE, {"tag": "line", "val": [{"x": 1}, {"x": "1"}]}, '$.x.val[1].x: expected an integer from -2147483648 to 2147483647, got "1"'),
    (COLORS, "blau", '$.x: expected one of red, green, blue, got "blau"'),
    (EnumType(tuple(f"n{n}" for n in range(30))), 1, f"$.x: expected one of {', '.join(f'n{n}' for n in range(20))} … (30 in all), got 1"),
    (MODES, "read", '$.x: expected an array of names: one of read, write, execute, got "read"'),
    (MODES, ["read", "rite"], '$.x[1]: expected one of read, write, execute, got "rite"'),
    (MODES, ["read", "read"], "$.x: expected an array in which no name is repeated, got an array of 2 items"),
    (POINT, [], "$.x: expected an object, got an array of 0 items"),
]


@pytest.mark.parametrize(("type", "json", "message"), REFUSALS)
def test_a_refusal_names_the_place_and_what_was_expected_there(type: WitType, json: Any, message: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        read_arguments(_function(x=type), {"x": json})
    assert str(refused.value) == message


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(InvalidArguments, match=r"^\$\.b: missing, expected an integer from 0 to 255$"):
        read_arguments(_function(a=U8, b=U8), {"a": 1})


def test_an_unknown_argument_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidArguments, match=r"^\$\.c: unknown name, expected one of a, b$"):
        read_arguments(_function(a=U8, b=U8), {"c": 1})
    with pytest.raises(InvalidArguments, match=r"^\$\.c: unknown name, expected no arguments$"):
        read_arguments(_function(), {"c": 1})


def test_deep_json_is_refused_without_being_walked() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidArguments, match="got an array of 1 items"):
        read_arguments(_function(x=ListType(U8)), {"x": [deep]})
    while deep:  # or its destruction would recurse
        deep = deep.pop()


def test_no_result_is_null() -> None:
    assert write_result(_returning(None), None) == ("ok", "null")


@pytest.mark.parametrize(
    ("type", "value", "written"),
    [
        (ResultType(U64, TEXT), ("ok", 1 << 60), ("ok", str(1 << 60))),
        (ResultType(U8, TEXT), ("err", "no such note"), ("err", "no such note")),
        (ResultType(None, SHAPE), ("err", ("square", 4)), ("err", {"tag": "square", "val": 4})),
        (ResultType(None, None), ("ok", None), ("ok", None)),
        (ResultType(None, None), ("err", None), ("err", None)),
        (ResultType(ResultType(U8, TEXT), None), ("ok", ("err", "inner")), ("ok", {"err": "inner"})),
    ],
)
def test_a_top_level_result_is_unwrapped(type: WitType, value: object, written: object) -> None:
    assert result_json(_returning(type), value) == written


@pytest.mark.parametrize(("value", "written"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (-0.0, -0.0)])
def test_what_json_has_no_number_for_is_written_as_its_name(value: float, written: object) -> None:
    for type in (F32, F64):
        assert repr(result_json(_returning(type), value)) == repr(("ok", written))


def test_a_type_without_json_is_neither_read_nor_written() -> None:
    with pytest.raises(TypeError, match="no JSON value can be a stream"):
        read(UnsupportedType("stream"), 1)
    with pytest.raises(TypeError, match="no JSON value can be a stream"):
        read(ListType(UnsupportedType("stream")), [1])
    with pytest.raises(TypeError, match="no JSON value can be a stream"):
        write_result(_returning(UnsupportedType("stream")), 1)
