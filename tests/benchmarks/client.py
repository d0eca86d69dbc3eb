"""A client that measures: raw lines over pipes, read without parsing, so that the server is what takes the time."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
CHUNK = 1 << 20
PATIENCE = 120.0


class NoAnswer(Exception):
    """The server did not answer in time, or is gone."""


def request(id: int, method: str, params: object = None) -> bytes:
    body = {} if params is None else {"params": params}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, **body}, separators=(",", ":")).encode() + b"\n"


def call(id: int, tool: str, arguments: Mapping[str, object]) -> bytes:
    return request(id, "tools/call", {"name": tool, "arguments": arguments})


class Client:
    """One server process and its two pipes; `spawned` is when it was started."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.spawned = time.perf_counter()
        self.process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._parts: list[bytes] = []
        self._lines: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Writes while what comes back is read, so that two full pipes never wait for each other."""
        view = memoryview(data)
        while len(view) > select.PIPE_BUF:
            readable, writable, _ = select.select([self._out], [self._in], [])
            if readable:
                self._read()
            if writable:
                view = view[os.write(self._in, view[: select.PIPE_BUF]) :]
        os.write(self._in, view)

    def _read(self) -> None:
        chunk = os.read(self._out, CHUNK)
        if not chunk:
            raise NoAnswer("the server is gone")
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._lines.append(b"".join((*self._parts, piece)))
            self._parts = []
        if rest:
            self._parts.append(rest)

    def answer(self, patience: float = PATIENCE) -> bytes:
        """The next answer; notifications are passed over. Raises NoAnswer."""
        end = time.perf_counter() + patience
        while True:
            while self._lines:
                line = self._lines.pop(0)
                if b'"id":' in line[:60]:
                    return line
            if not select.select([self._out], [], [], max(0.0, end - time.perf_counter()))[0]:
                raise NoAnswer(f"no answer in {patience} s")
            self._read()

    def ask(self, line: bytes, patience: float = PATIENCE) -> bytes:
        self.send(line)
        return self.answer(patience)

    def timed(self, line: bytes) -> float:
        """Seconds from the first byte sent to the last of the answer."""
        started = time.perf_counter()
        self.ask(line)
        return time.perf_counter() - started

    def handshake(self) -> None:
        self.ask(request(0, "initialize", INITIALIZE))
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def tools(self) -> list[str]:
        answer: dict[str, Any] = json.loads(self.ask(request(1, "tools/list")))
        return [tool["name"] for tool in answer["result"]["tools"]]

    def wait_for_tools(self, wanted: set[str]) -> None:
        """Lists until all of these are there (the Rust program answers before it has looked)."""
        end = time.perf_counter() + PATIENCE
        while not wanted <= set(self.tools()):
            if time.perf_counter() > end:
                raise NoAnswer(f"never listed: {sorted(wanted)[:3]}")
            time.sleep(0.002)

    def checked(self, tool: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """The result of a call that must go well, so that nobody measures how fast an error is."""
        answer: dict[str, Any] = json.loads(self.ask(call(2, tool, arguments)))
        if "error" in answer or answer["result"].get("isError"):
            raise NoAnswer(f"{tool} failed: {json.dumps(answer)[:500]}")
        result: dict[str, Any] = answer["result"]
        return result

    def called(self, tool: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """`checked` as soon as it goes well (the Rust program lists a tool a moment before it finds it)."""
        end = time.perf_counter() + PATIENCE
        while True:
            try:
                return self.checked(tool, arguments)
            except NoAnswer:
                if time.perf_counter() > end or self.process.poll() is not None:
                    raise

    def resident(self) -> float:
        """Bytes of the server in memory (Linux)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return float(pages * os.sysconf("SC_PAGE_SIZE"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@contextlib.contextmanager
def connected(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Client]:
    """A server, started, not yet spoken to."""
    client = Client(command, environment)
    try:
        yield client
    finally:
        client.close()
