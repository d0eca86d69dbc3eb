"""The same messages to our core and to the official SDK's low-level server: the same answers, field by field.

Where we differ on purpose, the message is not in the scripts but in `test_messages.py`: lines the SDK drops without an answer, ids in use.
Error texts are ours; their codes and typed data are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.server import NotificationOptions, Server, ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from tests.server.corehost import ENVELOPE, INITIALIZE, FunctionHost, Wire, enveloped, returns
from wassette_py import __version__
from wassette_py.server import messages, results
from wassette_py.server.eras.welcome import INSTRUCTIONS

CHANGE = "the list changes"
Script = list[dict[str, Any] | str]


def request(method: str, params: object = None, id: object = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, **({} if params is None else {"params": params})}


def note(method: str, params: object = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})}


def host() -> FunctionHost:
    return FunctionHost(text=returns("a text"), number=returns(5), nothing=returns(None), nested=returns({"a": [1, {"b": "☃"}]}))


OPENING = [request("initialize", INITIALIZE, "init"), note("notifications/initialized")]
BAD_CALLS: list[dict[str, Any]] = [
    {},
    {"name": 5},
    {"name": "text", "arguments": []},
    {"name": "nope"},
    {"name": "text", "_meta": {"progressToken": 1.5}},
]
LISTEN = {"notifications": {"toolsListChanged": True}}

SCRIPTS: dict[str, Script] = {
    "handshake": [
        *OPENING,
        request("ping"),
        request("tools/list"),
        request("tools/list", {}),
        request("logging/setLevel", {"level": "info"}),
    ],
    "handshake without initialized": [OPENING[0], request("ping"), request("tools/list")],
    "handshake with initialized alone": [note("notifications/initialized"), request("tools/list")],
    "handshake twice": [*OPENING, request("initialize", {**INITIALIZE, "protocolVersion": "2024-11-05"}, 2), request("tools/list", id=3)],
    "requests before the handshake": [
        request("ping", id=1),
        request("tools/list", id=2),
        request("nope", id=3),
        *OPENING,
        request("ping", id=4),
    ],
    **{
        f"initialize {version}": [request("initialize", {**INITIALIZE, "protocolVersion": version}), request("tools/list", id=2)]
        for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2026-07-28", "2099-01-01")
    },
    "wrong initialize": [
        request("initialize", params, number)
        for number, params in enumerate([{}, {**INITIALIZE, "protocolVersion": 5}, {**INITIALIZE, "clientInfo": {}}, INITIALIZE])
    ],
    "calls": [*OPENING, *(request("tools/call", {"name": name}, name) for name in ("text", "number", "nothing", "nested"))],
    "wrong calls": [*OPENING, *(request("tools/call", params, number) for number, params in enumerate(BAD_CALLS))],
    "wrong requests": [
        *OPENING,
        request("logging/setLevel", {"level": "loud"}, 1),
        request("tools/list", {"cursor": 5}, 2),
        request("nope", {}, 3),
        request("resources/list", {}, 4),
        request("server/discover", {}, 5),
        request("tools/list", {"_meta": ENVELOPE}, 6),
        request("initialize", {**INITIALIZE, "_meta": ENVELOPE}, 7),
    ],
    "a change is heard": [*OPENING, CHANGE],
    "discover": [request("server/discover", enveloped())],
    "stateless": [request("tools/list", enveloped()), *(request("tools/call", enveloped({"name": n}), n) for n in ("text", "nested"))],
    "stateless wrong calls": [
        request("server/discover", enveloped(), "open"),
        *(request("tools/call", enveloped(params, **params.get("_meta", {})), number) for number, params in enumerate(BAD_CALLS)),
    ],
    "stateless wrong requests": [
        request("server/discover", enveloped(), "open"),
        request("initialize", INITIALIZE, 1),
        request("initialize", {}, 2),
        request("tools/list", {}, 3),
        request("tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}, 4),
        request("tools/list", enveloped(**{"io.modelcontextprotocol/protocolVersion": "2099-01-01"}), 5),
        request("tools/list", enveloped(**{"io.modelcontextprotocol/protocolVersion": 5}), 6),
        request("tools/list", enveloped(**{"io.modelcontextprotocol/clientCapabilities": 5}), 7),
        request("tools/list", enveloped(**{"io.modelcontextprotocol/clientInfo": {"name": "x"}}), 8),
        request("tools/list", enveloped(**{"io.modelcontextprotocol/logLevel": "loud"}), 9),
        request("ping", enveloped(), 10),
        request("logging/setLevel", enveloped({"level": "info"}), 11),
        request("resources/list", enveloped(), 12),
        request("subscriptions/listen", enveloped(), 13),
        request("nope", enveloped(), 14),
    ],
    "a version nobody serves opens the stateless era": [
        request("tools/list", enveloped(**{"io.modelcontextprotocol/protocolVersion": "2099-01-01"}), 1),
        request("initialize", INITIALIZE, 2),
    ],
    "a subscription": [
        request("subscriptions/listen", enveloped(LISTEN), "s"),
        CHANGE,
        note("notifications/cancelled", {"requestId": "s"}),
        CHANGE,
    ],
    "a subscription to nothing": [request("subscriptions/listen", enveloped({"notifications": {}}), 5), CHANGE],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_sdk_would_answer_the_same(script: Script) -> None:
    assert ours(script) == anyio.run(theirs, script)


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Error texts are free, and so is what they carry beside the typed data of -32022."""
    if "error" in message:
        error = message["error"]
        return {"id": message["id"], "code": error["code"], "data": error.get("data") if error["code"] == -32022 else None}
    return message


