"""`wassette registry`: who we are to registries, what goes to them, and what is known to be there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.arguments import read_text
from wassette_py.cli.columns import table
from wassette_py.cli.options import Command, noun, session_of
from wassette_py.cli.render import screen, show, talk
from wassette_py.cli.signing import PasswordFile, read_key
from wassette_py.cli.text import size_text
from wassette_py.errors import InvalidArguments, InvalidReference

app = noun("Log in to registries, push components to them, search the catalogue.")

MAX_PASSWORD = 1 << 16
Host = Annotated[str, typer.Argument(metavar="HOST", help="The registry: HOST or HOST:PORT, docker.io for Docker Hub.")]


@app.command("login", cls=Command)
def login(
    context: typer.Context,
    host: Host,
    username: Annotated[str | None, typer.Option("--username", "-u", metavar="USER", help="The user name there.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password, or a token, from stdin.")] = False,
) -> None:
    """Show a password to a registry and, if it takes it, store it where docker and podman look too."""
    from wassette_py.oci.credentials import checked_credential
    from wassette_py.oci.login import login as log_in

    session, registry = session_of(context), _registry(host)
    username = username or _asked("user name", "Username", "--username USER")
    if ":" in username:
        raise InvalidArguments("a user name has no colon")
    credential = checked_credential(username, _password(stdin=password_stdin), "--username")
    with session.host.recorder.operation("login", None, registry=registry, user=username):
        place = session.wait_for(lambda control: log_in(registry, credential, session.settings, control), label=f"asking {registry}")
    talk(f"logged in to {registry}; stored in {place}")
    if session.json:
        show(session, {"registry": registry, "username": username, "stored": place}, [])


@app.command("logout", cls=Command)
def logout(context: typer.Context, host: Host) -> None:
    """Forget the password of a registry."""
    from wassette_py.oci.login import logout as log_out

    session, registry = session_of(context), _registry(host)
    with session.host.recorder.operation("logout", None, registry=registry) as learnt:
        place = log_out(registry, session.settings)
        learnt["outcome"] = "ok" if place else "unchanged"
    talk(f"nobody was logged in to {registry}" if place is None else f"logged out of {registry}; removed from {place}")
    if session.json:
        show(session, {"registry": registry, "removed": place}, [])


@app.command("push", cls=Command)
def push(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="Where to: oci://registry/repository:tag or oci-layout:///dir:tag.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The component.")],
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="A capability policy to suggest: a second layer, and wkg takes artifacts of one layer alone."
        ),
    ] = None,
    key: Annotated[Path | None, typer.Option("--sign", metavar="KEY", help="Sign it with this private key.")] = None,
    password_file: PasswordFile = None,
) -> None:
    """Push a component as an OCI artifact, read it back, and sign it if asked to."""
    from wassette_py.host.publishing import push as push_file
    from wassette_py.reference import parse_reference

    session, target, source = session_of(context), parse_reference(reference), parse_reference(file)
    text, host = None if policy is None else read_text(policy), session.host
    secret = None if key is None else read_key(key, password_file)
    pushed = session.wait_for(lambda control: push_file(host, target, source, policy=text, control=control), label=f"pushing {target}")
    if text is not None:
        talk("wkg takes no artifact with a second layer; oras and wassette do")
    document = {"reference": str(pushed.reference), "digest": str(pushed.wasm), "size": pushed.size}
    lines = [f"pushed {pushed.reference}", f"component {pushed.wasm}, {size_text(pushed.size)}"]
    if secret is not None:
        from wassette_py.host.signing import sign

        # By the digest that was pushed, whatever the tag means by now.
        signed = session.wait_for(lambda control: sign(host, pushed.reference, secret, form="bundle", control=control), label="signing")
        document["signature"] = signed.where
        lines.append(f"signature: {signed.where}")
    show(session, document, lines)


@app.command("search", cls=Command)
def search(
    context: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(metavar="[QUERY]...", help="Words to look for (default: list everything).")] = None,
) -> None:
    """Search the catalogue of known components; being listed there grants nothing."""
    from wassette_py import catalog

    session = session_of(context)
    found = catalog.search(catalog.read_catalog(session.settings.catalog_file), " ".join(query or ()))
    if not found:
        talk("nothing in the catalogue matches", f"hint: your own catalogue is {session.settings.catalog_file}")
    if found or session.json:
        rows = [("NAME", "REFERENCE", "DESCRIPTION"), *((entry["name"], entry["uri"], entry["description"]) for entry in found)]
        show(session, {"components": found, "total": len(found)}, table(rows, screen()))


def _registry(host: str) -> str:
    from wassette_py.names import parse_registry

    registry = parse_registry(host)
    if registry is None:
        raise InvalidReference(f"{host!r} names no registry", "HOST or HOST:PORT, for example ghcr.io")
    return registry


def _password(*, stdin: bool) -> str:
    if stdin:
        password = sys.stdin.read(MAX_PASSWORD).rstrip("\r\n")
    else:
        password = _asked("password", "Password", "give it on stdin: --password-stdin", hidden=True)
    if not password:
        raise InvalidArguments("the password is empty")
    return password


def _asked(what: str, prompt: str, otherwise: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise InvalidArguments(f"there is no terminal to ask for the {what}", otherwise)
    return str(typer.prompt(prompt, hide_input=hidden, err=True))
