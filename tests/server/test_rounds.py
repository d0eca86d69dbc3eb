"""The stateless era: a question is a result, and its answer another call. What a client may send back, and what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import TEXT_TOOLS
from tests.patience import LONG
from tests.server.asking import VARIABLE, Stateless, says
from tests.server.corehost import Wire, enveloped

GRANT = "grant-environment-variable-permission"


@pytest.fixture
def served(tmp_path: Path) -> Stateless:
    server = Stateless()
    server.install(tmp_path, "text", TEXT_TOOLS)
    return server


def question(served: Stateless, **more: object) -> dict[str, Any]:
    result: dict[str, Any] = served.request(GRANT, VARIABLE, **more)["result"]
    assert result["resultType"] == "input_required"
    return result


def answer(decision: str) -> dict[str, object]:
    return {"decision": says(decision)({})}


def granted(served: Stateless) -> bool:
    return bool(served.host.policies.of("text").variables)


def refused(served: Stateless, name: str, arguments: dict[str, Any], state: object, decision: str = "always") -> None:
    error = served.request(name, arguments, inputResponses=answer(decision), requestState=state)["error"]
    assert (error["code"], error["message"]) == (-32602, "invalid or expired requestState")
    assert error["data"] == {"reason": "invalid_request_state"}
    assert not granted(served)


def test_a_question_is_all_there_is_in_the_result(served: Stateless) -> None:
    result = question(served)
    assert set(result) == {"resultType", "inputRequests", "requestState", "_meta"}
    assert set(result["inputRequests"]) == {"decision"}
    assert served.wire.session.toolbox.idle(LONG)


@pytest.mark.claim("approval:a-person-decides")
def test_a_state_is_taken_once(served: Stateless) -> None:
    state = question(served)["requestState"]
    assert served.request(GRANT, VARIABLE, inputResponses=answer("no"), requestState=state)["result"]["isError"]
    refused(served, GRANT, VARIABLE, state)


@pytest.mark.claim("approval:a-person-decides")
def test_a_state_that_was_changed_is_refused(served: Stateless) -> None:
    state = question(served)["requestState"]
    wrong: object
    for wrong in (state + "-TAMPERED", state[:-1], state[1:], "", 5, {}, False, state.lower()):
        refused(served, GRANT, VARIABLE, wrong)


def test_a_state_of_another_request_is_refused(served: Stateless) -> None:
    state = question(served)["requestState"]
    refused(served, GRANT, {"component_id": "text", "details": {"key": "HOME"}}, state)
    refused(served, "revoke-environment-variable-permission", VARIABLE, state)
    refused(served, "add", {"left": 1, "right": 2}, state)


def test_a_state_of_another_connection_is_refused(served: Stateless) -> None:
    refused(Stateless(), GRANT, VARIABLE, question(served)["requestState"])


def test_answers_without_a_state_are_answers_to_nothing(served: Stateless) -> None:
    question(served, inputResponses=answer("always"))
    question(served, inputResponses=answer("always"), requestState=None)
    assert not granted(served)


def test_what_is_missing_is_asked_for_again(served: Stateless) -> None:
    state = question(served)["requestState"]
    again = question(served, inputResponses={"other": says("always")({})}, requestState=state)
    assert again["requestState"] != state
    last = question(served, requestState=again["requestState"])
    result = served.request(GRANT, VARIABLE, inputResponses=answer("always"), requestState=last["requestState"])["result"]
    assert not result["isError"]
    assert granted(served)


@pytest.mark.parametrize("responses", [[], "x", 5, True])
def test_responses_that_are_no_object_are_refused(responses: object, served: Stateless) -> None:
    assert served.request(GRANT, VARIABLE, inputResponses=responses)["error"]["code"] == -32602


def test_a_client_that_lost_its_forms_meanwhile_gets_the_command_line(served: Stateless) -> None:
    state = question(served)["requestState"]
    served.capabilities = {}
    result = served.request(GRANT, VARIABLE, inputResponses=answer("always"), requestState=state)["result"]
    assert result["isError"]
    assert "wassette policy grant text env LANG" in result["content"][0]["text"]
    assert not granted(served)


def test_states_and_answers_of_components_tools_are_of_no_use() -> None:
    from tests.server.corehost import FunctionHost, returns

    wire = Wire(FunctionHost(t=returns(1)))
    params = enveloped({"name": "t", "inputResponses": {"decision": {"action": "accept"}}})
    assert wire.ask("tools/call", params)["result"]["structuredContent"] == {"result": 1}
