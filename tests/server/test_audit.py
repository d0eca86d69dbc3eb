"""The audit log of a server: which client a call was made for, in both eras, and that a call's line is there when the server has ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.server.corehost import Done, FunctionHost, Wire, enveloped, handshaken, value
from tests.server.process import install, serving
from wassette_py.audit import Actor, actor
from wassette_py.audit.reading import events
from wassette_py.settings import Settings


def recorded() -> list[dict[str, Any]]:
    found = events(Settings.load().audit.dir, unreadable=lambda path, line: None)
    return [event for event in found if event["event"] != "segment"]


class Seen(FunctionHost):
    """A host that notes on whose behalf it was called."""

    def __init__(self) -> None:
        super().__init__(see=self.see)
        self.actors: list[Actor] = []

    def see(self, arguments: Mapping[str, Any], cancel: threading.Event, done: Done) -> None:
        self.actors.append(actor())
        done(value(None))


def test_a_call_is_made_for_the_client_of_the_handshake() -> None:
    host = Seen()
    wire = handshaken(host)
    for number in range(2):
        wire.ask("tools/call", {"name": "see"}, id=number)
    assert {who.client for who in host.actors} == {"test/1"}
    assert {who.session for who in host.actors} == {wire.session.name}
    assert handshaken(Seen()).session.name != wire.session.name


def test_a_stateless_call_is_made_for_the_client_its_envelope_names() -> None:
    host = Seen()
    wire = Wire(host)
    wire.ask("tools/call", enveloped({"name": "see"}, **{"io.modelcontextprotocol/clientInfo": {"name": "other", "version": "2"}}), id=1)
    wire.ask("tools/call", enveloped({"name": "see"}, **{"io.modelcontextprotocol/clientInfo": None}), id=2)
    assert [who.client for who in host.actors] == ["other/2", None]


def test_every_served_call_is_one_line_by_the_end_of_the_server(tmp_path: Path) -> None:
    install(tmp_path)
    with serving() as client:
        client.call("echo", text="hunter2")
        client.call("break")
        client.call("call-tool", name="echo", arguments={"text": "inner"})
        client.end()
    calls = [event for event in recorded() if event["event"] == "call"]
    assert [(event["tool"], event["outcome"], event["client"]) for event in calls] == [
        ("echo", "ok", "test/1"),
        ("break", "trap", "test/1"),
        ("echo", "ok", "test/1"),
    ]
    assert len({event["session"] for event in calls}) == 1


@pytest.mark.parametrize("grants", ["ask", "deny"])
def test_what_a_model_asked_for_and_a_person_decides_is_a_refusal(tmp_path: Path, grants: str) -> None:
    install(tmp_path)
    with serving(environment={**os.environ, "WASSETTE_GRANTS": grants}) as client:
        client.call("grant-network-permission", component_id="text", details={"host": "example.com"})
        client.call("load-component", path="oci://registry.invalid/x:1")
        client.end()
    first, second = [event for event in recorded() if event["event"] == "refusal"]
    assert (first["of"], first["component"], first["outcome"], first["client"]) == ("grant", "text", "refused", "test/1")
    assert (second["of"], second["component"]) == ("load", None)
    assert "oci://registry.invalid/x:1" in second["error"] or grants == "deny"


def test_a_server_that_serves_nothing_writes_nothing() -> None:
    with serving() as client:
        client.ask("tools/list")
        client.end()
    assert not Settings.load().audit.dir.exists()
