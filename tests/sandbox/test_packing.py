"""What is packed is what wasmtime reads, and wasmtime can free it."""

from __future__ import annotations

from wasmtime import _ffi as ffi

from tests.patience import grows_by
from wassette_py.sandbox import calling, layout, packing


def test_stock_bindings_read_what_is_packed() -> None:
    packed = layout.Val()
    packing.put(packed, packing.pack_result(False, packing.pack_variant("io", packing.pack_string("né"))))
    val = ffi.wasmtime_component_val_t.from_buffer(packed)
    assert val.kind == layout.RESULT
    assert not val.of.result.is_ok
    variant = val.of.result.val.contents
    assert ffi.to_str(variant.of.variant.discriminant) == "io"
    assert ffi.to_str(variant.of.variant.val.contents.of.string) == "né"
    assert layout.read_string(variant.of.variant.val.contents) == "né"
    calling.delete(packed)
    calling.delete(packed)


def test_deleting_a_value_frees_all_that_was_packed_into_it() -> None:
    def pack_and_delete() -> None:
        for _ in range(200):
            val = layout.Val()
            packing.put(val, packing.pack_list(packing.pack_string("x" * 100_000)))
            calling.delete(val)

    assert grows_by(pack_and_delete, enough=5_000_000) < 5_000_000
