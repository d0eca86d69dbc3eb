"""The short way for long lists: JSON items that are plainly right, read and written without the walk over their types for each of them.

`quick_reader` takes only what needs no second look and raises Unusual for everything else; `reading.py` then does the whole list again, and
finds the error or the rarer spelling. What it takes means exactly what it means there: a property test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from wassette_py.wit.schema import SAFE_INTEGER
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    CharType,
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

Convert = Callable[[Any], Any]


class Unusual(Exception):
    """Not plainly right: look again."""


@cache
def quick_reader(type: WitType) -> Convert | None:
    """Reads what is plainly of `type`; None where there is no short way."""
    match type:
        case StringType():
            return _text
        case BoolType():
            return _boolean
        case IntegerType():
            return _integers(max(type.minimum, -SAFE_INTEGER), min(type.maximum, SAFE_INTEGER))
        case FloatType(64):
            return _number
        case ListType(element) if type != BYTES:
            return _lists(quick_reader(element))
        case OptionType(some) if not isinstance(some, OptionType):
            return _options(quick_reader(some))
        case RecordType(fields):
            return _records([(name, quick_reader(field)) for name, field in fields])
        case TupleType(members):
            return _tuples([quick_reader(member) for member in members])
        case _:
            return None


def _text(value: Any) -> str:
    if value.__class__ is not str:
        raise Unusual
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unusual from None
    return value


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise Unusual


def _number(value: Any) -> float:
    if value.__class__ is float and math.isfinite(value):
        return value
    if value.__class__ is int and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return float(value)
    raise Unusual


def _integers(lowest: int, highest: int) -> Convert:
    def read(value: Any) -> int:
        if value.__class__ is int and lowest <= value <= highest:
            return value
        raise Unusual

    return read


def _lists(read: Convert | None) -> Convert | None:
    if read is None:
        return None

    def read_list(value: Any) -> list[Any]:
        if value.__class__ is list:
            return [read(item) for item in value]
        raise Unusual

    return read_list


def _options(read: Convert | None) -> Convert | None:
    return None if read is None else lambda value: None if value is None else (read(value),)


def _records(fields: list[tuple[str, Convert | None]]) -> Convert | None:
    known = [(name, read) for name, read in fields if read is not None]
    if len(known) < len(fields):
        return None

    def read_record(value: Any) -> tuple[Any, ...]:
        if value.__class__ is not dict or len(value) != len(known):
            raise Unusual
        try:
            return tuple([read(value[name]) for name, read in known])
        except KeyError:  # a name is unknown, and perhaps another was omitted
            raise Unusual from None

    return read_record


def _tuples(members: list[Convert | None]) -> Convert | None:
    known = [read for read in members if read is not None]
    if len(known) < len(members):
        return None

    def read_tuple(value: Any) -> tuple[Any, ...]:
        if value.__class__ is not list or len(value) != len(known):
            raise Unusual
        return tuple([read(item) for read, item in zip(known, value, strict=True)])

    return read_tuple


@cache
def quick_writer(type: WitType, write: Callable[[WitType, Any], Any]) -> Convert:
    """Writes a value of `type`; `write` where there is no short way."""
    match type:
        case StringType() | BoolType() | CharType() | EnumType():
            return _same
        case IntegerType(bits) if bits < 64:
            return _same
        case FloatType(64):
            return lambda value: value if math.isfinite(value) else write(type, value)
        case RecordType(fields):
            names = [name for name, _ in fields]
            writers = [quick_writer(field, write) for _, field in fields]
            return lambda value: dict(zip(names, [convert(item) for convert, item in zip(writers, value, strict=True)], strict=True))
        case TupleType(members):
            members_writers = [quick_writer(member, write) for member in members]
            return lambda value: [convert(item) for convert, item in zip(members_writers, value, strict=True)]
        case _:
            return lambda value: write(type, value)


def _same(value: Any) -> Any:
    return value


def written(element: WitType, values: list[Any], write: Callable[[WitType, Any], Any]) -> list[Any]:
    """The JSON of each value of a list."""
    convert = quick_writer(element, write)
    return list(values) if convert is _same else [convert(value) for value in values]
