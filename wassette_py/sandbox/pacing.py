"""The one place where a running guest is looked at: wasmtime calls in here every tick or few, on the guest's thread.

Cancelled, past its deadline, too much memory in the process: the guest is ended by an error. More than its share of a core: it is
held here until it is back under it. Blocking host calls are not seen (clock gate, `watchdog.py`).
"""

from __future__ import annotations

import ctypes
import time

from wassette_py.sandbox import binding
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.native import new_error
from wassette_py.sandbox.state import CALLS, CallState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONTINUE = 0
_CALLBACK: Any = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ctypes.c_uint8),
)

LONGEST_PAUSE = 0.05
"""Seconds a guest is held at once, so that the deadline is looked at in between."""

RARELY = 4
"""Ticks between two looks at each of so many guests or more; of fewer as many as there are. A look takes the interpreter from whoever
answers others, and from who waits for it when the machine takes the core away from its thread meanwhile."""


class Pace:
    """Holds one call to its share of a core, and looks at why it should end."""

    def __init__(self, call: CallState, memory: MemoryWatch) -> None:
        self.call = call
        self.memory = memory
        self._before = self._highest = memory.last
        self._cpu_started = time.thread_time() if call.limits.cpu < 1 else 0.0  # nobody else is held to a share

    def grown(self) -> int:
        """By how many bytes the process was seen to grow while the call ran: never, when it was over within a tick."""
        return self._highest - self._before

    def look(self) -> None:
        """Notes on the call why it is to end, if it is; holds it when it is ahead of its share."""
        call = self.call
        self._judge()
        share = call.limits.cpu
        if share >= 1 or call.verdict:
            return
        while (ahead := self._ahead(share)) > 0 and call.verdict is None:
            call.cancel.wait(min(ahead, LONGEST_PAUSE, call.time_left()))
            self._judge()

    def _judge(self) -> None:
        call = self.call
        if call.cancel.is_set():
            call.stop("cancelled")
        elif time.monotonic() >= call.deadline:
            call.stop("timeout")
        else:
            self._highest = max(self._highest, self.memory.resident())
            if self.memory.is_exceeded():
                call.stop("process-memory")

    def _ahead(self, share: float) -> float:
        """Seconds of wall time this call has to be held to be at its share."""
        return (time.thread_time() - self._cpu_started) / share - (time.monotonic() - self.call.started)


@_CALLBACK  # type: ignore[untyped-decorator]
def _on_epoch(_context: Any, data: int, delta: Any, kind: Any) -> int:
    try:
        call = CALLS[data]
        call.pace.look()
        if call.verdict is None:
            delta[0] = min(len(CALLS), RARELY)
            kind[0] = _CONTINUE
            return 0
        return new_error("stopped")
    except BaseException:  # nothing may leave a ctypes callback
        return new_error("epoch callback failed")


def watch(store: int, address: int) -> None:
    """Has `store` looked at by the pace of `CALLS[address]`, from the next tick on."""
    binding.store_epoch_deadline_callback(store, _on_epoch, address, None)
    binding.context_set_epoch_deadline(address, 1)
