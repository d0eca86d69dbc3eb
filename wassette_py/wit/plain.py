"""Columns of JSON items that are plainly right: texts, numbers, names. What is not of the plainest form raises Unusual (`bulk.py`)."""

from __future__ import annotations

import math
from array import array
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wassette_py.wit.schema import FLOAT_MAXIMUM, SAFE_INTEGER

Column = Sequence[Any]
Read = Callable[[Column], Column]
"""JSON items -> their values. Columns are never empty."""


class Unusual(Exception):
    """Not plainly right: look again."""


def all_of(values: Iterable[Any], *types: type) -> set[type]:
    """Which of `types` there are; Unusual when there are others."""
    found = set(map(type, values))
    if not found.issubset(types):
        raise Unusual
    return found


def texts(values: Column) -> Column:
    """string."""
    all_of(values, str)
    together = "".join(values)
    if not together.isascii():
        try:
            together.encode()
        except UnicodeEncodeError:
            raise Unusual from None
    return values


def characters(values: Column) -> Column:
    """char."""
    if not {1}.issuperset(map(len, texts(values))):
        raise Unusual
    return values


def byte_lists(values: Column) -> Column:
    """list<u8>, as base64."""
    all_of(values, str)
    try:
        return [a2b_base64(value, strict_mode=True) for value in values]
    except ValueError:
        raise Unusual from None


def names_of(names: Sequence[str]) -> Read:
    """enum."""
    known = frozenset(names)

    def read(values: Column) -> Column:
        all_of(values, str)
        if not known.issuperset(values):
            raise Unusual
        return values

    return read


def booleans(values: Column) -> Column:
    """bool."""
    all_of(values, bool)
    return values


def integers(lowest: int, highest: int) -> Read:
    """Integers, as numbers."""

    def read(values: Column) -> Column:
        all_of(values, int)
        if lowest <= min(values) and max(values) <= highest:
            return values
        raise Unusual

    return read


_safe_integers = integers(-SAFE_INTEGER, SAFE_INTEGER)


def numbers(values: Column) -> Column:
    """f64."""
    kinds = all_of(values, int, float)
    if int in kinds:
        _safe_integers([value for value in values if value.__class__ is int])
    if not all(map(math.isfinite, values)):
        raise Unusual
    return list(map(float, values)) if int in kinds else values


def singles(values: Column) -> Column:
    """f32."""
    found = numbers(values)
    if min(found) < -FLOAT_MAXIMUM[32] or max(found) > FLOAT_MAXIMUM[32]:
        raise Unusual
    return array("f", found).tolist()
