"""wasmtime's C API, as far as it is used: the shared library of its Python package, and each function declared with what it takes.

The package itself is not imported: it declares some thousand functions and classes, and a client that waits for its first call waits for
all of them. Functions take addresses, and what has one (`native.Owned`, arrays of ctypes). What takes long lets other threads of Python run
meanwhile. What takes nanoseconds does not: giving way a dozen times a call would hand the interpreter to another thread as often, and each
time it has to be waited for. `tests/sandbox/test_binding.py` compares what is declared with `wasmtime._bindings`.
"""

from __future__ import annotations

import os
import sys
from ctypes import CDLL, PyDLL, c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64
from ctypes import c_void_p as pointer
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Func: Any = c_uint64 * 4
"""A `wasmtime_component_func_t`; `Instance` a `wasmtime_component_instance_t`."""
Instance: Any = c_uint64 * 2
Item: Any = c_uint64 * 3
"""A `wasmtime_component_item_t`: its kind in the first byte, then the address of what it is; a type's is a `ValType`."""
ValType: Any = c_uint64 * 2
"""A `wasmtime_component_valtype_t`: its kind in the first byte, then the address of what it is made of."""
Vector: Any = c_uint64 * 2
"""A `wasm_byte_vec_t`: size, and address."""


def _library() -> str:
    spec = find_spec("wasmtime")
    for folder in (spec and spec.submodule_search_locations) or ():
        for name in os.listdir(folder):
            if name.startswith(f"{sys.platform}-"):
                return next(os.path.join(folder, name, file) for file in os.listdir(os.path.join(folder, name)) if "wasmtime" in file)
    raise ModuleNotFoundError("No module named 'wasmtime' with a library for this platform", name="wasmtime")


LIBRARY = _library()
PLATFORM = os.path.basename(os.path.dirname(LIBRARY))
"""Such as `linux-x86_64`."""
DECLARED: dict[str, Any] = {}
_HOLDING, _YIELDING = PyDLL(LIBRARY), CDLL(LIBRARY)


def _short(name: str, result: Any, *arguments: Any) -> Any:
    return _declared(_HOLDING, name, result, arguments)


def _long(name: str, result: Any, *arguments: Any) -> Any:
    return _declared(_YIELDING, name, result, arguments)


def _declared(library: Any, name: str, result: Any, arguments: tuple[Any, ...]) -> Any:
    function = DECLARED[name] = library[name]
    function.restype, function.argtypes = result, arguments
    return function


# Errors, and bytes that are handed over.

error_new = _short("wasmtime_error_new", pointer, c_char_p)
error_message = _short("wasmtime_error_message", None, pointer, pointer)
error_exit_status = _short("wasmtime_error_exit_status", c_bool, pointer, pointer)
error_delete = _short("wasmtime_error_delete", None, pointer)
bytes_delete = _short("wasm_byte_vec_delete", None, pointer)

# Engines.

config_new = _short("wasm_config_new", pointer)
config_strategy_set = _short("wasmtime_config_strategy_set", None, pointer, c_uint8)
CONFIG = {
    name: _short(f"wasmtime_config_{name}_set", None, pointer, c_bool)
    for name in (
        "epoch_interruption",
        "parallel_compilation",
        "wasm_component_model_async",
        "wasm_component_model_async_stackful",
        "wasm_component_model_more_async_builtins",
        "wasm_memory64",
        "wasm_relaxed_simd",
        "wasm_simd",
        "wasm_threads",
    )
}
pool_new = _short("wasmtime_pooling_allocation_config_new", pointer)
pool_delete = _short("wasmtime_pooling_allocation_config_delete", None, pointer)
pool_use = _short("wasmtime_pooling_allocation_strategy_set", None, pointer, pointer)
POOL = {
    name: _short(f"wasmtime_pooling_allocation_config_{name}_set", None, pointer, kind)
    for kind, names in (
        (
            c_uint32,
            "total_memories total_tables total_gc_heaps total_core_instances total_component_instances total_stacks"
            " max_core_instances_per_component max_memories_per_component max_memories_per_module max_tables_per_component"
            " max_tables_per_module max_unused_warm_slots",
        ),
        (
            c_size_t,
            "max_memory_size table_elements max_core_instance_size max_component_instance_size linear_memory_keep_resident"
            " table_keep_resident",
        ),
    )
    for name in names.split()
}
engine_new = _long("wasm_engine_new_with_config", pointer, pointer)
engine_delete = _long("wasm_engine_delete", None, pointer)
engine_increment_epoch = _short("wasmtime_engine_increment_epoch", None, pointer)

