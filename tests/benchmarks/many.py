"""Installs very many components in one folder, as loading them one by one would, without waiting for it."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.client import connected
from tests.benchmarks.programs import Program
from wassette_py.audit import flush
from wassette_py.control import Control
from wassette_py.host import ComponentHost
from wassette_py.reference import Digest, parse_reference
from wassette_py.settings import Settings


def install_many(bench: Bench, program: Program, folder: Path, components: list[str]) -> None:
    folder.mkdir(parents=True)
    for component in components:
        shutil.copy(bench.file(component), folder)
    if program.name == "ours":
        _write_records(folder, components)
        return
    with connected(program.command(folder), program.environment) as client:  # it compiles and describes what it finds
        client.handshake()
        client.wait_for_tools(set(components))
        time.sleep(1)


def _write_records(folder: Path, components: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        host = ComponentHost(Settings.load(environ={"HOME": home}, component_dir=Path(home) / "components"))
        first = folder / f"{components[0]}.wasm"
        record = host.load(parse_reference(str(first)), control=Control()).record
        flush()
    for component in components:
        wasm = (folder / f"{component}.wasm").read_bytes()
        tools = tuple([replace(tool, name=component, function=component) for tool in record.tools])
        other = replace(record, id=component, digest=Digest.of(wasm), size=len(wasm), tools=tools)
        (folder / f"{component}.json").write_bytes(other.to_bytes())
