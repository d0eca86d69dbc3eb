"""A host without components for tests of the core: tools are Python functions. Everything above it is the real thing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from tests.patience import FOREVER, LONG
from wassette_py.host import CallResult, HostedTool
from wassette_py.server.builtin import Builtins
from wassette_py.server.protocol import Session
from wassette_py.server.seam import CallContext, ToolHost
from wassette_py.server.tools import Toolbox
from wassette_py.wit.describe import ToolDefinition

Made = TypeVar("Made")
Done = Callable[[CallResult], None]
Body = Callable[[Mapping[str, Any], threading.Event, Done], None]

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
RESULT = {"type": "object", "properties": {"result": {}}, "required": ["result"]}


def value(result: object) -> CallResult:
    return CallResult(value_text=json.dumps(result, separators=(",", ":")))


def returns(result: object) -> Body:
    return lambda arguments, cancel, done: done(value(result))


def spins(arguments: Mapping[str, Any], cancel: threading.Event, done: Done) -> None:
    """A guest that runs until it is cancelled."""
    cancel.wait(FOREVER)
    done(CallResult(error="cancelled", kind="cancelled"))


class FunctionHost:
    """Tools by name; each belongs to the component `c`."""

    def __init__(self, **tools: Body) -> None:
        self.bodies = {name.replace("_", "-"): body for name, body in tools.items()}
        self.components: dict[str, str] = {}

    def make_ready(self) -> None:
        """There is nothing."""

    def stamp(self) -> object:
        return sorted(self.bodies), dict(self.components)

    def each_tool(self, make: Callable[[HostedTool], Made]) -> list[Made]:
        return [make(self._hosted(name)) for name in sorted(self.bodies)]

    def lasting(self, make: Callable[[], Made]) -> Made:
        return make()

    def tool(self, name: str) -> HostedTool | None:
        return self._hosted(name) if name in self.bodies else None

    def start_call(
        self,
        name: str,
        arguments: Mapping[str, object],
        *,
        cancel: threading.Event,
        done: Done,
        decide: object = None,
        size: int | None = None,
    ) -> None:
        self.bodies[name](arguments, cancel, done)

    def _hosted(self, name: str) -> HostedTool:
        definition = ToolDefinition(name, None, name, f"does {name}", {"type": "object"}, RESULT)
        return HostedTool(name, self.components.get(name, "c"), "sha256:00", definition, {})


class TwoBuiltins:
    """Built-in tools for the core's tests: one that reports progress, and call-tool, which is the toolbox's own."""

    definitions = ({"name": "steps", "inputSchema": {"type": "object"}}, {"name": "call-tool", "inputSchema": {"type": "object"}})

    def decider(self, context: CallContext) -> None:
        return None

    def run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        for done in arguments["steps"]:
            context.progress(done, arguments.get("total"), f"at {done}")
        return {"content": [], "structuredContent": {}, "isError": False}


def on_thread(task: Callable[[], None], _seconds: float) -> None:
    threading.Thread(target=task, daemon=True).start()


class Wire:
    """A session and the messages it sent."""

    def __init__(
        self, host: ToolHost, *, builtins: TwoBuiltins | Builtins | None = None, in_flight: int = 8, only: Collection[str] = ()
    ) -> None:
        self.toolbox = Toolbox(host, submit=on_thread, in_flight=in_flight, builtins=builtins, only=only)
        self.changed = threading.Condition()
        self.sent: list[dict[str, Any]] = []
        self.readied = 0
        self.session = Session(lambda: self.toolbox, self._take, ready=self._ready)
        _ = self.session.toolbox  # from here on it hears of changes

    def _take(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert b"\n" not in line[:-1]
        with self.changed:
            self.sent.append(json.loads(line))
            self.changed.notify_all()

    def _ready(self) -> None:
        self.readied += 1

    def raw(self, line: bytes) -> None:
        self.session.receive(line)

    def send(self, method: str, params: object = None, *, id: object = None) -> None:
        given = {} if id is None else {"id": id}
        body = {} if params is None else {"params": params}
        self.raw(json.dumps({"jsonrpc": "2.0", **given, "method": method, **body}).encode())

    def wait(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = LONG) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            return next((message for message in self.sent if wanted(message)), None)

        with self.changed:
            found = self.changed.wait_for(find, seconds)
        assert found is not None, self.sent
        return found

    def ask(self, method: str, params: object = None, *, id: object = 1) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        self.send(method, params, id=id)
        return self.wait(lambda message: message.get("id") == id and "method" not in message)

    def notes(self, method: str) -> list[dict[str, Any]]:
        return [message.get("params", {}) for message in self.sent if message.get("method") == method]


def handshaken(host: ToolHost, **options: Any) -> Wire:
    """A wire after the handshake."""
    wire = Wire(host, **options)
    wire.ask("initialize", INITIALIZE, id="init")
    wire.send("notifications/initialized")
    wire.sent.clear()
    return wire


def enveloped(params: Mapping[str, Any] | None = None, /, **meta: Any) -> dict[str, Any]:
    """`params` with the envelope of the stateless era."""
    return {**(params or {}), "_meta": {**ENVELOPE, **meta}}
