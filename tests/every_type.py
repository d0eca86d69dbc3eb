"""One example of every WIT type, and the components made of them: what must be covered whatever Hypothesis happens to draw."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.echo import component
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
    VariantType,
    WitType,
)

S8, U8, S16, U16, S32, U32, S64, U64 = (IntegerType(bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False))
F32, F64, TEXT = FloatType(32), FloatType(64), StringType()
POINT = RecordType((("x", S32), ("label", OptionType(TEXT))))
SHAPE = VariantType((("circle", F64), ("square", U32), ("line", TupleType((POINT, POINT))), ("dot", None), ("maybe", OptionType(U8))))
MODES = FlagsType(("read", "write", "execute"))
COLORS = EnumType(("red", "green", "blue"))


@dataclass(frozen=True)
class Example:
    """A type, JSON of it, the value that it means, and how that is written back."""

    name: str
    type: WitType
    json: Any
    value: Any
    written: Any = ...

    @property
    def canonical(self) -> Any:
        return self.json if self.written is ... else self.written


EXAMPLES = (
    Example("bool", BoolType(), True, True),
    Example("s8", S8, -128, -128),
    Example("u8", U8, 255.0, 255, 255),
    Example("s16", S16, -32768, -32768),
    Example("u16", U16, 65535, 65535),
    Example("s32", S32, -(1 << 31), -(1 << 31)),
    Example("u32", U32, (1 << 32) - 1, (1 << 32) - 1),
    Example("s64", S64, "-9223372036854775808", -(1 << 63)),
    Example("u64", U64, "18446744073709551615", (1 << 64) - 1),
    Example("u64-small", U64, "5", 5, 5),
    Example("s64-safe", S64, -9007199254740991, -9007199254740991),
    Example("f32", F32, 0.1, 0.10000000149011612),
    Example("f32-largest", F32, 3.4028235e38, 3.4028234663852886e38),
    Example("f64", F64, 0.1, 0.1),
    Example("f64-whole", F64, 3, 3.0, 3.0),
    Example("f64-infinity", F64, "-Infinity", float("-inf")),
    Example("char", CharType(), "🎉", "🎉"),
    Example("text", TEXT, "zé\n", "zé\n"),
    Example("bytes", BYTES, "aGk=", b"hi"),
    Example("bytes-numbers", BYTES, [104, 105.0], b"hi", "aGk="),
    Example("texts", ListType(TEXT), ["a", ""], ["a", ""]),
    Example("numbers", ListType(U16), [1, 2], [1, 2]),
    Example("truths", ListType(BoolType()), [True, False], [True, False]),
    Example("option-none", OptionType(TEXT), None, None),
    Example("option-some", OptionType(TEXT), "x", ("x",)),
    Example("option-nested", OptionType(OptionType(U8)), {"some": None}, (None,)),
    Example("option-nested-some", OptionType(OptionType(U8)), {"some": 3}, ((3,),)),
    Example("result-ok", ListType(ResultType(U8, TEXT)), [{"ok": 1}], [("ok", 1)]),
    Example("result-err", ListType(ResultType(U8, TEXT)), [{"err": "no"}], [("err", "no")]),
    Example("result-bare", ListType(ResultType(None, None)), [{"ok": None}, {"err": None}], [("ok", None), ("err", None)]),
    Example("tuple", TupleType((U8, TEXT)), [1, "a"], (1, "a")),
    Example("record", POINT, {"x": 1}, (1, None), {"x": 1, "label": None}),
    Example("variant-payload", SHAPE, {"tag": "circle", "val": 1.5}, ("circle", 1.5)),
    Example("variant-bare", SHAPE, {"tag": "dot"}, ("dot", None)),
    Example("variant-optional", SHAPE, {"tag": "maybe"}, ("maybe", None), {"tag": "maybe", "val": None}),
    Example("enum", COLORS, "green", "green"),
    Example("flags", MODES, ["execute", "read"], ("read", "execute"), ["read", "execute"]),
    Example("flags-none", MODES, [], ()),
)

INTERFACE = "acme:every/types@1.0.0"
DOCS = {
    "worlds": {
        "every": {
            "docs": "Every type.",
            "func_exports": {"text": {"docs": "Gives a text back.\nAs it was."}},
            "funcs": {"numbers": {"docs": "Gives numbers back."}, "text": {"docs": "an import of the same name"}},
        }
    },
    "interfaces": {
        "types": {"docs": "One function a type.", "funcs": {"bool": {"docs": "Gives a truth back."}, "u8": "Version 0 wrote this."}}
    },
}

_RESOURCE = """
  (type $file' (resource (rep i32)))
  (export $file "file" (type $file'))
  (core func $new (canon resource.new $file'))
  (core module $r (import "" "new" (func $new (param i32) (result i32))) (func (export "open") (result i32) (call $new (i32.const 1)))
    (func (export "size") (param i32) (result i32) (i32.const 1)))
  (core instance $r (instantiate $r (with "" (instance (export "new" (func $new))))))
  (func $open (result (own $file)) (canon lift (core func $r "open")))
  (func $size (param "self" (borrow $file)) (result u32) (canon lift (core func $r "size")))
  (export "open" (func $open))
  (export "[method]file.size" (func $size))
  (func $nothing (canon lift (core func $core "nothing")))
  (func $trap (canon lift (core func $core "trap")))
  (instance $helper (export "init" (func $nothing)))
  (export "exports" (instance $helper))
  (export "wasi:cli/run@0.2.0" (instance $helper))
  (export "mine" (instance $helper))
  (export "nothing" (func $nothing))
  (export "trap" (func $trap))
"""


def every_type_component() -> str:
    """Echo functions of every type in an interface, some at world level, functions without values, and exports that are no tools."""
    return component(
        {"text": TEXT, "numbers": ListType(U16)}, {INTERFACE: {example.name: example.type for example in EXAMPLES}}, more=_RESOURCE
    )


def with_docs(wasm: bytes, docs: object = DOCS) -> bytes:
    """The component with a package-docs section, as tools write it."""
    return wasm + custom_section(b"package-docs", b"\1" + json.dumps(docs).encode())


def custom_section(name: bytes, content: bytes) -> bytes:
    body = leb128(len(name)) + name + content
    return b"\0" + leb128(len(body)) + body


def leb128(value: int) -> bytes:
    """An unsigned number as WebAssembly writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
