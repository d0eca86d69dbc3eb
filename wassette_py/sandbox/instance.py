"""The only place where guest code runs: a fresh store and instance, one call of one export, and everything is gone again."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi

from wassette_py.sandbox import calling, failures, memory, pacing, wasi
from wassette_py.sandbox.engine import CompiledComponent, Entry
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.output import check_size
from wassette_py.sandbox.state import CALLS, CallState
from wassette_py.wit.types import FunctionType

_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))

TABLE_ELEMENTS = 1_000_000
INSTANCES = 1_000
TABLES = 100
MEMORIES = 11  # ten of the guest's, and one for a gate


def run(component: CompiledComponent, f: FunctionType, values: Sequence[object], call: CallState, watched: MemoryWatch) -> object:
    """The result of `f`. Raises GuestError, Cancelled, InvalidPolicy (a granted directory is not there).

    Whatever the guest returned, past its deadline it is a timeout: a cut sleep makes guests return as if nothing had happened.
    """
    try:
        value = _run(component, component.entry(f), values, call, watched)
    except WasmtimeError as error:
        _look_at_clock(call)
        raise failures.stopped(call) or failures.failed(call, error) from None
    _look_at_clock(call)
    ended = failures.stopped(call)
    if ended is not None:
        raise ended
    check_size(value, call)
    return value


def _look_at_clock(call: CallState) -> None:
    if call.cancel.is_set():
        call.stop("cancelled")
    elif time.monotonic() >= call.deadline:
        call.stop("timeout")


def _run(component: CompiledComponent, entry: Entry, values: Sequence[object], call: CallState, watched: MemoryWatch) -> object:
    linker = component.linker()
    store = ffi.wasmtime_store_new(component.engine.raw.ptr(), None, _NO_FINALIZER)
    call.context = ffi.wasmtime_store_context(store)
    address = ctypes.addressof(call.context.contents)
    call.pace = pacing.Pace(call, watched)
    CALLS[address] = call
    try:
        ffi.wasmtime_store_limiter(store, call.limits.memory, TABLE_ELEMENTS, INSTANCES, TABLES, MEMORIES)
        pacing.watch(store, address)
        if component.imports:
            wasi.configure(call, address, directories="wasi:filesystem/preopens" in component.imports)
        if "wasi:http/types" in component.imports:
            ffi.wasmtime_context_set_wasi_http(call.context)
        with component.engine.ticker:
            return _call(component, linker, entry, values, call)
    finally:
        call.egress.end(call)
        del CALLS[address]
        call.context = None
        ffi.wasmtime_store_delete(store)
        if call.pace.grown() > memory.TRIM_ABOVE:
            memory.trim()


def _call(component: CompiledComponent, linker: Any, entry: Entry, values: Sequence[object], call: CallState) -> object:
    began = time.perf_counter()
    instance = ffi.wasmtime_component_instance_t()
    calling.raise_error(ffi.wasmtime_component_linker_instantiate(linker.ptr(), call.context, component.raw.ptr(), ctypes.byref(instance)))
    call.instantiating = time.perf_counter() - began
    function = ffi.wasmtime_component_func_t()
    ffi.wasmtime_component_instance_get_func(ctypes.byref(instance), call.context, entry.index.ptr(), ctypes.byref(function))
    value = entry.codec.call(function, call.context, values)
    call.inside = time.perf_counter() - began
    return value
