"""Writes components, as WAT text, that give back what they get, for any WIT type: real guests without a toolchain.

Arguments of more than 16 flat values travel through memory, and so do results of more than one. So a tuple of the type and enough
padding arrives as a pointer to exactly what has to be returned, and the guest's code is `local.get 0`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from wassette_py.wit.types import (
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

PADDING = TupleType((IntegerType(8, False),) * 16)
PADDING_VALUE = (7,) * 16

_CORE = """
  (core module $guest
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 64))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get 2) (i32.const 1))) (i32.sub (i32.const 0) (local.get 2))))
      (global.set $top (i32.add (local.get $at) (local.get 3)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
        (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
      (local.get $at))
    (func (export "same") (param i32) (result i32) (local.get 0))
    (func (export "nothing"))
    (func (export "trap") unreachable))
  (core instance $core (instantiate $guest))
"""

_CANON = '(memory (core memory $core "memory")) (realloc (core func $core "realloc"))'


def padded(type: WitType) -> TupleType:
    """What `echo` takes and returns: the type, and padding."""
    return TupleType((type, PADDING))


def echo_function(type: WitType, name: str = "echo", interface: str | None = None) -> FunctionType:
    return FunctionType(interface, name, (("x", padded(type)),), padded(type))


def echo_component(type: WitType) -> str:
    """A component whose world exports `echo: func(x: tuple<type, padding>) -> tuple<type, padding>`."""
    return component({"echo": type})


def component(world: Mapping[str, WitType], interfaces: Mapping[str, Mapping[str, WitType]] | None = None, more: str = "") -> str:
    """A component with an echo function for each name, at world level and in interfaces; `more` is WAT at its end."""
    writer = _Writer()
    for name, type in world.items():
        writer.lines.append(f'(export "{name}" (func {writer.function(type)}))')
    for interface, functions in (interfaces or {}).items():
        writer.interface(interface, functions)
    return f"(component {_CORE}{' '.join(writer.lines)} {more})"


class _Writer:
    """Collects definitions; a record, variant, enum or flags must be exported under a name to be used by an exported function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: list[str] = []
        self.exports_types = True
        self.count = 0

    def function(self, type: WitType) -> str:
        written = self.written(padded(type))
        self.count += 1
        id = f"$f{self.count}"
        self.lines.append(f'(func {id} (param "x" {written}) (result {written}) (canon lift (core func $core "same") {_CANON}))')
        return id

    def interface(self, name: str, functions: Mapping[str, WitType]) -> None:
        self.names, self.exports_types = [], False
        exports = [f'(export "{inner}" (func {self.function(type)}))' for inner, type in functions.items()]
        self.count += 1
        types = [f'(export "{id[1:]}" (type {id}))' for id in self.names]
        self.lines.append(f"(instance $i{self.count} {' '.join(types + exports)})")
        self.lines.append(f'(export "{name}" (instance $i{self.count}))')
        self.exports_types = True

    def named(self, definition: str) -> str:
        self.count += 1
        id = f"$t{self.count}"
        self.lines.append(f"(type {id} {definition})")
        self.names.append(id)
        if not self.exports_types:
            return id
        self.lines.append(f'(export $e{self.count} "t{self.count}" (type {id}))')
        return f"$e{self.count}"

    def written(self, type: WitType) -> str:
        match type:
            case BoolType():
                return "bool"
            case IntegerType():
                return type.name
            case FloatType(bits):
                return f"f{bits}"
            case CharType():
                return "char"
            case StringType():
                return "string"
            case ListType(element):
                return f"(list {self.written(element)})"
            case OptionType(some):
                return f"(option {self.written(some)})"
            case ResultType(ok, err):
                return f"(result {self.written(ok) if ok else ''} {f'(error {self.written(err)})' if err else ''})"
            case TupleType(members):
                return f"(tuple {' '.join([self.written(member) for member in members])})"
            case RecordType(fields):
                return self.named(f"(record {self.members('field', fields)})")
            case VariantType(cases):
                return self.named(f"(variant {self.members('case', cases)})")
            case EnumType(names):
                return self.named(f"(enum {_quoted(names)})")
            case FlagsType(names):
                return self.named(f"(flags {_quoted(names)})")
            case UnsupportedType(name):
                raise TypeError(name)
            case _:
                assert_never(type)

    def members(self, word: str, members: Sequence[tuple[str, WitType | None]]) -> str:
        return " ".join([f'({word} "{name}" {self.written(type) if type else ""})' for name, type in members])


def _quoted(names: tuple[str, ...]) -> str:
    return " ".join([f'"{name}"' for name in names])
