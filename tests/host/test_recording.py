"""What the audit log holds of each operation: one event, with what happened and none of what was passed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import NO_TOOL, ONE_TOOL, TEXT_TOOLS, write_component
from tests.host.conftest import Load, call
from tests.layout_writer import write_layout
from tests.sandbox.egress.origin import hello, origin
from tests.sandbox.guests import ENVIRONMENT, PRINT
from tests.sandbox.guests_http import CLIENT
from tests.sandbox.guests_io import FILES, HTTP
from wassette_py.audit import Actor, acting
from wassette_py.audit.reading import events
from wassette_py.control import Control
from wassette_py.errors import Cancelled, InvalidPolicy, NotGranted, UnknownComponent, Unsigned, WassetteError
from wassette_py.host import ComponentHost
from wassette_py.host.opening import opened
from wassette_py.host.recording import shape
from wassette_py.names import Digest
from wassette_py.policy.words import parse_permission
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings
from wassette_py.trust.document import TrustScope
from wassette_py.trust.editing import add_scope

Event = dict[str, Any]


def recorded(host: ComponentHost, *names: str) -> list[Event]:
    """The events of those names, or all."""
    assert host.recorder.log.flush(10)
    found = events(host.settings.audit.dir, unreadable=lambda path, line: None)
    return [event for event in found if event["event"] != "segment" and (not names or event["event"] in names)]


def last(host: ComponentHost) -> Event:
    return recorded(host)[-1]


def test_requests_are_counted_by_where_they_went_and_nothing_else_of_them(host: ComponentHost, load: Load) -> None:
    with origin(hello) as server:
        place = f"http://127.0.0.1:{server.port}"
        load("client", CLIENT, policy=f"version: '1.0'\npermissions:\n  network:\n    allow: [{{host: '{place}'}}]\n")
        words = {"header": "x-token", "value": "secret", "body": "secret", "filler": 0, "connect": 0, "first": 0}
        call(host, "send", method=2, scheme=0, authority=place[7:], path="/secret?secret", **words)
    assert last(host)["used"] == {"network": [{"target": f"POST {place}", "count": 1}]}
    assert "secret" not in str(last(host))


@pytest.mark.claim("secrets:never-shown")
def test_what_is_known_to_be_a_secret_is_in_no_fact_of_an_event(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    host.secrets.set_value("TOKEN", "tok4711geheim")
    host.secrets.values(["TOKEN"])
    host.policies.grant("text", parse_permission("network", "tok4711geheim.example"))
    assert last(host)["permission"] == "network [redacted].example"


def test_a_call_is_one_event_with_who_what_and_how_it_ended(host: ComponentHost, load: Load) -> None:
    record = load("text", TEXT_TOOLS, policy="version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}]\n").record
    assert last(host)["policy"] == str(Digest.of((host.store.read_policy("text") or "").encode()))
    call(host, "echo", text="four")
    [event] = recorded(host, "call")
    text = host.store.read_policy("text")
    assert text is not None
    assert (event["component"], event["tool"], event["digest"]) == ("text", "echo", str(record.digest))
    assert event["policy"] == str(Digest.of(text.encode()))
    assert (event["outcome"], event["arguments"]) == ("ok", ["string(4)"])
    assert (event["bytes_in"], event["bytes_out"], event["printed"]) == (len('{"text":"four"}'), len('"four"'), 0)
    assert 0 < event["ms"] < 10_000
    assert len(event["session"]) == 16
    assert "client" not in event
    assert "denied" not in event
    assert "used" not in event


@pytest.mark.parametrize(
    ("tool", "arguments", "outcome"),
    [
        ("echo", {"text": "x"}, "ok"),
        ("refuse", {"reason": "no"}, "tool-error"),
        ("break", {}, "trap"),
        ("spin", {}, "timeout"),
        ("add", {"left": "one", "right": 2}, "tool-error"),
        ("echo", {"text": "x" * 2000}, "limit"),
    ],
)
def test_each_way_a_call_ends_has_its_word(
    host: ComponentHost, load: Load, tool: str, arguments: Mapping[str, object], outcome: str
) -> None:
    load("text", TEXT_TOOLS, policy="version: '1.0'\npermissions:\n  resources:\n    limits: {timeout: 200ms, output: 1Ki}\n")
    call(host, tool, **arguments)
    assert [event["outcome"] for event in recorded(host, "call")] == [outcome]


def test_a_cancelled_call_is_one_event(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    host.call(host.opened_tool("spin"), cancel=cancel)
    assert [event["outcome"] for event in recorded(host, "call")] == ["cancelled"]


def test_a_denied_call_says_what_was_denied(host: ComponentHost, load: Load) -> None:
    load("web", HTTP)
    host.call(replace(host.opened_tool("send-and-trap"), arguments={"host": "api.example.com"}), cancel=threading.Event())
    [event] = recorded(host, "call")
    assert event["outcome"] == "denied"
    assert event["denied"] == [{"capability": "network", "target": "GET https://api.example.com:443", "reason": "not in network.allow"}]


def test_a_call_that_a_corrupt_policy_stops_is_denied(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    host.store.policy_path("one").write_text("permissions: [")
    call(host, "answer")
    [event] = recorded(host, "call")
    assert (event["outcome"], event["policy"], event["component"], event["tool"]) == ("denied", None, "one", "answer")
    with pytest.raises(InvalidPolicy):
        host.opened_tool("answer")
    assert len(recorded(host, "call")) == 2


def test_what_was_granted_and_reached_for_is_told(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "a-value-of-the-host")
    host = ComponentHost(Settings.load())
    load("env", ENVIRONMENT, policy="version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}]\n")
    call(host, "variables")
    assert last(host)["used"] == {"environment": ["LANG"]}
    grants = f"version: '1.0'\npermissions:\n  storage:\n    allow: [{{uri: 'fs://{tmp_path}', access: [read, write]}}]\n"
    load("files", FILES, policy=grants)
    host.call(replace(host.opened_tool("name"), arguments={"nth": 0}), cancel=threading.Event())
    assert last(host)["used"] == {"storage": [f"write {tmp_path}"]}
    host.policies.replace("files", None, "")
    host.call(replace(host.opened_tool("name"), arguments={"nth": 0}), cancel=threading.Event())
    assert "used" not in last(host)


def _everything(host: ComponentHost) -> str:
    assert host.recorder.log.flush(10)
    return "".join(path.read_text() for path in host.settings.audit.dir.iterdir())


def test_no_argument_and_no_result_is_in_the_log_neither_name_nor_value(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    load("print", PRINT)
    call(host, "echo", text="hunter2-value")
    call(host, "refuse", reason="hunter2-error")
    call(host, "say", text="hunter2-printed")
    call(host, "add", left="hunter2-wrong", right=1)
    call(host, "echo", **{"hunter2-key": "hunter2-value"})
    assert len(recorded(host, "call")) == 5
    assert "hunter2" not in _everything(host)
    assert '"left"' not in _everything(host)


def test_an_operator_may_ask_for_values(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASSETTE_AUDIT_ARGUMENTS", "values")
    host = ComponentHost(Settings.load())
    load("text", TEXT_TOOLS)
    call(host, "echo", text="plain")
    assert last(host)["values"] == '{"text":"plain"}'
    call(host, "echo", text="x" * 10_000)
    assert len(last(host)["values"]) == 4096


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "boolean"),
        (1.5, "number"),
        ("abc", "string(3)"),
        (b"ab", "string(2)"),
        ([1, 2], "array(2)"),
        ({"a": 1}, "object(1)"),
        (1j, "complex"),
    ],
)
def test_a_shape_says_kind_and_size(value: object, words: str) -> None:
    assert shape(value) == words


def test_arguments_nested_beyond_reason_are_recorded_all_the_same(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    call(host, "echo", text=deep)
    assert (last(host)["arguments"], last(host)["bytes_in"]) == (["array(1)"], 0)


def test_loads_grants_revokes_resets_and_unloads_are_events(host: ComponentHost, load: Load) -> None:
    record = load("one", ONE_TOOL).record
    load("one", ONE_TOOL)
    host.policies.grant("one", parse_permission("env", "LANG"))
    host.policies.revoke("one", parse_permission("env", "LANG"))
    host.policies.replace("one", "version: '1.0'\n", "file")
    host.policies.replace("one", None, "")
    host.unload("one")
    found = recorded(host)
    names = [(event["event"], event["outcome"], event["component"]) for event in found]
    assert names == [
        ("load", "ok", "one"),
        ("load", "unchanged", "one"),
        ("grant", "ok", "one"),
        ("revoke", "ok", "one"),
        ("set-policy", "ok", "one"),
        ("reset", "ok", "one"),
        ("unload", "ok", "one"),
    ]
    assert (found[0]["digest"], found[0]["signer"], found[0]["reference"]) == (str(record.digest), record.signer.text, record.reference)
    assert found[2]["permission"] == found[3]["permission"] == "env LANG"
    assert found[4]["policy"] == str(Digest.of(b"version: '1.0'\n"))


def test_what_failed_is_an_event_that_says_so(host: ComponentHost, load: Load) -> None:
    with pytest.raises(WassetteError):
        load("none", NO_TOOL)
    assert (last(host)["event"], last(host)["outcome"]) == ("load", "failed")
    assert "no tool that can be called" in last(host)["error"]
    with pytest.raises(UnknownComponent):
        host.unload("none")
    assert last(host)["outcome"] == "failed"
    load("one", ONE_TOOL)
    with pytest.raises(NotGranted):
        host.policies.revoke("one", parse_permission("env", "LANG"))
    assert last(host)["outcome"] == "failed"


def test_a_refusal_is_recorded_on_its_way_out(host: ComponentHost, tmp_path: Path) -> None:
    wasm = write_component(tmp_path, "one", ONE_TOOL).read_bytes()
    write_layout(tmp_path / "layout", {"1": wasm})
    reference = parse_reference(f"oci-layout://{tmp_path / 'layout'}:1")
    scope = TrustScope(f"oci-layout://{tmp_path / 'layout'}", digests=(Digest("0" * 64),))
    host.settings.trust_file.parent.mkdir(parents=True)
    host.settings.trust_file.write_text(add_scope("", scope, "trust.yaml"))
    with pytest.raises(Unsigned):
        host.load(reference, component_id="one", control=Control())
    event = last(host)
    assert (event["event"], event["of"], event["outcome"], event["component"]) == ("refusal", "load", "refused", "one")
    with pytest.raises(Unsigned):
        opened(host, reference, None, Control())
    assert (last(host)["event"], last(host)["of"]) == ("refusal", "open")


def test_what_is_prepared_is_an_event_when_it_is_installed_or_refused(host: ComponentHost, tmp_path: Path) -> None:
    reference = parse_reference(str(write_component(tmp_path, "one", ONE_TOOL)))
    policy = "version: '1.0'\n"
    prepared = host.prepare(reference, component_id="one", prefix="", policy=policy, control=Control())
    assert recorded(host) == []
    host.install(prepared, Control())
    [event] = recorded(host)
    assert (event["event"], event["outcome"], event["policy"]) == ("load", "ok", str(Digest.of(policy.encode())))
    empty = parse_reference(str(write_component(tmp_path, "none", NO_TOOL)))
    with pytest.raises(WassetteError):
        host.prepare(empty, component_id="none", prefix="", control=Control())
    assert (last(host)["event"], last(host)["component"], last(host)["outcome"]) == ("load", "none", "failed")


def test_a_load_that_somebody_stops_is_cancelled(host: ComponentHost, tmp_path: Path) -> None:
    control = Control()
    control.cancel.set()
    with pytest.raises(Cancelled):
        host.load(parse_reference(str(write_component(tmp_path, "one", ONE_TOOL))), control=control)
    assert (last(host)["event"], last(host)["outcome"]) == ("load", "cancelled")


def test_a_component_that_is_run_without_being_installed_is_opened_and_called(host: ComponentHost, tmp_path: Path) -> None:
    reference = parse_reference(str(write_component(tmp_path, "text", TEXT_TOOLS)))
    made = opened(host, reference, "echo", Control())
    permission = parse_permission("env", "LANG")
    from wassette_py.policy.grants import grant

    host.call(replace(made, arguments={"text": "x"}), cancel=threading.Event())
    host.call(replace(made, arguments={"text": "x"}, policy=grant(made.policy, permission)), cancel=threading.Event())
    first, second, third = recorded(host)
    assert (first["event"], first["component"], first["digest"]) == ("open", "text", str(made.component.digest))
    assert (second["event"], second["tool"], second["policy"]) == ("call", "echo", None)
    assert third["policy"].startswith("sha256:")


def test_the_query_of_a_url_is_not_kept(host: ComponentHost) -> None:
    reference = parse_reference(f"https://localhost:1/x.wasm?token=hunter2#sha256={'0' * 64}")
    with pytest.raises(WassetteError):
        host.load(reference, component_id="x", control=Control())
    assert last(host)["reference"].startswith("https://localhost:1/x.wasm?…")
    assert "hunter2" not in _everything(host)


def test_an_event_names_the_client_it_was_done_for(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    with acting(Actor.named("feed", "claude", "1.0")):
        host.policies.grant("one", parse_permission("env", "LANG"))
    assert (last(host)["session"], last(host)["client"]) == ("feed", "claude/1.0")


def test_a_call_goes_well_when_its_event_cannot_be_written(load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "full").touch()
    monkeypatch.setenv("WASSETTE_AUDIT_DIR", str(tmp_path / "full"))
    host = ComponentHost(Settings.load())
    load("text", TEXT_TOOLS)
    assert call(host, "echo", text="fine").value == "fine"
    assert host.recorder.log.flush(10)
