"""The plainest way to write a value as JSON, one value after another: what the writer of columns is compared with."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any, NoReturn, assert_never

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
from wassette_py.wit.values import write_result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def result_json(f: FunctionType, value: object) -> tuple[str, Any]:
    """What `write_result` writes, read again, strictly."""
    side, text = write_result(f, value)
    return side, json.loads(text, parse_constant=_no_constant)


def walked(type: WitType, value: Any) -> Any:
    """The JSON of a value of `type`."""
    match type:
        case StringType() | BoolType() | CharType() | EnumType():
            return value
        case IntegerType():
            return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
        case FloatType(bits):
            return _number(bits, value)
        case ListType(element):
            return base64.b64encode(value).decode() if type == BYTES else [walked(element, item) for item in value]
        case OptionType(some):
            if value is None:
                return None
            return {"some": walked(some, value[0])} if isinstance(some, OptionType) else walked(some, value[0])
        case RecordType(fields):
            return {name: walked(field, item) for (name, field), item in zip(fields, value, strict=True)}
        case TupleType(members):
            return [walked(member, item) for member, item in zip(members, value, strict=True)]
        case VariantType(cases):
            payload = dict(cases)[value[0]]
            return {"tag": value[0]} if payload is None else {"tag": value[0], "val": walked(payload, value[1])}
        case FlagsType():
            return list(value)
        case ResultType(ok, err):
            side = ok if value[0] == "ok" else err
            return {value[0]: None if side is None else walked(side, value[1])}
        case UnsupportedType(name):
            raise TypeError(name)
        case _:
            assert_never(type)


def _number(bits: int, value: float) -> object:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if bits == 64 else next(short for digits in (6, 7, 8, 9) if _f32(short := float(f"{value:.{digits}g}")) == value)


def _f32(value: float) -> float:
    return float(struct.unpack("=f", struct.pack("=f", value))[0])
