"""Values as JSON text: what the plain walk says of each, written a column at a time, and never more than there is room for."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import values, wit_types
from tests.wit.walk import result_json, walked
from wassette_py.wit.types import BYTES, FunctionType, IntegerType, ListType, TupleType, WitType
from wassette_py.wit.values import write_result

U64 = IntegerType(64, False)


def returning(type: WitType) -> FunctionType:
    return FunctionType(None, "f", (), TupleType((type,)))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_column_is_written_as_the_walk_writes_each_value(data: st.DataObject) -> None:
    type = data.draw(wit_types().filter(lambda type: ListType(type) != BYTES))
    column = data.draw(st.lists(values(type), max_size=6))
    _, found = result_json(returning(ListType(ListType(type))), ([column, [], column],))
    item = [walked(type, value) for value in column]
    assert repr(found) == repr([[item, [], item]])  # repr tells 1 from 1.0 and True, and the order of names


@settings(deadline=None)
@given(st.data())
def test_the_text_has_no_byte_too_many(data: st.DataObject) -> None:
    type = data.draw(wit_types())
    value = data.draw(values(type))
    _, text = write_result(returning(type), (value,))
    assert text == json.dumps([walked(type, value)], ensure_ascii=False, separators=(",", ":"))


def test_integers_beyond_what_json_readers_keep_are_texts_among_numbers() -> None:
    assert result_json(returning(ListType(U64)), ([1, 1 << 53, 2],)) == ("ok", [[1, "9007199254740992", 2]])
