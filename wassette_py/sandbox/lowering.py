"""Neutral WIT values -> C values in memory of our own, lent to wasmtime for one call: a whole column at a time, not value by value.

wasmtime only reads the arguments of a call: nothing here is allocated by it, and nothing is freed. All values that stand in the same place
of the elements of a list are one column, written by a few strided copies; names of fields and cases are made once a type and pointed to.
What a block points to is put into `kept`, which must outlive the call. (What host functions return becomes wasmtime's: `packing.py`.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain

from wassette_py.dataclass import dataclass
from wassette_py.errors import assert_never
from wassette_py.sandbox import layout
from wassette_py.sandbox.columns import Column, Kept, Names
from wassette_py.sandbox.layout import DATA, IS_OK, OPTION_PAYLOAD, RESULT_PAYLOAD, VAL_SIZE, VALUE, VARIANT_PAYLOAD
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

Values: TypeAlias = "Sequence[Any]"


@dataclass(frozen=True)
class Lowering:
    """`template` is a value of the type in which `fill` writes what differs. Columns are never empty."""

    template: bytes
    fill: Callable[[Values, Column, Kept], None]

    def block(self, values: Values, kept: Kept) -> int:
        """The address of `values`, one after another."""
        rows = bytearray(self.template) * len(values)
        kept.append(rows)
        if values:
            self.fill(values, Column(rows, 0, VAL_SIZE), kept)
        return layout.address_of_bytearray(rows)


class Rows:
    """Writes values of different types that have their places in a row, in each of several rows like `template`."""

    def __init__(self, parts: Sequence[tuple[bytes, Lowering]]) -> None:
        """`parts`: what stands before the value in the row, and the value."""
        self.template = b"".join([before + part.template for before, part in parts])
        ends = list(accumulate([len(before) + VAL_SIZE for before, _ in parts]))
        self._parts = [(end - VAL_SIZE, part) for end, (_, part) in zip(ends, parts, strict=True)]

    def of(self, values: Sequence[Values], kept: Kept) -> bytearray:
        """A row for each of `values`, which has one a part."""
        rows = bytearray(self.template) * len(values)
        kept.append(rows)
        for (at, part), column in zip(self._parts, zip(*values, strict=True), strict=True):
            part.fill(column, Column(rows, at, len(self.template)), kept)
        return rows


def lowering(type: WitType) -> Lowering:  # noqa: PLR0912 - a case a WIT type
    """How values of `type` are written. Raises TypeError for a type no value can have."""
    match type:
        case BoolType() | IntegerType() | FloatType():
            kind = layout.kind_of(type)
            return _scalar(kind, {layout.BOOL: "B"}.get(kind, layout.SCALAR_CODES[kind]))
        case CharType():
            code = layout.SCALAR_CODES[layout.CHAR]
            return Lowering(_template(layout.CHAR), lambda values, column, _: column.put(VALUE, code, map(ord, values)))
        case StringType():
            return Lowering(_template(layout.STRING), _fill_strings)
        case EnumType(names):
            return _enum(names)
        case FlagsType(names):
            return _flags(names)
        case ListType(element):
            return Lowering(_template(layout.LIST), _fill_byte_lists if type == BYTES else _lists(lowering(element)))
        case TupleType(members):
            return _rows(layout.TUPLE, [(b"", lowering(member)) for member in members])
        case RecordType(fields):
            return _record(fields)
        case OptionType(some):
            return Lowering(_template(layout.OPTION), _options(lowering(some)))
        case VariantType(cases):
            return _variant(cases)
        case ResultType(ok, err):
            return _result(ok, err)
        case UnsupportedType(name):
            raise TypeError(f"no value can be a {name}")
        case _:
            return assert_never(type)


def _template(kind: int, size: int = 0) -> bytes:
    return layout.VECTOR.pack(kind, size, 0)


def _scalar(kind: int, code: str) -> Lowering:
    return Lowering(_template(kind), lambda values, column, _: column.put(VALUE, code, values))


def _fill_strings(values: Values, column: Column, kept: Kept) -> None:
    text = "".join(values)
    pieces = values if text.isascii() else [value.encode() for value in values]
    joined = text.encode() if pieces is values else b"".join(pieces)
    kept.append(joined)
    column.put_vectors(list(map(len, pieces)), layout.address_of_bytes(joined), 1)


def _fill_byte_lists(values: Values, column: Column, kept: Kept) -> None:
    data = b"".join(values)
    block = bytearray(_template(layout.U8)) * len(data)
    block[VALUE::VAL_SIZE] = data
    kept.append(block)
    column.put_vectors(list(map(len, values)), layout.address_of_bytearray(block), VAL_SIZE)


def _lists(element: Lowering) -> Callable[[Values, Column, Kept], None]:
    def fill(values: Values, column: Column, kept: Kept) -> None:
        column.put_vectors(list(map(len, values)), element.block(list(chain.from_iterable(values)), kept), VAL_SIZE)

    return fill


def _enum(cases: Sequence[str]) -> Lowering:
    names = Names(cases)
    return Lowering(_template(layout.ENUM), lambda values, column, kept: names.put(column, values, kept))


def _flags(flags: Sequence[str]) -> Lowering:
    names = Names(flags)
    packed = {name: names.packed(name) for name in flags}

    def fill(values: Values, column: Column, kept: Kept) -> None:
        block = b"".join(map(packed.__getitem__, chain.from_iterable(values)))
        kept += [names, block]
        column.put_vectors(list(map(len, values)), layout.address_of_bytes(block), layout.NAME_SIZE)

    return Lowering(_template(layout.FLAGS), fill)


def _rows(kind: int, parts: Sequence[tuple[bytes, Lowering]], names: Names | None = None) -> Lowering:
    rows = Rows(parts)
    width = len(rows.template)

    def fill(values: Values, column: Column, kept: Kept) -> None:
        kept.append(names)
        address = layout.address_of_bytearray(rows.of(values, kept))
        column.put(DATA, "Q", range(address, address + width * len(values), width))

    return Lowering(_template(kind, len(parts)), fill)


def _record(fields: Sequence[tuple[str, WitType]]) -> Lowering:
    names = Names([name for name, _ in fields])
    return _rows(layout.RECORD, [(names.packed(name), lowering(field)) for name, field in fields], names)


def _options(some: Lowering) -> Callable[[Values, Column, Kept], None]:
    def fill(values: Values, column: Column, kept: Kept) -> None:
        present = [value[0] for value in values if value is not None]
        addresses = _each(some.block(present, kept), len(present))
        column.put(OPTION_PAYLOAD, "Q", [0 if value is None else next(addresses) for value in values])

    return fill


def _variant(cases: Sequence[tuple[str, WitType | None]]) -> Lowering:
    names = Names([name for name, _ in cases])
    payloads = {name: lowering(payload) for name, payload in cases if payload is not None}

    def fill(values: Values, column: Column, kept: Kept) -> None:
        names.put(column, [name for name, _ in values], kept)
        column.put(VARIANT_PAYLOAD, "Q", _payloads(payloads, values, kept))

    return Lowering(_template(layout.VARIANT), fill)


def _result(ok: WitType | None, err: WitType | None) -> Lowering:
    payloads = {side: lowering(payload) for side, payload in (("ok", ok), ("err", err)) if payload is not None}

    def fill(values: Values, column: Column, kept: Kept) -> None:
        column.put(IS_OK, "B", [side == "ok" for side, _ in values])
        column.put(RESULT_PAYLOAD, "Q", _payloads(payloads, values, kept))

    return Lowering(_template(layout.RESULT), fill)


def _payloads(payloads: Mapping[str, Lowering], values: Values, kept: Kept) -> list[int]:
    """The address of each value's payload, 0 for none; those of one case are one column."""
    columns: dict[str, list[Any]] = {}
    for name, payload in values:
        if name in payloads:
            columns.setdefault(name, []).append(payload)
    blocks = {name: _each(payloads[name].block(column, kept), len(column)) for name, column in columns.items()}
    return [next(blocks[name]) if name in blocks else 0 for name, _ in values]


def _each(address: int, count: int) -> Iterator[int]:
    """The addresses of so many values, the first at `address`."""
    return iter(range(address, address + count * VAL_SIZE, VAL_SIZE))
