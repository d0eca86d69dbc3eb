"""Calls: what the caller reads, whatever became of the guest."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.guests import CONTENT_TOOL, ONE_TOOL, TEXT_TOOLS, write_component
from tests.host.conftest import Load, call
from tests.patience import LONG
from tests.sandbox.guests import ENVIRONMENT, PRINT
from tests.sandbox.guests_io import FILES, HTTP
from wassette_py import files
from wassette_py.control import Control
from wassette_py.errors import (
    Cancelled,
    InvalidArguments,
    InvalidComponent,
    LimitExceeded,
    Refused,
    StoreError,
    Trap,
    UnknownComponent,
)
from wassette_py.files import look_afresh
from wassette_py.host import CallResult, ComponentHost
from wassette_py.host.caller import function_of, waited
from wassette_py.host.opening import opened, opened_installed
from wassette_py.host.outcome import kind_of
from wassette_py.policy.document import EMPTY, StorageGrant, parse_policy
from wassette_py.policy.words import parse_permission
from wassette_py.reference import parse_reference
from wassette_py.sandbox import background, building, compiler
from wassette_py.sandbox.configuration import has_quick_tier
from wassette_py.settings import Settings


def test_a_result_comes_as_value_and_text(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    result = call(host, "echo", text="ü")
    assert (result.value, result.value_text, result.error, result.kind) == ("ü", '"ü"', None, None)
    assert result.seconds > 0


def test_what_every_call_needs_can_be_made_ready_before_the_first() -> None:
    code = "import sys; from wassette_py.host import ComponentHost; from wassette_py.settings import Settings;"
    code += "host = ComponentHost(Settings.load()); needed = {'wassette_py.host.running', 'wassette_py.sandbox.instance'};"
    code += "before = needed & set(sys.modules); host.make_ready(); print(before, needed <= set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    assert ran.stdout == "set() True\n"


def test_arguments_that_do_not_fit_are_told_with_their_path(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    result = call(host, "add", left="1", right=2)
    assert result.kind == "invalid-arguments"
    assert result.message.startswith("$.left: expected ")


def test_a_tool_error_and_a_trap_are_told_apart(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    assert (call(host, "refuse", reason="no").kind, call(host, "refuse", reason="no").message) == ("tool-error", "no")
    assert call(host, "break").kind == "trap"


def test_a_call_past_its_timeout_says_so(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS, policy="version: '1.0'\npermissions:\n  resources:\n    limits: {timeout: 200ms}\n")
    result = call(host, "spin")
    assert result.kind == "timeout"
    assert 0.2 <= result.seconds < LONG


def test_more_output_than_the_limit_is_an_error_that_says_how_much(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS, policy="version: '1.0'\npermissions:\n  resources:\n    limits: {output: 1Ki}\n")
    assert call(host, "echo", text="x" * 1000).error is None
    assert call(host, "echo", text="x" * 1100).message == "its result is larger than 1Ki of output"
    escaped = call(host, "echo", text='"' * 600)
    assert (escaped.kind, escaped.value) == ("limit", None)
    assert escaped.message == "its result and what it printed are 1202 bytes, larger than 1Ki of output"


def test_a_policy_above_the_operators_ceiling_is_refused(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    host.store.policy_path("one").write_text("version: '1.0'\npermissions:\n  resources:\n    limits: {memory: 8Gi}\n")
    result = call(host, "answer")
    assert result.kind == "broken"
    assert "ceiling of 4Gi" in result.message


def test_a_corrupt_policy_stops_its_component_and_no_other(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS)
    load("one", ONE_TOOL)
    host.store.policy_path("one").write_text("permissions: [")
    assert {tool.name for tool in host.tools()} >= {"answer", "echo"}
    result = call(host, "answer")
    assert result.kind == "broken"
    assert "one.policy.yaml:" in result.message
    assert call(host, "echo", text="still here").value == "still here"


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_fifo, "it is not a file"),
        (_endless, "it is not a file"),
        (lambda p: p.write_bytes(b"\xff"), "not UTF-8"),
        (Path.mkdir, "Is a dir"),
    ],
)
def test_what_is_no_policy_file_stops_its_component_and_no_other(
    host: ComponentHost, load: Load, make: Callable[[Path], object], why: str
) -> None:
    load("text", TEXT_TOOLS)
    load("one", ONE_TOOL)
    make(host.store.policy_path("one"))
    assert {tool.name for tool in host.tools()} >= {"answer", "echo"}
    result = call(host, "answer")
    assert result.error is not None
    assert why in result.error
    assert result.hint == "wassette policy reset one"
    assert call(host, "echo", text="still here").value == "still here"


def test_a_policy_narrows_which_exports_are_served_by_their_name_without_prefix(host: ComponentHost, load: Load) -> None:
    load("text", TEXT_TOOLS, prefix="t", policy="version: '1.0'\npermissions:\n  tools:\n    allow: ['e*']\n")
    assert [tool.name for tool in host.tools()] == ["t_echo"]
    assert host.tool("t_add") is None


def test_hints_follow_from_what_is_not_granted(host: ComponentHost, load: Load, tmp_path: Path) -> None:
    load("one", ONE_TOOL)
    assert host.tools()[0].annotations == {"openWorldHint": False, "readOnlyHint": True}
    storage = f"allow: [{{uri: 'fs://{tmp_path}', access: [read, write]}}]"
    host.policies.replace("one", f"version: '1.0'\npermissions:\n  storage:\n    {storage}\n", "text")
    assert host.tools()[0].annotations == {"openWorldHint": False}
    host.policies.replace("one", "version: '1.0'\npermissions:\n  network:\n    allow: [{host: example.com}]\n", "text")
    assert host.tools()[0].annotations == {}


def test_a_denied_request_is_told_with_the_command_that_would_allow_it(host: ComponentHost, load: Load) -> None:
    load("web", HTTP)
    trapped = waited(lambda done: host.start_call("send-and-trap", {"host": "api.example.com"}, cancel=threading.Event(), done=done))
    assert trapped.kind == "denied"
    assert "denied: GET https://api.example.com:443 (not in network.allow)" in trapped.lines
    assert trapped.lines[-1] == "hint: wassette policy grant web network api.example.com"
    assert [str(line) for line in trapped.denied] == ["denied: GET https://api.example.com:443 (not in network.allow)"]


def test_a_denial_that_the_guest_swallows_is_told_beside_its_result(host: ComponentHost, load: Load) -> None:
    load("web", HTTP)
    sent = host.call(replace(host.opened_tool("send"), arguments={"method": 0, "scheme": 1, "host": "x.example"}), cancel=threading.Event())
    assert (sent.error, sent.kind) == (None, None)
    assert [line.target for line in sent.denied] == ["GET https://x.example:443"]


def test_a_failed_call_of_a_guest_that_asked_for_its_directories_says_which_are_granted(
    host: ComponentHost, load: Load, tmp_path: Path
) -> None:
    load("files", FILES)
    failing = host.opened_tool("name")
    result = host.call(replace(failing, arguments={"nth": 70000}), cancel=threading.Event())
    assert result.error is not None
    assert "storage granted to files: none" in result.lines
    assert "hint: wassette policy grant files storage PATH --access read" in result.lines
    host.policies.grant("files", StorageGrant(str(tmp_path), False, None, 0))
    reading = host.call(replace(host.opened_tool("name"), arguments={"nth": 70000}), cancel=threading.Event())
    assert f"storage granted to files: {tmp_path} (read)" in reading.lines
    assert "hint: wassette policy grant files storage PATH --access read,write" in reading.lines


def test_only_granted_variables_reach_the_guest(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en")
    monkeypatch.setenv("TOKEN", "secret")
    host = ComponentHost(Settings.load())
    load("env", ENVIRONMENT)
    assert call(host, "variables").value == []
    host.policies.replace("env", "version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}, {key: NOT_SET}]\n", "text")
    assert call(host, "variables").value == [["LANG", "en"]]
    given = replace(host.opened_tool("variables"), environment={"LANG": "de"})
    assert host.call(given, cancel=threading.Event()).value == [["LANG", "de"]]


def test_calls_of_one_moment_see_the_files_as_they_were_and_what_is_granted_beside_them(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOMENT", LONG)
    monkeypatch.setenv("LANG", "en")
    host = ComponentHost(Settings.load())
    load("env", ENVIRONMENT)
    results: list[CallResult] = []

    def run() -> None:
        host.start_call("variables", {}, cancel=threading.Event(), done=results.append)

    def grant_elsewhere() -> None:
        ComponentHost(host.settings).policies.grant("env", parse_permission("env", "LANG"))

    def reset_here() -> None:
        host.policies.reset("env", lasting="session")

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as other:
        for step in (look_afresh, run, run, grant_elsewhere, run, look_afresh, run, reset_here, run):
            (other if step in (grant_elsewhere, reset_here) else reader).submit(step).result()
    granted: list[object] = [["LANG", "en"]]
    assert [result.value for result in results] == [[], [], [], granted, []]


def test_a_failed_call_of_a_guest_that_read_its_variables_says_which_are_granted(host: ComponentHost, load: Load) -> None:
    load("env", ENVIRONMENT, policy="version: '1.0'\npermissions:\n  resources:\n    limits: {output: 1}\n")
    assert call(host, "variables").lines == (
        "its result and what it printed are 2 bytes, larger than 1 of output",
        "variables granted to env: none",
    )


def test_the_stamp_changes_with_every_grant_of_another_process(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    before = host.stamp()
    assert host.stamp() == before
    ComponentHost(host.settings).policies.grant("one", parse_permission("env", "LANG"))
    assert host.stamp() != before


def test_what_a_guest_prints_is_kept_apart_from_its_result(host: ComponentHost, load: Load) -> None:
    load("print", PRINT)
    said = call(host, "say", text="hello")
    assert (said.value, said.stdout, said.stderr) == (None, "hello", "")
    trapped = call(host, "complain-and-trap", text="first\nhint: \x1b[1mnot ours")
    assert trapped.stderr == "first\nhint: \x1b[1mnot ours"
    assert trapped.lines[1:] == ("its last line on stderr: hint: [1mnot ours",)
    assert call(host, "complain-and-trap", text="\u200b").lines[1:] == ("its last line on stderr: ",)


def test_a_component_can_be_called_without_being_installed(host: ComponentHost, tmp_path: Path) -> None:
    reference = parse_reference(str(write_component(tmp_path, "text", TEXT_TOOLS)))
    made = opened(host, reference, "echo", Control())
    assert made.policy == EMPTY
    assert host.call(replace(made, arguments={"text": "hi"}), cancel=threading.Event()).value == "hi"
    assert host.entries() == ()
    with pytest.raises(InvalidArguments, match="several tools; say which") as several:
        opened(host, reference, None, Control())
    assert several.value.hint == "one of: add, echo, refuse, break, spin"


def test_the_only_tool_needs_no_name(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    assert host.call(opened_installed(host, "one", None), cancel=threading.Event()).value == 42
    with pytest.raises(InvalidArguments, match="one has no tool 'other'"):
        opened_installed(host, "one", "other")
    host.policies.replace("one", "version: '1.0'\npermissions:\n  tools:\n    allow: []\n", "text")
    with pytest.raises(InvalidArguments, match="one has no tool"):
        opened_installed(host, "one", None)


def test_a_tool_that_is_not_served_is_unknown(host: ComponentHost) -> None:
    with pytest.raises(InvalidArguments, match="no tool 'nope' is served"):
        host.opened_tool("nope")
    with pytest.raises(UnknownComponent):
        waited(lambda done: host.start_call("nope", {}, cancel=threading.Event(), done=done))


def test_a_record_that_names_no_export_is_said_to_be_broken(host: ComponentHost, load: Load) -> None:
    record = load("one", ONE_TOOL).record
    hosted = host.tools()[0]
    wrong = replace(hosted, definition=replace(hosted.definition, function="gone"))
    with pytest.raises(InvalidComponent, match="no export for its tool 'answer'"):
        function_of(host.caller.component(record), wrong)


def test_every_error_has_the_word_that_scripts_read() -> None:
    assert kind_of(Refused("no")) == "denied"
    assert kind_of(Cancelled("stop")) == "cancelled"
    assert kind_of(Trap("unreachable")) == "trap"
    assert kind_of(LimitExceeded("memory", limit="memory")) == "limit"
    assert kind_of(StoreError("disk")) == "tool-error"


def test_limits_of_flags_stay_under_the_ceiling_too(host: ComponentHost, tmp_path: Path) -> None:
    reference = parse_reference(str(write_component(tmp_path, "one", ONE_TOOL)))
    policy = parse_policy("version: '1.0'\npermissions:\n  resources:\n    limits: {timeout: 2h}\n", "flags", home=None)
    result = host.call(replace(opened(host, reference, None, Control()), policy=policy), cancel=threading.Event())
    assert "ceiling of 3600s" in result.message


def test_content_that_a_component_returns_comes_as_blocks(host: ComponentHost, load: Load) -> None:
    load("draw", CONTENT_TOOL)
    assert host.tools()[0].definition.content
    picture = {"tag": "image", "val": {"data": "iVBO", "mime-type": "image/png"}}
    drawn = call(host, "show", blocks=[picture])
    assert (drawn.value, drawn.content) == ([picture], ({"type": "image", "data": "iVBO", "mimeType": "image/png"},))
    wrong = call(host, "show", blocks=[{"tag": "image", "val": {"data": "iVBO", "mime-type": "text/html"}}])
    assert (wrong.kind, wrong.content) == ("tool-error", None)
    assert wrong.message == "it returned an image whose media type is 'text/html'"


@pytest.mark.skipif(not has_quick_tier(), reason="wasmtime's quick compiler is not supported here")
def test_calls_go_on_with_the_optimised_build_as_soon_as_there_is_one(
    host: ComponentHost, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "QUICK_FROM", 0)
    monkeypatch.setattr(compiler, "IN_PROCESS_BELOW", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "start", lambda _: None)
        digest = load("text", TEXT_TOOLS).record.digest
        assert call(host, "echo", text="a").value == "a"
    component = host.caller._compiled[str(digest)]
    assert component.engine.tier == "quick"
    assert call(host, "echo", text="b").value == "b"
    assert host.caller._compiled[str(digest)] is component
    background.build_all(host.sandbox.engine._optimized.cache)
    assert call(host, "echo", text="c").value == "c"
    assert host.caller._compiled[str(digest)].engine.tier == "optimized"
