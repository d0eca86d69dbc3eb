"""`wassette serve`: help and usage errors of the server. `serve --stdio` itself is dispatched before this file is ever imported."""

from __future__ import annotations

from typing import Annotated

import typer

from wassette_py.cli.options import session_of

EPILOG = "What an MCP client needs in its configuration: wassette config client NAME"


def serve(
    context: typer.Context,
    components: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Serve only these components (default: all).")] = None,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak MCP on stdin and stdout.")] = False,
    disable_builtin_tools: Annotated[bool, typer.Option("--disable-builtin-tools", help="Serve the components' tools alone.")] = False,
) -> None:
    """Serve the installed components' tools to an MCP client."""
    if not stdio:
        context.fail("serve needs to know its front: --stdio")
    from wassette_py.server.opening import opened
    from wassette_py.server.stdio import serve_stdio

    session = session_of(context)
    raise typer.Exit(serve_stdio(opened(), session.settings, only=tuple(components or ()), builtin_tools=not disable_builtin_tools))
