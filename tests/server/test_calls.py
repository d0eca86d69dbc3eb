from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from tests.patience import FOREVER, LONG, held_up, until
from tests.server.corehost import Body, Done, FunctionHost, TwoBuiltins, Wire, handshaken, returns, spins, value
from wassette_py.errors import StoreError, UnknownComponent
from wassette_py.host import CallResult, DeniedLine, HostedTool


@pytest.mark.parametrize(
    ("result", "text"),
    [("a text", "a text"), ("", ""), (5, "5"), (None, "null"), ({"a": [1, 2]}, '{"a":[1,2]}'), (True, "true")],
)
def test_a_result_is_structured_and_text(result: object, text: str) -> None:
    wire = handshaken(FunctionHost(t=returns(result)))
    assert wire.ask("tools/call", {"name": "t", "arguments": {}})["result"] == {
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"result": result},
        "isError": False,
    }


def test_arguments_arrive_and_may_be_absent() -> None:
    seen: list[object] = []

    def keep(arguments: object, cancel: threading.Event, done: Done) -> None:
        seen.append(arguments)
        done(value(None))

    wire = handshaken(FunctionHost(t=keep))
    wire.ask("tools/call", {"name": "t", "arguments": {"a": "☃"}}, id=1)
    wire.ask("tools/call", {"name": "t"}, id=2)
    wire.ask("tools/call", {"name": "t", "arguments": None}, id=3)
    assert seen == [{"a": "☃"}, {}, {}]


def test_an_error_is_text_with_denials_and_hints_and_nothing_structured() -> None:
    denied = DeniedLine("GET https://a.b:443", "not in network.allow", "wassette policy grant c network a.b")
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(CallResult(error="no luck", kind="denied", denied=(denied,)))))
    assert wire.ask("tools/call", {"name": "t"})["result"] == {
        "content": [
            {
                "type": "text",
                "text": "no luck\ndenied: GET https://a.b:443 (not in network.allow)\nhint: wassette policy grant c network a.b",
            }
        ],
        "isError": True,
    }


def test_a_denial_the_guest_swallowed_is_told() -> None:
    denied = DeniedLine("GET https://a.b:443", "not in network.allow", None)
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(replace(value("fine"), denied=(denied,)))))
    result = wire.ask("tools/call", {"name": "t"})["result"]
    assert [block["text"] for block in result["content"]] == ["fine", "denied: GET https://a.b:443 (not in network.allow)"]
    assert (result["structuredContent"], result["isError"]) == ({"result": "fine"}, False)


def test_content_comes_as_blocks_with_nothing_structured() -> None:
    picture = {"type": "image", "data": "iVBO", "mimeType": "image/png"}
    denied = DeniedLine("GET https://a.b:443", "not in network.allow", None)
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(CallResult(content=(picture,), denied=(denied,)))))
    result = wire.ask("tools/call", {"name": "t"})["result"]
    assert result == {
        "content": [picture, {"type": "text", "text": "denied: GET https://a.b:443 (not in network.allow)"}],
        "isError": False,
    }


def raises(error: Exception) -> Body:
    def body(arguments: object, cancel: threading.Event, done: Done) -> None:
        raise error

    return body


def test_a_tool_that_went_away_meanwhile_is_an_error_result() -> None:
    wire = handshaken(FunctionHost(t=raises(UnknownComponent("t"))))
    result = wire.ask("tools/call", {"name": "t"})["result"]
    assert result["isError"]
    assert result["content"][0]["text"] == "no component 't' is installed\nhint: wassette component list"


def test_a_fault_of_ours_is_an_error_result_without_our_insides(capfd: pytest.CaptureFixture[str]) -> None:
    wire = handshaken(FunctionHost(t=raises(ValueError("/secret/path"))))
    result = wire.ask("tools/call", {"name": "t"})["result"]
    assert result["isError"]
    assert "secret" not in str(result)
    assert "/secret/path" in capfd.readouterr().err  # it is written before the answer


def test_a_fault_after_the_answer_is_not_a_second_answer(capfd: pytest.CaptureFixture[str]) -> None:
    def twice(arguments: object, cancel: threading.Event, done: Done) -> None:
        done(value(1))
        raise ValueError

    wire = handshaken(FunctionHost(t=twice))
    wire.ask("tools/call", {"name": "t"}, id=1)
    assert wire.toolbox.idle(LONG)
    wire.ask("ping", id=2)
    told: list[str] = []

    def is_told() -> bool:
        told.append(capfd.readouterr().err)
        return "ValueError" in "".join(told)

    until(is_told)
    assert [message["id"] for message in wire.sent] == [1, 2]


