"""What a person decides, in both eras, on a real host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL, TEXT_TOOLS
from tests.patience import LONG
from tests.sandbox.guests import ENVIRONMENT
from tests.server.asking import VARIABLE, Asked, Handshaken, Stateless, says

GRANT, REVOKE = "grant-environment-variable-permission", "revoke-environment-variable-permission"
ERAS = (Handshaken, Stateless)


@pytest.fixture(params=ERAS, ids=["handshake", "stateless"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Asked:
    era: type[Asked] = request.param
    served = era()
    served.install(tmp_path, "text", TEXT_TOOLS)
    return served


def call(served: Asked, tool: str, **arguments: Any) -> object:
    return served.ok(tool, says("no"), **arguments)["result"]


def policy_file(served: Asked) -> Path:
    return served.host.store.policy_path("text")


def variables(served: Asked) -> list[str]:
    return [variable.key for variable in served.host.policies.of("text").variables]


@pytest.mark.claim("approval:a-person-decides")
def test_a_question_shows_component_digest_and_the_exact_permission(asked: Asked) -> None:
    asked.result(GRANT, says("no"), **VARIABLE)
    digest = asked.host.store.record("text").digest
    (question,) = asked.questions
    assert question["message"].splitlines()[:5] == [
        "wassette: the model asks for granting an environment variable permission to 'text'.",
        "",
        "component: text",
        f"digest: {digest}",
        "permission: env LANG",
    ]
    schema = question["requestedSchema"]
    assert schema["properties"]["decision"]["enum"] == ["once", "this session", "always", "no"]
    assert schema["required"] == ["decision"]


@pytest.mark.claim("approval:a-person-decides")
def test_no_is_no(asked: Asked) -> None:
    refused = asked.error(GRANT, says("no"), **VARIABLE)
    assert "was refused by a person" in refused
    asked.anew()
    assert asked.error(GRANT, lambda params: {"action": "decline"}, **VARIABLE) == refused
    asked.anew()
    assert asked.error(GRANT, lambda params: {"action": "cancel"}, **VARIABLE) == refused
    assert variables(asked) == []
    assert not policy_file(asked).exists()


def test_always_is_written_to_the_policy(asked: Asked) -> None:
    result = asked.ok(GRANT, says("always"), **VARIABLE)
    assert result == {
        "status": "permission granted successfully",
        "component_id": "text",
        "permission_type": "environment variable",
        "details": {"key": "LANG"},
    }
    assert "LANG" in policy_file(asked).read_text()
    assert len(asked.questions) == 1


@pytest.mark.claim("approval:a-person-decides")
@pytest.mark.parametrize(("choice", "lasts"), [("once", "once"), ("this session", "session")])
def test_once_and_session_never_reach_the_disk_and_are_shown(choice: str, lasts: str, asked: Asked) -> None:
    assert asked.ok(GRANT, says(choice), **VARIABLE)["lasts"] == lasts
    assert not policy_file(asked).exists()
    shown = asked.ok("get-policy", says("no"), component_id="text")
    assert shown["permissions"] == {"environment": {"allow": [{"key": "LANG"}]}}
    assert shown["not_on_disk"] == [{"change": "grant", "permission": "env LANG", "lasts": lasts}]
    assert "policy_info" not in shown
    call(asked, "add", left=1, right=2)
    assert variables(asked) == ([] if choice == "once" else ["LANG"])
    assert call(asked, "add", left=1, right=2) == 3
    again = asked.ok("get-policy", says("no"), component_id="text")["status"]
    assert again == ("no policy found" if choice == "once" else "policy found")


def test_what_is_granted_once_is_seen_by_one_call(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "of-the-host")
    served = type(asked)()
    served.install(tmp_path, "env", ENVIRONMENT)
    grant = {"component_id": "env", "details": {"key": "LANG"}}
    assert call(served, "variables") == []
    served.ok(GRANT, says("once"), **grant)
    assert call(served, "variables") == [["LANG", "of-the-host"]]
    assert call(served, "variables") == []


def test_a_call_that_does_not_start_uses_nothing_up(asked: Asked) -> None:
    asked.ok(GRANT, says("once"), **VARIABLE)
    assert "$.left" in asked.error("add", says("no"), left="x", right=1)
    assert variables(asked) == ["LANG"]


def test_a_session_grant_changes_the_hints_of_the_tools(asked: Asked) -> None:
    asked.ok("grant-network-permission", says("once"), component_id="text", details={"host": "api.example.com"})
    tool = asked.host.tool("add")
    assert tool is not None
    assert tool.annotations == {}
    call(asked, "add", left=1, right=1)
    tool = asked.host.tool("add")
    assert tool is not None
    assert tool.annotations == {"openWorldHint": False, "readOnlyHint": True}


def test_what_ends_with_the_server_is_not_in_the_list_that_is_kept_for_the_next(asked: Asked) -> None:
    toolbox = asked.wire.toolbox
    before = toolbox.lasting_listing()
    assert before == toolbox.listing()
    asked.ok("grant-network-permission", says("once"), component_id="text", details={"host": "api.example.com"})
    assert toolbox.lasting_listing() is None
    call(asked, "add", left=1, right=1)
    assert toolbox.lasting_listing() == before


def test_a_revocation_may_last_for_a_call_for_the_session_or_for_ever(asked: Asked) -> None:
    asked.ok(GRANT, says("always"), **VARIABLE)
    text = policy_file(asked).read_text()
    assert asked.ok(REVOKE, says("once"), **VARIABLE)["lasts"] == "once"
    assert variables(asked) == []
    call(asked, "add", left=1, right=1)
    assert variables(asked) == ["LANG"]
    asked.ok(REVOKE, says("this session"), **VARIABLE)
    call(asked, "add", left=1, right=1)
    assert variables(asked) == []
    assert policy_file(asked).read_text() == text
    asked.ok(GRANT, says("always"), **VARIABLE)
    assert variables(asked) == ["LANG"]
    assert "lasts" not in asked.ok(REVOKE, says("always"), **VARIABLE)
    assert variables(asked) == []
    assert "LANG" not in policy_file(asked).read_text()


def test_nobody_is_asked_about_what_cannot_be_done(asked: Asked) -> None:
    assert "is not granted" in asked.error(REVOKE, says("always"), **VARIABLE)
    storage = {"component_id": "text", "details": {"uri": "fs:///tmp"}}
    assert "no storage permission" in asked.error("revoke-storage-permission", says("always"), **storage)
    assert "no component 'nope'" in asked.error(GRANT, says("always"), **{**VARIABLE, "component_id": "nope"})
    assert asked.questions == []


def test_the_directory_of_a_grant_is_looked_at_after_the_yes(asked: Asked, tmp_path: Path) -> None:
    details = {"uri": f"fs://{tmp_path}/absent", "access": ["read"]}
    for choice in ("this session", "always"):
        error = asked.error("grant-storage-permission", says(choice), component_id="text", details=details)
        assert "does not exist" in error
    assert asked.host.policies.of("text").storage == ()


def test_storage_is_granted_and_revoked_for_the_session(asked: Asked, tmp_path: Path) -> None:
    for access in (["read"], ["read", "write"]):
        details = {"uri": f"fs://{tmp_path}", "access": access}
        asked.ok("grant-storage-permission", says("this session"), component_id="text", details=details)
    assert len(asked.host.policies.of("text").storage) == 2
    asked.ok("revoke-storage-permission", says("this session"), component_id="text", details={"uri": f"fs://{tmp_path}"})
    assert asked.host.policies.of("text").storage == ()


def test_everything_may_be_taken_away_for_the_session_or_for_ever(asked: Asked) -> None:
    asked.ok(GRANT, says("always"), **VARIABLE)
    assert asked.ok("reset-permission", says("this session"), component_id="text")["lasts"] == "session"
    assert variables(asked) == []
    shown = asked.ok("get-policy", says("no"), component_id="text")
    assert shown["not_on_disk"] == [{"change": "revoke", "permission": "everything", "lasts": "session"}]
    assert "policy_info" in shown
    assert policy_file(asked).exists()
    asked.ok(GRANT, says("this session"), **VARIABLE)
    assert variables(asked) == ["LANG"]
    asked.ok("reset-permission", says("always"), component_id="text")
    assert variables(asked) == []
    assert not policy_file(asked).exists()
    assert asked.host.policies.changes("text") == ()


def test_a_component_is_unloaded_when_a_person_says_yes(asked: Asked) -> None:
    asked.ok(GRANT, says("this session"), **VARIABLE)
    assert "refused by a person" in asked.error("unload-component", says("no"), id="text")
    asked.anew()
    asked.ok("unload-component", says("yes"), id="text")
    assert asked.host.entries() == ()
    assert asked.host.policies.changes("text") == ()


def test_a_broken_component_can_be_unloaded(asked: Asked) -> None:
    (asked.settings.component_dir / "text.json").write_text("{")
    asked.ok("unload-component", says("yes"), id="text")
    assert "digest: unknown" in asked.questions[0]["message"]


@pytest.mark.parametrize("choice", ["once", "this session", "always"])
def test_a_yes_is_for_the_bytes_that_were_shown(choice: str, tmp_path: Path) -> None:
    served = Handshaken()
    served.install(tmp_path, "text", TEXT_TOOLS)

    def replaces(params: dict[str, Any]) -> object:
        served.install(tmp_path, "text", TEXT_TOOLS.replace("(component", '(component (core module (data "other"))', 1))
        return says(choice)(params)

    assert "decided about other bytes" in served.error(GRANT, replaces, **VARIABLE)
    assert variables(served) == []


def test_a_session_grant_is_for_the_bytes_it_was_given_to(asked: Asked, tmp_path: Path) -> None:
    asked.ok(GRANT, says("this session"), **VARIABLE)
    asked.ok("grant-network-permission", says("always"), component_id="text", details={"host": "a.example"})
    asked.ok("revoke-network-permission", says("this session"), component_id="text", details={"host": "a.example"})
    asked.install(tmp_path, "text", ONE_TOOL)
    policy = asked.host.policies.of("text")
    assert policy.variables == ()
    assert policy.allow == ()  # what was taken away stays away


@pytest.mark.parametrize(
    "capabilities", [{}, {"elicitation": None}, {"elicitation": {"url": {}}}, {"elicitation": {"form": None, "url": {}}}]
)
def test_a_client_without_forms_gets_the_command_line(capabilities: dict[str, Any], asked: Asked) -> None:
    other = type(asked)(capabilities=capabilities)
    error = other.error(GRANT, says("always"), **VARIABLE)
    assert error.endswith("hint: wassette policy grant text env LANG")
    assert other.questions == []


def test_a_client_of_plain_elicitation_is_asked(asked: Asked) -> None:
    other = type(asked)(capabilities={"elicitation": {}})
    other.ok(GRANT, says("always"), **VARIABLE)
    assert len(other.questions) == 1


def test_the_operator_decides_whether_anybody_is_asked(asked: Asked) -> None:
    assert "grants: deny" in type(asked)(grants="deny").error(GRANT, says("always"), **VARIABLE)
    allowing = type(asked)(grants="allow")
    allowing.ok(GRANT, says("no"), **VARIABLE)
    assert allowing.questions == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        [],
        {},
        {"action": "accept"},
        {"action": "accept", "content": None},
        {"action": "accept", "content": {}},
        {"action": "accept", "content": {"decision": True}},
        {"action": "accept", "content": {"decision": "Always"}},
        {"action": "accept", "content": {"decision": ["always"]}},
        {"action": "accept", "content": {"decision": "yes"}},
        {"action": "accept", "content": "always"},
        {"action": "ACCEPT", "content": {"decision": "always"}},
        {"action": {"accept": 1}, "content": {"decision": "always"}},
    ],
)
def test_an_answer_that_fits_no_choice_grants_nothing(answer: object, asked: Asked) -> None:
    error = asked.error(GRANT, lambda params: answer, **VARIABLE)
    assert "fits no choice" in error
    assert error.endswith("hint: wassette policy grant text env LANG")
    assert variables(asked) == []


def test_more_in_an_answer_than_was_asked_for_is_ignored(asked: Asked) -> None:
    answer = {"action": "accept", "content": {"decision": "once", "also": "always"}, "_meta": {}}
    assert asked.ok(GRANT, lambda params: answer, **VARIABLE)["lasts"] == "once"


def test_what_cannot_be_shown_whole_is_for_a_terminal(asked: Asked) -> None:
    details = {"uri": f"fs:///tmp/{'a' * 1200}", "access": ["read"]}
    error = asked.error("grant-storage-permission", says("always"), component_id="text", details=details)
    assert "too many to be shown" in error
    assert asked.questions == []


def test_what_was_asked_and_said_is_in_the_audit_log(asked: Asked) -> None:
    asked.error(GRANT, says("no"), **VARIABLE)
    asked.anew()
    asked.ok(GRANT, says("this session"), **VARIABLE)
    from wassette_py.audit import flush

    flush(LONG)
    text = "".join(path.read_text() for path in sorted(asked.settings.audit.dir.rglob("*")) if path.is_file())
    assert "was refused by a person" in text
    assert '"lasts":"session"' in text
