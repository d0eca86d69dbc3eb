from __future__ import annotations

import pytest

from tests.server.corehost import ENVELOPE, INITIALIZE, FunctionHost, TwoBuiltins, Wire, handshaken, returns
from wassette_py import __version__


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ],
)
def test_initialize_agrees_on_a_version_of_this_era(wanted: str, served: str) -> None:
    answer = Wire(FunctionHost()).ask("initialize", {**INITIALIZE, "protocolVersion": wanted})
    result = answer["result"]
    assert result["protocolVersion"] == served
    assert result["capabilities"] == {"logging": {}, "tools": {"listChanged": True}}
    assert result["serverInfo"] == {"name": "wassette", "version": __version__}
    assert result["instructions"]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {**INITIALIZE, "protocolVersion": 5},
        {**INITIALIZE, "capabilities": []},
        {**INITIALIZE, "clientInfo": "me"},
        {**INITIALIZE, "clientInfo": {"name": "me"}},
        {**INITIALIZE, "clientInfo": {"name": "me", "version": 1}},
    ],
)
def test_a_wrong_initialize_is_refused_and_may_be_sent_again(params: object) -> None:
    wire = Wire(FunctionHost())
    assert wire.ask("initialize", params, id=1)["error"]["code"] == -32602
    assert wire.ask("tools/list", id=2)["error"]["code"] == -32602
    assert "result" in wire.ask("initialize", INITIALIZE, id=3)


def test_before_initialize_only_ping_is_answered() -> None:
    wire = Wire(FunctionHost())
    assert wire.ask("ping", id=1)["result"] == {}
    assert wire.ask("tools/list", id=2)["error"]["code"] == -32602
    assert wire.ask("resources/list", id=3)["error"]["code"] == -32601


def test_requests_may_follow_initialize_at_once() -> None:
    wire = Wire(FunctionHost())
    wire.ask("initialize", INITIALIZE, id=1)
    assert wire.ask("tools/list", id=2)["result"] == {"tools": []}
    assert wire.readied == 0
    wire.send("notifications/initialized")
    assert wire.readied == 1


def test_an_initialized_that_comes_first_is_kept_for_the_era_and_a_flood_of_others_is_not() -> None:
    wire = Wire(FunctionHost())
    wire.send("notifications/initialized")
    for _ in range(20):
        wire.send("notifications/initialized")
    assert wire.ask("tools/list")["result"] == {"tools": []}
    assert wire.readied == 8


def test_a_request_with_the_envelope_is_refused_but_an_initialize_with_it_is_not() -> None:
    wire = Wire(FunctionHost())
    assert "result" in wire.ask("initialize", {**INITIALIZE, "_meta": ENVELOPE}, id=1)
    assert wire.ask("tools/list", {"_meta": ENVELOPE}, id=2)["error"]["code"] == -32600


def test_tools_are_listed_by_name_with_schemas_and_origin_and_built_in_ones_last() -> None:
    wire = handshaken(FunctionHost(zebra=returns(1), ant=returns(2)), builtins=TwoBuiltins())
    tools = wire.ask("tools/list")["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["ant", "zebra", "steps", "call-tool"]
    assert tools[0] == {
        "name": "ant",
        "description": "does ant",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object", "properties": {"result": {}}, "required": ["result"]},
        "_meta": {"wassette/component": "c", "wassette/digest": "sha256:00"},
    }


@pytest.mark.parametrize("cursor", ["x", 5])
def test_lists_have_no_second_page(cursor: object) -> None:
    assert handshaken(FunctionHost()).ask("tools/list", {"cursor": cursor})["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": 5}),
        ("tools/call", {"name": "t", "arguments": []}),
        ("tools/call", {"name": "t", "_meta": 5}),
        ("tools/call", {"name": "t", "_meta": {"progressToken": 1.5}}),
        ("tools/call", {"name": "t", "_meta": {"progressToken": True}}),
        ("tools/call", {"name": "unknown"}),
        ("logging/setLevel", {}),
        ("logging/setLevel", {"level": "loud"}),
        ("logging/setLevel", {"level": ["info"]}),
    ],
)
def test_parameters_that_do_not_fit_are_32602(method: str, params: object) -> None:
    wire = handshaken(FunctionHost(t=returns(1)))
    assert wire.ask(method, params)["error"]["code"] == -32602


@pytest.mark.parametrize("method", ["resources/list", "prompts/list", "completion/complete", "server/discover", "tools/nope", ""])
def test_methods_that_are_not_served_are_32601(method: str) -> None:
    assert handshaken(FunctionHost()).ask(method)["error"] == {"code": -32601, "message": "method not found", "data": method}
