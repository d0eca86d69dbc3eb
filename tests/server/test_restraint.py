"""A person is not worn down: a no stands for the session, and a minute has only so many questions, in both eras."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from tests.patience import LONG
from tests.server.asking import VARIABLE, Asked, Handshaken, Stateless, says
from wassette_py.audit.reading import events, happened
from wassette_py.errors import Cancelled
from wassette_py.server.questions import NO, NotDecided, Question
from wassette_py.server.restraint import A_MINUTE, REMEMBERED, Restraint, StillRefused

GRANT = "grant-environment-variable-permission"
CHOICES = {"yes": "it is done"}


def variable(name: str) -> dict[str, Any]:
    return {"component_id": "text", "details": {"key": name}}


@pytest.fixture(params=(Handshaken, Stateless), ids=["handshake", "stateless"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Asked:
    era: type[Asked] = request.param
    served = era()
    served.install(tmp_path, "text", TEXT_TOOLS)
    return served


@pytest.mark.claim("approval:a-no-stands")
def test_what_a_person_refused_is_not_asked_again_in_that_session(asked: Asked) -> None:
    assert "refused by a person; do not ask again" in asked.error(GRANT, says("no"), **VARIABLE)
    for _ in range(3):
        again = asked.error(GRANT, says("always"), **VARIABLE)
        assert again.splitlines() == [
            "granting an environment variable permission to 'text' was refused by a person, who is not asked again in this session",
            "hint: wassette policy grant text env LANG",
        ]
    assert len(asked.questions) == 1
    assert asked.host.policies.of("text").variables == ()
    asked.ok(GRANT, says("once"), **variable("TERM"))  # another question is asked
    asked.anew()
    asked.ok(GRANT, says("once"), **VARIABLE)  # and so is this one by another session


@pytest.mark.claim("approval:a-no-stands")
def test_a_minute_has_only_so_many_questions(asked: Asked) -> None:
    for number in range(A_MINUTE):
        asked.ok(GRANT, says("once"), **variable(f"V{number}"))
    refused = asked.error(GRANT, says("always"), **variable("ONE_MORE"))
    assert f"({A_MINUTE} questions were put to them within a minute)" in refused
    assert "hint: wassette policy grant text env ONE_MORE" in refused
    assert len(asked.questions) == A_MINUTE


@pytest.mark.claim("approval:a-no-stands")
def test_of_those_who_ask_the_same_at_once_one_is_heard_and_its_no_is_theirs(tmp_path: Path) -> None:
    served = Handshaken()
    served.install(tmp_path, "text", TEXT_TOOLS)
    calls = [f"at-once-{number}" for number in range(4)]
    for call in calls:
        served.wire.send("tools/call", {"name": GRANT, "arguments": VARIABLE}, id=call)
    question = served.wire.wait(lambda sent: sent.get("method") == "elicitation/create")
    served.reply(question["id"], says("no")({}))
    texts = []
    for call in calls:
        result = served.wire.wait(lambda sent, call=call: sent.get("id") == call)["result"]  # type: ignore[misc]
        texts.append(result["content"][0]["text"])
    assert sum("do not ask again" in text for text in texts) == 1
    assert sum("is not asked again in this session" in text for text in texts) == 3
    assert len(served.asked()) == 1


def test_who_waits_for_its_turn_can_be_cancelled_and_a_yes_is_for_one() -> None:
    restraint, asked = Restraint(), []
    first, answered, cancelled = threading.Event(), threading.Event(), threading.Event()

    def waits() -> str:
        first.set()
        assert answered.wait(LONG)
        return "yes"

    thread = threading.Thread(target=lambda: asked.append(restraint.ask(question("x"), threading.Event(), waits)))
    thread.start()
    assert first.wait(LONG)
    cancelled.set()
    with pytest.raises(Cancelled):
        restraint.ask(question("x"), cancelled, lambda: "yes")
    assert restraint.ask(question("y"), threading.Event(), lambda: "yes") == "yes"
    answered.set()
    assert restraint.ask(question("x"), threading.Event(), lambda: NO) == NO
    thread.join()
    assert asked == ["yes"]
    with pytest.raises(StillRefused):
        restraint.ask(question("x"), threading.Event(), lambda: "yes")


def test_a_stateless_client_that_asks_again_without_an_answer_is_counted(tmp_path: Path) -> None:
    served = Stateless()
    served.install(tmp_path, "text", TEXT_TOOLS)
    for _ in range(A_MINUTE):
        assert served.request(GRANT, VARIABLE)["result"]["resultType"] == "input_required"
    assert served.request(GRANT, VARIABLE)["result"]["isError"]


def recorded(asked: Asked) -> list[dict[str, Any]]:
    assert asked.host.recorder.log.flush(LONG)
    return [event for event in events(asked.settings.audit.dir, unreadable=lambda path, line: None) if happened(event)]


def way(asked: Asked) -> str:
    return "elicitation" if isinstance(asked, Handshaken) else "input required"


@pytest.mark.claim("audit:who-decided")
@pytest.mark.parametrize(("choice", "lasts"), [("once", "once"), ("this session", "session"), ("always", None)])
def test_what_a_person_granted_is_recorded_with_their_choice_and_how_they_were_asked(asked: Asked, choice: str, lasts: str | None) -> None:
    asked.ok(GRANT, says(choice), **VARIABLE)
    (event,) = [event for event in recorded(asked) if event["event"] == "grant"]
    assert (event["via"], event.get("lasts")) == ("mcp", lasts)
    assert event["decided"] == {"by": "person", "choice": choice, "way": way(asked)}


@pytest.mark.claim("audit:who-decided")
def test_a_no_is_recorded_as_one_of_a_person_also_where_it_is_an_earlier_one(asked: Asked) -> None:
    asked.error(GRANT, says("no"), **VARIABLE)
    asked.error(GRANT, says("always"), **VARIABLE)
    first, second = [event for event in recorded(asked) if event["event"] == "refusal"]
    assert first["decided"] == {"by": "person", "choice": "no", "way": way(asked)}
    assert second["decided"] == {"by": "person", "choice": "no", "way": "earlier in this session"}


@pytest.mark.claim("audit:who-decided")
def test_a_no_to_a_load_that_has_begun_is_one_refusal(asked: Asked, tmp_path: Path) -> None:
    asked.error("load-component", says("no"), path=str(write_component(tmp_path, "one", ONE_TOOL)))
    (event,) = [event for event in recorded(asked) if event["event"] == "refusal"]
    assert (event["of"], event["component"], event["decided"]["choice"]) == ("load", "one", "no")


@pytest.mark.claim("audit:who-decided")
def test_what_nobody_decided_says_so(asked: Asked) -> None:
    asked.error(GRANT, says("perhaps"), **VARIABLE)
    (event,) = [event for event in recorded(asked) if event["event"] == "refusal"]
    assert "decided" not in event
    assert "the client's answer fits no choice" in event["error"]


@pytest.mark.claim("audit:who-decided")
@pytest.mark.parametrize(("grants", "choice", "event"), [("allow", "always", "grant"), ("deny", "no", "refusal")])
def test_where_the_operator_decided_that_is_said(grants: Any, choice: str, event: str, tmp_path: Path) -> None:
    served = Handshaken(grants=grants)
    served.install(tmp_path, "text", TEXT_TOOLS)
    served.result(GRANT, says("no"), **VARIABLE)
    (found,) = [entry for entry in recorded(served) if entry["event"] == event]
    assert found["decided"] == {"by": "operator", "choice": choice, "way": f"grants: {grants}"}


def test_a_decision_is_not_that_of_what_comes_next(asked: Asked) -> None:
    asked.ok(GRANT, says("always"), **VARIABLE)
    asked.error(GRANT, says("perhaps"), **variable("TERM"))
    asked.result("echo", says("no"), text="x")
    assert [("decided" in event) for event in recorded(asked) if event["event"] in ("grant", "refusal", "call")] == [True, False, False]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def question(text: str, choices: Mapping[str, str] = CHOICES) -> Question:
    return Question(text, choices)


def test_a_minute_later_there_may_be_questions_again() -> None:
    clock = Clock()
    restraint = Restraint(clock=clock)
    for number in range(A_MINUTE):
        restraint.admit(question(str(number)))
    clock.now = 59.0
    with pytest.raises(NotDecided, match=f"^{A_MINUTE} questions were put to them within a minute$"):
        restraint.admit(question("more"))
    clock.now = 60.0
    restraint.admit(question("more"))


def test_a_yes_is_not_kept_and_of_noes_so_many() -> None:
    clock = Clock()
    restraint = Restraint(clock=clock)
    assert restraint.heard(question("yes"), "yes") == "yes"
    for number in range(REMEMBERED + 1):
        assert restraint.heard(question(str(number)), NO) == NO
    for still in ("1", str(REMEMBERED)):
        with pytest.raises(StillRefused):
            restraint.admit(question(still))
    restraint.admit(question("0"))  # the oldest
    restraint.admit(question("yes"))
    restraint.admit(question("1", {"yes": "something else is done"}))  # another question
