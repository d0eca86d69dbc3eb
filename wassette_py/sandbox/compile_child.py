"""The process that compiles: started for a large component, so that compiling can be killed and cannot take the program with it.

Reads the component from standard input, writes native code to the file named by its argument. What is wrong goes to standard
output: with the component exit code 3, with the file 4. Running out of memory or time ends the process by a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time

INVALID = 3
NOT_WRITTEN = 4
CPU_SECONDS = 600
_M_ARENA_MAX = -8


def main(target: str, memory: int, parent: int) -> int:
    """Compiles within `memory` bytes of address space, as long as the process `parent` is this one's parent."""
    _limit(memory)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    return compile_to(target, sys.stdin.buffer.read())


def compile_to(target: str, wasm: bytes) -> int:
    """The work itself: 0, or INVALID or NOT_WRITTEN and a line that says why."""
    from wasmtime import WasmtimeError
    from wasmtime.component import Component

    from wassette_py.sandbox.configuration import make_engine

    try:
        code = Component(make_engine(), wasm).serialize()
    except WasmtimeError as error:
        sys.stdout.write(str(error))
        return INVALID
    try:
        with open(target, "wb") as file:
            file.write(code)
    except OSError as error:
        sys.stdout.write(f"{target}: {error.strerror}")
        return NOT_WRITTEN
    return 0


def _limit(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.nice(5)
    with contextlib.suppress(AttributeError, TypeError, OSError):  # glibc: an arena a thread would count as address space
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
