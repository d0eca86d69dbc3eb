"""Calling wasmtime, and being called by it.

```python
@host_function
def get(context: int, args: Any, results: Any) -> None:     # context: the address of the store's context
    put(results[0], pack_string(f"<{read_string(args[0])}>"))

linker.define("wasi:config/store@0.2.0-draft", {"get": get})
```
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from wassette_py.sandbox import binding
from wassette_py.sandbox.layout import NOTHING, Val
from wassette_py.sandbox.native import WasmtimeError, new_error, raise_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

HostBody: TypeAlias = "Callable[[int, Any, Any], None]"
"""(address of the store's context, args, results): `args[i]` stay wasmtime's, `results[0]` is to be `put`."""

_VALS: Any = ctypes.POINTER(Val)
_CALLBACK: Any = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, _VALS, ctypes.c_size_t, _VALS, ctypes.c_size_t
)
PLAIN_CALLBACK: Any = ctypes.CFUNCTYPE(ctypes.c_size_t, *[ctypes.c_void_p] * 4, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)
"""The same with addresses for arguments and results, for `RawLinker.define`: nothing may leave it, and it returns 0 or a `new_error`."""


def host_function(body: HostBody) -> Any:
    """A callback for `RawLinker.define`; keep it as long as any linker that has it (best: at module level, one a process).

    A WasmtimeError raised by `body` ends the call with its text; any other exception with "host function failed", because nothing may
    leave a ctypes callback: what failed must be noted on the call by `body` itself.
    """

    def call(_env: Any, context: int, _type: Any, args: Any, _nargs: int, results: Any, _nresults: int) -> int:
        try:
            body(context, args, results)
        except WasmtimeError as error:
            return new_error(str(error))
        except BaseException:
            return new_error("host function failed")
        return 0

    return _CALLBACK(call)


def call_raw(function: Any, context: Any, args: Any, nargs: int, result: Any) -> None:
    """Calls a `wasmtime_component_func_t` with the first `nargs` of `args` (an array, or the pointer a host function got).

    `result` is a pointer to a `Val` (`ctypes.byref`), None when the function has none. All of it stays the caller's, to be deleted.
    Raises WasmtimeError.
    """
    raise_error(binding.func_call(function, context, args, nargs, result, 0 if result is None else 1))


def delete(val: Any) -> None:
    """Frees what a `Val` owns; it may be deleted again."""
    binding.val_delete(val)
    val[0] = NOTHING


def drop_borrowed(context: Any, val: Any) -> None:
    """Gives back a resource that a host function was lent; wasmtime counts on it. Raises WasmtimeError."""
    raise_error(binding.resource_any_drop(context, val[1]))
