"""What a component costs here: compiling, restoring, and calls under all limits beside wasmtime's own share of them.

Calls are measured of the optimised build, which is what a component runs on but for its first moments.

It runs guests on the thread that calls it, as `Sandbox.call` does, and judges nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from wassette_py.control import Control
from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import WassetteError
from wassette_py.reference import Digest
from wassette_py.sandbox.call import CallReport, CallSpec, Sandbox
from wassette_py.sandbox.configuration import TierName
from wassette_py.sandbox.engine import CompiledComponent, Engine
from wassette_py.sandbox.memory import resident


@dataclass(frozen=True)
class Measured:
    """Seconds, by medians unless said; `ready`: what is compiled before the first call, quickly where that is done; `bare`: instance and
    call, what wasmtime itself takes; `memory`: bytes the calls left behind; `tier`: of which build all but `ready` is."""

    ready: float
    compile: float
    restore: float
    instantiate: float
    call: float
    call_p95: float
    bare: float
    memory: int
    calls: int
    tier: TierName

    @property
    def overhead(self) -> float:
        """What a call costs in proportion to bare wasmtime."""
        return self.call / self.bare


def measure(
    sandbox: Sandbox, component: CompiledComponent, wasm: bytes, spec: CallSpec, *, calls: int, folder: Path, control: Control
) -> Measured:
    """Compiles `wasm` into a cache of its own below `folder`, where no guest may write, and makes `calls` calls of `component`. Raises
    WassetteError, also of a call that fails."""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            times = _compiled(Path(name), wasm, component.digest, control)
    except OSError as error:
        raise WassetteError(f"nothing can be compiled in {folder} to be measured: {error.strerror}") from None
    spec = replace(spec, may_be_ahead=False)  # making an instance is what is measured
    _call(sandbox, component, spec, control.cancel)  # the first one builds the linker
    before = resident() or 0
    reports: list[tuple[float, CallReport]] = []
    for _ in range(calls):
        started = time.perf_counter()
        report = _call(sandbox, component, spec, control.cancel)
        reports.append((time.perf_counter() - started, report))
    seconds = sorted(took for took, _ in reports)
    return Measured(
        **times,
        instantiate=statistics.median(report.instantiating for _, report in reports),
        call=statistics.median(seconds),
        call_p95=seconds[min(calls - 1, int(calls * 0.95))],
        bare=statistics.median(report.inside for _, report in reports),
        memory=max(0, (resident() or 0) - before),
        calls=calls,
        tier=component.engine.tier,
    )


def _compiled(folder: Path, wasm: bytes, digest: Digest, control: Control) -> dict[str, float]:
    engines = Engine(folder, first="quick"), Engine(folder), Engine(folder)
    times = [time.perf_counter()]
    engines[0].compile(wasm, digest, control, keep=False)
    times.append(time.perf_counter())
    engines[1].compile(wasm, digest, control)
    times.append(time.perf_counter())
    engines[2].restore(digest)
    times.append(time.perf_counter())
    return {name: times[number + 1] - times[number] for number, name in enumerate(("ready", "compile", "restore"))}


def _call(sandbox: Sandbox, component: CompiledComponent, spec: CallSpec, cancel: threading.Event) -> CallReport:
    reports: list[CallReport] = []
    sandbox.call(component, spec, cancel, reports.append)
    if reports[0].error is not None:
        raise reports[0].error
    return reports[0]
