"""Rows about calls through the server."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping

from tests.benchmarks import guests
from tests.benchmarks.bench import Bench, tool_of
from tests.benchmarks.client import PATIENCE, Client, NoAnswer, call, request
from tests.benchmarks.programs import Program
from tests.benchmarks.table import Row

WARM = 30


def latency(bench: Bench) -> Iterator[Row]:
    """One call after another."""
    row = Row("no-op call, one after another", "us", goal="must 1.5, aim 1.0")
    yield _sequence(bench, row, folder="one", components=["echo"], tool="nop", arguments={}, pause=0.0)
    if bench.large:
        arguments = {"a": 1, "b": 2}
        for name, component in (("CPython", "py"), ("StarlingMonkey", "js")):
            for words, pause, goal in (("back to back", 0.0, "must 1.0, aim 0.7"), ("5 ms between", 0.005, "must 1.0, aim 0.4")):
                row = Row(f"call of a {name} component, {words}", "us", goal=goal)
                yield _sequence(
                    bench, row, folder="large", components=["py", "js"], tool=tool_of(component), arguments=arguments, pause=pause
                )


def _sequence(
    bench: Bench, row: Row, *, folder: str, components: list[str], tool: str, arguments: Mapping[str, object], pause: float
) -> Row:
    with bench.serving(folder, components, None if tool in ("nop", "py-add") else bench.hosts) as clients:
        line = call(9, tool, arguments)
        for client in clients.values():
            client.called(tool, arguments)
            for _ in range(WARM):
                client.timed(line)
        for _ in range(bench.rounds):
            for program, client in clients.items():
                for _ in range(bench.calls if not pause else max(10, bench.calls // 5)):
                    if pause:
                        time.sleep(pause)
                    row.add(program.name, client.timed(line))
    return row


def sizes(bench: Bench) -> Iterator[Row]:
    """There and back: how the cost grows with the size of the argument."""
    goals = {"text": "must 1.0, aim 0.7", "bytes": "must 0.2, aim 0.1", "rows": "must 1.0, aim 0.5"}
    cases: list[tuple[str, str, int, str]] = []
    cases += [("text", "echo-text", size, f"{size // 1000} kB string there and back") for size in (1_000, 100_000, 1_000_000)]
    cases += [("bytes", "echo-bytes", size, f"{size // 1000} kB list<u8> there and back") for size in (1_000, 100_000, 1_000_000)]
    cases += [("rows", "echo-rows", size, f"{size} records there and back") for size in (10, 1000, 10_000)]
    with bench.serving("one", ["echo"]) as clients:
        for kind, tool, size, words in cases:
            largest = size in (1_000_000, 10_000)
            row = Row(words, "ms", goal=goals[kind] if largest else "")
            lines = {program: call(7, tool, {"x": _value(program, kind, size)}) for program in clients}
            for program, client in clients.items():
                _check(client, lines[program])
            for _ in range(bench.rounds):
                for program, client in clients.items():
                    for _ in range(1 if largest else 10):
                        row.add(program.name, client.timed(lines[program]))
            yield row


def _value(program: Program, kind: str, size: int) -> object:
    if kind == "text":
        return "x" * size
    if kind == "rows":
        return guests.rows(size)
    data = bytes(range(250)) * (size // 250)
    return base64.b64encode(data).decode() if program.folds_bytes else list(data)


def _check(client: Client, line: bytes) -> None:
    answer = client.ask(line)
    if b'"isError":true' in answer or b'"error":{' in answer:
        raise NoAnswer(answer[:300].decode())


def throughput(bench: Bench) -> Iterator[Row]:
    """Calls a second with so many in flight."""
    with bench.serving("one", ["echo"]) as clients:
        for client in clients.values():
            client.called("nop", {})
        for depth in (1, 8, 32):
            row = Row(f"no-op calls a second, {depth} in flight", "calls/s", goal="must ≥ 1.0, aim ≥ 1.5" if depth == 32 else "")
            for _ in range(bench.rounds):
                for program, client in clients.items():
                    row.add(program.name, _rate(client, depth, bench.calls * 4))
            yield row


def _rate(client: Client, depth: int, total: int) -> float:
    started = time.perf_counter()
    client.send(b"".join([call(number, "nop", {}) for number in range(depth)]))
    for number in range(total):
        client.answer()
        if number + depth < total:
            client.send(call(number + depth, "nop", {}))
    return total / (time.perf_counter() - started)


def spinning(bench: Bench) -> Iterator[Row]:
    """tools/list while so many guests spin for ever."""
    for count in (0, 2, 8):
        row = Row(f"tools/list while {count} calls spin", "ms", goal="p95 must < 50 ms, aim < 10 ms" if count == 8 else "")
        for program in bench.hosts:
            with bench.serving("one", ["echo"], [program]) as clients:
                client = clients[program]
                client.called("nop", {})
                for number in range(count):
                    client.send(call(1000 + number, "spin", {}))
                time.sleep(0.3)
                try:
                    for _ in range(bench.calls // 5 + 10):
                        started = time.perf_counter()
                        client.ask(request(5, "tools/list"), patience=5 if bench.large else PATIENCE)
                        row.add(program.name, time.perf_counter() - started)
                        time.sleep(0.005)
                except NoAnswer:
                    row.notes[program.name] = "no answer in 5 s"
                    row.samples.pop(program.name, None)
        yield row


def memory(bench: Bench) -> Iterator[Row]:
    """Bytes of the idle server, and after calls."""
    idle, used = Row("idle RSS, 1 small component, listed", "MB", goal="must 3.0, aim 2.0"), Row("RSS after 1000 calls", "MB")
    with bench.serving("one", ["echo"]) as clients:
        time.sleep(1)
        for program, client in clients.items():
            idle.add(program.name, client.resident())
            client.called("nop", {})
            for _ in range(1000 if bench.calls > 100 else 50):
                client.ask(call(3, "nop", {}))
            used.add(program.name, client.resident())
    yield idle
    yield used
