"""Neutral WIT values (`wit/types.py`) <-> wasmtime's C values, one codec an export, built once from its `FunctionType`.

Use: `codec = FunctionCodec(f)` once a component, then on any thread `codec.call(function, context, values)` a call: a codec holds no state
between calls. Arguments stay in memory of ours (`lowering.py`), the result is wasmtime's, copied (`lifting.py`) and freed here. Values are
those `wit/values.py` made: they are not checked again, a wrong one raises whatever Python raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import byref

from wassette_py.sandbox import calling, layout
from wassette_py.sandbox.columns import Kept
from wassette_py.sandbox.lifting import lifting
from wassette_py.sandbox.lowering import Rows, lowering
from wassette_py.sandbox.output import Room
from wassette_py.wit.types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FunctionCodec:
    """Converts the arguments and the result of one function, and calls it. Raises TypeError for a type no value can have."""

    def __init__(self, f: FunctionType) -> None:
        self.function = f
        self._arguments = Rows([(b"", lowering(type)) for _, type in f.params])
        self._vals = layout.Val * len(f.params)
        self._lift = None if f.result is None else lifting(f.result).block

    def call(self, function: Any, context: Any, values: Sequence[object], room: Callable[[], Room] = Room) -> object:
        """Calls a `wasmtime_component_func_t` of the store with `context`; None for a function without a result.

        Raises WasmtimeError as wasmtime made it: a trap, a limit, or an error of the epoch callback; translating it is the caller's.
        There is no post-return to call: wasmtime runs it as part of the call. Raises TooLarge for a result that does not fit into
        `room`, which is asked when the guest has ended.
        """
        kept: Kept = []
        arguments = self._vals.from_buffer(self._arguments.of([values], kept)) if values else None
        if self._lift is None:
            calling.call_raw(function, context, arguments, len(values), None)
            return None
        result = layout.Val()
        try:
            calling.call_raw(function, context, arguments, len(values), byref(result))
            return self._lift(layout.copy_of(result), room())[0]
        finally:
            calling.delete(result)
