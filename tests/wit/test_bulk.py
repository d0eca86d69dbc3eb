"""The short way for lists says what the walk says, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import fitting_json, nearly_fitting_json, wit_types
from wassette_py.wit.bulk import Unusual, column_reader
from wassette_py.wit.reading import Wrong, read
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    CharType,
    EnumType,
    FlagsType,
    FloatType,
    IntegerType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    StringType,
    TupleType,
    VariantType,
    WitType,
)

TEXT, U8, F64 = StringType(), IntegerType(8, False), FloatType(64)
ROW = RecordType(
    (
        ("name", TEXT),
        ("count", U8),
        ("price", F64),
        ("ok", BoolType()),
        ("pair", TupleType((U8, U8))),
        ("color", EnumType(("a", "b"))),
        ("note", OptionType(TEXT)),
    )
)
GOOD = {"name": "ü", "count": 1, "price": 2, "ok": True, "pair": [1, 2], "color": "a", "note": "x"}


def slowly(type: WitType, value: Any) -> Any:
    try:
        return read(type, value)
    except Wrong:
        return Wrong


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_what_is_read_the_short_way_is_what_the_walk_reads(data: st.DataObject) -> None:
    type = data.draw(wit_types())
    read_column = column_reader(type)
    column = data.draw(st.lists(fitting_json(type) | nearly_fitting_json(type), min_size=1, max_size=5))
    try:
        found = list(read_column(column))
    except Unusual:
        return
    assert repr(found) == repr([slowly(type, value) for value in column])


@settings(deadline=None)
@given(st.data())
def test_a_list_is_read_as_its_items_are(data: st.DataObject) -> None:
    type = data.draw(wit_types())
    column = data.draw(st.lists(fitting_json(type) | nearly_fitting_json(type), max_size=5))
    items = [slowly(type, value) for value in column]
    found = slowly(ListType(type), column)
    assert found is Wrong if Wrong in items else repr(found) == repr(bytes(items) if ListType(type) == BYTES else items)


def short_way(type: WitType, *items: Any) -> Any:
    return list(column_reader(type)(items))


def test_plain_records_take_the_short_way() -> None:
    assert short_way(ListType(OptionType(ROW)), [GOOD, None], []) == [[(("ü", 1, 2.0, True, (1, 2), "a", ("x",)),), None], []]


def test_numbers_are_floats_whatever_they_are_written_as() -> None:
    assert repr(short_way(F64, 1.5, -0.0)) == "[1.5, -0.0]"
    assert repr(short_way(F64, 1.5, 2)) == "[1.5, 2.0]"


def test_records_without_their_options_take_the_short_way() -> None:
    bare = {name: GOOD[name] for name in GOOD if name != "note"}
    assert [row[-1] for row in short_way(ROW, GOOD, bare, {**GOOD, "note": None})] == [("x",), None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"name": "\ud800"},
        {"count": 300},
        {"count": True},
        {"price": float("inf")},
        {"price": 1 << 60},
        {"price": True},
        {"ok": 1},
        {"pair": [1]},
        {"pair": "ab"},
        {"color": "c"},
        {"color": []},
        {"more": 1},
    ],
)
def test_what_is_not_plain_is_looked_at_again(change: dict[str, Any]) -> None:
    with pytest.raises(Unusual):
        short_way(ROW, GOOD, {**GOOD, **change}, GOOD)


@pytest.mark.parametrize("value", ["x", {**{key: GOOD[key] for key in list(GOOD)[1:]}, "nope": 1}, {}])
def test_another_shape_is_looked_at_again(value: Any) -> None:
    with pytest.raises(Unusual):
        short_way(ROW, value)
    with pytest.raises(Unusual):
        short_way(ListType(TEXT), value)


SHAPE = VariantType((("number", U8), ("maybe", OptionType(TEXT)), ("bare", None)))
OUTCOME = ResultType(U8, None)
NESTED = OptionType(OptionType(U8))


def test_every_kind_of_case_takes_the_short_way() -> None:
    shapes = [{"tag": "bare"}, {"val": 1, "tag": "number"}, {"tag": "maybe", "val": None}, {"tag": "maybe", "val": "x"}]
    assert short_way(SHAPE, *shapes) == [("bare", None), ("number", 1), ("maybe", None), ("maybe", ("x",))]
    assert short_way(OUTCOME, {"ok": 1}, {"err": None}, {"ok": 2}) == [("ok", 1), ("err", None), ("ok", 2)]
    assert short_way(NESTED, None, {"some": None}, {"some": 1}) == [None, (None,), ((1,),)]
    assert short_way(FlagsType(("r", "w")), ["w", "r"], [], ["w"]) == [("r", "w"), (), ("w",)]


def test_bytes_characters_and_singles_take_the_short_way() -> None:
    assert short_way(BYTES, "aGk=", "") == [b"hi", b""]
    assert short_way(CharType(), "a", "é") == ["a", "é"]
    assert short_way(FloatType(32), 1, 0.1) == [1.0, 0.10000000149011612]


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (SHAPE, {"tag": "number"}),
        (SHAPE, {"tag": "number", "more": 1}),
        (SHAPE, {"tag": "bare", "val": None}),
        (SHAPE, {"tag": "nope"}),
        (SHAPE, {"tag": []}),
        (SHAPE, {"tag": "maybe"}),
        (SHAPE, {"val": 1, "gat": "number"}),
        (SHAPE, "bare"),
        (OUTCOME, {}),
        (OUTCOME, {"ok": 1, "err": None}),
        (OUTCOME, {"err": 1}),
        (OUTCOME, {"no": None}),
        (OUTCOME, {"ok": None}),
        (NESTED, 1),
        (NESTED, {"some": 1, "more": 2}),
        (NESTED, {}),
        (FlagsType(("r", "w")), ["r", "r"]),
        (FlagsType(("r", "w")), ["x"]),
        (BYTES, "aGk"),
        (BYTES, [1]),
        (CharType(), "ab"),
        (FloatType(32), 3.5e38),
        (FloatType(32), -3.5e38),
    ],
)
def test_what_is_no_plain_case_is_looked_at_again(type: WitType, value: Any) -> None:
    with pytest.raises(Unusual):
        short_way(type, value)
