"""Values -> JSON text, the same walk as `schema.py`, case for case: what fits the output schema and loses nothing.

A writer takes a whole column, all the values that stand in the same place of the elements of a list, and gives for each of them something
whose `str` is its JSON. So a long list is written by few calls, and never held as JSON objects as well.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice

from wassette_py.errors import assert_never
from wassette_py.wire import quoted
from wassette_py.wit.schema import KEPT, SAFE_INTEGER
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
    from typing import Any, TypeAlias

Column: TypeAlias = "Sequence[Any]"


Writer = Callable[[Column], Column]
"""Values -> for each something whose `str` is its JSON. Columns are never empty."""


def json_of(type: WitType | None, value: object) -> str:
    """The JSON text of `value`; of no type: null. Raises TypeError for a type without values."""
    return "null" if type is None else str(writer(type)([value])[0])


@lru_cache(KEPT)
def writer(type: WitType) -> Writer:  # noqa: PLR0912 - a case a WIT type
    """What writes values of `type`."""
    match type:
        case StringType() | CharType() | EnumType():
            return _texts
        case BoolType():
            return _all(lambda value: "true" if value else "false")
        case IntegerType(bits):
            return _numbers if bits < 64 else _wide
        case FloatType(bits):
            return _doubles if bits == 64 else _singles
        case ListType(element):
            return _byte_lists if type == BYTES else _lists(writer(element))
        case OptionType(some):
            return _options(writer(some), '{"some":%s}' if isinstance(some, OptionType) else "%s")
        case RecordType(fields):
            return _rows("{%s}", [(f"{_quoted(name)}:%s", writer(field)) for name, field in fields])
        case TupleType(members):
            return _rows("[%s]", [("%s", writer(member)) for member in members])
        case VariantType(cases):
            around = {name: f'{{"tag":{_quoted(name)},"val":%s}}' for name, _ in cases}
            bare = {name: f'{{"tag":{quoted(name)}}}' for name, _ in cases}
            return _cases(bare, {name: (around[name], writer(payload)) for name, payload in cases if payload is not None})
        case ResultType(ok, err):
            sides = (("ok", ok), ("err", err))
            bare = {side: f'{{"{side}":null}}' for side, _ in sides}
            return _cases(bare, {side: (f'{{"{side}":%s}}', writer(payload)) for side, payload in sides if payload is not None})
        case FlagsType():
            return _all(lambda names: f"[{','.join(map(quoted, names))}]")
        case UnsupportedType(name):
            raise TypeError(f"no JSON value can be a {name}")
        case _:
            return assert_never(type)


def _quoted(name: str) -> str:
    """As JSON, inside a template."""
    return quoted(name).replace("%", "%%")


def _texts(values: Column) -> Column:
    return list(map(quoted, values))


def _byte_lists(values: Column) -> Column:
    from binascii import b2a_base64

    return [f'"{b2a_base64(value, newline=False).decode()}"' for value in values]


def _all(write: Callable[[Any], str]) -> Writer:
    def texts(values: Column) -> Column:
        return list(map(write, values))

    return texts


def _numbers(values: Column) -> Column:
    return values


def _wide(values: Column) -> Column:
    if min(values) >= -SAFE_INTEGER and max(values) <= SAFE_INTEGER:
        return values
    return [value if -SAFE_INTEGER <= value <= SAFE_INTEGER else f'"{value}"' for value in values]


def _doubles(values: Column) -> Column:
    return values if all(map(math.isfinite, values)) else [value if math.isfinite(value) else _not_finite(value) for value in values]


def _singles(values: Column) -> Column:
    """Each by the fewest digits that are that f32 and no other."""
    written = [_not_finite(value) if not math.isfinite(value) else value for value in values]
    left = [at for at, value in enumerate(values) if math.isfinite(value)]
    for digits in (6, 7, 8, 9):
        short = [float(f"{values[at]:.{digits}g}") for at in left]
        longer = []
        for at, text, read_again in zip(left, short, array("f", short), strict=True):
            if read_again == values[at]:
                written[at] = text
            else:
                longer.append(at)
        left = longer
    return written


def _not_finite(value: float) -> str:
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _lists(element: Writer) -> Writer:
    def texts(values: Column) -> Column:
        sizes = list(map(len, values))
        elements = map(str, element(list(chain.from_iterable(values))) if any(sizes) else ())
        return [f"[{','.join(islice(elements, size))}]" for size in sizes]

    return texts


def _rows(brackets: str, parts: Sequence[tuple[str, Writer]]) -> Writer:
    """Records and tuples; `parts`: what is around a member's JSON, and what writes it."""
    template = brackets % ",".join([around for around, _ in parts])

    def texts(values: Column) -> Column:
        columns = [write(column) for (_, write), column in zip(parts, zip(*values, strict=True), strict=True)]
        return list(map(template.__mod__, zip(*columns, strict=True)))

    return texts


def _options(some: Writer, around: str) -> Writer:
    def texts(values: Column) -> Column:
        present = [value[0] for value in values if value is not None]
        written = iter(some(present) if present else ())
        return ["null" if value is None else around % next(written) for value in values]

    return texts


def _cases(bare: Mapping[str, str], with_payload: Mapping[str, tuple[str, Writer]]) -> Writer:
    """Variants and results: how a case without payload is written, and what is around the JSON of one with it."""

    def texts(values: Column) -> Column:
        columns: dict[str, list[Any]] = {}
        for name, payload in values:
            if name in with_payload:
                columns.setdefault(name, []).append(payload)
        written = {name: _around(*with_payload[name], column) for name, column in columns.items()}
        return [next(written[name]) if name in written else bare[name] for name, _ in values]

    return texts


def _around(around: str, write: Writer, values: Column) -> Iterator[str]:
    return (around % text for text in write(values))
