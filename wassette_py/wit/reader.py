"""The types of a compiled component, as plain values: the only file of `wit` that knows wasmtime.

It reads whatever a component declares, hostile ones included: WIT types are a graph that may stand for an enormous tree, so a function
whose types are too deep or too many, or whose names are too long, comes out with an `UnsupportedType`. What can be a tool is decided in
`describe.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from wasmtime import Engine
from wasmtime import _ffi as ffi
from wasmtime import component as wasm

from wassette_py.errors import InvalidComponent
from wassette_py.wit.types import (
    BoolType,
    CharType,
    ComponentType,
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

MAX_FUNCTIONS = 2048
MAX_DEPTH = 32
MAX_PARTS = 4096  # types and names of one function, a long name for several
MAX_PARTS_TOGETHER = 65536  # of one component
_NAME_PART = 32  # bytes of a name that count for another part

_SCALARS: dict[type, WitType] = {
    wasm.Bool: BoolType(),
    wasm.S8: IntegerType(8, True),
    wasm.S16: IntegerType(16, True),
    wasm.S32: IntegerType(32, True),
    wasm.S64: IntegerType(64, True),
    wasm.U8: IntegerType(8, False),
    wasm.U16: IntegerType(16, False),
    wasm.U32: IntegerType(32, False),
    wasm.U64: IntegerType(64, False),
    wasm.F32: FloatType(32),
    wasm.F64: FloatType(64),
    wasm.Char: CharType(),
    wasm.String: StringType(),
    wasm.OwnType: UnsupportedType("resource"),
    wasm.BorrowType: UnsupportedType("resource"),
    wasm.StreamType: UnsupportedType("stream"),
    wasm.FutureType: UnsupportedType("future"),
    wasm.ErrorContext: UnsupportedType("error-context"),
}


def read_component_type(component: wasm.Component, engine: Engine) -> ComponentType:
    """Imports in order, without those that are types alone, and every function it exports, at world level or in an instance.

    Raises InvalidComponent when there are more than `MAX_FUNCTIONS`.
    """
    exports = tuple(islice(_functions(component, engine), MAX_FUNCTIONS + 1))
    if len(exports) > MAX_FUNCTIONS:
        raise InvalidComponent(f"the component exports more than {MAX_FUNCTIONS} functions")
    imports = [name for name, extern in component.type.imports(engine).items() if _is_used(extern, engine)]
    return ComponentType(tuple(imports), exports)


def _is_used(extern: object, engine: Engine) -> bool:
    """Whether importing `extern` gives anything: a type does not, nor an interface of types, which `use` in a world makes an import."""
    item = _item(extern)
    if isinstance(item, wasm.ComponentInstanceType):
        inside = item.exports(engine).values()
        return not inside or not all(isinstance(_item(inner), wasm.ValType) for inner in inside)
    return isinstance(item, wasm.FuncType)


def _item(extern: object) -> object:
    """What `extern` is; None for what wasmtime-py has no class for."""
    try:
        return extern.ty  # type: ignore[attr-defined]  # ComponentExtern is not exported
    except TypeError:
        return None


def _functions(component: wasm.Component, engine: Engine) -> Iterator[FunctionType]:
    together = _Budget(MAX_PARTS_TOGETHER)
    for name, extern in component.type.exports(engine).items():
        item = _item(extern)
        if isinstance(item, wasm.FuncType):
            yield _function(None, name, item, together)
        elif isinstance(item, wasm.ComponentInstanceType):
            for inner, inner_extern in item.exports(engine).items():
                function = _item(inner_extern)
                if isinstance(function, wasm.FuncType):
                    yield _function(name, inner, function, together)


class _TooLarge(Exception):
    """The types of a function are too deep or too many."""


class _Budget:
    """How many more parts may be read."""

    def __init__(self, parts: int) -> None:
        self.parts = parts

    def spend(self, parts: int) -> None:
        self.parts -= parts
        if self.parts < 0:
            raise _TooLarge

    def spend_names(self, names: Iterable[str]) -> None:
        self.spend(sum([len(name) // _NAME_PART for name in names]))


def _function(interface: str | None, name: str, function: wasm.FuncType, together: _Budget) -> FunctionType:
    is_async = ffi.wasmtime_component_func_type_async(function.ptr())
    available = min(MAX_PARTS, together.parts)
    budget = _Budget(available)
    try:
        budget.spend_names([name, *[param for param, _ in function.params]])
        params = tuple([(param, _read(type, budget, 0)) for param, type in function.params])
        result = None if function.result is None else _read(function.result, budget, 0)
    except _TooLarge:
        params, result = (), UnsupportedType("type too large to be described")
    except TypeError:
        # NOTE: raised by wasmtime-py for a kind of type it has no class for: map, and what may come.
        params, result = (), UnsupportedType("type of a kind that is not known")
    together.parts -= available - max(budget.parts, 0)
    return FunctionType(interface, name, params, result, is_async)


def _read(type: wasm.ValType, budget: _Budget, depth: int) -> WitType:
    budget.spend(1)
    if depth > MAX_DEPTH:
        raise _TooLarge
    scalar = _SCALARS.get(type.__class__)
    return _compound(type, budget, depth + 1) if scalar is None else scalar


def _compound(type: wasm.ValType, budget: _Budget, depth: int) -> WitType:
    match type:
        case wasm.ListType():
            return ListType(_read(type.element, budget, depth))
        case wasm.OptionType():
            return OptionType(_read(type.payload, budget, depth))
        case wasm.ResultType():
            return ResultType(_payload(type.ok, budget, depth), _payload(type.err, budget, depth))
        case wasm.TupleType():
            return TupleType(tuple([_read(member, budget, depth) for member in type.elements]))
        case wasm.RecordType():
            fields = type.fields
            budget.spend_names([name for name, _ in fields])
            return RecordType(tuple([(name, _read(field, budget, depth)) for name, field in fields]))
        case wasm.VariantType():
            cases = type.cases
            budget.spend(len(cases))
            budget.spend_names([name for name, _ in cases])
            return VariantType(tuple([(name, _payload(payload, budget, depth)) for name, payload in cases]))
        case wasm.EnumType() | wasm.FlagsType():
            names = tuple(type.names)
            budget.spend(len(names))
            budget.spend_names(names)
            return EnumType(names) if isinstance(type, wasm.EnumType) else FlagsType(names)
        case _:  # pragma: no cover - wasmtime-py has no other class; a new one is handled like the kinds it has none for
            raise TypeError(f"unknown type {type.__class__.__name__}")


def _payload(type: wasm.ValType | None, budget: _Budget, depth: int) -> WitType | None:
    return None if type is None else _read(type, budget, depth)
