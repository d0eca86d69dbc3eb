"""Hypothesis strategies for WIT types, their values, and JSON that fits, nearly fits or has nothing to do with them."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, assert_never

from hypothesis import strategies as st

from wassette_py.wit.schema import FLOAT_MAXIMUM, NOT_NUMBERS, SAFE_INTEGER
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
    UnsupportedType,
    VariantType,
    WitType,
)

Strategy = st.SearchStrategy[Any]

INTEGERS = tuple([IntegerType(bits, signed) for bits in (8, 16, 32, 64) for signed in (False, True)])
SCALARS: tuple[WitType, ...] = (BoolType(), *INTEGERS, FloatType(32), FloatType(64), CharType(), StringType(), BYTES)
_CHARACTERS = st.characters(exclude_categories=["Cs"])
_LABELS = st.sampled_from(["a", "b2", "c-d", "e-9", "long-er-name", "ok", "err", "some", "tag", "val", "true", "null"])


def _labels(most: int = 4) -> st.SearchStrategy[list[str]]:
    return st.lists(_LABELS, min_size=1, max_size=most, unique=True)


@st.composite
def _named(draw: st.DrawFn, types: st.SearchStrategy[WitType | None]) -> tuple[tuple[str, WitType | None], ...]:
    return tuple([(name, draw(types)) for name in draw(_labels())])


def _compounds(types: st.SearchStrategy[WitType]) -> st.SearchStrategy[WitType]:
    maybe = st.none() | types
    return st.one_of(
        st.builds(ListType, types),
        st.builds(OptionType, types),
        st.builds(ResultType, maybe, maybe),
        st.builds(TupleType, st.lists(types, min_size=1, max_size=3).map(tuple)),
        st.builds(RecordType, _named(types)),
        st.builds(VariantType, _named(maybe)),
    )


def wit_types(most: int = 8) -> st.SearchStrategy[WitType]:
    """Every type that has values, nested without end, of about `most` leaves."""
    names = _labels(6).map(tuple)
    leaves = st.sampled_from(SCALARS) | st.builds(EnumType, names) | st.builds(FlagsType, names)
    return st.recursive(leaves, _compounds, max_leaves=most)


def values(type: WitType) -> Strategy:
    """Neutral values of `type`."""
    match type:
        case BoolType():
            return st.booleans()
        case IntegerType():
            return st.integers(type.minimum, type.maximum)
        case FloatType(bits):
            return st.floats(width=32 if bits == 32 else 64)
        case CharType():
            return _CHARACTERS
        case StringType():
            return st.text(_CHARACTERS, max_size=8)
        case ListType(element):
            return st.binary(max_size=8) if type == BYTES else st.lists(values(element), max_size=3)
        case OptionType(some):
            return st.none() | st.tuples(values(some))
        case ResultType(ok, err):
            return st.one_of([st.tuples(st.just(side), _payloads(payload)) for side, payload in (("ok", ok), ("err", err))])
        case TupleType(members):
            return st.tuples(*[values(member) for member in members])
        case RecordType(fields):
            return st.tuples(*[values(field) for _, field in fields])
        case VariantType(cases):
            return st.one_of([st.tuples(st.just(name), _payloads(payload)) for name, payload in cases])
        case EnumType(names):
            return st.sampled_from(names)
        case FlagsType(names):
            return st.sets(st.sampled_from(names)).map(lambda chosen: tuple([name for name in names if name in chosen]))
        case UnsupportedType(name):
            raise TypeError(name)
        case _:
            assert_never(type)


def _payloads(type: WitType | None) -> Strategy:
    return st.none() if type is None else values(type)


def fitting_json(type: WitType) -> Strategy:
    """JSON that stands for a value of `type`, in every form that is accepted."""
    match type:
        case BoolType() | CharType() | StringType() | EnumType():
            return values(type)
        case IntegerType():
            return _integers(type)
        case FloatType(bits):
            maximum = FLOAT_MAXIMUM[bits]
            return st.floats(-maximum, maximum) | st.integers(-(10**38), 10**38) | st.sampled_from(NOT_NUMBERS)
        case ListType(element):
            array = st.lists(fitting_json(element), max_size=3)
            return array | st.binary(max_size=8).map(lambda data: base64.b64encode(data).decode()) if type == BYTES else array
        case OptionType(some):
            inner = fitting_json(some)
            return st.none() | (st.fixed_dictionaries({"some": inner}) if isinstance(some, OptionType) else inner)
        case ResultType(ok, err):
            return st.one_of([st.fixed_dictionaries({side: _payload_json(payload)}) for side, payload in (("ok", ok), ("err", err))])
        case TupleType(members):
            return st.tuples(*[fitting_json(member) for member in members]).map(list)
        case RecordType(fields):
            return _objects(fields)
        case VariantType(cases):
            return st.one_of([_case_json(name, payload) for name, payload in cases])
        case FlagsType(names):
            return st.lists(st.sampled_from(names), unique=True)
        case UnsupportedType(name):
            raise TypeError(name)
        case _:
            assert_never(type)


def _integers(type: IntegerType) -> Strategy:
    numbers = st.integers(max(type.minimum, -SAFE_INTEGER), min(type.maximum, SAFE_INTEGER))
    forms = numbers | numbers.filter(lambda n: abs(n) < 1 << 50).map(float)
    return forms if type.bits < 64 else forms | st.integers(type.minimum, type.maximum).map(str)


def _objects(fields: Sequence[tuple[str, WitType]]) -> Strategy:
    required = {name: fitting_json(type) for name, type in fields if not isinstance(type, OptionType)}
    return st.fixed_dictionaries(required, optional={name: fitting_json(type) for name, type in fields if isinstance(type, OptionType)})


def _case_json(name: str, payload: WitType | None) -> Strategy:
    tag = st.just(name)
    if payload is None:
        return st.fixed_dictionaries({"tag": tag})
    val = {"val": fitting_json(payload)}
    return (
        st.fixed_dictionaries({"tag": tag}, optional=val) if isinstance(payload, OptionType) else st.fixed_dictionaries({"tag": tag, **val})
    )


def _payload_json(type: WitType | None) -> Strategy:
    return st.none() if type is None else fitting_json(type)


def any_json() -> Strategy:
    """Any JSON value, with a liking for what is nearly a number, base64, a variant, a result."""
    texts = st.text(_CHARACTERS, max_size=3) | st.text("AZaz09+/=\n-", max_size=9) | st.text("0189-+\n ", max_size=21)
    numbers = st.integers() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | numbers | texts | st.sampled_from([*NOT_NUMBERS, "nan", math.pi, 1e308, 10**400, 3.5e38])
    keys = st.sampled_from(["ok", "err", "some", "tag", "val"]) | st.text(_CHARACTERS, max_size=3)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5)


@st.composite
def nearly_fitting_json(draw: st.DrawFn, type: WitType) -> Any:
    """JSON of `type` with one place changed: replaced, removed, added or doubled. It may still fit."""
    return _changed(draw, draw(fitting_json(type)))


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        change = draw(st.integers(0, 4))
        rest = {name: item for name, item in value.items() if name != key}
        if change == 0:
            return rest
        return (
            {**value, draw(st.text(_CHARACTERS, max_size=4)): draw(any_json())}
            if change == 1
            else {**rest, key: _changed(draw, value[key])}
        )
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        change = draw(st.integers(0, 4))
        if change < 2:
            return value[:at] + value[at + 1 :] if change == 0 else [*value, value[at]]
        return [*value[:at], _changed(draw, value[at]), *value[at + 1 :]]
    return draw(any_json())
