"""WIT types -> JSON Schema 2020-12. `values.py` is the same walk over values, case for case; a property test holds them together.

What is read (`accepts=True`) is a little wider than what is written: options may be left out, list<u8> may be an array of numbers.
Only keywords that common clients keep are used: no `$ref`, no `oneOf`, `enum` instead of `const`.
"""

from __future__ import annotations

from collections.abc import Iterable

from wassette_py.errors import assert_never
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

KEPT = 4096
"""Types whose reader or writer is kept; they are strangers', and without end."""
SAFE_INTEGER = (1 << 53) - 1
"""The largest integer every JSON implementation keeps (RFC 8259, section 6)."""

FLOAT_MAXIMUM = {32: 3.4028235e38, 64: 1.7976931348623157e308}
"""The largest number of each width as JSON writes it; the first is rounded up and becomes f32's maximum."""

NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")
BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

Schema: TypeAlias = "dict[str, Any]"

_NULL: Schema = {"type": "null"}


def input_schema(f: FunctionType) -> Schema:
    """The arguments object of a tool: closed, options may be left out."""
    return _object(f.params, accepts=True)


def output_schema(f: FunctionType) -> Schema:
    """`{"result": …}`: the ok side of a top-level WIT result, null for a function without a result."""
    type = f.result.ok if isinstance(f.result, ResultType) else f.result
    return _closed({"result": _payload(type, accepts=False)}, ["result"])


def schema(type: WitType, *, accepts: bool = True) -> Schema:  # noqa: PLR0912 - a case a WIT type
    """What values of `type` are in JSON, when read (`accepts`) or when written."""
    match type:
        case BoolType():
            return {"type": "boolean"}
        case IntegerType():
            return _integer(type, accepts)
        case FloatType(bits):
            maximum = FLOAT_MAXIMUM[bits]
            return _any({"type": "number", "minimum": -maximum, "maximum": maximum}, _names(NOT_NUMBERS))
        case CharType():
            return {"type": "string", "minLength": 1, "maxLength": 1}
        case StringType():
            return {"type": "string"}
        case ListType(element):
            array = {"type": "array", "items": schema(element, accepts=accepts)}
            if type != BYTES:
                return array
            base64 = {"type": "string", "contentEncoding": "base64", "pattern": BASE64}
            return _any(base64, array) if accepts else base64
        case OptionType(some):
            value = schema(some, accepts=accepts)
            return _any(_closed({"some": value}, ["some"]) if isinstance(some, OptionType) else value, _NULL)
        case ResultType(ok, err):
            return _any(*[_closed({side: _payload(payload, accepts)}, [side]) for side, payload in (("ok", ok), ("err", err))])
        case TupleType(members):
            items = [schema(member, accepts=accepts) for member in members]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        case RecordType(fields):
            return _object(fields, accepts)
        case VariantType(cases):
            return _any(*[_case(name, payload, accepts) for name, payload in cases])
        case EnumType(names):
            return _names(names)
        case FlagsType(names):
            return {"type": "array", "items": _names(names), "uniqueItems": True}
        case UnsupportedType(name):
            raise TypeError(f"no JSON value can be a {name}")
        case _:
            return assert_never(type)


def may_be_omitted(type: WitType) -> bool:
    """Whether a parameter, field or payload may be left out, which means none."""
    return isinstance(type, OptionType)


def _integer(type: IntegerType, accepts: bool) -> Schema:
    number = {"type": "integer", "minimum": max(type.minimum, -SAFE_INTEGER), "maximum": min(type.maximum, SAFE_INTEGER)}
    if type.bits < 64:
        return number
    return _any(number, {"type": "string", "pattern": decimal_pattern(type) if accepts else "^-?[0-9]+$"})


def decimal_pattern(type: IntegerType) -> str:
    """The decimal numbers of a 64-bit type and no others, so that every string the schema lets through is in range."""
    positive = _up_to(str(type.maximum))
    return f"^(?:0|{positive}|-(?:{_up_to(str(-type.minimum))}))$" if type.signed else f"^(?:0|{positive})$"


def _up_to(maximum: str) -> str:
    """A pattern of the decimal numbers from 1 to `maximum`: those with fewer digits, and those of as many."""
    return f"[1-9][0-9]{{0,{len(maximum) - 2}}}|{_as_long(maximum, 1)}"


def _as_long(maximum: str, lowest: int = 0) -> str:
    """A pattern of what has as many digits as `maximum` and is not above it: a smaller first digit, or the same and so on."""
    first, rest = int(maximum[0]), maximum[1:]
    if not rest:
        return f"[{lowest}-{first}]"
    same = f"{first}(?:{_as_long(rest)})"
    return f"[{lowest}-{first - 1}][0-9]{{{len(rest)}}}|{same}" if first > lowest else same


def _object(fields: Iterable[tuple[str, WitType]], accepts: bool) -> Schema:
    fields = list(fields)
    required = [name for name, type in fields if not (accepts and may_be_omitted(type))]
    return _closed({name: schema(type, accepts=accepts) for name, type in fields}, required)


def _case(name: str, payload: WitType | None, accepts: bool) -> Schema:
    tag = _names([name])
    if payload is None:
        return _closed({"tag": tag}, ["tag"])
    required = ["tag"] if accepts and may_be_omitted(payload) else ["tag", "val"]
    return _closed({"tag": tag, "val": schema(payload, accepts=accepts)}, required)


def _payload(type: WitType | None, accepts: bool) -> Schema:
    return _NULL if type is None else schema(type, accepts=accepts)


def _closed(properties: Schema, required: list[str]) -> Schema:
    closed: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**closed, "required": required} if required else closed


def _names(names: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(names)}


def _any(*choices: Schema) -> Schema:
    return {"anyOf": list(choices)}
