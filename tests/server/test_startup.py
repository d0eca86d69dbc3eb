"""What is imported before the first reply, and on which thread the rest is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.server.process import install, serving

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

PROBE = f"""
import json, os, sys, threading
events, write = [], os.write
class Probe:
    def find_spec(self, name, path=None, target=None):
        if name in {HEAVY!r}:
            events.append([name, threading.current_thread() is threading.main_thread()])
sys.meta_path.insert(0, Probe())
def probed(descriptor, data):
    if b'"jsonrpc"' in bytes(data):
        events.append(["reply", None])
    return write(descriptor, data)
os.write = probed
from wassette_py.__main__ import main
sys.argv = ["wassette", "serve", "--stdio"]
code = main()
print(json.dumps(events), file=sys.stderr)
sys.exit(code)
"""


def test_the_first_reply_comes_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    install(tmp_path)
    with serving(command=[sys.executable, "-c", PROBE]) as client:
        client.ask("tools/list")
        client.call("add", left=1, right=2)
        assert client.end() == 0
        events = json.loads(client.errors)
    names = [name for name, _ in events]
    assert names[0] == "reply"
    assert set(names) == {"reply", "wasmtime"}
    assert all(not on_main for name, on_main in events if name == "wasmtime")
