"""The process that compiles: started for a large component, so that compiling can be killed and cannot take the program with it.

Reads the component from standard input, writes native code to standard output; what is wrong goes to standard error, with exit code 3
for a component that no compiler takes and 4 for an output that cannot be written. Running out of memory or time ends it by a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wassette_py.sandbox.configuration import TierName

INVALID = 3
NOT_WRITTEN = 4
SECOND = 5
"""The first compiler that was named refused it, and the second did not."""

CPU_SECONDS = 600
_M_ARENA_MAX = -8

ASIDE, BEHIND = 5, 10
"""The niceness of what somebody waits for and of what nobody does: a third, and a tenth, of a core beside one that is busy. With 19 the
latter would hold its memory for an hour beside many."""


def main(tiers: str, memory: int, parent: int, *, background: bool) -> int:
    """Compiles within `memory` bytes of address space, as long as the process `parent` is this one's parent.

    `tiers`: the compilers to be tried, in that order. `background`: on one core, and behind what somebody waits for.
    """
    _limit(memory)
    step_back(BEHIND if background else ASIDE)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    names = cast("Sequence[TierName]", tiers.split(","))
    return compile_to(sys.stdout.fileno(), sys.stdin.buffer.read(), names, parallel=not background)


def compile_to(output: int, wasm: bytes, tiers: Sequence[TierName], *, parallel: bool = True) -> int:
    """The work itself: 0 or SECOND, or INVALID or NOT_WRITTEN and a line that says why."""
    from wassette_py.sandbox.configuration import make_engine
    from wassette_py.sandbox.native import RawComponent, WasmtimeError

    refused = ""
    for done, tier in zip((0, SECOND), tiers, strict=False):
        try:
            code = memoryview(RawComponent.compiled(make_engine(tier, parallel=parallel), wasm).serialized())
        except WasmtimeError as error:
            refused = str(error)
            continue
        try:
            while code:
                code = code[os.write(output, code) :]
        except OSError as error:
            sys.stderr.write(str(error.strerror))
            return NOT_WRITTEN
        return done
    sys.stderr.write(refused)
    return INVALID


def step_back(niceness: int) -> None:
    """Lets others go first, as far as the system lets us say so."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:  # a session of its own is a group of its own
        group.write(str(niceness))


def _limit(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with contextlib.suppress(AttributeError, TypeError, OSError):  # glibc: an arena a thread would count as address space
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
