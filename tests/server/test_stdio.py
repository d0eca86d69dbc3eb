from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.guests import ONE_TOOL
from tests.patience import LONG, until
from tests.sandbox.guests import PLAIN, PRINT
from tests.sandbox.guests_io import FILES
from tests.server.corehost import INITIALIZE, enveloped
from tests.server.process import COMMAND, PATIENT, install, serving
from wassette_py.policy.document import StorageGrant

IS_POSIX = os.name == "posix"


def test_components_are_listed_and_called(tmp_path: Path) -> None:
    install(tmp_path)
    with serving() as client:
        tools = {tool["name"]: tool for tool in client.ask("tools/list")["result"]["tools"]}
        assert {"add", "echo", "refuse", "break", "spin", "load-component", "call-tool"} <= set(tools)
        assert tools["add"]["annotations"] == {"openWorldHint": False, "readOnlyHint": True}
        assert tools["add"]["_meta"]["wassette/component"] == "text"
        assert tools["add"]["_meta"]["wassette/digest"].startswith("sha256:")
        assert client.call("add", left=2, right=3)["structuredContent"] == {"result": 5}
        assert client.call("echo", text="☃")["content"] == [{"type": "text", "text": "☃"}]
        assert client.call("call-tool", name="add", arguments={"left": 1, "right": 1})["structuredContent"] == {"result": 2}
        assert client.end() == 0


def test_errors_of_guests_and_of_arguments_are_results(tmp_path: Path) -> None:
    install(tmp_path)
    with serving() as client:
        wrong: list[tuple[str, dict[str, object], str]] = [
            ("refuse", {"reason": "not today"}, "not today"),
            ("break", {}, "unreachable"),
            ("add", {"left": "x", "right": 1}, "$.left"),
            ("add", {"left": 1}, "right"),
        ]
        for name, arguments, text in wrong:
            result = client.call(name, **arguments)
            assert result["isError"]
            assert "structuredContent" not in result
            assert text in result["content"][0]["text"]
        assert client.ask("tools/call", {"name": "nope"})["error"]["code"] == -32602


