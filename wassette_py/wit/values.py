"""A tool's JSON arguments -> the values of its parameters, and its result -> JSON that fits the output schema and loses nothing.

`reading.py` is the other half of the walk, NAME=VALUE words are `assignments.py`'s; what a model is told of an error is the host's.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, Literal, assert_never

from wassette_py.errors import InvalidArguments
from wassette_py.wit.assignments import read_assignments
from wassette_py.wit.bulk import written
from wassette_py.wit.reading import Wrong, as_f32, read_fields
from wassette_py.wit.schema import SAFE_INTEGER
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    CharType,
    EnumType,
    FlagsType,
    FloatType,
    FunctionType,
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

__all__ = ["read_arguments", "read_assignments", "write_result"]


def read_arguments(f: FunctionType, arguments: Mapping[str, object]) -> list[object]:
    """The values of `f`'s parameters, in order. Raises InvalidArguments: `$.items[3].count: expected an integer from 0 to 255, got 300`."""
    try:
        return list(read_fields(f.params, arguments))
    except Wrong as wrong:
        raise InvalidArguments(str(wrong)) from None


def write_result(f: FunctionType, value: object) -> tuple[Literal["ok", "err"], object]:
    """The JSON of what `f` returned (None for nothing); of a top-level WIT result, which side it is and that side's JSON."""
    if not isinstance(f.result, ResultType):
        return "ok", _write_payload(f.result, value)
    side, payload = _pair(value)
    return ("ok", _write_payload(f.result.ok, payload)) if side == "ok" else ("err", _write_payload(f.result.err, payload))


def write(type: WitType, value: Any) -> Any:  # noqa: PLR0912 - a case a WIT type
    """The JSON of a value of `type`."""
    match type:
        case StringType() | BoolType() | CharType() | EnumType():
            return value
        case IntegerType():
            return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
        case FloatType(bits):
            return _write_float(bits, value)
        case ListType(element):
            return base64.b64encode(value).decode() if type == BYTES else written(element, value, write)
        case OptionType(some):
            if value is None:
                return None
            return {"some": write(some, value[0])} if isinstance(some, OptionType) else write(some, value[0])
        case RecordType(fields):
            return {name: write(field, item) for (name, field), item in zip(fields, value, strict=True)}
        case TupleType(members):
            return [write(member, item) for member, item in zip(members, value, strict=True)]
        case VariantType(cases):
            tag, payload = _pair(value)
            return {"tag": tag} if dict(cases)[tag] is None else {"tag": tag, "val": _write_payload(dict(cases)[tag], payload)}
        case FlagsType():
            return list(value)
        case ResultType(ok, err):
            side, payload = _pair(value)
            return {side: _write_payload(ok if side == "ok" else err, payload)}
        case UnsupportedType(name):
            raise TypeError(f"no JSON value can be a {name}")
        case _:
            assert_never(type)


def _write_payload(type: WitType | None, value: object) -> object:
    return None if type is None else write(type, value)


def _write_float(bits: int, value: float) -> object:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value if bits == 64 else next(short for digits in (6, 7, 8, 9) if as_f32(short := float(f"{value:.{digits}g}")) == value)


def _pair(value: Any) -> tuple[str, Any]:
    tag, payload = value
    return tag, payload
