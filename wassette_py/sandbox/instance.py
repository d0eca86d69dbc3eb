"""The only place where guest code runs: a fresh store and instance, one call of one export, and everything is gone again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from wassette_py.errors import WassetteError
from wassette_py.sandbox import binding, failures, memory, pacing, wasi
from wassette_py.sandbox.engine import CompiledComponent, Entry
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.native import WasmtimeError, raise_error
from wassette_py.sandbox.output import TooLarge, room_of, too_large
from wassette_py.sandbox.state import CALLS, CallState
from wassette_py.wit.types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TABLE_ELEMENTS = 1_000_000
INSTANCES = 1_000
TABLES = 100
MEMORIES = 11  # ten of the guest's, and one for a gate


class Guest:
    """A store with one instance of `component`, for one call: `run` is called once, then `drop`, which takes a while and may wait.

    The instance may be made before its call (`make`), for which `adopt` then says whose it is.
    """

    def __init__(self, component: CompiledComponent, call: CallState, watched: MemoryWatch) -> None:
        self._component = component
        self._call = call
        self.is_large = False
        """Whether the process grew by so much that it is to be given back to the system."""
        self._instance: Any = None
        self._store = binding.store_new(component.engine.raw, None, None)
        call.context = binding.store_context(self._store)
        call.pace = pacing.Pace(call, watched)

    def adopt(self, call: CallState, watched: MemoryWatch) -> None:
        """From now on this is of `call`."""
        call.context = self._call.context
        call.pace = pacing.Pace(call, watched)
        self._call = call

    def make(self) -> None:
        """Makes the instance alone. Raises WasmtimeError."""
        address = self._call.context
        CALLS[address] = self._call
        try:
            self._begin(address)
            with self._component.engine.ticker:
                self._instantiate()
        finally:
            self._call.egress.end(self._call)
            del CALLS[address]

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
        self.is_large = call.pace.grown() > memory.TRIM_ABOVE
        ended = failures.stopped(call) or failure
        if ended is not None:
            raise ended
        return value

    def drop(self) -> None:
        """Gives back what the call held, once. No guest code runs in it."""
        if not self._call.context:
            return
        self._call.context = 0
        binding.store_delete(self._store)
        if self.is_large:
            memory.trim()
        self._call.pace = None  # it knows the call: what a call held would wait for the collector

    def _run(self, entry: Entry, values: Sequence[object]) -> object:
        call = self._call
        address = call.context
        CALLS[address] = call
        try:
            if self._instance is None:
                self._begin(address)
            with self._component.engine.ticker:
                began = time.perf_counter()
                if self._instance is None:
                    self._instantiate()
                    call.instantiating = time.perf_counter() - began
                function = binding.Func()
                binding.instance_get_func(self._instance, address, entry.index, function)
                value = entry.codec.call(function, address, values, lambda: room_of(call))
                call.inside = time.perf_counter() - began
                return value
        finally:
            call.egress.end(call)
            del CALLS[address]

    def _begin(self, address: int) -> None:
        """Puts the limits and WASI into the store."""
        imports, call = self._component.imports, self._call
        binding.store_limiter(self._store, call.limits.memory, TABLE_ELEMENTS, INSTANCES, TABLES, MEMORIES)
        pacing.watch(self._store, address)
        if imports:
            wasi.configure(call, address, directories="wasi:filesystem/preopens" in imports)
        if "wasi:http/types" in imports:
            binding.context_set_wasi_http(address)

    def _instantiate(self) -> None:
        linker, raw, instance = self._component.linker(), self._component.raw, binding.Instance()
        raise_error(binding.linker_instantiate(linker, self._call.context, raw, instance))
        self._instance = instance
