"""`wassette serve`: help and usage errors of the server. `serve --stdio` itself is dispatched before this file is ever imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.options import session_of

EPILOG = "What an MCP client needs in its configuration: wassette config client NAME"


def serve(
    context: typer.Context,
    components: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Serve only these components (default: all).")] = None,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak MCP on stdin and stdout.")] = False,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", metavar="FILE", help="Serve exactly the components of this wassette.yaml, as locked.")
    ] = None,
    disable_builtin_tools: Annotated[bool, typer.Option("--disable-builtin-tools", help="Serve the components' tools alone.")] = False,
) -> None:
    """Serve the installed components' tools to an MCP client."""
    if not stdio:
        context.fail("serve needs to know its front: --stdio")
    if components and manifest is not None:
        context.fail("give IDs or --manifest, not both")
    session = session_of(context)
    if manifest is not None:
        from wassette_py.host.sync import check_installed

        components = list(check_installed(session.host, manifest))
        if not components:
            context.fail(f"{manifest} has no components to serve")
    from wassette_py.server.opening import opened
    from wassette_py.server.stdio import serve_stdio

    raise typer.Exit(serve_stdio(opened(), session.settings, only=tuple(components or ()), builtin_tools=not disable_builtin_tools))
