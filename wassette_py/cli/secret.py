"""`wassette secret`: the operator's secrets. Values come from a prompt or from stdin, never from the command line, and are never shown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wassette_py.cli.columns import table
from wassette_py.cli.options import Command, noun, session_of
from wassette_py.cli.render import is_terminal, screen, show, talk
from wassette_py.errors import WassetteError

app = noun("Keep values that components are granted and nobody else sees.")

MOST = 65 << 10


def known_names() -> list[str]:
    """For shell completion: the names of secrets."""
    from wassette_py.cli.options import Session

    try:
        return [secret.name for secret in Session().host.secrets.secrets()]
    except WassetteError:
        return []


Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.", autocompletion=known_names)]


@app.command("set", cls=Command)
def set_(
    context: typer.Context,
    name: Name,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="env:NAME|file:/path|keyring:SERVICE/NAME", help="Keep where the value is instead of the value."),
    ] = None,
) -> None:
    """Keep a value (from a prompt, or from stdin), encrypted, or where it is to be found."""
    from wassette_py.secrets.store import parse_source

    host = session_of(context).host
    if source is not None:
        try:
            kind, place = parse_source(source)
        except ValueError as error:
            context.fail(f"--from {source}: {error}")
        with host.recorder.operation("set-secret", None, secret=name):
            host.secrets.set_reference(name, kind, place)
        missing = host.secrets.missing([name])
        talk(f"{name} is {source}" + (", which has no value now" if missing else ""))
        return
    value = _typed(name)
    with host.recorder.operation("set-secret", None, secret=name):
        host.secrets.set_value(name, value)
    talk(f"{name} is kept in {host.secrets.folder}")


@app.command("list", cls=Command)
def list_secrets(context: typer.Context) -> None:
    """List the names, and where each value is; values are not shown."""
    session = session_of(context)
    secrets = session.host.secrets.secrets()
    if not secrets:
        talk(f"no secret is kept in {session.host.secrets.folder}")
    if secrets or session.json:
        document = {"secrets": [{"name": secret.name, "from": secret.source} for secret in secrets]}
        show(session, document, table([("NAME", "FROM"), *((secret.name, secret.source) for secret in secrets)], screen()))


@app.command("delete", cls=Command)
def delete(context: typer.Context, name: Name) -> None:
    """Forget a secret; calls of components that are granted it then fail."""
    host = session_of(context).host
    with host.recorder.operation("delete-secret", None, secret=name):
        host.secrets.delete(name)
    talk(f"{name} is forgotten")


def _typed(name: str) -> str:
    """What a person types without echo, or what stdin holds without its last line end. Raises WassetteError."""
    if is_terminal(sys.stdin):
        import getpass

        return getpass.getpass(f"value of {name}: ", stream=sys.stderr)
    data = sys.stdin.buffer.read(MOST)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise WassetteError(f"the value of {name} is no UTF-8 text") from None