def test_a_fault_while_listing_is_an_internal_error(capfd: pytest.CaptureFixture[str]) -> None:
    host = FunctionHost()
    wire = handshaken(host)
    host.bodies["more"] = returns(1)
    host.each_tool = None  # type: ignore[assignment,method-assign]
    assert wire.ask("tools/list")["error"] == {"code": -32603, "message": "internal error"}
    assert "TypeError" in capfd.readouterr().err


def test_a_result_that_is_no_json_is_an_internal_error(capfd: pytest.CaptureFixture[str]) -> None:
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(CallResult(content=({"type": "text", "text": float("nan")},)))))
    assert wire.ask("tools/call", {"name": "t"})["error"]["code"] == -32603
    assert "ValueError" in capfd.readouterr().err


def test_calls_run_side_by_side_and_answers_come_as_they_end() -> None:
    gate = threading.Event()

    def waits(arguments: object, cancel: threading.Event, done: Done) -> None:
        gate.wait(FOREVER)
        done(value("slow"))

    wire = handshaken(FunctionHost(slow=waits, fast=returns("fast")))
    wire.send("tools/call", {"name": "slow"}, id=1)
    assert wire.ask("tools/call", {"name": "fast"}, id=2)["result"]["structuredContent"] == {"result": "fast"}
    assert wire.ask("ping", id=3)["result"] == {}
    gate.set()
    assert wire.wait(lambda message: message.get("id") == 1)["result"]["structuredContent"] == {"result": "slow"}


def test_a_call_beyond_those_that_may_run_is_told_so_at_once() -> None:
    wire = handshaken(FunctionHost(spin=spins, t=returns(1)), in_flight=2)
    for number in (1, 2):
        wire.send("tools/call", {"name": "spin"}, id=number)
    busy = wire.ask("tools/call", {"name": "t"}, id=3)["result"]
    assert busy["isError"]
    assert busy["content"][0]["text"].startswith("busy: 2 calls are running")
    wire.send("notifications/cancelled", {"requestId": 1})
    wire.send("notifications/cancelled", {"requestId": 2})
    assert wire.toolbox.idle(LONG)
    assert not wire.ask("tools/call", {"name": "t"}, id=4)["result"]["isError"]


def test_idle_waits_no_longer_than_told() -> None:
    wire = handshaken(FunctionHost(spin=spins))
    wire.send("tools/call", {"name": "spin"}, id=1)
    began = time.monotonic()
    assert not wire.toolbox.idle(0.05)
    assert not wire.session.drain(0.05)
    assert time.monotonic() - began < LONG
    wire.session.close()
    assert wire.toolbox.idle(LONG)
    assert wire.session.drain(0)


def test_a_cancelled_call_is_stopped_and_never_answered() -> None:
    wire = handshaken(FunctionHost(spin=spins))
    wire.send("tools/call", {"name": "spin"}, id="a")
    wire.send("notifications/cancelled", {"requestId": "a"})
    assert wire.toolbox.idle(LONG)
    assert wire.ask("ping", id="after")["result"] == {}
    assert [message["id"] for message in wire.sent] == ["after"]


def test_what_a_cancelled_guest_printed_is_not_shown() -> None:
    def prints(arguments: object, cancel: threading.Event, done: Done) -> None:
        cancel.wait(FOREVER)
        done(replace(value(1), stdout="too late"))

    wire = handshaken(FunctionHost(t=prints))
    wire.send("tools/call", {"name": "t"}, id=1)
    wire.send("notifications/cancelled", {"requestId": 1})
    assert wire.toolbox.idle(LONG)
    assert wire.sent == []


@pytest.mark.parametrize(("id", "named"), [(7, "7"), ("7", 7)])
def test_a_call_may_be_cancelled_by_its_id_in_the_other_spelling(id: object, named: object) -> None:
    wire = handshaken(FunctionHost(spin=spins))
    wire.send("tools/call", {"name": "spin"}, id=id)
    wire.send("notifications/cancelled", {"requestId": named})
    assert wire.toolbox.idle(LONG)
    assert wire.sent == []


