from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.clients import CLIENTS, snippet

COMMAND = ("/opt/my tools/wassette", "serve", "--stdio")


@pytest.mark.parametrize(
    ("client", "key", "typed"),
    [
        ("claude-desktop", "mcpServers", False),
        ("claude-code", "mcpServers", True),
        ("vscode", "servers", True),
        ("cursor", "mcpServers", False),
    ],
)
def test_json_clients_get_the_shape_they_read(client: str, key: str, typed: bool) -> None:
    made = snippet(client, COMMAND)
    server = json.loads(made.text)[key]["wassette"]
    assert server.pop("type", None) == ("stdio" if typed else None)
    assert server == {"command": COMMAND[0], "args": ["serve", "--stdio"]}
    assert made.client == client


def test_codex_gets_a_toml_table() -> None:
    made = snippet("codex", COMMAND, server="my wassette")
    assert tomllib.loads(made.text) == {"mcp_servers": {"my wassette": {"command": COMMAND[0], "args": ["serve", "--stdio"]}}}
    assert made.place == "~/.codex/config.toml"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3))
def test_any_command_survives_every_snippet(command: list[str]) -> None:
    for client in CLIENTS:
        text = snippet(client, command).text
        document = tomllib.loads(text) if client == "codex" else json.loads(text)
        servers = next(iter(document.values()))
        assert [servers["wassette"]["command"], *servers["wassette"]["args"]] == command


def test_every_client_is_titled_and_says_where_the_snippet_belongs() -> None:
    assert [(snippet(client, COMMAND).title, bool(snippet(client, COMMAND).place)) for client in CLIENTS] == [
        ("Claude Desktop", True),
        ("Claude Code", True),
        ("VS Code", True),
        ("Cursor", True),
        ("Codex", True),
    ]
