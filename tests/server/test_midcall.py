"""A component's request that is not granted asks a person while the call waits, and the call goes on where it stood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL
from tests.patience import LONG
from tests.sandbox.egress.origin import Origin, hello, origin
from tests.sandbox.egress.test_requests import DENIED
from tests.sandbox.guests_http import CLIENT
from tests.sandbox.guests_io import METHODS
from tests.server.asking import Answer, Asked, Grants, Handshaken, Stateless, says
from wassette_py.limits import Limits
from wassette_py.policy.document import NetworkHost
from wassette_py.settings import Settings

ANSWERED = [200, 5, "hello"]
REFUSED = [DENIED, 0, ""]


@pytest.fixture
def site() -> Iterator[Origin]:
    with origin(hello) as server:
        yield server


def served(folder: Path, era: type[Asked] = Handshaken, grants: Grants = "ask", *, timeout: float = 60, policy: str | None = None) -> Asked:
    one = era(grants=grants, settings=replace(Settings.load(), limits=replace(Limits(), timeout=timeout)))
    one.install(folder, "web", CLIENT)
    if policy is not None:
        one.host.policies.replace("web", policy, "test")
    return one


def send(one: Asked, site: Origin, answer: Answer, method: str = "get", host: str = "127.0.0.1") -> dict[str, Any]:
    words = {"authority": f"{host}:{site.port}", "path": "/a?b", "header": "", "value": "", "body": ""}
    numbers = {"method": METHODS.index(method), "scheme": 0, "filler": 0, "connect": 0, "first": 0}
    return one.result("send", answer, **words, **numbers)


def value(result: dict[str, Any]) -> list[Any]:
    found: list[Any] = result["structuredContent"]["result"]
    return found


@pytest.mark.claim("secrets:never-shown")
def test_nobody_is_asked_about_a_host_whose_name_holds_a_secret(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    one.host.secrets.redactor.learn(["tok4711geheim"])
    result = send(one, site, says("always"), host="tok4711geheim.evil.example")
    assert value(result) == REFUSED
    assert one.questions == []
    assert "tok4711geheim" not in str(one.wire.sent)


def test_a_request_that_is_allowed_once_is_sent_by_the_call_that_waited(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    result = send(one, site, says("once"))
    assert value(result) == ANSWERED
    assert len(result["content"]) == 1  # nothing was denied
    assert site.lines == ["GET /a?b HTTP/1.1"]
    (question,) = one.questions
    assert question["message"].splitlines()[:6] == [
        "wassette: a running call asks for granting a network permission to 'web'.",
        "",
        "component: web",
        f"digest: {one.host.store.record('web').digest}",
        f"it wants: GET http://127.0.0.1:{site.port}",
        f"permission: network GET http://127.0.0.1:{site.port}",
    ]
    assert one.host.policies.of("web").allow == ()
    assert value(send(one, site, says("no"))) == REFUSED
    assert len(one.questions) == 2


@pytest.mark.parametrize("choice", ["this session", "always"])
def test_what_is_allowed_for_longer_is_not_asked_again(choice: str, site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    for _ in range(2):
        assert value(send(one, site, says(choice))) == ANSWERED
    assert len(one.questions) == 1
    assert one.host.policies.of("web").allow == (NetworkHost("127.0.0.1", "http", site.port, ("GET",)),)
    assert one.host.store.policy_path("web").exists() == (choice == "always")
    assert value(send(one, site, says("no"), "post")) == REFUSED  # another method is another question
    assert len(one.questions) == 2


@pytest.mark.claim("approval:a-person-decides")
@pytest.mark.parametrize("answer", [says("no"), lambda params: {"action": "cancel"}, lambda params: None, says("everything")])
def test_a_request_that_is_not_allowed_is_denied_as_ever(answer: Answer, site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    result = send(one, site, answer)
    assert value(result) == REFUSED
    assert f"denied: GET http://127.0.0.1:{site.port}" in result["content"][1]["text"]
    assert f"hint: wassette policy grant web network http://127.0.0.1:{site.port}" in result["content"][1]["text"]
    assert site.lines == []


def test_the_clock_of_the_call_stands_still_meanwhile(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path, timeout=3)

    def slowly(params: dict[str, Any]) -> object:
        time.sleep(4)
        return says("once")(params)

    assert value(send(one, site, slowly)) == ANSWERED


def test_other_calls_are_answered_while_one_waits(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    one.install(tmp_path, "one", ONE_TOOL)

    def meanwhile(params: dict[str, Any]) -> object:
        answer = one.wire.ask("tools/call", {"name": "answer"}, id="meanwhile")
        assert answer["result"]["structuredContent"] == {"result": 42}
        return says("once")(params)

    assert value(send(one, site, meanwhile)) == ANSWERED


def test_the_end_of_the_input_ends_the_waiting_and_the_call_goes_on(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)

    def ends(params: dict[str, Any]) -> object:
        assert one.wire.session.drain(LONG)
        return says("always")(params)

    assert value(send(one, site, ends)) == REFUSED


def test_a_call_that_is_cancelled_while_it_asks_ends(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    words = {"authority": f"127.0.0.1:{site.port}", "path": "/", "header": "", "value": "", "body": ""}
    arguments = {**words, "method": 0, "scheme": 0, "filler": 0, "connect": 0, "first": 0}
    one.wire.send("tools/call", {"name": "send", "arguments": arguments}, id="call")
    one.wire.wait(lambda sent: sent.get("method") == "elicitation/create")
    one.wire.send("notifications/cancelled", {"requestId": "call"})
    assert one.wire.toolbox.idle(LONG)
    assert one.host.sandbox.end(LONG)
    assert site.lines == []
    assert not [sent for sent in one.wire.sent if sent.get("id") == "call"]


@pytest.mark.parametrize(("era", "grants"), [(Stateless, "ask"), (Handshaken, "deny"), (Handshaken, "allow")])
def test_nobody_is_asked_where_nobody_can_be(era: type[Asked], grants: Grants, site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path, era, grants)
    assert value(send(one, site, says("always"))) == REFUSED
    assert one.questions == []


def test_without_forms_nobody_is_asked(site: Origin, tmp_path: Path) -> None:
    served(tmp_path)
    one = Handshaken(capabilities={})
    assert value(send(one, site, says("always"))) == REFUSED


def test_what_a_policy_denies_is_not_asked_for(site: Origin, tmp_path: Path) -> None:
    denying = "version: '1.0'\npermissions:\n  network:\n    deny: [{host: 'http://127.0.0.1:" + str(site.port) + "'}]\n"
    one = served(tmp_path, policy=denying)
    assert value(send(one, site, says("always"))) == REFUSED
    assert one.questions == []


def test_a_grant_of_the_session_does_not_open_what_the_address_closes(site: Origin, tmp_path: Path) -> None:
    one = served(tmp_path)
    result = send(one, site, says("always"), host="localhost.example")
    assert value(result)[0] < 0
    assert site.lines == []
