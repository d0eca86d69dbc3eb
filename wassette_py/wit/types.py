"""WIT types as plain values, so that schemas and values can be walked, tested and compared without an engine.

Source: the component model's WIT, https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md. They are
read from a compiled component by `sandbox/component_type.py`; nothing here knows wasmtime.

A value of each type, as `wit/values.py` and the sandbox's codec exchange it:

=============  ==========================================================
bool           bool
integers       int, in range
floats         float
char, string   str
list<u8>       bytes
list<t>        list
tuple          tuple, one entry a member
record         tuple, one entry a field, in the order of the type
variant        (case name, payload or None)
enum           str
option<t>      None, or (value,)
result         ("ok" or "err", payload or None)
flags          tuple of names, in the order of the type
=============  ==========================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from wassette_py.dataclass import dataclass
from wassette_py.errors import assert_never


@dataclass(frozen=True)
class BoolType:
    """bool."""


@dataclass(frozen=True)
class IntegerType:
    """u8 … s64."""

    bits: int
    signed: bool

    @property
    def name(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}"

    @property
    def minimum(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        return (1 << (self.bits - (1 if self.signed else 0))) - 1


@dataclass(frozen=True)
class FloatType:
    """f32, f64."""

    bits: int


@dataclass(frozen=True)
class CharType:
    """char: one Unicode scalar value."""


@dataclass(frozen=True)
class StringType:
    """string."""


@dataclass(frozen=True)
class ListType:
    """list<element>."""

    element: WitType


@dataclass(frozen=True)
class OptionType:
    """option<some>."""

    some: WitType


@dataclass(frozen=True)
class ResultType:
    """result<ok, err>; None where the side has no payload."""

    ok: WitType | None
    err: WitType | None


@dataclass(frozen=True)
class TupleType:
    """tuple<…>."""

    members: tuple[WitType, ...]


@dataclass(frozen=True)
class RecordType:
    """record: (field name, type), in order."""

    fields: tuple[tuple[str, WitType], ...]


@dataclass(frozen=True)
class VariantType:
    """variant: (case name, payload type or None), in order."""

    cases: tuple[tuple[str, WitType | None], ...]


@dataclass(frozen=True)
class EnumType:
    """enum: names, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class FlagsType:
    """flags: names, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class UnsupportedType:
    """A type no JSON value can stand for: own, borrow, stream, future, error-context, map; `name` says which."""

    name: str


WitType = (
    BoolType
    | IntegerType
    | FloatType
    | CharType
    | StringType
    | ListType
    | OptionType
    | ResultType
    | TupleType
    | RecordType
    | VariantType
    | EnumType
    | FlagsType
    | UnsupportedType
)

BYTES = ListType(IntegerType(8, False))


def parts(type: WitType) -> Iterator[WitType]:
    """`type` and every type inside it."""
    yield type
    for part in _inside(type):
        if part is not None:
            yield from parts(part)


def _inside(type: WitType) -> tuple[WitType | None, ...]:
    match type:
        case ListType(inner) | OptionType(inner):
            return (inner,)
        case ResultType(ok, err):
            return (ok, err)
        case TupleType(members):
            return members
        case RecordType(named) | VariantType(named):
            return tuple([inner for _, inner in named])
        case BoolType() | IntegerType() | FloatType() | CharType() | StringType() | EnumType() | FlagsType() | UnsupportedType():
            return ()
        case _:
            return assert_never(type)


@dataclass(frozen=True)
class FunctionType:
    """One exported function; `interface` is its instance's full name (`acme:text/tools@1.0.0`), None at world level."""

    interface: str | None
    name: str
    params: tuple[tuple[str, WitType], ...]
    result: WitType | None
    is_async: bool = False

    @property
    def export(self) -> str:
        """The full WIT name: `acme:text/tools@1.0.0#diff`, or `diff` at world level."""
        return f"{self.interface}#{self.name}" if self.interface else self.name


@dataclass(frozen=True)
class ComponentType:
    """What a component imports (full interface names, in order) and exports."""

    imports: tuple[str, ...]
    exports: tuple[FunctionType, ...]
