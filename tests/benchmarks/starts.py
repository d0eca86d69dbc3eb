"""Rows about starting, listing and loading."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench import Bench, tool_of
from tests.benchmarks.client import INITIALIZE, connected, request
from tests.benchmarks.many import install_many
from tests.benchmarks.programs import Program, wassette_command
from tests.benchmarks.table import Row

LOADS = 5
"""Loads of a component that takes the other program ten seconds and more."""


def start(bench: Bench) -> Iterator[Row]:
    """Process start to the reply to initialize, and to the whole list of one small component."""
    first = Row("start → initialize", "ms", goal="must 2.0, aim 1.2")
    listed = Row("start → tools/list, 1 small component", "ms")
    for _ in range(bench.rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        first.add("floor", time.perf_counter() - started)
        for program in bench.programs:
            with connected(program.command(bench.folder(program, "one", ["echo"])), program.environment) as client:
                client.ask(request(0, "initialize", INITIALIZE))
                first.add(program.name, time.perf_counter() - client.spawned)
                client.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
                client.wait_for_tools({"nop"})
                listed.add(program.name, time.perf_counter() - client.spawned)
    yield first
    yield listed


def listing(bench: Bench) -> Iterator[Row]:
    """Process start to the whole list, with more and more components; and what each of them costs in memory."""
    few = ["echo", "tool-1", "tool-2", "tool-3", *(["py", "js"] if bench.large else ["tool-4", "tool-5"])]
    cases = [("six", few, f"6 components{' (CPython and StarlingMonkey among them)' if bench.large else ''}", "must 1.0, aim 0.5")]
    cases += [(str(count), [f"tool-{number}" for number in range(count)], f"{count} components", _goal(count)) for count in bench.counts]
    for name, components, words, goal in cases:
        row = Row(f"start → tools/list, {words}", "ms", goal=goal)
        again = Row(f"tools/list again, {words}", "ms")
        memory = Row(f"RSS after that, {words}", "MB")
        wanted = {tool_of(component) for component in components}
        folders = {program: _folder(bench, program, name, components) for program in bench.hosts}
        for program, folder in folders.items():  # what a first start leaves behind is there for both
            with connected(program.command(folder), program.environment) as client:
                client.handshake()
                client.wait_for_tools(wanted)
                time.sleep(1)
        for _ in range(bench.rounds):
            for program, folder in folders.items():
                with connected(program.command(folder), program.environment) as client:
                    client.handshake()
                    client.wait_for_tools(wanted)
                    row.add(program.name, time.perf_counter() - client.spawned)
                    time.sleep(0.5)
                    again.add(program.name, client.timed(request(3, "tools/list")))
                    memory.add(program.name, client.resident())
        yield from (row, again, memory)


def _goal(count: int) -> str:
    return "must 1.0, aim 0.3" if count >= 1000 else "must 1.0, aim 0.5"


def _folder(bench: Bench, program: Program, name: str, components: list[str]) -> Path:
    if len(components) < 20:
        return bench.folder(program, name, components)
    folder = program.folder(name)
    if not folder.exists():
        install_many(bench, program, folder, components)
    return folder


def load(bench: Bench) -> Iterator[Row]:
    """`load-component` until it returns and the tool has been called, of a quick build where there is one; the same again, unchanged; a
    restart until the first call, of the optimised build."""
    for component in ("py", "js") if bench.large else ("echo",):
        size = f"{bench.file(component).stat().st_size / 1e6:.0f} MB {component}"
        first = Row(f"first load, {size}", "s", goal="must 0.5, aim 0.15")
        again = Row(f"load again, unchanged, {size}", "s", goal="must 0.02, aim 0.005 (served)")
        restart = Row(f"start → first call, {size}", "ms", goal="must 2.0, aim 1.0")
        for number in range(min(LOADS, bench.rounds) if bench.large else bench.rounds):
            for program in bench.hosts:
                _load(bench, program, component, name=f"{component}-{number}", rows=(first, again))
        for _ in range(bench.rounds):
            for program in bench.hosts:
                environment = _environment(program, f"{component}-0")
                with connected(program.command(program.folder(f"{component}-0")), environment) as client:
                    client.handshake()
                    client.called(tool_of(component), {} if component == "echo" else {"a": 1, "b": 2})
                    restart.add(program.name, time.perf_counter() - client.spawned)
        yield from (first, again, restart)


def _load(bench: Bench, program: Program, component: str, *, name: str, rows: tuple[Row, Row]) -> None:
    """Through the server's own load-component, so that what is measured is loading and not another process's start."""
    folder = program.folder(name)
    folder.mkdir(parents=True)
    environment, file = _environment(program, name), bench.file(component)
    command = [word for word in program.command(folder) if word != "--disable-builtin-tools"]
    with connected(command, environment) as client:
        client.handshake()
        client.tools()
        time.sleep(0.5)
        for row in rows:
            started = time.perf_counter()
            client.checked("load-component", {"path": f"file://{file}"})
            client.called(tool_of(component), {} if component == "echo" else {"a": 1, "b": 2})
            row.add(program.name, time.perf_counter() - started)
            program.settle(program.home / f"cache-{name}")


def _environment(program: Program, name: str) -> dict[str, str]:
    """For us a cache of this row's own, and the operator's leave for a model to load."""
    if program.name != "ours":
        return dict(program.environment)
    return {**program.environment, "XDG_CACHE_HOME": str(program.home / f"cache-{name}"), "WASSETTE_GRANTS": "allow"}


def commands(bench: Bench) -> Iterator[Row]:
    """Whole processes of the command line."""
    ours = next(program for program in bench.programs if program.name == "ours")
    folder = str(bench.folder(ours, "one", ["echo"]))
    lines = {
        "wassette --help": ["--help"],
        "wassette component list": ["component", "list", "--component-dir", folder],
        "wassette policy grant": ["policy", "grant", "echo", "network", "example.com", "--component-dir", folder],
    }
    for name, words in lines.items():
        row = Row(f"{name} (goal 150 ms)", "ms")
        for _ in range(bench.rounds):
            started = time.perf_counter()
            subprocess.run([*wassette_command(bench.home), *words], env=dict(ours.environment), check=True, stdout=subprocess.DEVNULL)
            row.add("ours", time.perf_counter() - started)
        yield row
