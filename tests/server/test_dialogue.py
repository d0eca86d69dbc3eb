"""The era of the handshake: a question is a request of ours. Clients that answer late, twice, something else, or not at all."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import TEXT_TOOLS
from tests.patience import LONG
from tests.server.asking import VARIABLE, Handshaken, says
from tests.server.corehost import INITIALIZE
from wassette_py.errors import Cancelled
from wassette_py.server.asking import MOST, Dialogue
from wassette_py.server.questions import NotDecided, Question

GRANT = "grant-environment-variable-permission"
CALL = {"name": GRANT, "arguments": VARIABLE}
QUESTION = Question("may it?", {"yes": "it may"})


@pytest.fixture
def served(tmp_path: Path) -> Handshaken:
    server = Handshaken()
    server.install(tmp_path, "text", TEXT_TOOLS)
    return server


def asked(served: Handshaken, id: str = "call", variable: str = "LANG") -> str:
    """Starts a call that asks for that variable; the id of the question."""
    before = len(served.asked())
    served.wire.send("tools/call", {"name": GRANT, "arguments": {**VARIABLE, "details": {"key": variable}}}, id=id)
    served.wire.wait(lambda sent: len(served.asked()) > before)
    question: str = served.asked()[before]["id"]
    return question


def granted(served: Handshaken) -> bool:
    return bool(served.host.policies.of("text").variables)


def text_of(message: dict[str, Any]) -> str:
    text: str = message["result"]["content"][0]["text"]
    return text


@pytest.mark.claim("approval:a-person-decides")
def test_answers_to_nothing_are_dropped(served: Handshaken) -> None:
    yes = says("always")({})
    question = asked(served)
    for other in ("wassette-question-99", "call", "", 1, None, True, [question], {"id": question}, question.upper(), 1.5):
        served.reply(other, yes)
    served.wire.raw(b'{"jsonrpc":"2.0","result":{"action":"accept","content":{"decision":"always"}}}')
    assert not [sent for sent in served.wire.sent if sent.get("id") == "call" or "error" in sent]
    assert not granted(served)
    served.reply(question, says("no")({}))
    served.reply(question, yes)
    assert "refused by a person" in text_of(served.wire.wait(lambda sent: sent.get("id") == "call"))
    served.reply(question, yes)
    assert served.wire.ask("ping", id="alive")["result"] == {}
    assert not granted(served)


def test_an_answer_before_anything_was_asked_is_dropped(served: Handshaken) -> None:
    served.reply("wassette-question-1", says("always")({}))
    assert served.wire.ask("ping", id="alive")["result"] == {}
    question = asked(served)
    assert not [sent for sent in served.wire.sent if sent.get("id") == "call"]
    served.reply(question, says("no")({}))


def test_the_first_answer_counts(served: Handshaken) -> None:
    question = asked(served)
    served.reply(question, says("no")({}))
    served.reply(question, says("always")({}))
    served.wire.wait(lambda sent: sent.get("id") == "call")
    assert not granted(served)


def test_an_error_is_no_answer(served: Handshaken) -> None:
    question = asked(served)
    error = {"jsonrpc": "2.0", "id": question, "error": {"code": -1, "message": "\x1b[2Jdenied"}}
    served.wire.raw(json.dumps(error).encode())
    text = text_of(served.wire.wait(lambda sent: sent.get("id") == "call"))
    assert "the client could not ask" in text
    assert "\x1b" not in text
    assert text.endswith("hint: wassette policy grant text env LANG")


def test_a_null_error_is_no_answer_either(served: Handshaken) -> None:
    question = asked(served)
    served.wire.raw(json.dumps({"jsonrpc": "2.0", "id": question, "error": None}).encode())
    assert "fits no choice" in text_of(served.wire.wait(lambda sent: sent.get("id") == "call"))


def test_a_cancelled_call_takes_its_question_back(served: Handshaken) -> None:
    question = asked(served)
    served.wire.send("notifications/cancelled", {"requestId": "call"})
    served.wire.wait(lambda sent: sent.get("method") == "notifications/cancelled" and sent["params"]["requestId"] == question)
    assert served.wire.toolbox.idle(LONG)
    served.reply(question, says("always")({}))
    assert served.wire.ask("ping", id="alive")["result"] == {}
    assert not granted(served)
    assert not [sent for sent in served.wire.sent if sent.get("id") == "call"]


def test_the_end_of_the_input_ends_the_waiting(served: Handshaken) -> None:
    asked(served)
    assert served.wire.session.drain(LONG)
    assert "the client is gone" in text_of(served.wire.wait(lambda sent: sent.get("id") == "call"))
    served.wire.send("tools/call", CALL, id="late")
    assert "the client is gone" in text_of(served.wire.wait(lambda sent: sent.get("id") == "late"))


def test_nothing_is_asked_once_the_input_has_ended(served: Handshaken) -> None:
    assert served.wire.session.drain(LONG)
    served.wire.send("tools/call", CALL, id="late")
    assert "the client is gone" in text_of(served.wire.wait(lambda sent: sent.get("id") == "late"))
    assert served.asked() == []


def test_the_end_of_the_server_ends_the_waiting(served: Handshaken) -> None:
    asked(served)
    served.wire.session.close()
    assert served.wire.toolbox.idle(LONG)
    (answer,) = [sent for sent in served.wire.sent if sent.get("id") == "call"]
    assert answer["error"]["code"] == -32000


def test_questions_that_wait_are_bounded_and_others_are_answered_meanwhile(served: Handshaken) -> None:
    questions = [asked(served, f"call {number}", f"V{number}") for number in range(MOST)]
    assert len(set(questions)) == MOST
    served.wire.send("tools/call", CALL, id="more")  # every slot of the server waits for a person
    assert "busy" in text_of(served.wire.wait(lambda sent: sent.get("id") == "more"))
    served.reply(questions[0], says("no")({}))
    served.wire.wait(lambda sent: sent.get("id") == "call 0")
    called = served.wire.ask("tools/call", {"name": "add", "arguments": {"left": 1, "right": 2}}, id="add")
    assert called["result"]["structuredContent"] == {"result": 3}
    served.wire.session.close()
    assert served.wire.toolbox.idle(LONG)


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26"])
def test_a_revision_without_elicitation_is_not_asked(version: str, served: Handshaken) -> None:
    wire = Handshaken().wire
    other = {**INITIALIZE, "protocolVersion": version, "capabilities": {"elicitation": {}}}
    assert wire.ask("initialize", other, id="again")["result"]["protocolVersion"] == version
    assert "hint: wassette policy grant" in text_of(wire.ask("tools/call", CALL, id="call"))


def test_the_thread_that_reads_does_not_wait_for_an_answer(served: Handshaken) -> None:
    served.wire.session.reads_here = lambda: True
    served.wire.send("tools/call", CALL, id="call")
    assert "no thread is left" in text_of(served.wire.wait(lambda sent: sent.get("id") == "call"))
    assert served.asked() == []


# The dialogue by itself.


def waiting(dialogue: Dialogue, cancel: threading.Event) -> tuple[threading.Thread, list[BaseException | str]]:
    ends: list[BaseException | str] = []

    def run() -> None:
        try:
            ends.append(dialogue.ask(QUESTION, cancel))
        except (NotDecided, Cancelled) as error:
            ends.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ends


def test_patience_ends() -> None:
    sent: list[dict[str, Any]] = []
    dialogue = Dialogue(sent.append, patience=0.05)
    thread, ends = waiting(dialogue, threading.Event())
    thread.join(LONG)
    assert "nobody answered" in str(ends[0])
    assert [message["method"] for message in sent] == ["elicitation/create", "notifications/cancelled"]


def test_more_questions_than_a_person_reads_are_not_asked() -> None:
    sent: list[dict[str, Any]] = []
    dialogue = Dialogue(sent.append)
    threads = [waiting(dialogue, threading.Event()) for _ in range(MOST)]
    while len(sent) < MOST:
        threading.Event().wait(0.01)
    with pytest.raises(NotDecided, match=f"{MOST} questions wait"):
        dialogue.ask(QUESTION, threading.Event())
    dialogue.close()
    for thread, ends in threads:
        thread.join(LONG)
        assert "the client is gone" in str(ends[0])


def test_a_call_that_is_cancelled_before_it_asks_does_not_wait() -> None:
    cancelled = threading.Event()
    cancelled.set()
    thread, ends = waiting(Dialogue(lambda message: None), cancelled)
    thread.join(LONG)
    assert isinstance(ends[0], Cancelled)
