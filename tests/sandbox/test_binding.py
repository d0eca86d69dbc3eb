"""What is declared of wasmtime's C API is as wasmtime declares it itself."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from wasmtime import _bindings as bindings
from wasmtime import _ffi as ffi

from wassette_py.sandbox import binding, component_type
from wassette_py.wit.types import BoolType, CharType, FloatType, IntegerType, StringType, WitType

SIZES = [
    (bindings.wasmtime_component_func_t, binding.Func),
    (bindings.wasmtime_component_instance_t, binding.Instance),
    (bindings.wasmtime_component_item_t, binding.Item),
    (bindings.wasmtime_component_valtype_t, binding.ValType),
    (bindings.wasm_byte_vec_t, binding.Vector),
]
PLAIN = {ctypes.c_bool, ctypes.c_uint8, ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint64, ctypes.c_size_t}


def as_passed(kind: Any) -> Any:
    """How an argument of that type reaches a function: what is no number is an address."""
    return kind if kind is None or kind in PLAIN else ctypes.c_void_p


def test_the_library_is_that_of_wasmtimes_package() -> None:
    assert str(ffi.filename) == binding.LIBRARY


@pytest.mark.parametrize("folders", [None, [], ["."]])
def test_a_package_without_a_library_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: list[str] | None) -> None:
    spec = None if folders is None else ModuleSpec("wasmtime", None, is_package=True)
    if spec is not None:
        spec.submodule_search_locations = [str(tmp_path / folder) for folder in folders or ()]
    monkeypatch.setattr(binding, "find_spec", lambda _: spec)
    with pytest.raises(ModuleNotFoundError, match="'wasmtime' with a library for this platform"):
        binding._library()


@pytest.mark.parametrize("name", sorted(binding.DECLARED))
def test_a_function_is_declared_as_wasmtime_declares_it(name: str) -> None:
    ours, theirs = binding.DECLARED[name], getattr(bindings, f"_{name}")
    assert as_passed(ours.restype) == as_passed(theirs.restype)
    assert [as_passed(kind) for kind in ours.argtypes] == [as_passed(kind) for kind in theirs.argtypes]


@pytest.mark.parametrize(("theirs", "ours"), SIZES)
def test_a_structure_is_as_large_as_wasmtimes(theirs: Any, ours: Any) -> None:
    assert ctypes.sizeof(ours) == ctypes.sizeof(theirs)


@pytest.mark.parametrize("structure", [bindings.wasmtime_component_item_t, bindings.wasmtime_component_valtype_t])
def test_a_kind_is_the_first_byte_and_what_is_of_it_the_second_word(structure: Any) -> None:
    assert (structure.kind.offset, structure.kind.size, structure.of.offset) == (0, 1, 8)


def test_bytes_are_a_size_and_an_address() -> None:
    vector: Any = bindings.wasm_byte_vec_t
    assert (vector.size.offset, vector.data.offset) == (0, 8)


KINDS = "LIST RECORD TUPLE VARIANT ENUM OPTION RESULT FLAGS OWN BORROW FUTURE STREAM ERROR_CONTEXT"


@pytest.mark.parametrize("name", KINDS.split())
def test_kinds_of_types_are_those_of_wasmtime(name: str) -> None:
    assert getattr(component_type, name) == getattr(ffi, f"WASMTIME_COMPONENT_VALTYPE_{name}").value


def name_of(scalar: WitType) -> str:
    match scalar:
        case IntegerType():
            return scalar.name.upper()
        case FloatType(bits):
            return f"F{bits}"
        case _:
            return {BoolType: "BOOL", CharType: "CHAR", StringType: "STRING"}[type(scalar)]


def test_kinds_of_scalars_are_those_of_wasmtime() -> None:
    for kind, scalar in enumerate(component_type.SCALARS):
        assert getattr(ffi, f"WASMTIME_COMPONENT_VALTYPE_{name_of(scalar)}").value == kind


def test_kinds_of_items_are_those_of_wasmtime() -> None:
    theirs = [getattr(ffi, f"WASMTIME_COMPONENT_ITEM_{name}").value for name in ("COMPONENT_INSTANCE", "COMPONENT_FUNC", "TYPE")]
    assert theirs == [component_type.INSTANCE, component_type.FUNC, component_type.TYPE]


def test_the_package_itself_is_never_imported() -> None:
    program = (
        "import sys\nfrom wassette_py.sandbox import background, call, compile_child, engine, measuring\nprint('wasmtime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