# Components.

wat2wasm = _long("wasmtime_wat2wasm", pointer, c_char_p, c_size_t, pointer)
component_new = _long("wasmtime_component_new", pointer, pointer, c_char_p, c_size_t, pointer)
component_deserialize = _long("wasmtime_component_deserialize", pointer, pointer, c_char_p, c_size_t, pointer)
component_deserialize_file = _long("wasmtime_component_deserialize_file", pointer, pointer, c_char_p, pointer)
component_serialize = _long("wasmtime_component_serialize", pointer, pointer, pointer)
component_delete = _long("wasmtime_component_delete", None, pointer)
component_get_export_index = _short("wasmtime_component_get_export_index", pointer, pointer, pointer, c_char_p, c_size_t)
export_index_delete = _short("wasmtime_component_export_index_delete", None, pointer)

# Their types. A count goes with what gives the nth: a name where there is one (its address, its size), and what has it.

component_type = _short("wasmtime_component_type", pointer, pointer)
type_delete = _short("wasmtime_component_type_delete", None, pointer)
type_import_count = _short("wasmtime_component_type_import_count", c_size_t, pointer, pointer)
type_export_count = _short("wasmtime_component_type_export_count", c_size_t, pointer, pointer)
instance_type_export_count = _short("wasmtime_component_instance_type_export_count", c_size_t, pointer, pointer)
_NTH_EXTERN = c_bool, pointer, pointer, c_size_t, pointer, pointer, pointer
type_import_nth = _short("wasmtime_component_type_import_nth", *_NTH_EXTERN)
type_export_nth = _short("wasmtime_component_type_export_nth", *_NTH_EXTERN)
instance_type_export_nth = _short("wasmtime_component_instance_type_export_nth", *_NTH_EXTERN)
extern_type = _short("wasmtime_component_extern_type", None, pointer, pointer)
extern_delete = _short("wasmtime_component_extern_delete", None, pointer)
item_delete = _short("wasmtime_component_item_delete", None, pointer)
func_type_async = _short("wasmtime_component_func_type_async", c_bool, pointer)
func_type_param_count = _short("wasmtime_component_func_type_param_count", c_size_t, pointer)
func_type_param_nth = _short("wasmtime_component_func_type_param_nth", c_bool, pointer, c_size_t, pointer, pointer, pointer)
func_type_result = _short("wasmtime_component_func_type_result", c_bool, pointer, pointer)
valtype_delete = _short("wasmtime_component_valtype_delete", None, pointer)
list_type_element = _short("wasmtime_component_list_type_element", None, pointer, pointer)
option_type_ty = _short("wasmtime_component_option_type_ty", None, pointer, pointer)
result_type_ok = _short("wasmtime_component_result_type_ok", c_bool, pointer, pointer)
result_type_err = _short("wasmtime_component_result_type_err", c_bool, pointer, pointer)
tuple_type_count = _short("wasmtime_component_tuple_type_types_count", c_size_t, pointer)
tuple_type_nth = _short("wasmtime_component_tuple_type_types_nth", c_bool, pointer, c_size_t, pointer)
record_type_count = _short("wasmtime_component_record_type_field_count", c_size_t, pointer)
record_type_nth = _short("wasmtime_component_record_type_field_nth", c_bool, pointer, c_size_t, pointer, pointer, pointer)
variant_type_count = _short("wasmtime_component_variant_type_case_count", c_size_t, pointer)
variant_type_nth = _short("wasmtime_component_variant_type_case_nth", c_bool, pointer, c_size_t, pointer, pointer, pointer, pointer)
enum_type_count = _short("wasmtime_component_enum_type_names_count", c_size_t, pointer)
enum_type_nth = _short("wasmtime_component_enum_type_names_nth", c_bool, pointer, c_size_t, pointer, pointer)
flags_type_count = _short("wasmtime_component_flags_type_names_count", c_size_t, pointer)
flags_type_nth = _short("wasmtime_component_flags_type_names_nth", c_bool, pointer, c_size_t, pointer, pointer)

