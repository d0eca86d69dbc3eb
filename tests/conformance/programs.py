"""Two programs with one face: this one and Microsoft's wassette, told apart only by how their command lines are spelt.

Each case gets a home and a component directory of its own. Both programs keep `<id>.policy.yaml` beside the component, so a case
writes the same policy for both. Nothing here judges what it sees.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import FOREVER, LONG
from tests.sandbox.conftest import wasm_of
from tests.toolchain import ENVIRON, REPOSITORY

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """How a program is started; `serve` and `load` are its words for these."""

    name: str
    command: tuple[str, ...]
    serve: tuple[str, ...]
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def is_ours(self) -> bool:
        return self.name == "ours"


OURS = Program("ours", (sys.executable, "-m", "wassette_py"), ("serve", "--stdio"), (("PYTHONPATH", str(REPOSITORY)),))


def peer() -> Program | None:
    """The other program, when WASSETTE_PEER (read before tests get a home of their own) names its command."""
    command = ENVIRON.get("WASSETTE_PEER")
    if not command:
        return None
    home = ENVIRON.get("XDG_CACHE_HOME") or f"{ENVIRON.get('HOME', '/root')}/.cache"
    cache = ENVIRON.get("PEER_CACHE") or f"{home}/wassette-peer"
    return Program("peer", tuple(shlex.split(command)), ("run",), (("PEER_CACHE", cache),))


class World:
    """One program with a home of its own: what a case does, it does through this."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.home = folder / "home"
        self.components = folder / "store" / "components"
        self.home.mkdir(parents=True)
        self.components.mkdir(parents=True)

    def environment(self, **more: str) -> dict[str, str]:
        # NOTE: nothing of ours that begins with WASSETTE_: this program refuses variables of that kind that it does not know.
        kept = {name: ENVIRON[name] for name in ("PATH", "LANG", "PIP_INDEX_URL") if name in ENVIRON}
        return {**kept, "HOME": str(self.home), "TOPSECRET": "host-secret", **dict(self.program.extra), **more}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command line of the program. `component load PATH` and the like take the component directory as both programs do."""
        return subprocess.run(
            [*self.program.command, *words, "--component-dir", str(self.components)],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / f"{name}.wasm"
        path.write_bytes(wasm_of(text))
        return path

    def load(self, name: str, text: str) -> subprocess.CompletedProcess[str]:
        return self.run("component", "load", f"file://{self.write(name, text)}")

    def policy(self, name: str, text: str | bytes) -> Path:
        """Writes the policy of a component by hand; `text` are its permissions as YAML, bytes the whole file."""
        path = self.components / f"{name}.policy.yaml"
        path.write_bytes(text if isinstance(text, bytes) else f"version: '1.0'\npermissions: {text}\n".encode())
        return path

    @property
    def patient(self) -> dict[str, str]:
        """For a server whose guests run for longer than is waited, when nothing ends them; the other one's do anyway."""
        return {"WASSETTE_LIMITS_TIMEOUT": f"{FOREVER:g}s"} if self.program.is_ours else {}

    @contextmanager
    def serving(self, *words: str, **environment: str) -> Iterator[Client]:
        command = [*self.program.command, *self.program.serve, "--component-dir", str(self.components), *words]
        client = Client(command, self.environment(**environment))
        try:
            client.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}})
            client.send({"method": "notifications/initialized"})
            yield client
        finally:
            client.close()


class Client:
    """Speaks MCP over stdio and keeps every line it gets, messages or not."""

    def __init__(self, command: list[str], environment: Environment) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(environment)
        )
        self.messages: list[dict[str, Any]] = []
        self.others: list[bytes] = []
        self._changed = threading.Condition()
        self._count = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                try:
                    self.messages.append(json.loads(line))
                except ValueError:
                    self.others.append(line)
                self._changed.notify_all()

    def send(self, message: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self.process.stdin.flush()

    def request(self, method: str, params: object = None) -> int:
        self._count += 1
        self.send({"id": self._count, "method": method, **({} if params is None else {"params": params})})
        return self._count

    def answer(self, number: int, seconds: float = LONG) -> dict[str, Any] | None:
        """The answer to a request, or None when none comes in time."""

        def find() -> dict[str, Any] | None:
            return next((it for it in self.messages if it.get("id") == number and "method" not in it), None)

        with self._changed:
            return self._changed.wait_for(find, seconds)

    def ask(self, method: str, params: object = None, seconds: float = LONG) -> dict[str, Any] | None:
        return self.answer(self.request(method, params), seconds)

    def start(self, tool: str, **arguments: object) -> int:
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, /, **arguments: object) -> Result:
        """What a call came to. A tool that is not found yet is asked for again: the other program loads in the background."""
        until = time.monotonic() + 5
        while True:
            result = Result(self.answer(self.start(tool, **arguments)))
            if not result.is_unknown_tool or time.monotonic() > until:
                return result
            time.sleep(0.05)

    def processor_seconds(self) -> float:
        """How much the program has used, its children left out."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join(LONG)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


class Result:
    """The answer to a tools/call, as one wants to ask about it."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer = answer
        self.result: dict[str, Any] = (answer or {}).get("result") or {}

    @property
    def text(self) -> str:
        return "\n".join(part.get("text", "") for part in self.result.get("content", []))

    @property
    def failed(self) -> bool:
        return bool(self.result.get("isError")) or "error" in (self.answer or {})

    @property
    def is_unknown_tool(self) -> bool:
        return self.answer is not None and ("Tool not found" in self.text or (self.answer.get("error") or {}).get("code") == -32602)

    @property
    def value(self) -> Any:
        """The result's value, None where there is none."""
        return (self.result.get("structuredContent") or {}).get("result")
