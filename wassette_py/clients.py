"""Configuration snippets of MCP clients: what to paste where, so that a client starts this program as a stdio server.

It writes no file: each client owns its configuration, and a merge into somebody's JSON is not ours to make.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from wassette_py.dataclass import dataclass


@dataclass(frozen=True)
class Snippet:
    """`text` belongs into `place`; `title` is the client's name for people."""

    client: str
    title: str
    place: str
    text: str


@dataclass(frozen=True)
class _Client:
    title: str
    place: str
    write: Callable[[str, Sequence[str]], str]


def snippet(client: str, command: Sequence[str], *, server: str = "wassette") -> Snippet:
    """The snippet of `client` (a key of CLIENTS) that runs `command` under the name `server`. Raises KeyError."""
    known = CLIENTS[client]
    return Snippet(client, known.title, known.place, known.write(server, command))


def _servers(server: str, command: Sequence[str]) -> str:
    return _json({"mcpServers": {server: {"command": command[0], "args": list(command[1:])}}})


def _typed(key: str) -> Callable[[str, Sequence[str]], str]:
    def write(server: str, command: Sequence[str]) -> str:
        return _json({key: {server: {"type": "stdio", "command": command[0], "args": list(command[1:])}}})

    return write


def _toml(server: str, command: Sequence[str]) -> str:
    arguments = ", ".join(_quote(word) for word in command[1:])
    return f"[mcp_servers.{_quote(server)}]\ncommand = {_quote(command[0])}\nargs = [{arguments}]\n"


def _quote(text: str) -> str:
    # NOTE: a JSON string is a TOML basic string but for DEL, which TOML wants escaped, and for escaped surrogate pairs.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


CLIENTS: Mapping[str, _Client] = {
    "claude-desktop": _Client(
        "Claude Desktop",
        "claude_desktop_config.json (macOS: ~/Library/Application Support/Claude, Windows: %APPDATA%\\Claude, Linux: ~/.config/Claude)",
        _servers,
    ),
    "claude-code": _Client("Claude Code", ".mcp.json in the project (or ~/.claude.json for every project)", _typed("mcpServers")),
    "vscode": _Client("VS Code", ".vscode/mcp.json in the workspace (or mcp.json of the user profile)", _typed("servers")),
    "cursor": _Client("Cursor", ".cursor/mcp.json in the project (or ~/.cursor/mcp.json)", _servers),
    "codex": _Client("Codex", "~/.codex/config.toml", _toml),
}
