"""Neutral WIT values (`wit/types.py`) <-> wasmtime's C values, one codec an export, built once from its `FunctionType`.

Use: `codec = FunctionCodec(f)` once a component, then on any thread `codec.call(function, context, values)` a call. What is lowered
is allocated by wasmtime and freed here, results are copied and freed here; a codec holds no state between calls. Host functions use
`lowerer` and `lifter` for types that are more than a string. Values are those `wit/values.py` made: they are not checked again, a
wrong one raises whatever Python raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import byref
from functools import cache
from typing import Any, assert_never

from wassette_py.sandbox import layout
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

Lower = Callable[[Any], bytes]
"""A value -> its 32 bytes (`layout.py`), which own what they point to."""

Lift = Callable[[bytes, int], Any]
"""(copy of memory, offset of a value in it) -> the value."""


class FunctionCodec:
    """Converts the arguments and the result of one function, and calls it. Raises TypeError for a type no value can have."""

    def __init__(self, f: FunctionType) -> None:
        self.function = f
        self._lower = [lowerer(type) for _, type in f.params]
        self._lift = None if f.result is None else lifter(f.result)

    def call(self, function: Any, context: Any, values: Sequence[object]) -> object:
        """Calls a `wasmtime_component_func_t` of the store with `context`; None for a function without a result.

        Raises WasmtimeError as wasmtime made it: a trap, a limit, or an error of the epoch callback; translating it is the caller's.
        There is no post-return to call: wasmtime runs it as part of the call.
        """
        packed = _lower_all(self._lower, values)
        arguments = (layout.Val * len(packed)).from_buffer_copy(b"".join(packed))
        result = layout.Val()
        try:
            layout.call_raw(function, context, arguments, len(packed), None if self._lift is None else byref(result))
            return None if self._lift is None else self._lift(layout.copy_of(result), 0)
        finally:
            for owned in (*arguments, result):
                layout.delete(owned)


@cache
def lowerer(type: WitType) -> Lower:  # noqa: PLR0912 - a case a WIT type
    """What lowers a value of `type`."""
    match type:
        case BoolType() | IntegerType() | FloatType():
            return layout.scalar_packer(_kind(type))
        case CharType():
            pack = layout.scalar_packer(layout.CHAR)
            return lambda value: pack(ord(value))
        case StringType():
            return layout.pack_string
        case EnumType():
            return layout.pack_enum
        case FlagsType():
            return layout.pack_flags
        case ListType():
            return layout.pack_byte_list if type == BYTES else _list_lowerer(lowerer(type.element))
        case TupleType(members):
            lowerers = [lowerer(member) for member in members]
            return lambda value: layout.pack_tuple(b"".join(_lower_all(lowerers, value)))
        case RecordType(fields):
            names = [name.encode() for name, _ in fields]
            parts = [lowerer(field) for _, field in fields]
            return lambda value: layout.pack_record(names, _lower_all(parts, value))
        case OptionType(some):
            inner = lowerer(some)
            return lambda value: layout.pack_option(None if value is None else inner(value[0]))
        case VariantType(cases):
            payloads = {name: _payload_lowerer(payload) for name, payload in cases}
            return lambda value: layout.pack_variant(value[0], payloads[value[0]](value[1]))
        case ResultType(ok, err):
            sides = {"ok": _payload_lowerer(ok), "err": _payload_lowerer(err)}
            return lambda value: layout.pack_result(value[0] == "ok", sides[value[0]](value[1]))
        case UnsupportedType(name):
            raise TypeError(f"no value can be a {name}")
        case _:
            assert_never(type)


@cache
def lifter(type: WitType) -> Lift:
    """What lifts a value of `type`."""
    match type:
        case BoolType() | IntegerType() | FloatType():
            return layout.scalar_reader(_kind(type))
        case CharType():
            read = layout.scalar_reader(layout.CHAR)
            return lambda memory, at: chr(read(memory, at))
        case StringType() | EnumType():
            return layout.text_at
        case FlagsType(names):
            return lambda memory, at: _ordered(names, layout.names_at(memory, at))
        case ListType():
            return _list_lifter(type)
        case TupleType(members):
            lifters = [(index * layout.VAL_SIZE, lifter(member)) for index, member in enumerate(members)]
            return lambda memory, at: _lift_all(lifters, layout.values_at(memory, at)[1])
        case RecordType(fields):
            parts = [(index * layout.ENTRY_SIZE + layout.NAME_SIZE, lifter(field)) for index, (_, field) in enumerate(fields)]
            return lambda memory, at: _lift_all(parts, layout.entries_at(memory, at))
        case OptionType(some):
            return _option_lifter(lifter(some))
        case VariantType(cases):
            return _variant_lifter({name: _payload_lifter(payload) for name, payload in cases})
        case ResultType(ok, err):
            return _result_lifter(_payload_lifter(ok), _payload_lifter(err))
        case UnsupportedType(name):
            raise TypeError(f"no value can be a {name}")
        case _:
            assert_never(type)


def _kind(type: BoolType | IntegerType | FloatType) -> int:
    match type:
        case BoolType():
            return layout.BOOL
        case FloatType(bits):
            return {32: layout.F32, 64: layout.F64}[bits]
        case IntegerType():
            kinds = {"s8": layout.S8, "u8": layout.U8, "s16": layout.S16, "u16": layout.U16, "s32": layout.S32, "u32": layout.U32}
            return (kinds | {"s64": layout.S64, "u64": layout.U64})[type.name]
        case _:
            assert_never(type)


def _lower_all(lowerers: Sequence[Lower], values: Sequence[Any]) -> list[bytes]:
    """One value by each lowerer; what was lowered before one failed is given back."""
    packed: list[bytes] = []
    try:
        for lower, value in zip(lowerers, values, strict=True):
            packed.append(lower(value))
    except BaseException:
        for value in packed:
            layout.free(value)
        raise
    return packed


def _list_lowerer(lower: Lower) -> Lower:
    return lambda value: layout.pack_list(b"".join(_lower_all([lower] * len(value), value)))


def _payload_lowerer(type: WitType | None) -> Callable[[Any], bytes | None]:
    return (lambda _: None) if type is None else lowerer(type)


def _lift_all(lifters: Sequence[tuple[int, Lift]], memory: bytes) -> tuple[Any, ...]:
    return tuple([lift(memory, at) for at, lift in lifters])


def _list_lifter(type: ListType) -> Lift:
    if type == BYTES:
        return layout.byte_list_at
    if isinstance(type.element, BoolType | IntegerType | FloatType):
        return layout.scalar_list_reader(_kind(type.element))
    lift = lifter(type.element)

    def read(memory: bytes, at: int) -> list[Any]:
        size, values = layout.values_at(memory, at)
        return [lift(values, index * layout.VAL_SIZE) for index in range(size)]

    return read


def _option_lifter(lift: Lift) -> Lift:
    def read(memory: bytes, at: int) -> tuple[Any] | None:
        some = layout.option_at(memory, at)
        return None if some is None else (lift(some, 0),)

    return read


def _variant_lifter(cases: dict[str, Callable[[bytes | None], Any]]) -> Lift:
    def read(memory: bytes, at: int) -> tuple[str, Any]:
        case = layout.text_at(memory, at)
        return case, cases[case](layout.variant_payload_at(memory, at))

    return read


def _result_lifter(ok: Callable[[bytes | None], Any], err: Callable[[bytes | None], Any]) -> Lift:
    def read(memory: bytes, at: int) -> tuple[str, Any]:
        is_ok, payload = layout.result_at(memory, at)
        return ("ok", ok(payload)) if is_ok else ("err", err(payload))

    return read


def _payload_lifter(type: WitType | None) -> Callable[[bytes | None], Any]:
    if type is None:
        return lambda _: None
    lift = lifter(type)
    return lambda payload: None if payload is None else lift(payload, 0)


def _ordered(order: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple([name for name in order if name in names])
