"""`wassette config`: the settings in force and where each comes from, and what to paste into an MCP client."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.columns import table as table_of
from wassette_py.cli.options import Command, Session, noun, session_of
from wassette_py.cli.render import screen, show, talk
from wassette_py.clients import CLIENTS, snippet

app = noun("Show settings, and the configuration of MCP clients.")


@app.command("show", cls=Command)
def show_settings(context: typer.Context) -> None:
    """Show every setting with its value and where it comes from."""
    from wassette_py.settings import settings_table

    session = session_of(context)
    table = settings_table(session.settings)
    rows = [("KEY", "VALUE", "FROM"), *((key, _text(entry["value"]), str(entry["from"])) for key, entry in table.items())]
    show(session, table, table_of(rows, screen()))


@app.command("client", cls=Command)
def client(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(CLIENTS)}.", autocompletion=lambda: list(CLIENTS))],
) -> None:
    """Print what makes an MCP client start this program; where it belongs is said on stderr."""
    if name not in CLIENTS:
        context.fail(f"no client {name!r} is known; there are {', '.join(CLIENTS)}")
    session = session_of(context)
    made = snippet(name, _command(session))
    talk(f"{made.title}: put this into {made.place}")
    show(session, {"client": made.client, "place": made.place, "text": made.text}, [made.text.rstrip("\n")])


def _command(session: Session) -> list[str]:
    """The command line a client is to run: this very program by its absolute path, for clients start programs without a shell's PATH."""
    started = Path(shutil.which(sys.argv[0]) or "")
    command = [str(started.absolute())] if started.stem == "wassette" else [sys.executable, "-m", "wassette_py"]
    chosen = [] if session.component_dir is None else ["--component-dir", str(session.component_dir.absolute())]
    return [*command, "serve", "--stdio", *chosen]


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"  # as it is written in config.yaml
        case _:
            return str(value)
