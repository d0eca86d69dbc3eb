"""The first exchange: what is answered before anything is imported, and that it is the session's own answer."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.patience import until
from tests.server.corehost import INITIALIZE, FunctionHost, Wire, enveloped
from tests.server.process import COMMAND, Client, serving
from wassette_py.server.opening import greeting

SLOW = ("threading", "typing", "json", "dataclasses", "re", "enum", "functools", "collections", "pathlib", "contextlib", "queue", "inspect")


def line(method: str, params: object = None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode()


def test_a_good_initialize_is_answered_as_the_session_answers_it() -> None:
    wire = Wire(FunctionHost())
    wire.raw(line("initialize", INITIALIZE))
    reply = greeting(line("initialize", INITIALIZE))
    assert reply is not None
    assert [json.loads(reply[0])] == wire.sent
    assert reply[1] == INITIALIZE


@pytest.mark.parametrize(
    "first",
    [
        b"hello",
        line("ping"),
        line("initialize"),
        line("initialize", {**INITIALIZE, "capabilities": 1}),
        line("initialize", enveloped(INITIALIZE)),
        b'{"jsonrpc":"2.0","method":"initialize"}',
    ],
)
def test_anything_else_is_left_to_the_session(first: bytes) -> None:
    assert greeting(first) is None


def test_nothing_slow_is_imported_before_the_first_reply() -> None:
    code = "import sys; before = set(sys.modules); import wassette_py.__main__; from wassette_py.server import opening;"
    code += "from wassette_py.server.listing import Listing; Listing('.', builtin_tools=True).read();"
    code += "from wassette_py.settings.quick import quick_component_dir; quick_component_dir(None);"
    code += "opening.greeting(sys.argv[1].encode());"
    code += f"print(sorted(set({SLOW!r}) & (set(sys.modules) - before)))"
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r}); {code}",
        line("initialize", INITIALIZE).decode(),
    ]
    assert subprocess.run(command, capture_output=True, check=True, timeout=120, text=True).stdout.strip() == "[]"


def test_a_client_that_takes_its_time_is_served() -> None:
    with serving(handshake=False) as client:
        time.sleep(1)
        assert client.ask("initialize", INITIALIZE)["result"]["serverInfo"]["name"] == "wassette"
        assert client.end() == 0
    with serving(handshake=False, first=line("initialize", INITIALIZE) + b"\n") as client:
        assert client.answer(1)["result"]["serverInfo"]["name"] == "wassette"
        time.sleep(1)
        assert client.ask("tools/list")["result"]["tools"]


def test_a_client_that_is_gone_after_its_greeting_ends_the_server() -> None:
    assert piped(line("initialize", INITIALIZE))[0] == 0


def is_read(client: Client) -> bool:
    """Whether the server has taken what was sent."""
    assert client.process.stdin is not None
    unread = array.array("i", [0])
    fcntl.ioctl(client.process.stdin, termios.FIONREAD, unread)
    return unread[0] == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent to a process")
def test_ctrl_c_before_the_first_line_is_whole_ends_the_server() -> None:
    with serving(handshake=False) as client:
        client.raw(b'{"jsonrpc":')
        until(lambda: is_read(client))
        client.process.send_signal(signal.SIGINT)
        assert (client.ended(), client.errors) == (0, b"")


def test_a_client_that_is_gone_before_its_first_answer_ends_the_server() -> None:
    read, write = os.pipe()
    os.close(read)
    with input_of(line("initialize", INITIALIZE), line("ping")) as stdin:
        done = subprocess.run(COMMAND, stdin=stdin, stdout=write, stderr=subprocess.PIPE, check=False, timeout=120)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@contextlib.contextmanager
def input_of(*lines: bytes) -> Iterator[BinaryIO]:
    """A file of these lines: all is there before who reads it starts, and then it ends."""
    with tempfile.TemporaryFile() as file:
        file.write(b"\n".join(lines) + b"\n")
        file.seek(0)
        yield file


def piped(*lines: bytes, **environment: str) -> tuple[int, list[dict[str, Any]], str]:
    with input_of(*lines) as stdin:
        done = subprocess.run(COMMAND, stdin=stdin, capture_output=True, check=False, timeout=120, env={**os.environ, **environment})
    return done.returncode, [json.loads(answer) for answer in done.stdout.splitlines()], done.stderr.decode()


@pytest.mark.parametrize("first", [b"x" * (9 << 20), b"", b"hello", line("ping")])
def test_a_client_that_begins_otherwise_is_served_all_the_same(first: bytes) -> None:
    code, answers, _ = piped(first, line("initialize", INITIALIZE))
    assert code == 0
    assert answers[-1]["result"]["serverInfo"]["name"] == "wassette"
    assert len(answers) == (1 if first == b"" else 2)


def test_a_mistake_in_the_settings_ends_the_server_after_the_first_reply() -> None:
    code, answers, said = piped(line("initialize", INITIALIZE), line("tools/list"), WASSETTE_NOPE="1")
    assert (code, len(answers)) == (1, 1)
    assert "WASSETTE_NOPE" in said
