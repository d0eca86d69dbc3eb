"""The same tools in plain Python, with no sandbox: what people write today with the official SDK."""

from __future__ import annotations

import base64

from mcp.server import MCPServer
from typing_extensions import TypedDict

server = MCPServer("plain", log_level="ERROR")


class Row(TypedDict):
    name: str
    count: int
    price: float


@server.tool()
def nop() -> None: ...


@server.tool(name="echo-text")
def echo_text(x: str) -> str:
    return x


@server.tool(name="echo-bytes")
def echo_bytes(x: str) -> str:
    return base64.b64encode(base64.b64decode(x)).decode()


@server.tool(name="echo-rows")
def echo_rows(x: list[Row]) -> list[Row]:
    return x


@server.tool(name="py-add")
def py_add(a: int, b: int) -> int:
    return a + b


if __name__ == "__main__":
    server.run()