# Linkers.

linker_new = _short("wasmtime_component_linker_new", pointer, pointer)
linker_delete = _long("wasmtime_component_linker_delete", None, pointer)
linker_allow_shadowing = _short("wasmtime_component_linker_allow_shadowing", None, pointer, c_bool)
linker_add_wasip2 = _long("wasmtime_component_linker_add_wasip2", pointer, pointer)
linker_add_wasi_http = _long("wasmtime_component_linker_add_wasi_http", pointer, pointer)
linker_root = _short("wasmtime_component_linker_root", pointer, pointer)
linker_instance_delete = _short("wasmtime_component_linker_instance_delete", None, pointer)
linker_instance_add_instance = _short("wasmtime_component_linker_instance_add_instance", pointer, pointer, c_char_p, c_size_t, pointer)
linker_instance_add_func = _short(
    "wasmtime_component_linker_instance_add_func", pointer, pointer, c_char_p, c_size_t, pointer, pointer, pointer
)
linker_instance_add_resource = _short(
    "wasmtime_component_linker_instance_add_resource", pointer, pointer, c_char_p, c_size_t, pointer, pointer, pointer, pointer
)
resource_type_new_host = _short("wasmtime_component_resource_type_new_host", pointer, c_uint32)
resource_type_delete = _short("wasmtime_component_resource_type_delete", None, pointer)
linker_instantiate = _long("wasmtime_component_linker_instantiate", pointer, pointer, pointer, pointer, pointer)

# Stores, and what a call has of WASI.

store_new = _short("wasmtime_store_new", pointer, pointer, pointer, pointer)
store_context = _short("wasmtime_store_context", pointer, pointer)
store_limiter = _short("wasmtime_store_limiter", None, pointer, c_int64, c_int64, c_int64, c_int64, c_int64)
store_epoch_deadline_callback = _short("wasmtime_store_epoch_deadline_callback", None, pointer, pointer, pointer, pointer)
store_delete = _long("wasmtime_store_delete", None, pointer)
context_set_epoch_deadline = _short("wasmtime_context_set_epoch_deadline", None, pointer, c_uint64)
context_set_wasi = _short("wasmtime_context_set_wasi", pointer, pointer, pointer)
context_set_wasi_http = _short("wasmtime_context_set_wasi_http", None, pointer)
wasi_config_new = _short("wasi_config_new", pointer)
wasi_config_delete = _short("wasi_config_delete", None, pointer)
wasi_config_set_stdout_custom = _short("wasi_config_set_stdout_custom", None, pointer, pointer, pointer, pointer)
wasi_config_set_stderr_custom = _short("wasi_config_set_stderr_custom", None, pointer, pointer, pointer, pointer)
wasi_config_preopen_dir = _long("wasi_config_preopen_dir", c_bool, pointer, c_char_p, c_char_p, c_bool)

# Calls, and values that become wasmtime's.

instance_get_func = _short("wasmtime_component_instance_get_func", c_bool, pointer, pointer, pointer, pointer)
func_call = _long("wasmtime_component_func_call", pointer, pointer, pointer, pointer, c_size_t, pointer, c_size_t)
resource_any_drop = _long("wasmtime_component_resource_any_drop", pointer, pointer, pointer)
name_new = _short("wasm_byte_vec_new", None, pointer, c_size_t, pointer)
list_new = _short("wasmtime_component_vallist_new", None, pointer, c_size_t, pointer)
tuple_new = _short("wasmtime_component_valtuple_new", None, pointer, c_size_t, pointer)
record_new = _short("wasmtime_component_valrecord_new", None, pointer, c_size_t, pointer)
val_new = _short("wasmtime_component_val_new", pointer, pointer)
val_delete = _short("wasmtime_component_val_delete", None, pointer)
