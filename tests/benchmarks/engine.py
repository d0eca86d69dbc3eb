"""Rows in one process: the sandbox beside bare wasmtime-py (fresh store, instantiate, call), whose conversion is its stock one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import wasmtime
from wasmtime.component import Component, Linker, Record

from tests.benchmarks import guests
from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row
from wassette_py.control import Control
from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.reference import Digest
from wassette_py.sandbox.call import CallReport, CallSpec, Sandbox
from wassette_py.sandbox.engine import Engine

FLOOR = "floor"


def cost(bench: Bench) -> Iterator[Row]:
    """A call's cost under all limits and a watchdog, and what conversion costs, beside wasmtime-py as it comes."""
    wasm = guests.echo()
    sandbox = Sandbox(Engine(bench.home / "engine"))
    component = sandbox.engine.compile(wasm, Digest.of(wasm), Control())
    functions = {function.name: function for function in component.type.exports}
    config = wasmtime.Config()
    config.epoch_interruption = True
    bare = _Bare(wasmtime.Engine(config), wasm)
    cancel = threading.Event()

    def ours(name: str, *values: object) -> CallReport:
        reports: list[CallReport] = []
        sandbox.call(component, CallSpec("bench", functions[name], values, EMPTY, Limits(), {}), cancel, reports.append)
        if reports[0].error is not None:
            raise reports[0].error
        return reports[0]

    rows = [(f"row number {index}", index, index / 4) for index in range(10_000)]
    texts = [f"text number {index}" for index in range(10_000)]
    data = bytes(range(250)) * 4000
    cases: list[tuple[str, str, str, tuple[object, ...], tuple[object, ...], int]] = [
        ("engine side of a no-op call (goal 1.3 of the floor)", "us", "nop", (), (), bench.calls),
        ("engine side, 1 MB list<u8> (goal 0.1 of the floor)", "ms", "echo-bytes", (data,), (data,), 3),
        ("engine side, 10000 strings (goal 0.33 of the floor)", "ms", "echo-texts", (texts,), (texts,), 5),
        ("engine side, 10000 records (goal 0.33 of the floor)", "ms", "echo-rows", (rows,), ([_record(*row) for row in rows],), 5),
    ]
    for words, unit, name, values, stock, times in cases:
        row = Row(words, unit)
        for _ in range(bench.rounds):
            for program, run in (("ours", lambda: ours(name, *values)), (FLOOR, lambda: bare.call(name, *stock))):  # noqa: B023
                run()  # type: ignore[no-untyped-call]
                for _ in range(min(times, bench.calls)):
                    row.add(program, _timed(run))
        yield row


def _record(name: str, count: int, price: float) -> Any:
    record: Any = Record()
    record.name, record.count, record.price = name, count, price
    return record


class _Bare:
    """The shortest way to a call with wasmtime-py."""

    def __init__(self, engine: wasmtime.Engine, wasm: bytes) -> None:
        self.engine = engine
        self.component = Component(engine, wasm)
        self.linker = Linker(engine)

    def call(self, name: str, *values: Any) -> object:
        store = wasmtime.Store(self.engine)
        store.set_epoch_deadline(1 << 40)
        function = self.linker.instantiate(store, self.component).get_func(store, name)
        assert function is not None
        return function(store, *values)


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
