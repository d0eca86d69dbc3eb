"""A `wassette serve --stdio` process and a client that speaks in raw lines, so that nothing between them is lenient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cli.guests import TEXT_TOOLS, write_component
from tests.patience import FOREVER, LONG
from tests.server.corehost import INITIALIZE
from wassette_py.control import Control
from wassette_py.host import ComponentHost
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings

COMMAND = [sys.executable, "-m", "wassette_py", "serve", "--stdio"]
PATIENT = {"WASSETTE_LIMITS_TIMEOUT": f"{FOREVER:g}s"}
"""Guests that nothing ends run for longer than any test waits."""


def install(folder: Path, name: str = "text", text: str = TEXT_TOOLS) -> ComponentHost:
    """Loads a component into this test's component directory."""
    host = ComponentHost(Settings.load())
    host.load(parse_reference(str(write_component(folder, name, text))), control=Control())
    return host


def line(method: str, params: object = None, *, id: object = None) -> bytes:
    """A request, or a notification, as it is sent."""
    given = {} if id is None else {"id": id}
    body = {} if params is None else {"params": params}
    return json.dumps({"jsonrpc": "2.0", **given, "method": method, **body}).encode() + b"\n"


class Client:
    """Both ends of a server process. `first` waits in its input before it starts, however fast it is."""

    def __init__(
        self, *arguments: str, command: list[str] | None = None, environment: Mapping[str, str] | None = None, first: bytes = b""
    ) -> None:
        read, write = os.pipe()
        os.write(write, first)
        self.process = subprocess.Popen(
            [*(command or COMMAND), *arguments],
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        os.close(read)
        self.process.stdin = os.fdopen(write, "wb")
        self.changed = threading.Condition()
        self.sent: list[dict[str, Any]] = []
        self.errors = b""
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.changed:
                self.sent.append(json.loads(line))
                self.changed.notify_all()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for said in self.process.stderr:
            self.errors += said

    def raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method: str, params: object = None, *, id: object = None) -> None:
        self.raw(line(method, params, id=id))

    def wait(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = LONG) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            return next((message for message in self.sent if wanted(message)), None)

        with self.changed:
            found = self.changed.wait_for(find, seconds)
        assert found is not None, (self.sent[-5:], self.errors)
        return found

    def answer(self, id: object, seconds: float = LONG) -> dict[str, Any]:
        return self.wait(lambda message: message.get("id") == id and "method" not in message, seconds)

    def ask(self, method: str, params: object = None, *, id: object = "ask") -> dict[str, Any]:
        """Sends a request and waits for its answer, which is then forgotten, so that its id can be used again."""
        self.send(method, params, id=id)
        answer = self.answer(id)
        with self.changed:
            self.sent.remove(answer)
        return answer

    def call(self, name: str, /, **arguments: object) -> dict[str, Any]:
        """The result of a tools/call."""
        result: dict[str, Any] = self.ask("tools/call", {"name": name, "arguments": arguments}, id=f"call {name}")["result"]
        return result

    def handshake(self) -> None:
        self.ask("initialize", INITIALIZE)
        self.send("notifications/initialized")

    def end(self, seconds: float = LONG) -> int:
        """Ends the input, waits for the process and for all it said."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.ended(seconds)

    def ended(self, seconds: float = LONG) -> int:
        code = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(seconds)
        return code


@contextmanager
def serving(
    *arguments: str,
    command: list[str] | None = None,
    environment: Mapping[str, str] | None = None,
    handshake: bool = True,
    first: bytes = b"",
) -> Iterator[Client]:
    """A server, after the handshake; it ends by itself, so that what it did is counted as covered."""
    client = Client(*arguments, command=command, environment=environment, first=first)
    try:
        if handshake:
            client.handshake()
        yield client
    finally:
        try:
            client.end()
        except subprocess.TimeoutExpired:
            client.process.kill()
            client.ended()
        for stream in (client.process.stdin, client.process.stdout, client.process.stderr):
            assert stream is not None
            stream.close()
