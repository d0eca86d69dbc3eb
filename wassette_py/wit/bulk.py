"""The short way for long lists: JSON items that are plainly right, read a whole column at a time, without a walk over their types for each.

`column_reader` takes only what needs no second look and raises Unusual for everything else; `reading.py` then does the whole list again,
and finds the error or the rarer spelling. What it takes means exactly what it means there: a property test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from wassette_py.wit.schema import SAFE_INTEGER, may_be_omitted
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    EnumType,
    FloatType,
    IntegerType,
    ListType,
    OptionType,
    RecordType,
    StringType,
    TupleType,
    WitType,
)

Column = Sequence[Any]
Read = Callable[[Column], Column]
"""JSON items -> their values. Columns are never empty."""


KEPT = 4096
"""Types whose reader or writer is kept; they are strangers', and without end."""


class Unusual(Exception):
    """Not plainly right: look again."""


@lru_cache(KEPT)
def column_reader(type: WitType) -> Read | None:
    """Reads what is plainly of `type`; None where there is no short way."""
    match type:
        case StringType():
            return _texts
        case EnumType(names):
            return _enums(frozenset(names))
        case BoolType():
            return _booleans
        case IntegerType():
            return _integers(max(type.minimum, -SAFE_INTEGER), min(type.maximum, SAFE_INTEGER))
        case FloatType(64):
            return _numbers
        case ListType(element) if type != BYTES:
            return _lists(column_reader(element))
        case OptionType(some) if not isinstance(some, OptionType):
            return _options(column_reader(some))
        case RecordType(fields):
            return _records([(name, may_be_omitted(field), column_reader(field)) for name, field in fields])
        case TupleType(members):
            return _tuples([column_reader(member) for member in members])
        case _:
            return None


def _all_of(values: Iterable[Any], *types: type) -> set[type]:
    """Which of `types` there are; Unusual when there are others."""
    found = set(map(type, values))
    if not found.issubset(types):
        raise Unusual
    return found


def _texts(values: Column) -> Column:
    _all_of(values, str)
    together = "".join(values)
    if not together.isascii():
        try:
            together.encode()
        except UnicodeEncodeError:
            raise Unusual from None
    return values


def _enums(names: frozenset[str]) -> Read:
    def read(values: Column) -> Column:
        _all_of(values, str)
        if not names.issuperset(values):
            raise Unusual
        return values

    return read


def _booleans(values: Column) -> Column:
    _all_of(values, bool)
    return values


def _integers(lowest: int, highest: int) -> Read:
    def read(values: Column) -> Column:
        _all_of(values, int)
        if lowest <= min(values) and max(values) <= highest:
            return values
        raise Unusual

    return read


_SAFE_INTEGERS = _integers(-SAFE_INTEGER, SAFE_INTEGER)


def _numbers(values: Column) -> Column:
    kinds = _all_of(values, int, float)
    if int in kinds:
        _SAFE_INTEGERS([value for value in values if value.__class__ is int])
    if not all(map(math.isfinite, values)):
        raise Unusual
    return list(map(float, values)) if int in kinds else values


def _lists(read: Read | None) -> Read | None:
    if read is None:
        return None

    def read_lists(values: Column) -> Column:
        _all_of(values, list)
        elements = list(chain.from_iterable(values))
        items = iter(read(elements) if elements else ())
        return [list(islice(items, len(value))) for value in values]

    return read_lists


def _options(read: Read | None) -> Read | None:
    if read is None:
        return None

    def read_options(values: Column) -> Column:
        present = [value for value in values if value is not None]
        items = iter(read(present) if present else ())
        return [None if value is None else (next(items),) for value in values]

    return read_options


def _records(fields: Sequence[tuple[str, bool, Read | None]]) -> Read | None:
    known = [(name, omitted, read) for name, omitted, read in fields if read is not None]
    if len(known) < len(fields):
        return None
    names = {name for name, _, _ in known}

    def read_records(values: Column) -> Column:
        _all_of(values, dict)
        whole = {len(known)}.issuperset(map(len, values))
        if not whole and not names.issuperset(chain.from_iterable(values)):
            raise Unusual
        try:
            # With as many names as there are fields, and every field among them, no other name is there.
            columns = [
                read(list(map(itemgetter(name), values)) if whole or not omitted else [value.get(name) for value in values])
                for name, omitted, read in known
            ]
        except KeyError:
            raise Unusual from None
        return list(zip(*columns, strict=True))

    return read_records


def _tuples(members: Sequence[Read | None]) -> Read | None:
    known = [read for read in members if read is not None]
    if len(known) < len(members):
        return None

    def read_tuples(values: Column) -> Column:
        _all_of(values, list)
        if not {len(known)}.issuperset(map(len, values)):
            raise Unusual
        return list(zip(*[read(column) for read, column in zip(known, zip(*values, strict=True), strict=True)], strict=True))

    return read_tuples
