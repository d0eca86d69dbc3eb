"""What every row needs: the programs, folders with components installed in each, and how often things are done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import guests
from tests.benchmarks.client import Client, connected
from tests.benchmarks.programs import Program


@dataclass
class Bench:
    """`rounds` interleaved rounds; `calls` calls a round; `large`: the 18 MB and 11 MB components are measured, too."""

    programs: list[Program]
    home: Path
    rounds: int
    calls: int
    large: bool
    counts: tuple[int, ...] = (100, 1000)
    files: dict[str, Path] = field(default_factory=dict)
    """The components by name."""

    @property
    def hosts(self) -> list[Program]:
        """The programs that have components."""
        return [program for program in self.programs if program.load]

    def file(self, name: str) -> Path:
        """The component of that name: echo, web, py, js, or tool-N."""
        if name not in self.files:
            folder = self.home / "wasm"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.wasm"
            if name in ("py", "js"):
                shutil.copy(guests.python() if name == "py" else guests.javascript(), path)
            else:
                path.write_bytes(_SMALL[name]() if name in _SMALL else guests.tiny(name))
            self.files[name] = path
        return self.files[name]

    def folder(self, program: Program, name: str, components: list[str]) -> Path:
        """A component directory in which these are installed; made once."""
        folder = program.folder(name)
        if program.load and not folder.exists():
            for component in components:
                program.install(folder, self.file(component))
        return folder

    @contextmanager
    def serving(self, name: str, components: list[str], programs: list[Program] | None = None) -> Iterator[dict[Program, Client]]:
        """A server of each program at once, after the handshake, its tools listed."""
        with ExitStack() as stack:
            clients = {}
            for program in programs or self.programs:
                folder = self.folder(program, name, components)
                client = stack.enter_context(connected(program.command(folder), program.environment))
                client.handshake()
                client.wait_for_tools({tool_of(component) for component in components} if program.load else set())
                clients[program] = client
            yield clients


_SMALL = {"echo": guests.echo, "web": guests.web}


def tool_of(component: str) -> str:
    return {"echo": "nop", "web": "send", "py": "py-add", "js": "js-add"}.get(component, component)
