"""Our picture of wasmtime's memory is wasmtime's own."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import pytest
from wasmtime import _bindings as bindings
from wasmtime import _ffi as ffi

from wassette_py.sandbox import layout

SIZES = [
    (bindings.wasmtime_component_val_t, layout.VAL_SIZE),
    (layout.Val, layout.VAL_SIZE),
    (bindings.wasmtime_component_valrecord_entry_t, layout.NAME_SIZE + layout.VAL_SIZE),
    (bindings.wasm_name_t, layout.NAME_SIZE),
    (bindings.wasmtime_component_func_t, 32),
    (bindings.wasmtime_component_valunion_t, 24),
]
OFFSETS = [
    (bindings.wasmtime_component_val_t.kind, 0),
    (bindings.wasmtime_component_val_t.of, 8),
    (bindings.wasm_name_t.size, 0),
    (bindings.wasm_name_t.data, 8),
    (bindings.wasmtime_component_vallist_t.size, 0),
    (bindings.wasmtime_component_vallist_t.data, 8),
    (bindings.wasmtime_component_valtuple_t.data, 8),
    (bindings.wasmtime_component_valrecord_t.data, 8),
    (bindings.wasmtime_component_valflags_t.data, 8),
    (bindings.wasmtime_component_valrecord_entry_t.name, 0),
    (bindings.wasmtime_component_valrecord_entry_t.val, layout.NAME_SIZE),
    (bindings.wasmtime_component_valvariant_t.discriminant, 0),
    (bindings.wasmtime_component_valvariant_t.val, 16),
    (bindings.wasmtime_component_valresult_t.is_ok, 0),
    (bindings.wasmtime_component_valresult_t.val, 8),
]
KINDS = ["BOOL", "S8", "U8", "S16", "U16", "S32", "U32", "S64", "U64", "F32", "F64", "CHAR", "STRING", "LIST", "RECORD", "TUPLE", "VARIANT"]


@pytest.mark.parametrize(("structure", "size"), SIZES)
def test_sizes_are_those_of_wasmtime(structure: Any, size: int) -> None:
    assert ctypes.sizeof(structure) == size


@pytest.mark.parametrize(("field", "offset"), OFFSETS)
def test_offsets_are_those_of_wasmtime(field: Any, offset: int) -> None:
    assert field.offset == offset


UNION: Any = bindings.wasmtime_component_val_t.of.offset
VALUE: Any = bindings.wasmtime_component_valunion_t
VECTORS: list[tuple[Any, Any]] = [
    (VALUE.string, bindings.wasm_name_t),
    (VALUE.enumeration, bindings.wasm_name_t),
    (VALUE.list, bindings.wasmtime_component_vallist_t),
    (VALUE.record, bindings.wasmtime_component_valrecord_t),
    (VALUE.tuple, bindings.wasmtime_component_valtuple_t),
    (VALUE.flags, bindings.wasmtime_component_valflags_t),
]


@pytest.mark.parametrize(("member", "structure"), VECTORS)
def test_vectors_are_where_wasmtime_has_them(member: Any, structure: Any) -> None:
    assert (UNION + member.offset + structure.size.offset, UNION + member.offset + structure.data.offset) == (layout.SIZE, layout.DATA)


def test_payloads_are_where_wasmtime_has_them() -> None:
    variant: Any = bindings.wasmtime_component_valvariant_t
    result: Any = bindings.wasmtime_component_valresult_t
    assert UNION + VALUE.variant.offset + variant.discriminant.offset == layout.SIZE
    assert UNION + VALUE.variant.offset + variant.val.offset == layout.VARIANT_PAYLOAD
    assert UNION + VALUE.result.offset + result.is_ok.offset == layout.IS_OK
    assert UNION + VALUE.result.offset + result.val.offset == layout.RESULT_PAYLOAD
    assert (UNION + VALUE.option.offset, UNION + VALUE.u64.offset) == (layout.OPTION_PAYLOAD, layout.VALUE)


@pytest.mark.parametrize("name", [*KINDS, "ENUM", "OPTION", "RESULT", "FLAGS", "RESOURCE"])
def test_kinds_are_those_of_wasmtime(name: str) -> None:
    assert getattr(layout, name) == getattr(ffi, f"WASMTIME_COMPONENT_{name}").value


@pytest.mark.parametrize(("kind", "code"), sorted(layout.SCALAR_CODES.items()))
def test_scalars_are_as_wide_as_in_the_union(kind: int, code: str) -> None:
    names = {layout.BOOL: "boolean", layout.CHAR: "character"}
    name = names.get(kind, KINDS[kind].lower())
    assert getattr(bindings.wasmtime_component_valunion_t, name).size == struct.calcsize(f"={code}")
