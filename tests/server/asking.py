"""Clients with a person behind them, for both eras: the built-in tools on a real host, and whoever answers their questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tests.cli.guests import write_component
from tests.server.corehost import INITIALIZE, Wire, enveloped
from wassette_py.control import Control
from wassette_py.host import ComponentHost
from wassette_py.reference import parse_reference
from wassette_py.server.builtin import Builtins
from wassette_py.server.restraint import Restraint
from wassette_py.settings import Settings

Grants = Literal["ask", "deny", "allow"]
Answer = Callable[[dict[str, Any]], object]
"""The parameters of elicitation/create -> its result."""
FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
VARIABLE = {"component_id": "text", "details": {"key": "LANG"}}


def says(decision: object) -> Answer:
    return lambda params: {"action": "accept", "content": {"decision": decision}}


class Asked:
    """A server that asks, and its client."""

    def __init__(self, *, grants: Grants = "ask", capabilities: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        self.settings = replace(settings or Settings.load(), grants=grants)
        self.host = ComponentHost(self.settings)
        self.capabilities = FORMS if capabilities is None else capabilities
        self.questions: list[dict[str, Any]] = []
        self.calls = 0
        only: set[str] = set()
        self.wire = Wire(self.host, builtins=Builtins(self.host, only=only), only=only)
        self.open()

    def open(self) -> None:
        raise NotImplementedError

    def result(self, name: str, answer: Answer, /, **arguments: Any) -> dict[str, Any]:
        raise NotImplementedError

    def anew(self) -> None:
        """From here on as in another session: what was refused is asked again."""
        self.wire.session.restraint = Restraint()

    def install(self, folder: Path, name: str, text: str) -> None:
        self.host.load(parse_reference(str(write_component(folder, name, text))), control=Control())

    def ok(self, name: str, answer: Answer, /, **arguments: Any) -> dict[str, Any]:
        result = self.result(name, answer, **arguments)
        assert not result["isError"], result
        value: dict[str, Any] = result["structuredContent"]
        return value

    def error(self, name: str, answer: Answer, /, **arguments: Any) -> str:
        result = self.result(name, answer, **arguments)
        assert result["isError"], result
        text: str = result["content"][0]["text"]
        return text


class Handshaken(Asked):
    """In the era of the handshake: a question is a request of the server."""

    def open(self) -> None:
        self.wire.ask("initialize", {**INITIALIZE, "capabilities": self.capabilities}, id="init")
        self.wire.send("notifications/initialized")

    def result(self, name: str, answer: Answer, /, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        call = f"call-{self.calls}"
        self.wire.send("tools/call", {"name": name, "arguments": arguments}, id=call)
        while True:
            message = self.wire.wait(lambda sent: sent.get("id") == call or len(self.asked()) > len(self.questions))
            if message.get("id") == call:
                result: dict[str, Any] = message["result"]
                return result
            question = self.asked()[len(self.questions)]
            self.questions.append(question["params"])
            self.reply(question["id"], answer(question["params"]))

    def asked(self) -> list[dict[str, Any]]:
        return [sent for sent in self.wire.sent if sent.get("method") == "elicitation/create"]

    def reply(self, question: object, result: object) -> None:
        import json

        self.wire.raw(json.dumps({"jsonrpc": "2.0", "id": question, "result": result}).encode())


class Stateless(Asked):
    """In the stateless era: a question is a result, and the answer another call."""

    def open(self) -> None:
        self.wire.ask("server/discover", enveloped(), id="open")

    def request(self, name: str, arguments: dict[str, Any], **more: object) -> dict[str, Any]:
        self.calls += 1
        meta = {CLIENT_CAPABILITIES: self.capabilities}
        params = enveloped({"name": name, "arguments": arguments, **more}, **meta)
        return self.wire.ask("tools/call", params, id=f"call-{self.calls}")

    def result(self, name: str, answer: Answer, /, **arguments: Any) -> dict[str, Any]:
        more: dict[str, object] = {}
        while True:
            result: dict[str, Any] = self.request(name, arguments, **more)["result"]
            if result["resultType"] == "complete":
                return result
            ((slot, asked),) = result["inputRequests"].items()
            assert asked["method"] == "elicitation/create"
            self.questions.append(asked["params"])
            more = {"inputResponses": {slot: answer(asked["params"])}, "requestState": result["requestState"]}
