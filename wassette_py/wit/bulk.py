"""The short way for long lists: JSON items that are plainly right, read a whole column at a time, without a walk over their types for each.

`column_reader` takes only what needs no second look and raises Unusual for everything else; `reading.py` then does the whole list again,
and finds the error or the rarer spelling. What it takes means exactly what it means there: a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any, assert_never

from wassette_py.wit import plain
from wassette_py.wit.plain import Column, Read, Unusual, all_of
from wassette_py.wit.schema import KEPT, SAFE_INTEGER, may_be_omitted
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

__all__ = ["Unusual", "column_reader"]

_ABSENT = object()


@lru_cache(KEPT)
def column_reader(type: WitType) -> Read:  # noqa: PLR0912 - a case a WIT type
    """Reads what is plainly of `type`."""
    match type:
        case StringType():
            return plain.texts
        case CharType():
            return plain.characters
        case EnumType(names):
            return plain.names_of(names)
        case BoolType():
            return plain.booleans
        case IntegerType():
            return plain.integers(max(type.minimum, -SAFE_INTEGER), min(type.maximum, SAFE_INTEGER))
        case FloatType(bits):
            return plain.numbers if bits == 64 else plain.singles
        case ListType(element):
            return plain.byte_lists if type == BYTES else _lists(column_reader(element))
        case FlagsType(names):
            return _flags(names)
        case OptionType(some):
            return _options(_somes(column_reader(some)) if isinstance(some, OptionType) else column_reader(some))
        case RecordType(fields):
            return _records([(name, may_be_omitted(field), column_reader(field)) for name, field in fields])
        case TupleType(members):
            return _tuples([column_reader(member) for member in members])
        case VariantType(cases):
            return _cases(_payloads(cases), {name for name, payload in cases if payload is None}, _tagged, _ABSENT)
        case ResultType(ok, err):
            sides = (("ok", ok), ("err", err))
            return _cases(_payloads(sides), {side for side, payload in sides if payload is None}, _sided, None)
        case UnsupportedType(name):
            raise TypeError(f"no JSON value can be a {name}")
        case _:
            assert_never(type)


def _lists(read: Read) -> Read:
    def read_lists(values: Column) -> Column:
        all_of(values, list)
        elements = list(chain.from_iterable(values))
        items = iter(read(elements) if elements else ())
        return [list(islice(items, len(value))) for value in values]

    return read_lists


def _flags(order: Sequence[str]) -> Read:
    read_names = _lists(plain.names_of(order))

    def read_flags(values: Column) -> Column:
        given = list(map(frozenset, read_names(values)))
        if list(map(len, given)) != list(map(len, values)):
            raise Unusual
        return [tuple([name for name in order if name in names]) for names in given]

    return read_flags


def _options(read: Read) -> Read:
    def read_options(values: Column) -> Column:
        present = [value for value in values if value is not None]
        items = iter(read(present) if present else ())
        return [None if value is None else (next(items),) for value in values]

    return read_options


def _somes(read: Read) -> Read:
    """What a nested option holds is in an object of its own."""

    def read_somes(values: Column) -> Column:
        return read(_members(values, [("some", False)])[0])

    return read_somes


def _members(values: Column, names: Sequence[tuple[str, bool]]) -> list[list[Any]]:
    """A column for each name (and whether it may be omitted) of objects with no other names."""
    all_of(values, dict)
    # With as many names as are known, and each of those among them, there is no other.
    whole = {len(names)}.issuperset(map(len, values))
    if not whole and not {name for name, _ in names}.issuperset(chain.from_iterable(values)):
        raise Unusual
    try:
        return [
            [value.get(name) for value in values] if may_omit and not whole else [value[name] for value in values]
            for name, may_omit in names
        ]
    except KeyError:
        raise Unusual from None


def _records(fields: Sequence[tuple[str, bool, Read]]) -> Read:
    names = [(name, omitted) for name, omitted, _ in fields]

    def read_records(values: Column) -> Column:
        columns = _members(values, names)
        return list(zip(*[read(column) for (_, _, read), column in zip(fields, columns, strict=True)], strict=True))

    return read_records


def _tuples(members: Sequence[Read]) -> Read:
    def read_tuples(values: Column) -> Column:
        all_of(values, list)
        if not {len(members)}.issuperset(map(len, values)):
            raise Unusual
        return list(zip(*[read(column) for read, column in zip(members, zip(*values, strict=True), strict=True)], strict=True))

    return read_tuples


def _payloads(cases: Sequence[tuple[str, WitType | None]]) -> dict[str, Read]:
    return {name: column_reader(payload) for name, payload in cases if payload is not None}


def _tagged(values: Column) -> tuple[Column, Column]:
    """Tags and payloads of variants, which are objects with no other names."""
    payloads = [value.get("val", _ABSENT) for value in values]
    if sum(map(len, values)) != 2 * len(values) - payloads.count(_ABSENT):
        raise Unusual
    try:
        return list(map(itemgetter("tag"), values)), payloads
    except KeyError:
        raise Unusual from None


def _sided(values: Column) -> tuple[Column, Column]:
    """Sides and payloads of results, which are objects of one name; where a side has no payload it is null."""
    if not {1}.issuperset(map(len, values)):
        raise Unusual
    return list(chain.from_iterable(values)), list(chain.from_iterable(map(dict.values, values)))


def _cases(readers: Mapping[str, Read], bare: set[str], parted: Callable[[Column], tuple[Column, Column]], nothing: object) -> Read:
    """Variants and results: each is its case and its payload, which is `nothing` in the `bare` ones."""

    def read_cases(values: Column) -> Column:
        all_of(values, dict)
        names, payloads = parted(values)
        all_of(names, str)
        columns: dict[str, list[Any]] = {}
        for name, payload in zip(names, payloads, strict=True):
            if name in readers and payload is not _ABSENT:
                columns.setdefault(name, []).append(payload)
            elif name not in bare or payload is not nothing:
                raise Unusual
        items = {name: iter(readers[name](column)) for name, column in columns.items()}
        return [(name, next(items[name]) if name in items else None) for name in names]

    return read_cases
