"""What is imported before the first reply, and on which thread the rest is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.server.process import Client, install, serving

HEAVY = (
    "typer",
    "click",
    "asyncio",
    "mcp",
    "mcp_types",
    "oras",
    "sigstore",
    "wasmtime",
    "rich",
    "cryptography",
    "requests",
    "pydantic",
    "yaml",
    "anyio",
)

PROBE = """
import os, sys, threading
events, write = [], os.write
class Probe:
    def find_spec(self, name, path=None, target=None):
        if name in WATCHED and threading.current_thread().name != "audit":  # it writes when it comes to it
            events.append([name, threading.current_thread() is threading.main_thread()])
sys.meta_path.insert(0, Probe())
def probed(descriptor, data):
    if b'"jsonrpc"' in bytes(data):
        events.append(["reply", None])
    return write(descriptor, data)
os.write = probed
from wassette_py.__main__ import main
sys.argv = ["wassette", "serve", "--stdio", *sys.argv[1:]]
code = main()
import colorsys, json
print(json.dumps(events), file=sys.stderr)
sys.exit(code)
"""


def probed(watched: Sequence[str], *arguments: str) -> AbstractContextManager[Client]:
    """A server that says, at its end, in which order it replied and looked for those modules, and whether on its main thread."""
    # Coverage has imported half of them before the server starts: what is not measured is seen.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", f"WATCHED = {tuple(watched)!r}\n{PROBE}", *arguments]
    return serving(command=command, environment=environment)


def test_the_first_reply_comes_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    install(tmp_path)
    with probed(HEAVY) as client:
        client.ask("tools/list")
        client.call("add", left=1, right=2)
        assert client.end() == 0
        events = json.loads(client.errors)
    names = [name for name, _ in events]
    assert names[0] == "reply"
    assert set(names) == {"reply", "wasmtime"}
    assert all(not on_main for name, on_main in events if name == "wasmtime")


NOT_FOR_A_CALL = (
    *(
        "colorsys",
        "json",
        "hashlib",
        "hmac",
        "dataclasses",
        "platform",
        "datetime",
        "inspect",
        "unicodedata",
        "logging",
        "subprocess",
        "tempfile",
        # Each of these is milliseconds, or brings in one that is.
        "pathlib",
        "typing",
        "re",
        "enum",
        "signal",
        "queue",
        "urllib.parse",
    ),
    *(
        f"wassette_py.{name}"
        for name in (
            *("policy.network", "policy.grants", "policy.words", "policy.parser", "trust.keys", "trust.policy_reader", "strict_yaml"),
            *("host.loader", "host.reach", "sandbox.compiler", "sandbox.background", "sandbox.gates.http"),
            *("server.builtin.actions", "server.builtin.components", "server.builtin.policies", "server.builtin.midcall", "catalog"),
        )
    ),
)


@pytest.mark.parametrize("more", [(), ("--disable-builtin-tools",)])
def test_what_a_first_call_needs_not_is_not_imported_before_its_answer(tmp_path: Path, more: tuple[str, ...]) -> None:
    install(tmp_path)
    watched = (*NOT_FOR_A_CALL, "wassette_py.server.builtin.table") if more else NOT_FOR_A_CALL
    with probed(watched, *more) as client:
        client.call("add", left=1, right=2)
        assert client.end() == 0
        names = [name for name, _ in json.loads(client.errors)]
    assert names[:2] == ["reply", "reply"]
    assert "colorsys" in names  # that of the probe itself, at the end: it sees what is looked for
