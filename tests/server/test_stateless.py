from __future__ import annotations

from typing import Any

import pytest

from tests.patience import LONG
from tests.server.corehost import ENVELOPE, INITIALIZE, FunctionHost, Wire, enveloped, returns, spins, value
from wassette_py import __version__

INFO = {"io.modelcontextprotocol/serverInfo": {"name": "wassette", "version": __version__}}
VERSION = "io.modelcontextprotocol/protocolVersion"
LISTEN = {"notifications": {"toolsListChanged": True}}


def test_discover_says_what_is_served() -> None:
    result = Wire(FunctionHost()).ask("server/discover", enveloped())["result"]
    assert result.pop("instructions")
    assert result == {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"logging": {}, "tools": {"listChanged": True}},
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": INFO,
    }


def test_the_list_says_how_fresh_it_is() -> None:
    result = Wire(FunctionHost(t=returns(1))).ask("tools/list", enveloped())["result"]
    assert [tool["name"] for tool in result.pop("tools")] == ["t"]
    assert result == {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": INFO}


def test_a_call_is_complete_and_names_the_server() -> None:
    wire = Wire(FunctionHost(t=returns("x")))
    assert wire.ask("tools/call", enveloped({"name": "t"}))["result"] == {
        "resultType": "complete",
        "content": [{"type": "text", "text": "x"}],
        "structuredContent": {"result": "x"},
        "isError": False,
        "_meta": INFO,
    }
    assert wire.readied == 1


def test_the_handshake_is_refused_once_this_era_is_open() -> None:
    wire = Wire(FunctionHost())
    wire.ask("server/discover", enveloped(), id=1)
    assert wire.ask("initialize", INITIALIZE, id=2)["error"]["code"] == -32022
    assert wire.ask("initialize", INITIALIZE, id=3)["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2025-11-25"}
    assert wire.ask("initialize", id=4)["error"]["data"] == {"supported": ["2026-07-28"]}


def test_another_version_is_refused_with_those_that_are_served() -> None:
    wire = Wire(FunctionHost())
    error = wire.ask("tools/list", enveloped(**{VERSION: "2099-01-01"}))["error"]
    assert (error["code"], error["data"]) == (-32022, {"supported": ["2026-07-28"], "requested": "2099-01-01"})
    assert "result" in wire.ask("tools/list", enveloped(), id=2)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("tools/list", {}, -32602),
        ("tools/list", {"_meta": []}, -32602),
        ("tools/list", {"_meta": {VERSION: "2026-07-28"}}, -32602),
        ("tools/list", enveloped(**{VERSION: 5}), -32602),
        ("tools/list", enveloped(**{"io.modelcontextprotocol/clientCapabilities": []}), -32602),
        ("tools/list", enveloped(**{"io.modelcontextprotocol/clientInfo": "me"}), -32602),
        ("tools/list", enveloped(**{"io.modelcontextprotocol/clientInfo": {"name": "me"}}), -32602),
        ("tools/list", enveloped(**{"io.modelcontextprotocol/logLevel": "loud"}), -32602),
        ("tools/list", enveloped(progressToken=[]), -32602),
        ("tools/list", enveloped({"cursor": "x"}), -32602),
        ("tools/call", enveloped({"name": "unknown"}), -32602),
        ("subscriptions/listen", enveloped(), -32602),
        ("ping", enveloped(), -32601),
        ("logging/setLevel", enveloped({"level": "info"}), -32601),
        ("resources/list", enveloped(), -32601),
    ],
)
def test_a_wrong_request_gets_its_error(method: str, params: Any, code: int) -> None:
    wire = Wire(FunctionHost())
    wire.ask("server/discover", enveloped(), id="open")
    assert wire.ask(method, params)["error"]["code"] == code


def test_the_client_need_not_say_who_it_is() -> None:
    meta = {key: entry for key, entry in ENVELOPE.items() if not key.endswith("clientInfo")}
    assert "result" in Wire(FunctionHost()).ask("tools/list", {"_meta": meta})


def test_notifications_of_the_other_era_are_ignored() -> None:
    wire = Wire(FunctionHost())
    wire.ask("server/discover", enveloped())
    wire.send("notifications/initialized")
    assert len(wire.sent) == 1


def test_a_subscription_is_acknowledged_hears_of_changes_and_ends_when_cancelled() -> None:
    host = FunctionHost(t=returns(1))
    wire = Wire(host)
    wire.send("subscriptions/listen", enveloped(LISTEN), id="sub")
    meta = {"io.modelcontextprotocol/subscriptionId": "sub"}
    assert wire.notes("notifications/subscriptions/acknowledged") == [{"notifications": {"toolsListChanged": True}, "_meta": meta}]
    host.bodies["u"] = returns(2)
    wire.toolbox.refresh()
    assert wire.notes("notifications/tools/list_changed") == [{"_meta": meta}]
    wire.send("notifications/cancelled", {"requestId": "sub"})
    host.bodies["v"] = returns(3)
    wire.toolbox.refresh()
    assert len(wire.sent) == 2


def test_only_what_was_asked_for_is_heard() -> None:
    host = FunctionHost()
    wire = Wire(host)
    wire.send("subscriptions/listen", enveloped({"notifications": {"promptsListChanged": True, "toolsListChanged": False}}), id=1)
    host.bodies["u"] = returns(2)
    wire.toolbox.refresh()
    (acknowledged,) = wire.sent
    assert acknowledged["params"]["notifications"] == {}


def test_a_subscription_is_answered_when_the_server_stops() -> None:
    wire = Wire(FunctionHost())
    wire.send("subscriptions/listen", enveloped(LISTEN), id=5)
    wire.session.close()
    assert wire.sent[-1]["result"] == {"resultType": "complete", "_meta": {"io.modelcontextprotocol/subscriptionId": 5, **INFO}}


def test_subscriptions_are_bounded() -> None:
    wire = Wire(FunctionHost())
    for number in range(64):
        wire.send("subscriptions/listen", enveloped(LISTEN), id=number)
    assert wire.ask("subscriptions/listen", enveloped(LISTEN), id="one more")["error"]["code"] == -32603
    wire.send("notifications/cancelled", {"requestId": 0})
    wire.send("subscriptions/listen", enveloped(LISTEN), id="now")
    assert wire.sent[-1]["method"] == "notifications/subscriptions/acknowledged"


def test_what_a_guest_prints_is_sent_to_who_asked_for_it() -> None:
    wire = Wire(FunctionHost(t=lambda arguments, cancel, done: done(printed())))
    wire.ask("tools/call", enveloped({"name": "t"}), id=1)
    wire.ask("tools/call", enveloped({"name": "t"}, **{"io.modelcontextprotocol/logLevel": "warning"}), id=2)
    assert wire.notes("notifications/message") == []
    wire.ask("tools/call", enveloped({"name": "t"}, **{"io.modelcontextprotocol/logLevel": "info"}), id=3)
    assert [note["data"] for note in wire.notes("notifications/message")] == ["hello"]


def printed() -> Any:
    from dataclasses import replace

    return replace(value(1), stdout="hello\n")


def test_a_cancelled_call_is_not_answered() -> None:
    wire = Wire(FunctionHost(spin=spins))
    wire.send("tools/call", enveloped({"name": "spin"}), id=1)
    wire.send("notifications/cancelled", {"requestId": 1, "reason": "enough"})
    assert wire.toolbox.idle(LONG)
    assert wire.sent == []
