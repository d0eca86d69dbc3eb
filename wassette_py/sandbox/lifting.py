"""C values of wasmtime -> neutral WIT values: a whole column at a time, not value by value. Nothing is freed here.

The elements of a list are a block of values, those of the records of a list stand somewhere each; of either, what differs is gathered into
columns of plain numbers (a scalar, an address, a size), and a column of them becomes a column of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from wassette_py.dataclass import dataclass
from wassette_py.errors import assert_never
from wassette_py.sandbox import layout
from wassette_py.sandbox.layout import DATA, IS_OK, MEMORY, OPTION_PAYLOAD, RESULT_PAYLOAD, SIZE, VAL_SIZE, VALUE, VARIANT_PAYLOAD
from wassette_py.sandbox.output import Room
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

Finish = Callable[[Sequence[Column], Room], Column]
"""Columns of plain numbers -> a column of values. Columns are never empty. Raises TooLarge before it copies more than there is room for."""

_TEXT = ((SIZE, "Q"), (DATA, "Q"))


@dataclass(frozen=True)
class Lifting:
    """`numbers`: where in a value what is, and its letter in `struct`, in that order; `finish` makes values of columns of those."""

    numbers: tuple[tuple[int, str], ...]
    finish: Finish

    def block(self, memory: bytes, room: Room, at: int = 0, stride: int = VAL_SIZE) -> Column:
        """The values that stand in `memory`, the first at `at`, each `stride` bytes behind the one before."""
        return self.finish([_numbers(memory, at + offset, code, stride) for offset, code in self.numbers], room)

    def boxed(self, addresses: Sequence[int], room: Room) -> Column:
        """The values at `addresses`, wherever those are."""
        return self.block(_gathered(addresses, VAL_SIZE), room)


def _numbers(memory: bytes, at: int, code: str, stride: int) -> Column:
    words = memoryview(memory).cast(code)  # type: ignore[call-overload]
    numbers: list[Any] = words[at // words.itemsize :: stride // words.itemsize].tolist()
    return numbers


def _gathered(addresses: Sequence[int], width: int) -> bytes:
    """So many bytes from each address on, joined."""
    return b"".join([MEMORY[at : at + width] for at in addresses])


def lifting(type: WitType) -> Lifting:
    """How values of `type` are read. Raises TypeError for a type no value can have."""
    match type:
        case BoolType() | IntegerType() | FloatType():
            return Lifting(((VALUE, layout.SCALAR_CODES[layout.kind_of(type)]),), _scalars)
        case CharType():
            return Lifting(((VALUE, layout.SCALAR_CODES[layout.CHAR]),), lambda numbers, room: list(map(chr, _scalars(numbers, room))))
        case StringType() | EnumType():
            return Lifting(_TEXT, _texts)
        case FlagsType(names):
            return Lifting(_TEXT, _flags(names))
        case ListType(element):
            return Lifting(_TEXT, _byte_lists if type == BYTES else _lists(lifting(element)))
        case TupleType(members):
            return _rows([lifting(member) for member in members], 0)
        case RecordType(fields):
            return _rows([lifting(field) for _, field in fields], layout.NAME_SIZE)
        case OptionType(some):
            return Lifting(((OPTION_PAYLOAD, "Q"),), _options(lifting(some)))
        case VariantType(cases):
            return Lifting((*_TEXT, (VARIANT_PAYLOAD, "Q")), _cases(_payloads(cases), _texts))
        case ResultType(ok, err):
            return Lifting(((IS_OK, "?"), (RESULT_PAYLOAD, "Q")), _cases(_payloads((("ok", ok), ("err", err))), _sides))
        case UnsupportedType(name):
            raise TypeError(f"no value can be a {name}")
        case _:
            return assert_never(type)


def _scalars(numbers: Sequence[Column], room: Room) -> Column:
    room.take(len(numbers[0]))
    return numbers[0]


def _texts(numbers: Sequence[Column], room: Room) -> Column:
    room.take(sum(numbers[0]) + 2 * len(numbers[0]))
    return [MEMORY[at : at + size].decode() for size, at in zip(*numbers, strict=True)]


def _byte_lists(numbers: Sequence[Column], room: Room) -> Column:
    room.take(sum(numbers[0]) + 2 * len(numbers[0]))
    return [MEMORY[at + VALUE : at + VALUE + size * VAL_SIZE : VAL_SIZE] for size, at in zip(*numbers, strict=True)]


def _blocks(numbers: Sequence[Column], width: int, room: Room) -> bytes:
    """What is in each of several vectors, joined."""
    room.take(sum(numbers[0]) + len(numbers[0]))
    return b"".join([MEMORY[at : at + size * width] for size, at in zip(*numbers, strict=True)])


def _split(values: Iterable[Any], sizes: Column) -> list[list[Any]]:
    left = iter(values)
    return [list(islice(left, size)) for size in sizes]


def _lists(element: Lifting) -> Finish:
    def finish(numbers: Sequence[Column], room: Room) -> Column:
        memory = _blocks(numbers, VAL_SIZE, room)
        return _split(element.block(memory, room) if memory else (), numbers[0])

    return finish


def _flags(order: Sequence[str]) -> Finish:
    def finish(numbers: Sequence[Column], room: Room) -> Column:
        words = memoryview(_blocks(numbers, layout.NAME_SIZE, room)).cast("Q")
        names = _texts((words[::2].tolist(), words[1::2].tolist()), room)
        return [tuple([name for name in order if name in given]) for given in _split(names, numbers[0])]

    return finish


def _rows(parts: Sequence[Lifting], before: int) -> Lifting:
    """Tuples and records: values of different types, each with so many bytes before it."""
    width = before + VAL_SIZE
    places = [(index * width + before, part) for index, part in enumerate(parts)]

    def finish(numbers: Sequence[Column], room: Room) -> Column:
        memory = _gathered(numbers[0], width * len(places))
        return list(zip(*[part.block(memory, room, at, width * len(places)) for at, part in places], strict=True))

    return Lifting(((DATA, "Q"),), finish)


def _options(some: Lifting) -> Finish:
    def finish(numbers: Sequence[Column], room: Room) -> Column:
        room.take(len(numbers[0]))
        present = [address for address in numbers[0] if address]
        payloads = iter(some.boxed(present, room) if present else ())
        return [(next(payloads),) if address else None for address in numbers[0]]

    return finish


def _payloads(cases: Iterable[tuple[str, WitType | None]]) -> dict[str, Lifting]:
    return {name: lifting(payload) for name, payload in cases if payload is not None}


def _sides(numbers: Sequence[Column], _room: Room) -> Column:
    return ["ok" if is_ok else "err" for is_ok in numbers[0]]


def _cases(payloads: Mapping[str, Lifting], named: Finish) -> Finish:
    """Variants and results: all numbers but the last say which case, the last where its payload is."""

    def finish(numbers: Sequence[Column], room: Room) -> Column:
        room.take(len(numbers[0]))
        *which, addresses = numbers
        names = named(which, room)
        where: dict[str, list[int]] = {}
        for name, address in zip(names, addresses, strict=True):
            if address:
                where.setdefault(name, []).append(address)
        values = {name: iter(payloads[name].boxed(found, room)) for name, found in where.items()}
        return [(name, next(values[name]) if address else None) for name, address in zip(names, addresses, strict=True)]

    return finish
