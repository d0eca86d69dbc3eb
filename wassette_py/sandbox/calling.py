"""Calling wasmtime, and being called by it.

A host function is a ctypes callback of our own, never `LinkerInstance.add_func`: three times faster, able to return every value, and
an exception of one thread is not raised in another.

```python
@host_function
def get(context: int, args: Any, results: Any) -> None:     # context: the address of the store's context
    put(results[0], pack_string(f"<{read_string(args[0])}>"))

with linker.root() as root, root.add_instance("wasi:config/store@0.2.0-draft") as instance:
    add_function(instance, "get", get)
```
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi

from wassette_py.sandbox import binding
from wassette_py.sandbox.layout import BOOL, Val

if TYPE_CHECKING:
    from wasmtime.component import LinkerInstance

HostBody = Callable[[int, Any, Any], None]
"""(address of the store's context, args, results): `args[i]` stay wasmtime's, `results[0]` is to be `put`."""

_VALS: Any = ctypes.POINTER(Val)
_CALLBACK: Any = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, _VALS, ctypes.c_size_t, _VALS, ctypes.c_size_t
)
PLAIN_CALLBACK: Any = ctypes.CFUNCTYPE(ctypes.c_size_t, *[ctypes.c_void_p] * 4, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)
"""The same with addresses for arguments and results, for `add_function`: nothing may leave it, and it returns 0 or an `error`."""


def host_function(body: HostBody) -> Any:
    """A callback for `add_function`; keep it as long as any linker that has it (best: at module level, one a process).

    A WasmtimeError raised by `body` ends the call with its text; any other exception with "host function failed", because nothing may
    leave a ctypes callback: what failed must be noted on the call by `body` itself.
    """

    def call(_env: Any, context: int, _type: Any, args: Any, _nargs: int, results: Any, _nresults: int) -> int:
        try:
            body(context, args, results)
        except WasmtimeError as error:
            return _consumed(error)
        except BaseException:
            return _consumed(WasmtimeError("host function failed"))
        return 0

    return _CALLBACK(call)


def add_function(instance: LinkerInstance, name: str, callback: Any) -> None:
    """Defines `name` of a linker's instance as a callback made by `host_function`."""
    encoded = name.encode()
    raise_error(binding.linker_instance_add_func(instance.ptr(), encoded, len(encoded), callback, None, None))


def call_raw(function: Any, context: Any, args: Any, nargs: int, result: Any) -> None:
    """Calls a `wasmtime_component_func_t` with the first `nargs` of `args` (an array, or the pointer a host function got).

    `result` is a pointer to a `Val` (`ctypes.byref`), None when the function has none. All of it stays the caller's, to be deleted.
    Raises WasmtimeError.
    """
    raise_error(binding.func_call(ctypes.byref(function), context, args, nargs, result, 0 if result is None else 1))


def delete(val: Any) -> None:
    """Frees what a `Val` owns; it may be deleted again."""
    binding.val_delete(ctypes.byref(val))
    val.kind = BOOL


def drop_borrowed(context: Any, val: Any) -> None:
    """Gives back a resource that a host function was lent; wasmtime counts on it. Raises WasmtimeError."""
    raise_error(binding.resource_any_drop(context, val.of.resource))


def raise_error(pointer: int | None) -> None:
    """Raises the WasmtimeError (or ExitTrap) that a C call returned, if it did."""
    if pointer:
        raise WasmtimeError._from_ptr(ctypes.cast(pointer, ctypes.POINTER(ffi.wasmtime_error_t)))


def error(text: str) -> int:
    """What a callback returns to end the call with that text."""
    return _consumed(WasmtimeError(text))


def _consumed(error: WasmtimeError) -> int:
    return ctypes.cast(error._consume(), ctypes.c_void_p).value or 0
