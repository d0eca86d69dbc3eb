"""Neutral WIT values (`wit/types.py`) <-> wasmtime's C values, one codec an export, built once from its `FunctionType`.

Use: `codec = FunctionCodec(f)` once, then on any thread `call_function(func, store, codec, values)` a call. Argument memory is owned
by wasmtime's allocator and freed here, results are read and freed here; a codec holds no state between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wassette_py.wit.types import FunctionType

if TYPE_CHECKING:
    import wasmtime
    import wasmtime.component


class FunctionCodec:
    """Converts the arguments and the result of one function."""

    def __init__(self, f: FunctionType) -> None:
        self.function = f


def call_function(func: wasmtime.component.Func, store: wasmtime.Store, codec: FunctionCodec, values: Sequence[object]) -> object:
    """Lowers `values`, calls `func`, lifts its result (None for a function without one).

    Raises WasmtimeError as wasmtime made it: a trap, a limit, or an error of the epoch callback; translating it is the caller's.
    """
    raise NotImplementedError
