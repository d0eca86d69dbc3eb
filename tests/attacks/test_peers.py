"""What the programs nearest to this one got wrong, each as a test that passes here: the 35 acceptance tests drawn from their issues.

The numbers are those of the list. Elsewhere: 1, 2, 6, 8, 9 (signatures: `tests/trust`), 13, 14, 15 (where a request goes once HTTP is
served: `tests/sandbox`), 17, 18 and 29 in part (secrets), 28 (the audit log), 33 (the HTTP server), 19 (`test_files.py`), 20
(`test_grants.py`). 31 has no counterpart: client configurations are printed, never edited.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attacks.serving import HOST_CALLS, limits, set_policy, text_of
from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from tests.cli.terminal import run_in_terminal
from tests.every_type import with_docs
from tests.host.conftest import Load, call
from tests.layout_writer import artifact
from tests.patience import until
from tests.policy.vectors import may_reach
from tests.registry import Handler, Registry, running
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import wasm_of
from tests.server.process import PATIENT, Client, install, serving
from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, InvalidPolicy, Unsigned, VerificationError
from wassette_py.host import ComponentHost
from wassette_py.policy.document import parse_policy
from wassette_py.reference import Digest, parse_reference
from wassette_py.settings import Settings

OTHER_TOOL = ONE_TOOL.replace("i32.const 42", "i32.const 13")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(Registry()) as registry:
        registry.put("acme/one", "1", artifact(wasm_of(ONE_TOOL)))
        yield registry


def host_for(registry: Registry, *scopes: str) -> ComponentHost:
    settings = Settings.load()
    settings.trust_file.parent.mkdir(parents=True, exist_ok=True)
    settings.trust_file.write_text("version: 1\nscopes:\n" + "".join(f"  - {{{scope}, insecure_http: true}}\n" for scope in scopes))
    settings.config_file.write_text(f"registries: {{'{registry.host}': {{insecure_http: true}}}}\n")
    return ComponentHost(Settings.load())


# 3, 4, 5, 7: which bytes run.


@pytest.mark.claim("fetch:digest")
def test_03_a_tag_that_moves_while_it_is_resolved_does_not_change_what_runs(registry: Registry) -> None:
    good, evil = artifact(wasm_of(ONE_TOOL)), artifact(wasm_of(OTHER_TOOL))
    host = host_for(registry, f"match: {registry.host}/acme/one, digests: ['{good.digest}']")

    def answer_and_move(handler: Handler) -> None:
        media_type, manifest = handler.registry.manifests["acme/one", "1"]
        handler.answer(manifest, media_type)
        handler.registry.put("acme/one", "1", evil)

    registry.fault(r"/manifests/1$", answer_and_move, times=1)
    loaded = host.load(parse_reference(f"oci://{registry.host}/acme/one:1"), control=Control())
    assert loaded.record.digest == Digest.of(wasm_of(ONE_TOOL))
    with pytest.raises(VerificationError):
        host.load(parse_reference(f"oci://{registry.host}/acme/one:1"), control=Control())
    assert call(host, "answer").value == 42


@pytest.mark.claim("trust:deny-by-default")
def test_04_what_was_loaded_unsigned_is_refused_at_its_next_load_once_the_trust_file_is_tightened(registry: Registry) -> None:
    reference = parse_reference(f"oci://{registry.host}/acme/one:1")
    host_for(registry, f"match: {registry.host}/acme, unsigned: allow, reason: test").load(reference, control=Control())
    for scopes in (
        [f"match: {registry.host}/acme, digests: ['sha256:{'0' * 64}']"],
        [f"match: {registry.host}/other, unsigned: allow, reason: x"],
    ):
        with pytest.raises(VerificationError):
            host_for(registry, *scopes).load(reference, control=Control())


@pytest.mark.claim("trust:deny-by-default")
def test_a_registry_that_no_scope_names_is_refused_whatever_it_serves(registry: Registry) -> None:
    host = host_for(registry, "match: localhost:1/acme, unsigned: allow, reason: another")
    with pytest.raises(Unsigned):
        host.load(parse_reference(f"oci://{registry.host}/acme/one:1"), control=Control())
    assert host.entries() == ()


@pytest.mark.claim("store:altered-bytes")
@pytest.mark.parametrize("suffix", [".wasm", ".cwasm", ".json"])
def test_05_what_was_altered_on_disk_does_not_run(host: ComponentHost, load: Load, home: Path, suffix: str) -> None:
    load("one", ONE_TOOL)
    load("two", OTHER_TOOL, prefix="p")
    files = [path for path in home.rglob(f"*{suffix}") if path.stat().st_size > 100]
    contents = [path.read_bytes() for path in files]
    for path, other in zip(files, reversed(contents), strict=True):
        path.write_bytes(other)  # each the other's, so that every byte is some good component's
    fresh = ComponentHost(Settings.load())
    if suffix == ".wasm":
        for path in home.rglob("*.cwasm"):
            path.unlink()
        assert call(fresh, "answer").kind == "tool-error"
        assert "changed on disk" in call(fresh, "answer").message or "digest" in call(fresh, "answer").message
    elif suffix == ".cwasm":
        assert [call(fresh, tool).value for tool in ("answer", "p_answer")] == [42, 13]
    else:
        assert fresh.tools() == () or {entry.status for entry in fresh.entries()} == {"broken"}


@pytest.mark.claim("trust:deny-by-default")
@pytest.mark.parametrize("evil", ["acme-evil/one", "acmeevil/one", "acme.evil/one", "other/acme/one"])
def test_07_a_scope_means_whole_path_components(registry: Registry, evil: str) -> None:
    registry.put(evil, "1", artifact(wasm_of(OTHER_TOOL)))
    host = host_for(registry, f"match: {registry.host}/acme, unsigned: allow, reason: test")
    with pytest.raises(Unsigned):
        host.load(parse_reference(f"oci://{registry.host}/{evil}:1"), control=Control())


@pytest.mark.claim("load:verify-first")
def test_nothing_of_a_component_is_parsed_before_it_is_verified(registry: Registry) -> None:
    registry.put("acme/bomb", "1", artifact(b"\0asm\x0d\0\1\0 this would not compile"))
    host = host_for(registry, f"match: {registry.host}/acme/bomb, digests: ['sha256:{'0' * 64}']")
    with pytest.raises(VerificationError):  # and no InvalidComponent
        host.load(parse_reference(f"oci://{registry.host}/acme/bomb:1"), control=Control())
    assert host._sandbox is None


@pytest.mark.claim("fetch:digest")
def test_a_blob_with_other_bytes_than_the_manifest_says_is_refused(registry: Registry) -> None:
    host = host_for(registry, f"match: {registry.host}/acme, unsigned: allow, reason: test")
    name = str(Digest.of(wasm_of(ONE_TOOL)))
    registry.blobs[name] = wasm_of(OTHER_TOOL)
    with pytest.raises(DigestMismatch):
        host.load(parse_reference(f"oci://{registry.host}/acme/one:1"), control=Control())


# 10, 11, 12: what a policy means.


@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.claim("network:deny-by-default")
def test_10_an_empty_allow_list_denies() -> None:
    for permissions in ("{}", "{network: {}}", "{network: null}", "{network: {allow: []}}", "{network: {allow: null, deny: []}}"):
        document = parse_policy(f"version: '1.0'\npermissions: {permissions}\n", "p", home=None)
        assert not may_reach(document, "https://example.com/")


@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.parametrize(
    "entry",
    [
        "*com",
        "a*b.com",
        "example.com/path",
        "*",
        "*.",
        "*.*.com",
        "exam ple.com",
        "http://",
        "localhost:99999",
        "ftp://x",
        "x.com:0",
        "[::1",
        "",
    ],
)
def test_11_a_host_that_could_match_nothing_or_anything_is_an_error_with_its_line(entry: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"^p:4: permissions\.network\.allow\[0\]\.host: "):
        parse_policy(f"version: '1.0'\npermissions:\n  network:\n    allow: [{{host: '{entry}'}}]\n", "p", home=None)


@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.parametrize("key", ["netwrok", "unsafe_allow_all", "ipc: {allow: [x]}", "runtime: {docker: {}}", "io: 5"])
def test_11_an_unknown_or_unenforceable_key_is_an_error(key: str) -> None:
    with pytest.raises(InvalidPolicy):
        parse_policy("version: '1.0'\npermissions: {" + (key if ":" in key else f"{key}: {{}}") + "}\n", "p", home=None)


@pytest.mark.claim("policy:enforced-or-refused")
def test_12_a_wildcard_means_the_names_below_and_not_the_name_itself() -> None:
    document = parse_policy("version: '1.0'\npermissions: {network: {allow: [{host: '*.example.com'}]}}\n", "p", home=None)
    for url, allowed in {
        "https://a.example.com/": True,
        "https://a.b.example.com/": True,
        "https://example.com/": False,
        "https://evilexample.com/": False,
        "https://example.com.evil.org/": False,
        "https://a.example.com@evil.org/": False,
    }.items():
        assert may_reach(document, url) is allowed, url


# 16, 21, 22, 23: what a guest can do.


@pytest.mark.claim("network:deny-by-default")
def test_16_neither_http_nor_sockets_nor_names_are_left_open_by_what_closes_the_others(host: ComponentHost, load: Load) -> None:
    load("http", io.HTTP, prefix="h")
    load("sockets", io.SOCKETS, prefix="s")
    refused = io.SOCKET_ERRORS.index("access-denied"), io.SOCKET_ERRORS.index("permanent-resolver-failure")
    for permissions in ("{}", "{network: {allow: [{host: example.com}, {cidr: 127.0.0.0/8}]}}"):
        set_policy(host, "sockets", permissions)
        assert call(host, "s_look-up", name="example.com").value in refused
        assert call(host, "s_look-up", name="localhost").value in refused
    opened = replace(host.opened_tool("h_send"), arguments={"method": 0, "scheme": 1, "host": "example.com"})
    denied = host.call(opened, cancel=Control().cancel)
    assert (denied.denied[0].target, io.HTTP_ERRORS[denied.value]) == ("GET https://example.com:443", "HTTP-request-denied")


@pytest.mark.claim("limits:bounded")
def test_21_each_way_of_using_too_much_ends_with_its_own_outcome_and_the_server_stays(tmp_path: Path) -> None:
    host = install(tmp_path, "plain", text.PLAIN)
    install(tmp_path, "calls", HOST_CALLS)
    install(tmp_path, "prints", text.PRINT)
    set_policy(host, "plain", limits(timeout="1s"))
    set_policy(host, "calls", limits(timeout="2s"))
    set_policy(host, "prints", limits(timeout="200s", output="1Mi"))
    with serving() as client:
        assert "longer than 1s" in text_of(client.call("spin"))
        set_policy(host, "plain", limits(timeout="200s", memory="16Mi", output="1Mi"))
        assert client.call("grow", pages=16384)["structuredContent"] == {"result": -1}
        assert client.call("grow", pages=100)["structuredContent"] == {"result": 1}
        assert "unreachable" in text_of(client.call("text", size=1 << 30))
        assert "output" in text_of(client.call("text", size=8 << 20))
        assert "output" in text_of(client.call("bytes", size=2 << 20))
        assert "a result this large" in text_of(client.call("bytes", size=4 << 20))
        assert "stack" in text_of(client.call("recurse"))
        assert "output" in text_of(client.call("flood"))
        assert "longer than 2s" in text_of(client.call("ask-often", times=1 << 30))
        set_policy(host, "calls", limits(timeout="200s"))
        assert client.call("ask-often", times=10_000)["structuredContent"] == {"result": 7}
        assert client.call("add", a=1, b=1)["structuredContent"] == {"result": 2}
        assert client.ask("ping")["result"] == {}


@pytest.mark.claim("sandbox:fresh-instance")
def test_22_a_static_counter_is_one_on_every_call_of_every_client(tmp_path: Path) -> None:
    install(tmp_path, "plain", text.PLAIN)
    with serving() as one, serving() as two:
        assert [client.call("count")["structuredContent"]["result"] for _ in range(20) for client in (one, two)] == [1] * 40


@pytest.mark.claim("limits:bounded")
@pytest.mark.claim("limits:others-go-on")
def test_23_a_cancelled_guest_gives_its_processor_back(tmp_path: Path) -> None:
    install(tmp_path, "plain", text.PLAIN)
    with serving(environment={**os.environ, **PATIENT}) as client:
        for number in range(4):
            client.send("tools/call", {"name": "spin"}, id=f"spin {number}")
        until(lambda: busy(client) > 0.1)
        for number in range(4):
            client.send("notifications/cancelled", {"requestId": f"spin {number}"})
        until(lambda: busy(client) < 0.05)
        assert client.call("add", a=1, b=1)["structuredContent"] == {"result": 2}


def busy(client: Client) -> float:
    """Seconds of processor time that the server uses in the next second."""

    def used() -> float:
        fields = Path(f"/proc/{client.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(1)
    return used() - before


@pytest.mark.claim("limits:others-go-on")
def test_guests_that_spin_sleep_trap_and_flood_do_not_keep_others_waiting(tmp_path: Path) -> None:
    for name, guest in (("plain", text.PLAIN), ("sleeps", text.SLEEP), ("prints", text.PRINT)):
        install(tmp_path, name, guest)
    with serving(environment={**os.environ, **PATIENT}) as client:
        client.call("add", a=1, b=1)
        for number in range(4):
            client.send("tools/call", {"name": "spin"}, id=f"spin {number}")
            client.send("tools/call", {"name": "sleep", "arguments": {"nanoseconds": 10**12}}, id=f"sleep {number}")
            client.send("tools/call", {"name": "flood"}, id=f"flood {number}")
            client.send("tools/call", {"name": "unreachable"}, id=f"trap {number}")
        assert client.call("add", a=2, b=1)["structuredContent"] == {"result": 3}
        assert client.ask("ping")["result"] == {}
        assert not [message for message in client.sent if str(message.get("id")).startswith("s")]  # no guest that spins or sleeps has ended


# 24 to 27, 30: what clients see.


@pytest.mark.claim("store:altered-bytes")
def test_24_a_component_that_cannot_be_loaded_is_seen_and_the_others_are_served(tmp_path: Path) -> None:
    host = install(tmp_path, "one", ONE_TOOL)
    install(tmp_path, "text", TEXT_TOOLS)
    (host.settings.component_dir / "text.json").write_text("{")
    with serving() as client:
        assert client.call("answer")["structuredContent"] == {"result": 42}
        listed = json.loads(text_of(client.call("list-components")))["components"]
        assert {component["id"]: component.get("status", "ready") for component in listed}["text"] == "broken"


def test_25_two_components_with_one_tool_name_are_both_reachable_and_reserved_names_are_refused(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    with pytest.raises(Exception, match="is taken by one"):
        load("two", OTHER_TOOL)
    load("two", OTHER_TOOL, prefix="two")
    assert [call(host, name).value for name in ("answer", "two_answer")] == [42, 13]
    with pytest.raises(Exception, match="is taken by wassette itself"):
        load("three", ONE_TOOL.replace('"answer"', '"load-component"'))


def test_26_a_name_longer_than_clients_take_is_shortened_the_same_way_each_time(host: ComponentHost, load: Load) -> None:
    long = ONE_TOOL.replace('(export "answer") (param', '(export "answer") (param').replace(
        '(func (export "answer") (result u32)', f'(func (export "{"a-b" * 60}") (result u32)'
    )
    names = []
    for _ in range(2):
        load("long", long)
        names.append([tool.name for tool in host.tools()])
        host.unload("long")
    assert names[0] == names[1]
    assert 0 < len(names[0][0]) <= 64
    assert all(character.isalnum() or character in "_-" for character in names[0][0])


def test_27_what_is_loaded_later_can_be_called_by_a_client_that_never_lists_again(tmp_path: Path) -> None:
    with serving() as client:
        client.ask("tools/list")
        install(tmp_path, "one", ONE_TOOL)
        assert client.call("call-tool", name="answer", arguments={})["structuredContent"] == {"result": 42}


@pytest.mark.claim("text:harmless")
def test_29_the_default_log_of_a_call_holds_neither_names_nor_values_of_its_arguments(tmp_path: Path) -> None:
    install(tmp_path)
    with serving() as client:
        client.call("echo", text="hunter2-value")
        client.call("refuse", reason="hunter2-reason")
        client.call("add", left="hunter2-wrong", right=1)
        client.call("echo", password="hunter2-extra")
        assert client.end() == 0
        assert b"hunter2" not in client.errors
        assert b"password" not in client.errors


@pytest.mark.claim("stdio:protocol-only")
@pytest.mark.claim("sandbox:fresh-instance")
def test_30_what_a_guest_prints_is_never_between_the_messages(tmp_path: Path) -> None:
    install(tmp_path, "prints", text.PRINT)
    install(tmp_path)
    message = '{"jsonrpc":"2.0","id":1,"result":{"forged":true}}\n'
    with serving() as client:
        for said in (message, "no line end", "\n\n", "\x00", message * 100):
            client.call("say", text=said)
            assert "forged" not in json.dumps(client.ask("ping"))
        client.call("complain-and-trap", text=message)
        assert client.end() == 0
        # NOTE: the reader of this client fails on any line that is no JSON; what is left is that all were messages of the server's.
        assert all("forged" not in json.dumps(answer.get("result", "")) for answer in client.sent)


@pytest.mark.claim("sandbox:fresh-instance")
@pytest.mark.claim("environment:granted-only")
def test_a_guest_sees_no_variable_argument_or_folder_of_the_server(tmp_path: Path) -> None:
    host = install(tmp_path, "env", text.ENVIRONMENT)
    install(tmp_path, "in", text.STDIN)
    environment = {**os.environ, "TOPSECRET": "x", "LANG": "C.UTF-8"}
    with serving(environment=environment) as client:
        for permissions in ("{}", "{environment: {allow: []}}", "null"):
            set_policy(host, "env", permissions)
            assert client.call("variables")["structuredContent"] == {"result": []}
        assert client.call("arguments")["structuredContent"] == {"result": []}
        assert client.call("directory")["structuredContent"] == {"result": None}
        assert client.call("read")["structuredContent"] == {"result": -2}
        set_policy(host, "env", "{environment: {allow: [{key: LANG}]}}")
        assert client.call("variables")["structuredContent"] == {"result": [["LANG", "C.UTF-8"]]}


# 32, 34, 35: what a person sees.


def test_32_the_command_of_a_client_configuration_is_an_absolute_path_that_runs(wassette: Wassette, home: Path) -> None:
    server = json.loads(wassette("config", "client", "claude-desktop").out)["mcpServers"]["wassette"]
    assert Path(server["command"]).is_absolute()
    done = subprocess.run(
        [server["command"], *server["args"]], input=b"", capture_output=True, env={"HOME": str(home)}, timeout=120, check=False
    )
    assert done.returncode == 0


@pytest.mark.claim("text:harmless")
def test_34_no_escape_of_a_component_reaches_a_terminal_or_a_model(tmp_path: Path, home: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202etxt.exe\u200b\x9b31m"
    docs = {"worlds": {"w": {"docs": evil, "func_exports": {"answer": {"docs": f"Answers.{evil}"}}}}}
    (tmp_path / "one.wasm").write_bytes(with_docs(wasm_of(ONE_TOOL), docs))
    for words in (["component", "inspect"], ["component", "load"]):
        seen = run_in_terminal([sys.executable, "-m", "wassette_py", *words, str(tmp_path / "one.wasm")])
        assert seen.code == 0
        assert not set("\x07\u202e\u200b\x9b") & set(seen.text)
        assert "\x1b]0;" not in seen.text
        assert "\x1b[2J" not in seen.text
    with serving() as client:
        (tool,) = [tool for tool in client.ask("tools/list")["result"]["tools"] if tool["name"] == "answer"]
        assert tool["description"].startswith("Answers.")
        assert not set("\x1b\x07\u202e\u200b\x9b") & set(tool["description"])


@pytest.mark.parametrize("words", [["--help"], ["policy", "--help"], ["--version"], ["policy", "check", "p.yaml"]])
def test_35_help_and_policy_commands_import_no_server_library_and_no_engine(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('version: "1.0"\npermissions: {}\n')
    program = (
        "import sys\nfrom wassette_py.__main__ import main\n"
        f"sys.argv = ['wassette', *{words!r}]\ncode = main()\n"
        "heavy = {'mcp', 'sigstore', 'wasmtime', 'oras', 'asyncio', 'cryptography', 'requests'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\nsys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stderr.splitlines()[-1] == "[]"


# And what none of them had a test for.


@pytest.mark.claim("approval:a-person-decides")
def test_no_tool_of_the_server_grants_revokes_unloads_or_loads_for_a_model(tmp_path: Path) -> None:
    host = install(tmp_path)
    path = write_component(tmp_path, "one", ONE_TOOL)

    def installed() -> dict[Path, bytes]:
        files = (file for file in host.settings.component_dir.rglob("*") if file.is_file())
        return {file: file.read_bytes() for file in files if not file.name.startswith(".wassette.")}  # kept by the server, in time

    before = installed()
    with serving() as client:
        asked: dict[str, dict[str, object]] = {
            "grant-storage-permission": {"component_id": "text", "details": {"uri": f"fs://{tmp_path}", "access": ["read", "write"]}},
            "grant-network-permission": {"component_id": "text", "details": {"host": "example.com"}},
            "grant-environment-variable-permission": {"component_id": "text", "details": {"key": "LANG"}},
            "reset-permission": {"component_id": "text"},
            "unload-component": {"id": "text"},
            "load-component": {"path": str(path)},
        }
        for name, arguments in asked.items():
            assert client.call(name, **arguments)["isError"], name
            assert client.call("call-tool", name=name, arguments=arguments)["isError"], name
        assert "wassette" in text_of(client.call("grant-network-permission", component_id="text", details={"host": "example.com"}))
    assert installed() == before


def test_settings_of_a_ceiling_hold_for_every_way_of_asking(host: ComponentHost, load: Load) -> None:
    load("plain", text.PLAIN)
    ceiling = host.settings.ceilings
    tight = ComponentHost(replace(host.settings, ceilings=replace(ceiling, timeout=1.0), limits=replace(host.settings.limits, timeout=1.0)))
    with pytest.raises(InvalidPolicy, match="ceiling"):
        set_policy(tight, "plain", limits(timeout="1h"))
    host.store.policy_path("plain").write_text("version: '1.0'\npermissions: {resources: {limits: {timeout: 90s}}}\n")
    assert call(tight, "spin").kind == "broken"
