"""What is declared of wasmtime's C API is as wasmtime declares it itself."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from wasmtime import _bindings as bindings

from wassette_py.sandbox import binding

SIZES = [(bindings.wasmtime_component_func_t, binding.Func), (bindings.wasmtime_component_instance_t, binding.Instance)]
PLAIN = {ctypes.c_bool, ctypes.c_uint8, ctypes.c_int64, ctypes.c_uint64, ctypes.c_size_t}


def as_passed(kind: Any) -> Any:
    """How an argument of that type reaches a function: what is no number is an address."""
    return kind if kind is None or kind in PLAIN else ctypes.c_void_p


@pytest.mark.parametrize("name", sorted(binding.DECLARED))
def test_a_function_is_declared_as_wasmtime_declares_it(name: str) -> None:
    ours, theirs = binding.DECLARED[name], getattr(bindings, f"_{name}")
    assert as_passed(ours.restype) == as_passed(theirs.restype)
    assert [as_passed(kind) for kind in ours.argtypes] == [as_passed(kind) for kind in theirs.argtypes]


@pytest.mark.parametrize(("theirs", "ours"), SIZES)
def test_a_structure_is_as_large_as_wasmtimes(theirs: Any, ours: Any) -> None:
    assert ctypes.sizeof(ours) == ctypes.sizeof(theirs)
