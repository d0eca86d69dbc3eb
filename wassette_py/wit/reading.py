"""JSON -> WIT values, the same walk as `schema.py`, case for case. The values are the neutral ones of `wit/types.py`.

What the input schema lets through is read, everything else is refused: `Wrong` says what was expected, and gathers where on its way out.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping, Sequence
from functools import cache

from wassette_py.errors import assert_never
from wassette_py.wit.schema import FLOAT_MAXIMUM, NOT_NUMBERS, SAFE_INTEGER, decimal_pattern, may_be_omitted
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any, NoReturn

_MISSING = object()
_F32 = struct.Struct("=f")


class Wrong(Exception):
    """A JSON value that does not fit; the steps to it are added on the way out, so that what fits pays nothing."""

    def __init__(self, problem: str, *steps: str | int) -> None:
        super().__init__(problem)
        self.steps = list(reversed(steps))

    def at(self, step: str | int) -> Wrong:
        self.steps.append(step)
        return self

    def __str__(self) -> str:
        return f"${''.join(_step(step) for step in reversed(self.steps))}: {self.args[0]}"


def read(type: WitType, value: Any) -> Any:  # noqa: PLR0912 - a case a WIT type
    """The value of `type` that the JSON `value` stands for; Wrong when it stands for none."""
    match type:
        case StringType():
            return _read_text(value, "a string")
        case IntegerType():
            return _read_integer(type, value)
        case BoolType():
            return value if isinstance(value, bool) else _refuse("true or false", value)
        case FloatType(bits):
            return _read_float(bits, value)
        case CharType():
            return _read_text(value, "one character") if isinstance(value, str) and len(value) == 1 else _refuse("one character", value)
        case ListType(element):
            if type == BYTES:
                return _read_bytes(value)
            return _read_items(element, value) if isinstance(value, list) else _refuse("an array", value)
        case OptionType(some):
            return _read_option(some, value)
        case RecordType(fields):
            return read_fields(fields, value) if isinstance(value, dict) else _refuse("an object", value)
        case TupleType(members):
            return _read_members(members, value)
        case VariantType(cases):
            return _read_variant(cases, value)
        case EnumType(names):
            return value if isinstance(value, str) and value in names else _refuse(one_of(names), value)
        case FlagsType(names):
            return _read_flags(names, value)
        case ResultType(ok, err):
            return _read_result(ok, err, value)
        case UnsupportedType(name):
            raise TypeError(f"no JSON value can be a {name}")
        case _:
            return assert_never(type)


def _read_text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        _refuse(expected, value)
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(f"{expected} without lone surrogates", value)
    return value


def _read_integer(type: IntegerType, value: object) -> int:
    lowest, highest = max(type.minimum, -SAFE_INTEGER), min(type.maximum, SAFE_INTEGER)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    if type.bits < 64:
        _refuse(f"an integer from {lowest} to {highest}", value)
    if isinstance(value, str) and _decimal(type).match(value):
        return int(value)
    return _refuse(f"an integer from {type.minimum} to {type.maximum} (a decimal string beyond ±{SAFE_INTEGER})", value)


@cache
def _decimal(type: IntegerType) -> re.Pattern[str]:
    import re

    return re.compile(decimal_pattern(type))


def _read_float(bits: int, value: object) -> float:
    if isinstance(value, str) and value in NOT_NUMBERS:
        return float(value)
    maximum = FLOAT_MAXIMUM[bits]
    if isinstance(value, bool) or not isinstance(value, int | float) or not -maximum <= value <= maximum:
        _refuse(f"a number of at most ±{maximum:.8g}, or {_quoted(NOT_NUMBERS)}", value)
    return float(value) if bits == 64 else as_f32(float(value))


def as_f32(value: float) -> float:
    """The f32 nearest to `value`, which is in its range."""
    (rounded,) = _F32.unpack(_F32.pack(value))
    return float(rounded)


def _read_bytes(value: object) -> bytes:
    if isinstance(value, list):
        return bytes(_read_items(IntegerType(8, False), value))
    if isinstance(value, str):
        try:
            from binascii import a2b_base64

            return a2b_base64(value.removesuffix("\n").encode("ascii"), strict_mode=True)
        except ValueError:
            _refuse("base64 (RFC 4648, section 4)", value)
    return _refuse("base64 text or an array of integers from 0 to 255", value)


def _read_items(element: WitType, value: list[Any]) -> list[Any]:
    if value:
        from wassette_py.wit.bulk import Unusual, column_reader

        with contextlib.suppress(Unusual):
            return list(column_reader(element)(value))
    items: list[Any] = []
    try:
        for item in value:
            items.append(read(element, item))
    except Wrong as wrong:
        raise wrong.at(len(items)) from None
    return items


def _read_members(members: Sequence[WitType], value: object) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != len(members):
        _refuse(f"an array of {len(members)} items", value)
    return tuple([_read_at(index, member, item) for index, (member, item) in enumerate(zip(members, value, strict=True))])


def _read_option(some: WitType, value: object) -> tuple[Any] | None:
    if value is None:
        return None
    if not isinstance(some, OptionType):
        return (read(some, value),)
    if not isinstance(value, dict) or set(value) != {"some"}:
        _refuse('null or an object with "some" alone', value)
    return (_read_at("some", some, value["some"]),)


def read_fields(fields: Sequence[tuple[str, WitType]], value: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of a closed object's fields, in order; Wrong for an unknown name and for one that is missing."""
    names = [name for name, _ in fields]
    for name in value:
        if name not in names:
            raise Wrong(f"unknown name, expected {one_of(names) if names else 'no arguments'}", name)
    return tuple([_read_field(name, type, value) for name, type in fields])