def ours(script: Script) -> list[dict[str, Any]]:
    served = host()
    wire = Wire(served)
    for step in script:
        if step == CHANGE:
            served.bodies[f"new{len(served.bodies)}"] = returns(1)
            wire.toolbox.refresh()
        elif isinstance(step, dict):
            wire.raw(json.dumps(step).encode())
            if "id" in step:
                wire.wait(answers(step))
    return [comparable(message) for message in wire.sent]


def answers(step: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    if step["method"] == "subscriptions/listen" and "notifications" in step.get("params", {}):
        return lambda message: message.get("method") == "notifications/subscriptions/acknowledged"
    return lambda message: message.get("id") == step["id"] and "method" not in message


async def theirs(script: Script) -> list[dict[str, Any]]:
    served = host()
    bus = InMemorySubscriptionBus()
    server = reference(served, bus)
    to_server, server_in = anyio.create_memory_object_stream[SessionMessage | Exception](100)
    server_out, from_server = anyio.create_memory_object_stream[SessionMessage](100)
    heard: list[dict[str, Any]] = []
    changed = anyio.Condition()
    sessions = server_sessions(server)

    async def listen() -> None:
        async for item in from_server:
            async with changed:
                heard.append(json.loads(item.message.model_dump_json(by_alias=True, exclude_unset=True)))
                changed.notify_all()

    async with anyio.create_task_group() as group:
        options = server.create_initialization_options(NotificationOptions(tools_changed=True))
        group.start_soon(server.run, server_in, server_out, options)
        group.start_soon(listen)
        for step in script:
            if step == CHANGE:
                served.bodies[f"new{len(served.bodies)}"] = returns(1)
                await anyio.wait_all_tasks_blocked()
                await bus.publish(ToolsListChanged())
                for session in sessions:
                    await session.send_tool_list_changed()
            elif isinstance(step, dict):
                await to_server.send(SessionMessage(types.jsonrpc_message_adapter.validate_json(json.dumps(step))))
                if "id" in step:
                    with anyio.fail_after(10):
                        async with changed:
                            while not any(map(answers(step), heard)):
                                await changed.wait()
            await anyio.wait_all_tasks_blocked()
        before = [comparable(message) for message in heard]
        group.cancel_scope.cancel()
    for stream in (to_server, server_in, server_out, from_server):
        stream.close()
    return before


def server_sessions(server: Server[Any]) -> list[Any]:
    """The sessions that have been initialized."""
    sessions: list[Any] = []

    async def initialized(context: ServerRequestContext[Any, Any], params: types.NotificationParams) -> None:
        sessions.append(context.session)

    server.add_notification_handler("notifications/initialized", types.NotificationParams, initialized)
    return sessions


def reference(served: FunctionHost, bus: InMemorySubscriptionBus) -> Server[Any]:
    """The SDK's low-level server with the same tools."""

    async def list_tools(context: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult.model_validate({"tools": served.each_tool(results.listed)}, by_name=False)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        body = served.bodies.get(params.name)
        if body is None:
            raise MCPError(types.INVALID_PARAMS, "unknown tool")
        made: list[Any] = []
        body(params.arguments or {}, None, made.append)  # type: ignore[arg-type]
        written = json.loads(messages.result(0, results.called(made[0])))["result"]
        return types.CallToolResult.model_validate(written, by_name=False)

    async def set_level(context: Any, params: types.SetLevelRequestParams) -> types.EmptyResult:
        return types.EmptyResult()

    server: Server[Any] = Server(
        "wassette",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_subscriptions_listen=ListenHandler(bus),
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, set_level)  # the constructor's argument warns
    return server
