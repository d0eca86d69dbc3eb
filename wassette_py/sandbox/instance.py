"""The only place where guest code runs: a fresh store and instance, one call of one export, and everything is gone again."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi

from wassette_py.errors import WassetteError
from wassette_py.sandbox import calling, failures, memory, pacing, wasi
from wassette_py.sandbox.engine import CompiledComponent, Entry
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.output import TooLarge, room_of, too_large
from wassette_py.sandbox.state import CALLS, CallState
from wassette_py.wit.types import FunctionType

_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))

TABLE_ELEMENTS = 1_000_000
INSTANCES = 1_000
TABLES = 100
MEMORIES = 11  # ten of the guest's, and one for a gate


class Guest:
    """A store with one instance of `component`, for one call: `run` is called once, then `drop`, which takes a while and may wait."""

    def __init__(self, component: CompiledComponent, call: CallState, watched: MemoryWatch) -> None:
        self._component = component
        self._call = call
        self._store = ffi.wasmtime_store_new(component.engine.raw.ptr(), None, _NO_FINALIZER)
        call.context = ffi.wasmtime_store_context(self._store)
        call.pace = pacing.Pace(call, watched)

    def run(self, f: FunctionType, values: Sequence[object]) -> object:
        """The result of `f`. Raises GuestError, Cancelled, InvalidPolicy (a granted directory is not there).

        Whatever the guest returned, past its deadline it is a timeout: a cut sleep makes guests return as if nothing had happened.
        """
        call, value = self._call, None
        failure: WassetteError | None = None
        try:
            value = self._run(self._component.entry(f), values)
        except WasmtimeError as error:
            failure = failures.failed(call, error)
        except TooLarge:
            failure = too_large(call)
        if call.cancel.is_set():
            call.stop("cancelled")
        elif time.monotonic() >= call.deadline:
            call.stop("timeout")
        ended = failures.stopped(call) or failure
        if ended is not None:
            raise ended
        return value

    @property
    def is_large(self) -> bool:
        """Whether the process grew by so much that it is to be given back to the system."""
        return bool(self._call.pace.grown() > memory.TRIM_ABOVE)

    def drop(self) -> None:
        """Gives back what the call held, once. No guest code runs in it."""
        if self._call.context is None:
            return
        self._call.context = None
        ffi.wasmtime_store_delete(self._store)
        if self.is_large:
            memory.trim()

    def _run(self, entry: Entry, values: Sequence[object]) -> object:
        component, call = self._component, self._call
        linker = component.linker()
        address = ctypes.addressof(call.context.contents)
        CALLS[address] = call
        try:
            ffi.wasmtime_store_limiter(self._store, call.limits.memory, TABLE_ELEMENTS, INSTANCES, TABLES, MEMORIES)
            pacing.watch(self._store, address)
            if component.imports:
                wasi.configure(call, address, directories="wasi:filesystem/preopens" in component.imports)
            if "wasi:http/types" in component.imports:
                ffi.wasmtime_context_set_wasi_http(call.context)
            with component.engine.ticker:
                return self._called(linker, entry, values)
        finally:
            call.egress.end(call)
            del CALLS[address]

    def _called(self, linker: Any, entry: Entry, values: Sequence[object]) -> object:
        component, call = self._component.raw, self._call
        began = time.perf_counter()
        instance = ffi.wasmtime_component_instance_t()
        calling.raise_error(ffi.wasmtime_component_linker_instantiate(linker.ptr(), call.context, component.ptr(), ctypes.byref(instance)))
        call.instantiating = time.perf_counter() - began
        function = ffi.wasmtime_component_func_t()
        ffi.wasmtime_component_instance_get_func(ctypes.byref(instance), call.context, entry.index.ptr(), ctypes.byref(function))
        value = entry.codec.call(function, call.context, values, lambda: room_of(call))
        call.inside = time.perf_counter() - began
        return value