def _read_field(name: str, type: WitType, value: Mapping[str, Any]) -> Any:
    if name not in value and may_be_omitted(type):
        return None
    return _read_at(name, type, value.get(name, _MISSING))


def _read_variant(cases: Sequence[tuple[str, WitType | None]], value: object) -> tuple[str, Any]:
    if not isinstance(value, dict) or "tag" not in value:
        _refuse('an object with "tag" and, where the case has one, "val"', value)
    payloads = dict(cases)
    tag = _read_at("tag", EnumType(tuple(payloads)), value["tag"])
    payload = payloads[tag]
    fields = [("tag", StringType()), *([] if payload is None else [("val", payload)])]
    _, *values = read_fields(fields, value)
    return tag, values[0] if values else None


def _read_flags(names: Sequence[str], value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        _refuse(f"an array of names: {one_of(names)}", value)
    given = _read_items(EnumType(tuple(names)), value)
    if len(set(given)) != len(given):
        _refuse("an array in which no name is repeated", value)
    return tuple([name for name in names if name in given])


def _read_result(ok: WitType | None, err: WitType | None, value: object) -> tuple[str, Any]:
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("ok", "err"):
        _refuse('an object with "ok" or "err" alone', value)
    ((side, payload),) = value.items()
    type = ok if side == "ok" else err
    if type is not None:
        return side, _read_at(side, type, payload)
    if payload is not None:
        raise Wrong(_problem("null", payload), side)
    return side, None


def _read_at(step: str | int, type: WitType, value: object) -> Any:
    try:
        return read(type, value)
    except Wrong as wrong:
        raise wrong.at(step) from None


# Words


def one_of(names: Sequence[str]) -> str:
    """`one of a, b, c`, the first twenty."""
    more = f" … ({len(names)} in all)" if len(names) > 20 else ""
    return f"one of {', '.join(names[:20])}{more}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join([_json(name) for name in names])


def _refuse(expected: str, got: object) -> NoReturn:
    raise Wrong(_problem(expected, got))


def _problem(expected: str, got: object) -> str:
    return f"missing, expected {expected}" if got is _MISSING else f"expected {expected}, got {_shown(got)}"


def _shown(value: object) -> str:
    match value:
        case str():
            return _json(value if len(value) <= 40 else f"{value[:40]}…")
        case bool() | None | float():
            return _json(value)
        case int():
            return str(value) if value.bit_length() <= 256 else "a very large number"
        case list():
            return f"an array of {len(value)} items"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    import re

    return f".{step}" if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", step) else f"[{_json(step[:64])}]"


def _json(value: object) -> str:
    import json  # for the words of an error

    return json.dumps(value)
