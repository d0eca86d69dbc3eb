"""`wassette tool`: the tools of installed components, by the names an MCP client sees."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wassette_py.cli.arguments import Assignments, JsonArguments, served_names
from wassette_py.cli.calls import finish, make_call
from wassette_py.cli.columns import columns, cut
from wassette_py.cli.describing import tool_document
from wassette_py.cli.options import Command, noun, session_of
from wassette_py.cli.render import screen, show, talk
from wassette_py.cli.text import one_line

app = noun("List and call the tools of installed components.")

DESCRIPTION_WIDTH = 70


@app.command("list", cls=Command)
def list_tools(context: typer.Context) -> None:
    """List the tools that are served."""
    session = session_of(context)
    tools = session.host.tools()
    if not tools:
        talk("no tool is served", "hint: wassette component load REF")
    documents: list[dict[str, Any]] = [
        {**tool_document(tool.definition), "component": tool.component, "annotations": tool.annotations} for tool in tools
    ]
    lines = columns(
        [("TOOL", "COMPONENT", "DESCRIPTION"), *((tool.name, tool.component, _short(tool.definition.description)) for tool in tools)]
    )
    if tools or session.json:
        show(session, {"tools": documents}, cut(lines, screen()))


@app.command("call", cls=Command)
def call(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The tool's name, as `wassette tool list` shows it.", autocompletion=served_names)
    ],
    arguments: Assignments = None,
    json_arguments: JsonArguments = None,
) -> None:
    """Call a tool under its component's policy, and print the result."""
    if arguments and json_arguments is not None:
        context.fail("give NAME=VALUE arguments or --json, not both")
    session = session_of(context)
    finish(session, make_call(session, lambda _: session.host.opened_tool(name), arguments or [], json_arguments))


def _short(description: str) -> str:
    text = one_line(description)
    return text if len(text) <= DESCRIPTION_WIDTH else text[: DESCRIPTION_WIDTH - 1] + "…"
