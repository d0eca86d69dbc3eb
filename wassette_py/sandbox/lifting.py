"""C values of wasmtime -> neutral WIT values: a whole column at a time, not value by value. Nothing is freed here.

The elements of a list are a block of values, those of the records of a list stand somewhere each; of either, what differs is gathered into
columns of plain numbers (a scalar, an address, a size), and a column of them becomes a column of values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, repeat
from typing import Any, assert_never

from wassette_py.sandbox import layout
from wassette_py.sandbox.layout import DATA, IS_OK, MEMORY, OPTION_PAYLOAD, RESULT_PAYLOAD, SIZE, VAL_SIZE, VALUE, VARIANT_PAYLOAD
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

Column = Sequence[Any]

_TEXT = ((SIZE, "Q"), (DATA, "Q"))


@dataclass(frozen=True)
class Lifting:
    """`numbers`: where in a value what is, and its letter in `struct`, in that order; `finish`: columns of those -> a column of values.

    Columns are never empty.
    """

    numbers: tuple[tuple[int, str], ...]
    finish: Callable[[Sequence[Column]], Column]

    def block(self, memory: bytes) -> Column:
        """The values that stand in `memory` one after another."""
        return self.finish([_every_value(memory, at, code) for at, code in self.numbers])

    def boxed(self, addresses: Sequence[int]) -> Column:
        """The values at `addresses`, wherever those are."""
        return self._row.at(addresses)[0]

    @cached_property
    def _row(self) -> Rows:
        return Rows(((0, self),))


class Rows:
    """Reads values of different types that have their places in a row, in each of several rows."""

    def __init__(self, parts: Iterable[tuple[int, Lifting]]) -> None:
        self._finish: list[tuple[slice, Lifting]] = []
        pattern, end, count = "=", 0, 0
        for place, lifting in parts:
            for at, code in lifting.numbers:
                pattern += f"{place + at - end}x{code}"
                end = place + at + struct.calcsize(code)
            self._finish.append((slice(count, count + len(lifting.numbers)), lifting))
            count += len(lifting.numbers)
        self._unpack_from = struct.Struct(pattern).unpack_from

    def at(self, addresses: Sequence[int]) -> list[Column]:
        """A column of values for each part, of the rows at `addresses`."""
        numbers = list(zip(*map(self._unpack_from, repeat(MEMORY), addresses), strict=True))
        return [lifting.finish(numbers[some]) for some, lifting in self._finish]


def lifting(type: WitType) -> Lifting:
    """How values of `type` are read. Raises TypeError for a type no value can have."""
    match type:
        case BoolType() | IntegerType() | FloatType():
            return Lifting(((VALUE, layout.SCALAR_CODES[layout.kind_of(type)]),), _only)
        case CharType():
            return Lifting(((VALUE, layout.SCALAR_CODES[layout.CHAR]),), lambda numbers: list(map(chr, numbers[0])))
        case StringType() | EnumType():
            return Lifting(_TEXT, lambda numbers: _texts(*numbers))
        case FlagsType(names):
            return Lifting(_TEXT, _flags(names))
        case ListType(element):
            return Lifting(_TEXT, _byte_lists if type == BYTES else _lists(lifting(element)))
        case TupleType(members):
            return _rows([(index * VAL_SIZE, lifting(member)) for index, member in enumerate(members)])
        case RecordType(fields):
            return _rows([(index * layout.ENTRY_SIZE + layout.NAME_SIZE, lifting(field)) for index, (_, field) in enumerate(fields)])
        case OptionType(some):
            return Lifting(((OPTION_PAYLOAD, "Q"),), _options(lifting(some)))
        case VariantType(cases):
            payloads = {name: lifting(payload) for name, payload in cases if payload is not None}
            return Lifting((*_TEXT, (VARIANT_PAYLOAD, "Q")), lambda numbers: _cases(payloads, _texts(*numbers[:2]), numbers[2]))
        case ResultType(ok, err):
            sides = {side: lifting(payload) for side, payload in (("ok", ok), ("err", err)) if payload is not None}
            numbers = ((IS_OK, "?"), (RESULT_PAYLOAD, "Q"))
            return Lifting(numbers, lambda numbers: _cases(sides, ["ok" if is_ok else "err" for is_ok in numbers[0]], numbers[1]))
        case UnsupportedType(name):
            raise TypeError(f"no value can be a {name}")
        case _:
            assert_never(type)


def _every_value(memory: bytes, at: int, code: str) -> list[Any]:
    width = struct.calcsize(code)
    numbers: list[Any] = memoryview(memory).cast(code)[at // width :: VAL_SIZE // width].tolist()  # type: ignore[call-overload]
    return numbers


def _only(numbers: Sequence[Column]) -> Column:
    return numbers[0]


def _texts(sizes: Column, addresses: Column) -> list[str]:
    return [MEMORY[at : at + size].decode() for size, at in zip(sizes, addresses, strict=True)]


def _byte_lists(numbers: Sequence[Column]) -> Column:
    return [MEMORY[at + VALUE : at + VALUE + size * VAL_SIZE : VAL_SIZE] for size, at in zip(*numbers, strict=True)]


def _blocks(numbers: Sequence[Column], width: int) -> bytes:
    """What is in each of several vectors, joined."""
    return b"".join([MEMORY[at : at + size * width] for size, at in zip(*numbers, strict=True)])


def _split(values: Iterable[Any], sizes: Column) -> list[list[Any]]:
    left = iter(values)
    return [list(islice(left, size)) for size in sizes]


def _lists(element: Lifting) -> Callable[[Sequence[Column]], Column]:
    def finish(numbers: Sequence[Column]) -> Column:
        memory = _blocks(numbers, VAL_SIZE)
        return _split(element.block(memory) if memory else (), numbers[0])

    return finish


def _flags(order: Sequence[str]) -> Callable[[Sequence[Column]], Column]:
    def finish(numbers: Sequence[Column]) -> Column:
        words = memoryview(_blocks(numbers, layout.NAME_SIZE)).cast("Q")
        return [
            tuple([name for name in order if name in given])
            for given in _split(_texts(words[::2].tolist(), words[1::2].tolist()), numbers[0])
        ]

    return finish


def _rows(parts: Sequence[tuple[int, Lifting]]) -> Lifting:
    rows = Rows(parts)
    return Lifting(((DATA, "Q"),), lambda numbers: list(zip(*rows.at(numbers[0]), strict=True)))


def _options(some: Lifting) -> Callable[[Sequence[Column]], Column]:
    def finish(numbers: Sequence[Column]) -> Column:
        present = [address for address in numbers[0] if address]
        payloads = iter(some.boxed(present) if present else ())
        return [(next(payloads),) if address else None for address in numbers[0]]

    return finish


def _cases(payloads: Mapping[str, Lifting], names: Sequence[str], addresses: Column) -> Column:
    values: list[tuple[str, Any]] = [(name, None) for name in names]
    where: dict[str, list[int]] = {}
    for place, (name, address) in enumerate(zip(names, addresses, strict=True)):
        if address:
            where.setdefault(name, []).append(place)
    for name, places in where.items():
        for place, payload in zip(places, payloads[name].boxed([addresses[place] for place in places]), strict=True):
            values[place] = (name, payload)
    return values
