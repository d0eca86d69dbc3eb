from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def test_serve_with_an_option_only_the_tree_knows_serves_all_the_same(loaded: Path) -> None:
    lines = [INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}]
    ran = subprocess.run(
        [sys.executable, "-m", "wassette_py", "-o", "text", "serve", "--stdio", "text", "--disable-builtin-tools"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0
    answers = {answer["id"]: answer for answer in map(json.loads, ran.stdout.splitlines()) if "id" in answer}
    assert sorted(tool["name"] for tool in answers[2]["result"]["tools"]) == ["add", "break", "echo", "refuse", "spin"]


def test_serving_an_unknown_component_is_an_error_before_anything_is_served() -> None:
    command = [sys.executable, "-m", "wassette_py", "-o", "text", "serve", "--stdio", "nope"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: no component 'nope' is installed")


def test_help_of_serve_names_the_clients_configuration() -> None:
    ran = subprocess.run([sys.executable, "-m", "wassette_py", "serve", "--help"], capture_output=True, text=True, timeout=120, check=True)
    assert "wassette config client" in ran.stdout
