"""Bytes -> a compiled component: small ones here, large ones in a child process that can be killed.

Both tell the control every few milliseconds that they are at work, and stop when it says so. Nothing is cached or restored here.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import wassette_py
from wassette_py.control import Control
from wassette_py.errors import GuestError, InvalidComponent, LimitExceeded
from wassette_py.sandbox import binding
from wassette_py.sandbox.compile_child import INVALID, NOT_WRITTEN, SECOND
from wassette_py.sandbox.native import RawComponent, RawEngine, WasmtimeError
from wassette_py.sandbox.state import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wassette_py.sandbox.configuration import TierName

IN_PROCESS_BELOW = 1 << 20
POLL = 0.03

_MAGIC = b"\0asm"
_COMPONENT = b"\x0d\0\1\0"
_CODE = """
import sys
sys.path[:0] = sys.argv[5:]
from wassette_py.sandbox.compile_child import main
sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), background=sys.argv[4] == "background"))
"""


def check_header(wasm: bytes) -> None:
    """Raises InvalidComponent, with what it is instead, for bytes that do not begin as a component does."""
    if wasm[:4] != _MAGIC:
        raise InvalidComponent("not a WebAssembly component: " + ("it is empty" if not wasm else f"it begins with {wasm[:4]!r}"))
    if len(wasm) < 8:
        raise InvalidComponent("not a WebAssembly component: it ends within its header")
    if wasm[4:8] == b"\1\0\0\0":
        raise InvalidComponent("a core module, not a component", "wasm-tools component new MODULE.wasm -o COMPONENT.wasm")
    if wasm[4:8] != _COMPONENT:
        raise InvalidComponent(f"not a WebAssembly component: unknown version {wasm[4:8].hex()}")


def compile_in_process(engine: RawEngine, wasm: bytes, control: Control) -> RawComponent:
    """Compiles on a thread of its own: one that is cancelled runs on to its end, unseen. Raises InvalidComponent, Cancelled."""
    outcome: list[RawComponent | WasmtimeError] = []

    def work() -> None:
        try:
            outcome.append(RawComponent.compiled(engine, wasm))
        except WasmtimeError as error:
            outcome.append(error)

    control.step("compile")
    worker = threading.Thread(target=work, name="compile", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL)
        control.step("compile")
    result = outcome[0]
    if isinstance(result, WasmtimeError):
        raise invalid(str(result))
    return result


def compile_in_child(
    wasm: bytes,
    target: BinaryIO,
    control: Control,
    *,
    tiers: Sequence[TierName] = ("optimized",),
    background: bool = False,
    memory: int | None = None,
) -> TierName:
    """Compiles into `target`, by the first of `tiers` that takes it, which is returned; `background`: on one core, behind everything else.

    The child is killed when anything but its own end ends this: Ctrl-C, cancelling, an error. Raises InvalidComponent, LimitExceeded when
    it ran out of memory or time, Cancelled, OSError where `target` cannot be written.
    """
    import subprocess  # slow to import, and most starts compile nothing
    import tempfile

    control.step("compile")
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as said:
        source.write(wasm)
        source.seek(0)
        child = subprocess.Popen(
            _command(tiers, memory or (2 << 30) + 64 * len(wasm), background),
            stdin=source,
            stdout=target,
            stderr=said,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we end it
        )
        try:
            while child.poll() is None:
                try:
                    child.wait(POLL)
                except subprocess.TimeoutExpired:
                    control.step("compile")
        finally:
            child.kill()
            child.wait()
        said.seek(0)
        _judge(child.returncode, said.read(8192).decode(errors="replace"))
        return tiers[1 if child.returncode == SECOND else 0]


def _command(tiers: Sequence[TierName], memory: int, background: bool) -> list[str]:
    words = [",".join(tiers), str(memory), str(os.getpid()), "background" if background else ""]
    return [sys.executable, "-I", "-S", "-c", _CODE, *words, *import_roots()]


def import_roots() -> list[str]:
    """Where an interpreter that knows no site-packages finds what it needs of ours."""
    return list(dict.fromkeys([str(Path(binding.LIBRARY).parents[2]), str(Path(wassette_py.__file__).parents[1])]))


def _judge(code: int, said: str) -> None:
    """Raises what the end of the child means."""
    if code in (0, SECOND):
        return
    import signal

    no_memory = any(words in said for words in ("memory allocation", "MemoryError", "Cannot allocate memory"))
    if code == INVALID and not no_memory:
        raise invalid(said)
    if code == NOT_WRITTEN:
        raise OSError(f"the compiled component cannot be written: {one_line(said)}")
    if -code == getattr(signal, "SIGXCPU", None):
        raise LimitExceeded("compiling it took more processor time than is allowed for it", limit="timeout")
    if code < 0 or no_memory:
        raise LimitExceeded("compiling it took more memory than is allowed for it", limit="memory")
    raise GuestError(f"compiling it failed (exit {code}): {one_line(said)}")


def invalid(text: str) -> InvalidComponent:
    """What wasmtime says of bytes it cannot compile."""
    return InvalidComponent(f"not a valid component: {one_line(text)}")