def test_cancelling_what_is_not_running_changes_nothing() -> None:
    wire = handshaken(FunctionHost(spin=spins))
    wire.send("tools/call", {"name": "spin"}, id=1)
    for other in (2, "x", 1.0, True, None):
        wire.send("notifications/cancelled", {"requestId": other})
    assert not wire.toolbox.idle(0.05)
    wire.session.close()


def test_an_id_that_is_still_being_worked_on_is_refused_and_free_again_afterwards() -> None:
    wire = handshaken(FunctionHost(spin=spins, t=returns(1)))
    wire.send("tools/call", {"name": "spin"}, id=1)
    assert wire.ask("ping", id=1)["error"]["code"] == -32600
    assert wire.ask("ping", id="1")["result"] == {}
    wire.send("notifications/cancelled", {"requestId": 1})
    wire.sent.clear()
    assert wire.ask("tools/call", {"name": "t"}, id=1)["result"]["structuredContent"] == {"result": 1}


def test_calls_are_answered_when_the_server_stops() -> None:
    wire = handshaken(FunctionHost(spin=spins))
    wire.send("tools/call", {"name": "spin"}, id=1)
    wire.session.close()
    assert wire.wait(lambda message: message.get("id") == 1)["error"]["code"] == -32000
    assert wire.toolbox.idle(LONG)
    assert len(wire.sent) == 1


def test_progress_goes_forward_to_who_asked_for_it() -> None:
    wire = handshaken(FunctionHost(), builtins=TwoBuiltins())
    steps = {"steps": [0, 10, 10, 5, 20], "total": 20}
    wire.ask("tools/call", {"name": "steps", "arguments": steps}, id=1)
    assert wire.notes("notifications/progress") == []
    wire.ask("tools/call", {"name": "steps", "arguments": steps, "_meta": {"progressToken": "p"}}, id=2)
    assert wire.notes("notifications/progress") == [
        {"progressToken": "p", "progress": done, "total": 20, "message": f"at {done}"} for done in (0, 10, 20)
    ]
    wire.sent.clear()
    wire.ask("tools/call", {"name": "steps", "arguments": {"steps": [1]}, "_meta": {"progressToken": 0}}, id=3)
    assert wire.notes("notifications/progress") == [{"progressToken": 0, "progress": 1, "message": "at 1"}]


def test_what_a_guest_prints_is_shown_line_by_line_as_the_level_allows() -> None:
    outcome = replace(value(1), stdout="one\ntwo\n", stderr="three")
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(outcome)))
    wire.ask("tools/call", {"name": "t"}, id=1)
    assert wire.notes("notifications/message") == [
        {"level": "info", "logger": "c/stdout", "data": "one"},
        {"level": "info", "logger": "c/stdout", "data": "two"},
        {"level": "info", "logger": "c/stderr", "data": "three"},
    ]
    assert wire.sent[-1]["id"] == 1
    wire.sent.clear()
    assert wire.ask("logging/setLevel", {"level": "warning"}, id=2)["result"] == {}
    wire.ask("tools/call", {"name": "t"}, id=3)
    assert wire.notes("notifications/message") == []


@pytest.mark.parametrize(("printed", "count"), [("x\n" * 100_000, 201), ("x" * 100_000, 2)])
def test_what_a_guest_prints_is_bounded(printed: str, count: int) -> None:
    wire = handshaken(FunctionHost(t=lambda arguments, cancel, done: done(replace(value(1), stdout=printed))))
    wire.ask("tools/call", {"name": "t"})
    notes = wire.notes("notifications/message")
    assert len(notes) == count
    assert notes[-1]["data"].endswith("more characters")


