"""What a component costs here: compiling, restoring, and calls under all limits beside wasmtime's own share of them.

It runs guests on the thread that calls it, as `Sandbox.call` does, and judges nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from wassette_py.control import Control
from wassette_py.dataclass import dataclass
from wassette_py.sandbox.call import CallReport, CallSpec, Sandbox
from wassette_py.sandbox.engine import CompiledComponent, Engine
from wassette_py.sandbox.memory import resident


@dataclass(frozen=True)
class Measured:
    """Seconds, by medians unless said; `bare`: instance and call, what wasmtime itself takes; `memory`: bytes the calls left behind."""

    compile: float
    restore: float
    instantiate: float
    call: float
    call_p95: float
    bare: float
    memory: int
    calls: int

    @property
    def overhead(self) -> float:
        """What a call costs in proportion to bare wasmtime."""
        return self.call / self.bare


def measure(sandbox: Sandbox, component: CompiledComponent, wasm: bytes, spec: CallSpec, *, calls: int, control: Control) -> Measured:
    """Compiles `wasm` into a cache of its own, and makes `calls` calls of `component`. Raises WassetteError, also of a call that fails."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        Engine(Path(folder)).compile(wasm, component.digest, control)
        compiled = time.perf_counter()
        engine = Engine(Path(folder))
        restoring = time.perf_counter()
        engine.restore(component.digest)
        restored = time.perf_counter()
    _call(sandbox, component, spec, control.cancel)  # the first one builds the linker
    before = resident() or 0
    reports: list[tuple[float, CallReport]] = []
    for _ in range(calls):
        started = time.perf_counter()
        report = _call(sandbox, component, spec, control.cancel)
        reports.append((time.perf_counter() - started, report))
    times = sorted(seconds for seconds, _ in reports)
    return Measured(
        compile=compiled - began,
        restore=restored - restoring,
        instantiate=statistics.median(report.instantiating for _, report in reports),
        call=statistics.median(times),
        call_p95=times[min(calls - 1, int(calls * 0.95))],
        bare=statistics.median(report.inside for _, report in reports),
        memory=max(0, (resident() or 0) - before),
        calls=calls,
    )


def _call(sandbox: Sandbox, component: CompiledComponent, spec: CallSpec, cancel: threading.Event) -> CallReport:
    reports: list[CallReport] = []
    sandbox.call(component, spec, cancel, reports.append)
    if reports[0].error is not None:
        raise reports[0].error
    return reports[0]
