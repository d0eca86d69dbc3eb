"""`wassette trust`: from where components are accepted, and on what evidence. The file is edited by text, every comment kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.arguments import read_text
from wassette_py.cli.options import Command, Session, noun, session_of
from wassette_py.cli.render import show, talk
from wassette_py.cli.text import columns, plural

if TYPE_CHECKING:
    from wassette_py.trust.document import TrustPolicy, TrustScope

app = noun("Decide from where components are accepted.")

Scope = Annotated[
    str, typer.Argument(metavar="SCOPE", help="registry/repository, by whole path components: ghcr.io, ghcr.io/acme, oci-layout:///dir.")
]


@app.command("show", cls=Command)
def show_trust(context: typer.Context) -> None:
    """Show the trust policy."""
    session = session_of(context)
    _show(session, session.host.loader.trust(), str(session.settings.trust_file))


@app.command("add", cls=Command)
def add(
    context: typer.Context,
    scope: Scope,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Accept what nobody signed; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads the file next.")] = None,
    digest: Annotated[
        list[str] | None, typer.Option("--digest", metavar="sha256:HEX", help="Accept exactly this digest (repeatable).")
    ] = None,
) -> None:
    """Accept components of a scope."""
    from wassette_py.reference import Digest
    from wassette_py.trust.document import TrustScope
    from wassette_py.trust.editing import add_scope

    new = TrustScope(scope, unsigned=unsigned, reason=reason, digests=tuple(map(Digest.parse, digest or ())))
    session = session_of(context)
    _edit(session, lambda text, source: add_scope(text, new, source))
    talk(f"{new.match} is trusted now")


@app.command("remove", cls=Command)
def remove(context: typer.Context, scope: Scope) -> None:
    """Forget a scope; what is installed from it stays until it is unloaded."""
    from wassette_py.trust.editing import remove_scope

    session = session_of(context)
    _edit(session, lambda text, source: remove_scope(text, scope, source))
    talk(f"{scope} is not trusted any more")


@app.command("check", cls=Command)
def check(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A trust policy (-: stdin).")]) -> None:
    """Parse a trust policy and explain it."""
    from wassette_py.trust.document import parse_trust_policy

    _show(session_of(context), parse_trust_policy(read_text(file), str(file)), str(file))


def _show(session: Session, policy: TrustPolicy, source: str) -> None:
    if not policy.scopes:
        talk(f"{source} names no scope: nothing from a registry is trusted")
    else:
        talk(f"{source}: {plural(len(policy.scopes), 'scope')}")
    if policy.scopes or session.json:
        rows = [("SCOPE", "ACCEPTED", "REASON"), *((scope.match, _evidence(scope), scope.reason or "") for scope in policy.scopes)]
        show(session, {"file": source, "scopes": [_document(scope) for scope in policy.scopes]}, columns(rows))


def _evidence(scope: TrustScope) -> str:
    pins = [str(digest) for digest in scope.digests]
    return ", ".join([*(["unsigned"] if scope.unsigned else []), *pins])


def _document(scope: TrustScope) -> dict[str, Any]:
    return {
        "match": scope.match,
        "unsigned": scope.unsigned,
        "reason": scope.reason,
        "digests": [str(digest) for digest in scope.digests],
        "insecure_http": scope.insecure_http,
    }


def _edit(session: Session, edit: Callable[[str, str], str]) -> None:
    from wassette_py.files import private_folder, write_atomic
    from wassette_py.locking import release_lock, take_lock

    path = session.settings.trust_file
    private_folder(path.parent)
    lock = take_lock(path.with_name(f".{path.name}.lock"))
    try:
        write_atomic(path, edit(read_text(path) if path.exists() else "", str(path)).encode())
    finally:
        release_lock(lock)