def test_the_stateless_era_is_served_too(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(handshake=False) as client:
        assert client.ask("server/discover", enveloped())["result"]["supportedVersions"] == ["2026-07-28"]
        answer = client.ask("tools/call", enveloped({"name": "add", "arguments": {"left": 2, "right": 3}}))
        assert answer["result"]["structuredContent"] == {"result": 5}
        client.send("subscriptions/listen", enveloped({"notifications": {"toolsListChanged": True}}), id="s")
        client.wait(lambda message: message.get("method") == "notifications/subscriptions/acknowledged")
        install(tmp_path, "other", ONE_TOOL)
        client.wait(lambda message: message.get("method") == "notifications/tools/list_changed")
        assert client.end() == 0
        assert client.answer("s")["result"]["resultType"] == "complete"


def test_what_another_process_changes_is_heard_and_served(tmp_path: Path) -> None:
    host = install(tmp_path)
    with serving() as client:
        client.ask("tools/list")
        install(tmp_path, "other", ONE_TOOL)
        client.wait(lambda message: message.get("method") == "notifications/tools/list_changed")
        assert client.call("answer")["structuredContent"] == {"result": 42}
        client.sent.clear()
        host.unload("text")
        client.wait(lambda message: message.get("method") == "notifications/tools/list_changed")
        assert client.ask("tools/call", {"name": "add", "arguments": {"left": 2, "right": 3}})["error"]["code"] == -32602


def test_ping_is_answered_while_eight_guests_spin(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(environment={**os.environ, **PATIENT}) as client:
        client.call("add", left=1, right=1)
        for number in range(8):
            client.send("tools/call", {"name": "spin"}, id=f"spin {number}")
        for number in range(100):
            client.send("ping", id=number)
            assert client.answer(number)["result"] == {}
        assert "result" in client.ask("tools/list")
        assert client.call("add", left=2, right=2)["structuredContent"] == {"result": 4}


def test_a_cancelled_guest_stops_and_is_not_answered(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(environment={**os.environ, **PATIENT, "WASSETTE_CALLS_IN_FLIGHT": "1"}) as client:
        client.call("add", left=1, right=1)
        client.send("tools/call", {"name": "spin"}, id="spin")
        assert "busy" in client.call("add", left=1, right=1)["content"][0]["text"]
        client.send("notifications/cancelled", {"requestId": "spin"})
        until(lambda: not client.call("add", left=1, right=1)["isError"])
        assert not [message for message in client.sent if message.get("id") == "spin"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("spinning", [0, 4])
def test_a_signal_ends_the_server_soon(number: signal.Signals, spinning: int, tmp_path: Path) -> None:
    install(tmp_path)
    with serving(environment={**os.environ, **PATIENT}) as client:
        client.call("add", left=1, right=1)
        for spin in range(spinning):
            client.send("tools/call", {"name": "spin"}, id=f"spin {spin}")
        client.ask("ping")  # what came before it is at work
        client.process.send_signal(number)
        assert client.ended() == 0
        assert [message["error"]["code"] for message in client.sent] == [-32000] * spinning
        assert client.errors == b""


@pytest.mark.skipif(not IS_POSIX, reason="a FIFO")
def test_a_guest_that_nothing_can_stop_does_not_hold_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "granted"
    folder.mkdir()
    host = install(tmp_path, "files", FILES)
    host.policies.grant("files", StorageGrant(str(folder)))
    os.mkfifo(folder / "fifo")
    with serving(environment={**os.environ, **PATIENT}) as client:
        assert client.call("directories")["structuredContent"] == {"result": 1}
        client.send("tools/call", {"name": "read", "arguments": {"nth": 0, "path": "fifo"}}, id="stuck")
        client.ask("ping")
        time.sleep(0.5)  # until it waits for a writer
        client.process.send_signal(signal.SIGTERM)
        assert client.ended() == 0
        assert client.answer("stuck")["error"]["code"] == -32000


def test_a_tool_that_waits_for_the_stores_lock_does_not_hold_the_end(tmp_path: Path) -> None:
    host = install(tmp_path)
    with serving(environment={**os.environ, "WASSETTE_GRANTS": "allow"}) as client, host.store.locked():
        client.send("tools/call", {"name": "reset-permission", "arguments": {"component_id": "text"}}, id="waits")
        client.ask("ping")
        time.sleep(0.5)  # until it waits for the lock
        client.process.send_signal(signal.SIGTERM)
        assert client.ended() == 0
        assert client.answer("waits")["error"]["code"] == -32000


def test_what_a_guest_prints_is_a_log_notification(tmp_path: Path) -> None:
    install(tmp_path, "print", PRINT)
    with serving() as client:
        assert client.call("say", text="one\ntwo\n")["structuredContent"] == {"result": None}
        notes = [message["params"] for message in client.sent if message.get("method") == "notifications/message"]
        assert [(note["logger"], note["data"]) for note in notes] == [("print/stdout", "one"), ("print/stdout", "two")]


def test_the_end_of_the_input_ends_the_server_while_guests_spin(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(environment={**os.environ, **PATIENT}) as client:
        for spin in range(4):
            client.send("tools/call", {"name": "spin"}, id=spin)
        client.call("add", left=1, right=1)
        assert client.end() == 0


def test_requests_piped_in_at_once_are_answered_before_the_end(tmp_path: Path) -> None:
    install(tmp_path)
    steps: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": INITIALIZE},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "list-components"}},
    ]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **step}) + "\n" for step in steps).removesuffix("\n")
    unhurried = (  # there is little time for calls that still run, and a busy machine needs more to begin them
        "import sys; from wassette_py.server import stdio; stdio.DRAIN = 60.0\n"
        "from wassette_py.__main__ import main; sys.argv = ['wassette', 'serve', '--stdio']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", unhurried], input=lines.encode(), capture_output=True, check=True, timeout=120)
    answers = {message["id"]: message["result"] for message in map(json.loads, done.stdout.splitlines())}
    assert answers[2]["structuredContent"]["total"] == 1


def test_a_client_that_reads_no_more_ends_the_server() -> None:
    read, write = os.pipe()
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=write) as process:
        os.close(write)
        assert process.stdin is not None
        ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode() + b"\n"
        process.stdin.write(ping)
        process.stdin.flush()
        assert os.read(read, 100).endswith(b'"result":{}}\n')
        os.close(read)
        process.stdin.write(ping)
        process.stdin.flush()
        assert process.wait(LONG) == 0


def test_a_client_that_asks_and_never_reads_does_not_hold_the_end() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin = process.stdin
        stdin.write(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}).encode() + b"\n")
        assert process.stdout.read(1) == b"{"

        def flood() -> None:
            with contextlib.suppress(BrokenPipeError):
                for number in range(20_000):
                    stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/list"}).encode() + b"\n")

        flooding = threading.Thread(target=flood)
        flooding.start()
        flooding.join(3)
        assert flooding.is_alive()  # the server reads no more than it can answer
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG) == 0
        flooding.join(LONG)


def test_nothing_but_the_protocol_reaches_stdout(tmp_path: Path) -> None:
    begin, done = tmp_path / "begin", tmp_path / "done"
    noise = (
        "import os, subprocess, sys, threading, time\n"
        "def noise():\n"
        f"    while not os.path.exists({str(begin)!r}): time.sleep(0.01)\n"
        "    print('printed', flush=True); os.write(1, b'written\\n'); subprocess.run(['echo', 'by a child'])\n"
        "    print(repr(sys.stdin.readline()), file=sys.stderr, flush=True)\n"
        f"    open({str(done)!r}, 'w').close()\n"
        "threading.Thread(target=noise, daemon=True).start()\n"
        "from wassette_py.__main__ import main\n"
        "sys.argv = ['wassette', 'serve', '--stdio']\n"
        "sys.exit(main())\n"
    )
    with serving(command=[sys.executable, "-c", noise]) as client:
        begin.touch()
        until(done.exists)
        assert client.ask("ping")["result"] == {}
        assert client.end() == 0
        assert client.sent == []
        assert client.errors.split() == [b"printed", b"written", b"by", b"a", b"child", b"''"]


