"""A gate: a small component, written as text here, that can look at and steer what only WASI itself can hold, such as a request.

Native resources pass between instances of one store as they are. A gate is compiled once an engine and instantiated in a guest's
store when one of our host functions first needs it, inside that function.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref
from typing import Any

from wassette_py.sandbox import binding, calling, layout
from wassette_py.sandbox.native import RawComponent, RawEngine, RawLinker, raise_error
from wassette_py.sandbox.state import CallState

MEMORY = """
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 128))
    (func (export "forget") (global.set $next (i32.const 128)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $fits
        (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
        (unreachable))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
"""
"""A memory whose first 128 bytes are for results, a `realloc` that never frees, and `forget` to begin each of a gate's functions with."""


class Gate:
    """One gate of one engine; may be used by all threads."""

    def __init__(self, name: str, engine: RawEngine, component: RawComponent, exports: tuple[str, ...], *, http: bool = False) -> None:
        self.name = name
        self._component = component
        self._linker = RawLinker(engine, http=http)
        self._exports = {export: component.export_index(export) for export in exports}

    def call(self, call: CallState, export: str, args: Any, nargs: int, result: Any) -> None:
        """Calls `export` in the store of `call`; `result` is a `Val` that becomes the caller's. Raises WasmtimeError."""
        function = binding.Func()
        binding.instance_get_func(self._instance(call), call.context, self._exports[export], function)
        calling.call_raw(function, call.context, args, nargs, byref(result))

    @contextmanager
    def result(self, call: CallState, export: str, args: Any, nargs: int) -> Iterator[Any]:
        """The `Val` that `export` returns, freed afterwards."""
        value = layout.Val()
        self.call(call, export, args, nargs, value)
        try:
            yield value
        finally:
            calling.delete(value)

    def _instance(self, call: CallState) -> Any:
        if self.name not in call.gates:
            instance = binding.Instance()
            raise_error(binding.linker_instantiate(self._linker, call.context, self._component, instance))
            call.gates[self.name] = instance
        return call.gates[self.name]
