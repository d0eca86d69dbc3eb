"""The official SDK's client with a person behind it, against our process, in both eras: each choice, and a person who cannot decide."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult, ErrorData

from tests.server.process import install

Mode = Literal["legacy", "auto"]
both_eras = pytest.mark.parametrize("mode", ["legacy", "auto"])
GRANT = "grant-environment-variable-permission"
VARIABLE = {"component_id": "text", "details": {"key": "LANG"}}


class Person:
    """Answers each question in the same way, and keeps it."""

    def __init__(self, result: ElicitResult | ErrorData) -> None:
        self.result = result
        self.asked: list[ElicitRequestFormParams] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params)
        return self.result


def says(decision: str) -> Person:
    return Person(ElicitResult(action="accept", content={"decision": decision}))


def client(mode: Mode, person: Person | None) -> Client:
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "wassette_py", "serve", "--stdio"], env={**os.environ})
    return Client(parameters, mode=mode, read_timeout_seconds=60, elicitation_callback=person)


@both_eras
@pytest.mark.parametrize(("decision", "lasts"), [("once", "once"), ("this session", "session"), ("always", None)])
def test_a_person_grants(decision: str, lasts: str | None, mode: Mode, tmp_path: Path) -> None:
    host = install(tmp_path)
    person = says(decision)

    async def run() -> None:
        async with client(mode, person) as connected:
            granted = await connected.call_tool(GRANT, VARIABLE)
            assert not granted.is_error, granted
            assert granted.structured_content.get("lasts") == lasts
            policy = (await connected.call_tool("get-policy", {"component_id": "text"})).structured_content
            assert policy["permissions"] == {"environment": {"allow": [{"key": "LANG"}]}}
            assert (await connected.call_tool("add", {"left": 2, "right": 3})).structured_content == {"result": 5}
            status = (await connected.call_tool("get-policy", {"component_id": "text"})).structured_content["status"]
            assert status == ("no policy found" if decision == "once" else "policy found")

    anyio.run(run)
    (question,) = person.asked
    assert str(host.store.record("text").digest) in question.message
    assert host.store.policy_path("text").exists() == (decision == "always")


@both_eras
@pytest.mark.parametrize(
    "answer",
    [
        ElicitResult(action="accept", content={"decision": "no"}),
        ElicitResult(action="decline"),
        ElicitResult(action="cancel"),
        ElicitResult(action="accept", content={"decision": "everything"}),
    ],
    ids=["no", "decline", "cancel", "nonsense"],
)
def test_a_person_does_not(answer: ElicitResult, mode: Mode, tmp_path: Path) -> None:
    host = install(tmp_path)

    async def run() -> None:
        async with client(mode, Person(answer)) as connected:
            assert (await connected.call_tool(GRANT, VARIABLE)).is_error
            assert (await connected.call_tool("add", {"left": 2, "right": 3})).structured_content == {"result": 5}

    anyio.run(run)
    assert not host.store.policy_path("text").exists()


@both_eras
def test_without_a_callback_the_command_line_is_the_answer(mode: Mode, tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client(mode, None) as connected:
            refused = await connected.call_tool(GRANT, VARIABLE)
            assert refused.is_error
            content: Any = refused.content[0]
            assert content.text.endswith("hint: wassette policy grant text env LANG")

    anyio.run(run)


def test_a_client_that_fails_to_ask_gets_the_command_line(tmp_path: Path) -> None:
    install(tmp_path)

    async def run() -> None:
        async with client("legacy", Person(ErrorData(code=-32000, message="no window"))) as connected:
            content: Any = (await connected.call_tool(GRANT, VARIABLE)).content[0]
            assert "the client could not ask" in content.text

    anyio.run(run)


def test_a_call_that_waits_for_a_person_goes_on(tmp_path: Path) -> None:
    from tests.sandbox.egress.origin import hello, origin
    from tests.sandbox.guests_http import CLIENT

    install(tmp_path, "web", CLIENT)
    person = says("once")

    async def run(port: int) -> None:
        words = {"authority": f"127.0.0.1:{port}", "path": "/", "header": "", "value": "", "body": ""}
        async with client("legacy", person) as connected:
            sent = await connected.call_tool("send", {**words, "method": 0, "scheme": 0, "filler": 0, "connect": 0, "first": 0})
            assert sent.structured_content == {"result": [200, 5, "hello"]}

    with origin(hello) as site:
        anyio.run(run, site.port)
        assert site.lines == ["GET / HTTP/1.1"]
        assert f"it wants: GET http://127.0.0.1:{site.port}" in person.asked[0].message


@both_eras
def test_a_component_is_loaded_and_unloaded_by_a_person(mode: Mode, tmp_path: Path) -> None:
    from tests.cli.guests import ONE_TOOL, write_component

    path = write_component(tmp_path, "one", ONE_TOOL)

    async def run() -> None:
        async with client(mode, says("yes")) as connected:
            assert not (await connected.call_tool("load-component", {"path": str(path)})).is_error
            assert (await connected.call_tool("answer", {})).structured_content == {"result": 42}
            assert not (await connected.call_tool("unload-component", {"id": "one"})).is_error
            assert (await connected.call_tool("list-components", {})).structured_content["total"] == 0

    anyio.run(run)