@pytest.mark.skipif(not IS_POSIX, reason="descriptors are closed with a POSIX shell")
def test_a_closed_stderr_does_no_harm() -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    command = ["sh", "-c", '"$@" 2>&-', "sh", *COMMAND]
    done = subprocess.run(command, input=line.encode(), capture_output=True, check=True, timeout=120)
    assert json.loads(done.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_closed_descriptors_are_not_taken_for_the_pipe(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    program = (
        "import os, sys; from wassette_py.server import pipes\n"
        "for descriptor in (0, 2): os.close(descriptor)\n"
        "source, sink = pipes.claim(); os.write(sink, b'wire')\n"
        f"open({str(kept)!r}, 'w').write(repr((source > 2, sink > 2, os.read(source, 1))))"
    )
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=True)
    assert (done.stdout, kept.read_text()) == (b"wire", "(True, True, b'')")


def test_long_lines_are_answered_and_the_connection_stays(tmp_path: Path) -> None:
    install(tmp_path)
    with serving() as client:
        client.raw(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * (9 << 20) + b'"}}\n\n  \n')
        error = client.wait(lambda message: "error" in message)
        assert (error["id"], error["error"]["code"]) == (None, -32600)
        text = "y" * 50_000
        assert client.call("echo", text=text)["structuredContent"] == {"result": text}


def test_megabytes_go_there_and_back(tmp_path: Path) -> None:
    install(tmp_path, "plain", PLAIN)
    with serving() as client:
        text = "é" * 1_000_000
        assert client.call("echo", text=text)["structuredContent"] == {"result": text}


def test_a_grant_of_another_process_holds_at_the_next_call(tmp_path: Path) -> None:
    host = install(tmp_path, "files", FILES)
    with serving() as client:
        assert client.call("directories")["structuredContent"] == {"result": 0}
        host.policies.grant("files", StorageGrant(str(tmp_path)))
        assert client.call("directories")["structuredContent"] == {"result": 1}


def test_a_corrupt_policy_stops_its_component_and_no_other(tmp_path: Path) -> None:
    host = install(tmp_path)
    install(tmp_path, "one", ONE_TOOL)
    host.store.policy_path("one").write_text("version: '1.0'\npermissions: {nonsense: 1}\n")
    with serving() as client:
        assert {"answer", "add"} <= {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
        result = client.call("answer")
        assert result["isError"]
        assert "one.policy.yaml:2" in result["content"][0]["text"]
        assert client.call("add", left=1, right=2)["structuredContent"] == {"result": 3}


@pytest.mark.skipif(not IS_POSIX, reason="a FIFO")
def test_a_policy_that_is_no_file_holds_neither_the_start_nor_other_components(tmp_path: Path) -> None:
    host = install(tmp_path)
    install(tmp_path, "one", ONE_TOOL)
    os.mkfifo(host.store.policy_path("one"))
    with serving() as client:
        assert {"answer", "add"} <= {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
        assert "it is not a file" in client.call("answer")["content"][0]["text"]
        assert client.call("add", left=1, right=2)["structuredContent"] == {"result": 3}


def test_only_named_components_are_served_and_unknown_ones_refused(tmp_path: Path) -> None:
    install(tmp_path)
    install(tmp_path, "other", ONE_TOOL)
    with serving("other", "--disable-builtin-tools") as client:
        assert [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]] == ["answer"]
    done = subprocess.run([*COMMAND, "nope"], capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no component 'nope' is installed\nhint: ")


def test_an_operator_who_lets_the_model_decide_is_warned() -> None:
    with serving(environment={**os.environ, "WASSETTE_GRANTS": "allow"}) as client:
        client.end()
        assert client.errors.startswith(b"warning: grants: allow")


def test_a_component_directory_that_cannot_be_read_is_told_and_not_fatal(tmp_path: Path) -> None:
    folder = tmp_path / "components"
    folder.write_text("a file")
    with serving("--component-dir", str(folder)) as client:
        assert "error" in client.ask("tools/list")
        until(lambda: client.errors)
        time.sleep(1.5)
        assert client.ask("ping")["result"] == {}
        assert client.end() == 0
        assert client.errors.count(b"warning: cannot look at the components") == 1


def test_a_question_that_nobody_answers_does_not_hold_the_servers_end(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(handshake=False) as client:
        client.ask("initialize", {**INITIALIZE, "capabilities": {"elicitation": {}}})
        client.send("notifications/initialized")
        arguments = {"component_id": "text", "details": {"key": "LANG"}}
        client.send("tools/call", {"name": "grant-environment-variable-permission", "arguments": arguments}, id="asks")
        client.wait(lambda message: message.get("method") == "elicitation/create")
        assert client.end() == 0
        assert "the client is gone" in client.answer("asks")["result"]["content"][0]["text"]
