"""The types of a compiled component, from wasmtime's to plain values (`wit/types.py`).

It reads whatever a component declares, hostile ones included: WIT types are a graph that may stand for an enormous tree, so a function
whose types are too deep or too many, or whose names are too long, comes out with an `UnsupportedType`. What can be a tool is decided in
`wit/describe.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ctypes import byref, c_bool, c_void_p
from itertools import islice

from wassette_py.errors import InvalidComponent
from wassette_py.sandbox import binding
from wassette_py.sandbox.binding import ValType
from wassette_py.sandbox.layout import MEMORY
from wassette_py.sandbox.native import Owned, RawComponent, RawEngine
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FUNCTIONS = 2048
MAX_DEPTH = 32
MAX_PARTS = 4096  # types and names of one function, a long name for several
MAX_PARTS_TOGETHER = 65536  # of one component
_NAME_PART = 32  # bytes of a name that count for another part

INSTANCE, FUNC, TYPE = 1, 3, 6
"""Kinds of what is imported and exported."""
LIST, RECORD, TUPLE, VARIANT, ENUM, OPTION, RESULT, FLAGS, OWN, BORROW, FUTURE, STREAM, ERROR_CONTEXT = range(13, 26)
"""Kinds of types, behind those of `SCALARS`."""

SCALARS: tuple[WitType, ...] = (
    BoolType(),
    *[IntegerType(bits, True) for bits in (8, 16, 32, 64)],
    *[IntegerType(bits, False) for bits in (8, 16, 32, 64)],
    *[FloatType(bits) for bits in (32, 64)],
    CharType(),
    StringType(),
)
_WITHOUT_PARTS: dict[int, WitType] = {
    **dict(enumerate(SCALARS)),
    OWN: UnsupportedType("resource"),
    BORROW: UnsupportedType("resource"),
    STREAM: UnsupportedType("stream"),
    FUTURE: UnsupportedType("future"),
    ERROR_CONTEXT: UnsupportedType("error-context"),
}


def read_component_type(component: RawComponent, engine: RawEngine) -> ComponentType:
    """Imports in order, without those that are types alone, and every function it exports, at world level or in an instance.

    Raises InvalidComponent when there are more than `MAX_FUNCTIONS`.
    """
    exports = tuple(islice(_functions(component, engine), MAX_FUNCTIONS + 1))
    if len(exports) > MAX_FUNCTIONS:
        raise InvalidComponent(f"the component exports more than {MAX_FUNCTIONS} functions")
    imports = [name for name, kind, at in _imports(component, engine) if _is_used(kind, at, engine)]
    return ComponentType(tuple(imports), exports)


def read_imports(component: RawComponent, engine: RawEngine, *, inside: str) -> dict[str, list[str]]:
    """What it imports, types too; of interfaces whose names begin with `inside`, the names of what they have."""
    return {
        name: [inner for inner, _, _ in _inside(at, engine)] if kind == INSTANCE and name.startswith(inside) else []
        for name, kind, at in _imports(component, engine)
    }


def _is_used(kind: int, at: int, engine: RawEngine) -> bool:
    """Whether importing it gives anything: a type does not, nor an interface of types, which `use` in a world makes an import."""
    if kind != INSTANCE:
        return kind == FUNC
    inner = None
    for _, inner, _ in _inside(at, engine):
        if inner != TYPE:
            return True
    return inner is None


Extern = tuple[str, int, int]
"""Name, kind and address; the address is good until the next one is asked for."""


def _imports(component: RawComponent, engine: RawEngine) -> Iterator[Extern]:
    return _externs(binding.type_import_count, binding.type_import_nth, _type_of(component), engine)


def _inside(instance: int, engine: RawEngine) -> Iterator[Extern]:
    return _externs(binding.instance_type_export_count, binding.instance_type_export_nth, instance, engine)


def _type_of(component: RawComponent) -> Owned:
    return Owned(binding.component_type(component), binding.type_delete)


def _externs(count: Any, nth: Any, of: object, engine: RawEngine) -> Iterator[Extern]:
    name, extern, item = binding.Vector(), c_void_p(), binding.Item()
    for index in range(count(of, engine)):
        nth(of, engine, index, name, byref(name, 8), byref(extern))
        binding.extern_type(extern, item)
        binding.extern_delete(extern)
        try:
            yield _text(name), item[0] & 0xFF, item[1]
        finally:
            binding.item_delete(item)


def _text(name: Any) -> str:
    at, size = name
    return str(MEMORY[at : at + size], "utf-8")


def _functions(component: RawComponent, engine: RawEngine) -> Iterator[FunctionType]:
    together = _Budget(MAX_PARTS_TOGETHER)
    for name, kind, at in _externs(binding.type_export_count, binding.type_export_nth, _type_of(component), engine):
        if kind == FUNC:
            yield _function(None, name, at, together)
        elif kind == INSTANCE:
            for inner, inner_kind, function in _inside(at, engine):
                if inner_kind == FUNC:
                    yield _function(name, inner, function, together)


class _TooLarge(Exception):
    """The types of a function are too deep or too many."""


class _Unknown(Exception):
    """A kind of type that is not known here: map, and what may come."""


class _Budget:
    """How many more parts may be read."""

    def __init__(self, parts: int) -> None:
        self.parts = parts

    def spend(self, parts: int) -> None:
        self.parts -= parts
        if self.parts < 0:
            raise _TooLarge

    def spend_name(self, name: str) -> str:
        self.spend(len(name) // _NAME_PART)
        return name


def _function(interface: str | None, name: str, function: int, together: _Budget) -> FunctionType:
    is_async = binding.func_type_async(function)
    available = min(MAX_PARTS, together.parts)
    budget = _Budget(available)
    result: WitType | None
    try:
        budget.spend_name(name)
        params = tuple(_named(binding.func_type_param_count, binding.func_type_param_nth, function, budget, 0))
        result = _part(binding.func_type_result, function, budget, 0)
    except _TooLarge:
        params, result = (), UnsupportedType("type too large to be described")
    except _Unknown:
        params, result = (), UnsupportedType("type of a kind that is not known")
    together.parts -= available - max(budget.parts, 0)
    return FunctionType(interface, name, params, result, is_async)


def _read(type: Any, name: str, budget: _Budget, depth: int) -> WitType:
    """The type at `type`, which is freed, and its name where it has one."""
    try:
        budget.spend_name(name)
        budget.spend(1)
        if depth > MAX_DEPTH:
            raise _TooLarge
        kind, at = type[0] & 0xFF, type[1]
        if kind in _WITHOUT_PARTS:
            return _WITHOUT_PARTS[kind]
        if kind not in _WITH_PARTS:
            raise _Unknown
        return _WITH_PARTS[kind](at, budget, depth + 1)
    finally:
        binding.valtype_delete(type)


def _part(get: Any, at: int, budget: _Budget, depth: int) -> Any:
    """A type that is part of another; None where there is none."""
    type = ValType()
    return None if get(at, type) is False else _read(type, "", budget, depth)


def _named(count: Any, nth: Any, at: int, budget: _Budget, depth: int) -> Iterator[tuple[str, WitType]]:
    for index in range(count(at)):
        name, type = binding.Vector(), ValType()
        nth(at, index, name, byref(name, 8), type)
        text = _text(name)
        yield text, _read(type, text, budget, depth)


def _members(at: int, budget: _Budget, depth: int) -> Iterator[WitType]:
    for index in range(binding.tuple_type_count(at)):
        type = ValType()
        binding.tuple_type_nth(at, index, type)
        yield _read(type, "", budget, depth)


def _cases(at: int, budget: _Budget, depth: int) -> Iterator[tuple[str, WitType | None]]:
    for index in range(binding.variant_type_count(at)):
        name, type, has_payload = binding.Vector(), ValType(), c_bool()
        binding.variant_type_nth(at, index, name, byref(name, 8), byref(has_payload), type)
        text = budget.spend_name(_text(name))
        budget.spend(1)
        yield text, _read(type, "", budget, depth) if has_payload else None


def _names(count: Any, nth: Any, at: int, budget: _Budget) -> Iterator[str]:
    for index in range(count(at)):
        name = binding.Vector()
        nth(at, index, name, byref(name, 8))
        budget.spend(1)
        yield budget.spend_name(_text(name))


_WITH_PARTS: dict[int, Callable[[int, _Budget, int], WitType]] = {
    LIST: lambda *at: ListType(_part(binding.list_type_element, *at)),
    OPTION: lambda *at: OptionType(_part(binding.option_type_ty, *at)),
    RESULT: lambda *at: ResultType(_part(binding.result_type_ok, *at), _part(binding.result_type_err, *at)),
    TUPLE: lambda *at: TupleType(tuple(_members(*at))),
    RECORD: lambda *at: RecordType(tuple(_named(binding.record_type_count, binding.record_type_nth, *at))),
    VARIANT: lambda *at: VariantType(tuple(_cases(*at))),
    ENUM: lambda at, budget, _: EnumType(tuple(_names(binding.enum_type_count, binding.enum_type_nth, at, budget))),
    FLAGS: lambda at, budget, _: FlagsType(tuple(_names(binding.flags_type_count, binding.flags_type_nth, at, budget))),
}