def test_call_tool_gives_the_inner_result_unchanged() -> None:
    wire = handshaken(FunctionHost(t=returns([1])), builtins=TwoBuiltins())
    direct = wire.ask("tools/call", {"name": "t"}, id=1)["result"]
    assert wire.ask("tools/call", {"name": "call-tool", "arguments": {"name": "t", "arguments": {}}}, id=2)["result"] == direct
    assert wire.ask("tools/call", {"name": "call-tool", "arguments": {"name": "t"}}, id=3)["result"] == direct


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "$.name: expected the name of a tool"),
        ({"name": "t", "arguments": 5}, "$.arguments: expected an object"),
        ({"name": "nope"}, "no component tool 'nope' is served; list-components says which are"),
        ({"name": "steps"}, "no component tool 'steps' is served; list-components says which are"),
        ({"name": "call-tool"}, "no component tool 'call-tool' is served; list-components says which are"),
    ],
)
def test_call_tool_calls_component_tools_only(arguments: object, text: str) -> None:
    wire = handshaken(FunctionHost(t=returns(1)), builtins=TwoBuiltins())
    result = wire.ask("tools/call", {"name": "call-tool", "arguments": arguments})["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, text)


def test_only_the_named_components_are_listed_and_called() -> None:
    host = FunctionHost(a=returns(1), b=returns(2))
    host.components["b"] = "other"
    wire = handshaken(host, only=("c",))
    assert [tool["name"] for tool in wire.ask("tools/list", id=1)["result"]["tools"]] == ["a"]
    assert wire.ask("tools/call", {"name": "b"}, id=2)["error"]["code"] == -32602


def test_list_changed_is_sent_once_for_a_change_and_not_before_the_client_is_ready() -> None:
    host = FunctionHost()
    wire = Wire(host)
    host.bodies["a"] = returns(1)
    wire.toolbox.refresh()
    wire.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
    host.bodies["b"] = returns(1)
    wire.toolbox.refresh()
    wire.send("notifications/initialized")
    wire.toolbox.refresh()
    assert wire.notes("notifications/tools/list_changed") == []
    del host.bodies["a"]
    wire.toolbox.refresh()
    wire.toolbox.refresh()
    assert wire.notes("notifications/tools/list_changed") == [{}]


def test_whoever_finds_no_change_goes_on_when_those_are_told_who_are_to_hear_of_it() -> None:
    host = FunctionHost()
    wire = Wire(host)
    begun, go, said = threading.Event(), threading.Event(), list[str]()

    def listener() -> None:
        begun.set()
        go.wait(LONG)
        said.append("told")

    def look() -> None:
        wire.toolbox.refresh()
        said.append("nothing new")

    wire.toolbox.subscribe(listener)
    host.bodies["a"] = returns(1)
    held_up(wire.toolbox.refresh, begun, look, go)
    assert said == ["told", "nothing new"]


def test_a_built_in_tool_that_changes_the_list_is_answered_after_the_notification() -> None:
    host = FunctionHost()

    class Adds(TwoBuiltins):
        def run(self, name: str, arguments: object, context: object) -> dict[str, object]:
            host.bodies["new"] = returns(1)
            return {"content": []}

    wire = handshaken(host, builtins=Adds())
    wire.ask("tools/call", {"name": "steps"})
    assert [message.get("method", "answer") for message in wire.sent] == ["notifications/tools/list_changed", "answer"]


def test_a_call_no_thread_can_be_started_for_is_busy() -> None:
    def refuse(task: object, seconds: float) -> None:
        raise RuntimeError("can't start new thread")

    host = FunctionHost(t=returns(1))
    wire = handshaken(host)
    wire.toolbox._submit = refuse
    result = wire.ask("tools/call", {"name": "t"})["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, "busy: can't start new thread; call again later")
    assert wire.toolbox.idle(0)


@pytest.mark.parametrize(("error", "text"), [(StoreError("the disk is gone"), "the disk is gone"), (KeyError("x"), "internal error")])
def test_a_store_that_fails_is_told_and_the_id_is_free_again(error: Exception, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    class Failing(FunctionHost):
        def tool(self, name: str) -> HostedTool | None:
            raise error

    wire = handshaken(Failing(t=returns(1)))
    assert wire.ask("tools/call", {"name": "t"})["error"] == {"code": -32603, "message": text}
    wire.sent.clear()
    assert wire.ask("ping")["result"] == {}


def test_a_name_of_megabytes_is_not_said_back() -> None:
    wire = handshaken(FunctionHost(), builtins=TwoBuiltins())
    name = "x" * 1_000_000
    assert len(str(wire.ask("tools/call", {"name": name}, id=1))) < 500
    assert len(str(wire.ask(name, id=2))) < 500
    assert len(str(wire.ask("tools/call", {"name": "call-tool", "arguments": {"name": name}}, id=3))) < 500
