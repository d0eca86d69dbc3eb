"""What ended a call, in this program's words: the only place that reads wasmtime's error texts.

wasmtime reports every trap of a component as a bare error, told apart by its text. `tests/sandbox/test_failures.py` has a guest for
each kind, so that an upgrade cannot change a text unseen.
"""

from __future__ import annotations

from wassette_py.errors import Cancelled, GuestError, LimitExceeded, Trap, WassetteError, assert_never
from wassette_py.limits import format_limit
from wassette_py.sandbox.native import WasmtimeError
from wassette_py.sandbox.state import CallState, one_line

_TRAP = r"wasm trap: (.*)"
_NO_MEMORY = rb"(?i)memory allocation of \d+ bytes failed|out of memory|MemoryError|bad_alloc"
_TOO_LARGE = "a result this large cannot be handed over: wasmtime stops it at 128 MiB of values, for a list<u8> at about 2.7 MB"


def stopped(call: CallState) -> WassetteError | None:
    """Why the call was ended from outside, if it was."""
    limits = call.limits
    match call.verdict:
        case "cancelled":
            return Cancelled("the call was cancelled")
        case "timeout":
            return LimitExceeded(f"it took longer than {format_limit('timeout', limits.timeout)}", limit="timeout")
        case "output":
            return LimitExceeded(f"it wrote more than {format_limit('output', limits.output)} of output", limit="output")
        case "process-memory":
            return LimitExceeded("the process ran out of the memory it may use while this call ran", limit="process-memory")
        case None:
            return None
        case _:
            return assert_never(call.verdict)


def failed(call: CallState, error: WasmtimeError) -> WassetteError:
    """What `error`, raised while instantiating or calling, means."""
    if call.failure is not None:
        return WassetteError(f"a host function failed: {type(call.failure).__name__}: {call.failure}")
    if error.exit_code is not None:
        return Trap(f"it ended itself with exit code {error.exit_code} instead of returning")
    text = str(error)
    return _limit(call, text) or _trap(call, text)


def _limit(call: CallState, text: str) -> LimitExceeded | None:
    import re

    if "call stack exhausted" in text:
        return LimitExceeded("it used up its stack (recursion without end?)", limit="stack")
    if "hostcall" in text and "fuel" in text:
        return LimitExceeded(_TOO_LARGE, limit="output")
    if "maximum concurrent" in text:
        return LimitExceeded("more guests run at once than this process has room for", "call again when one has ended", limit="busy")
    if re.search(r"exceeds (the )?(memory|table) limits?|(memory|table) minimum size", text):
        return LimitExceeded(f"it needs more memory or larger tables than it may use ({_memory(call)})", limit="memory")
    if re.search(r"(instance|memory|memories|table)s? (count|limit)", text):
        return LimitExceeded("it has more instances, memories or tables than it may have", limit="memory")
    return None


def _trap(call: CallState, text: str) -> GuestError:
    import re

    match = re.search(_TRAP, text)
    if re.search(_NO_MEMORY, call.stderr):
        return LimitExceeded(f"it ran out of memory ({_memory(call)})", limit="memory")
    if match:
        return Trap(f"it trapped: {match[1].strip()}")
    return Trap(f"it failed: {one_line(text)}")


def _memory(call: CallState) -> str:
    return f"limit {format_limit('memory', call.limits.memory)}"
