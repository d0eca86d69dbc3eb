"""The short way for lists says what the walk says, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import fitting_json, nearly_fitting_json, values, wit_types
from wassette_py.wit.bulk import Unusual, quick_reader, quick_writer, written
from wassette_py.wit.reading import Wrong, read
from wassette_py.wit.types import BoolType, FloatType, IntegerType, ListType, OptionType, RecordType, StringType, TupleType, WitType
from wassette_py.wit.values import write

TEXT, U8, F64 = StringType(), IntegerType(8, False), FloatType(64)
ROW = RecordType((("name", TEXT), ("count", U8), ("price", F64), ("ok", BoolType()), ("pair", TupleType((U8, U8)))))
GOOD = {"name": "ü", "count": 1, "price": 2, "ok": True, "pair": [1, 2]}


@st.composite
def typed(draw: st.DrawFn, what: Any) -> tuple[WitType, Any]:
    type = draw(wit_types())
    return type, draw(what(type))


def slowly(type: WitType, value: Any) -> object:
    try:
        return repr(read(type, value))
    except Wrong:
        return Wrong


@given(typed(fitting_json) | typed(nearly_fitting_json))
def test_what_is_read_the_short_way_is_what_the_walk_reads(case: tuple[WitType, Any]) -> None:
    type, value = case
    quick = quick_reader(type)
    if quick is None:
        return
    try:
        found = repr(quick(value))
    except Unusual:
        return
    assert found == slowly(type, value)


@given(typed(values))
def test_what_is_written_the_short_way_is_what_the_walk_writes(case: tuple[WitType, Any]) -> None:
    type, value = case
    assert repr(quick_writer(type, write)(value)) == repr(write(type, value))
    assert repr(written(type, [value, value], write)) == repr([write(type, value)] * 2)


def test_a_plain_record_takes_the_short_way() -> None:
    quick = quick_reader(ListType(OptionType(ROW)))
    assert quick is not None
    assert quick([GOOD, None]) == [(("ü", 1, 2.0, True, (1, 2)),), None]


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"name": "\ud800"},
        {"count": 300},
        {"count": True},
        {"price": float("inf")},
        {"price": 1 << 60},
        {"ok": 1},
        {"pair": [1]},
        {"pair": "ab"},
        {"more": 1},
    ],
)
def test_what_is_not_plain_is_looked_at_again(change: dict[str, Any]) -> None:
    quick = quick_reader(ROW)
    assert quick is not None
    with pytest.raises(Unusual):
        quick({**GOOD, **change})


@pytest.mark.parametrize("value", ["x", {**{key: GOOD[key] for key in list(GOOD)[1:]}, "nope": 1}, {}])
def test_another_shape_is_looked_at_again(value: Any) -> None:
    quick = quick_reader(ROW)
    assert quick is not None
    with pytest.raises(Unusual):
        quick(value)
    inner = quick_reader(ListType(TEXT))
    assert inner is not None
    with pytest.raises(Unusual):
        inner(value)


@pytest.mark.parametrize("type", [FloatType(32), ListType(U8), RecordType((("x", FloatType(32)),)), TupleType((FloatType(32),))])
def test_some_types_have_no_short_way(type: WitType) -> None:
    assert quick_reader(type) is None
    assert quick_reader(ListType(OptionType(type))) is None
