"""The few functions of wasmtime's C API that each call needs, declared here: they take addresses, and know whether they take long.

What takes long lets other threads of Python run meanwhile. What takes nanoseconds does not: giving way a dozen times a call would hand the
interpreter to another thread as often, and each time it has to be waited for. `tests/sandbox/test_binding.py` compares what is declared
with `wasmtime._bindings`.
"""

from __future__ import annotations

from ctypes import CFUNCTYPE, PYFUNCTYPE, c_bool, c_char_p, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any

from wasmtime import _ffi as ffi

Func: Any = c_uint64 * 4
"""A `wasmtime_component_func_t`; `Instance` a `wasmtime_component_instance_t`."""
Instance: Any = c_uint64 * 2

DECLARED: dict[str, Any] = {}


def _short(name: str, result: Any, *arguments: Any) -> Any:
    function = DECLARED[name] = PYFUNCTYPE(result, *arguments)((name, ffi.dll))
    return function


def _long(name: str, result: Any, *arguments: Any) -> Any:
    function = DECLARED[name] = CFUNCTYPE(result, *arguments)((name, ffi.dll))
    return function


store_new = _short("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
store_context = _short("wasmtime_store_context", c_void_p, c_void_p)
store_limiter = _short("wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)
store_epoch_deadline_callback = _short("wasmtime_store_epoch_deadline_callback", None, c_void_p, c_void_p, c_void_p, c_void_p)
context_set_epoch_deadline = _short("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
store_delete = _long("wasmtime_store_delete", None, c_void_p)

wasi_config_new = _short("wasi_config_new", c_void_p)
wasi_config_delete = _short("wasi_config_delete", None, c_void_p)
wasi_config_set_stdout_custom = _short("wasi_config_set_stdout_custom", None, c_void_p, c_void_p, c_void_p, c_void_p)
wasi_config_set_stderr_custom = _short("wasi_config_set_stderr_custom", None, c_void_p, c_void_p, c_void_p, c_void_p)
wasi_config_preopen_dir = _long("wasi_config_preopen_dir", c_bool, c_void_p, c_char_p, c_char_p, c_bool)
context_set_wasi = _short("wasmtime_context_set_wasi", c_void_p, c_void_p, c_void_p)
context_set_wasi_http = _short("wasmtime_context_set_wasi_http", None, c_void_p)

linker_instantiate = _long("wasmtime_component_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
instance_get_func = _short("wasmtime_component_instance_get_func", c_bool, c_void_p, c_void_p, c_void_p, c_void_p)
func_call = _long("wasmtime_component_func_call", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)
val_delete = _short("wasmtime_component_val_delete", None, c_void_p)
linker_instance_add_func = _short(
    "wasmtime_component_linker_instance_add_func", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p
)
resource_any_drop = _long("wasmtime_component_resource_any_drop", c_void_p, c_void_p, c_void_p)
