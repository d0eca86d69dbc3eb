"""`wassette permission`: Wassette 0.8's spelling of `policy grant|revoke|reset` (KIND before ID), for those who have it in scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from wassette_py.cli import policy
from wassette_py.cli.arguments import ComponentId
from wassette_py.cli.options import Command, noun, session_of
from wassette_py.cli.permissions import Access, read_permission, read_revocation, show_policy

app = noun("Wassette 0.8's spelling of `wassette policy grant|revoke|reset`.")

OldKind = Annotated[str, typer.Argument(metavar="KIND", help="storage, network, environment-variable, memory.")]
OldValue = Annotated[str, typer.Argument(metavar="VALUE", help="A fs:// URI, a host, a variable's name, a size.")]


@app.command("grant", cls=Command)
def grant(context: typer.Context, kind: OldKind, component: ComponentId, value: OldValue, access: Access = None) -> None:
    """`wassette policy grant ID KIND VALUE`."""
    from wassette_py.policy.words import Words

    session = session_of(context)
    permission = read_permission(context, kind, value, Words(access))
    session.host.policies.grant(component, permission)
    show_policy(session, component)


@app.command("revoke", cls=Command)
def revoke(context: typer.Context, kind: OldKind, component: ComponentId, value: OldValue) -> None:
    """`wassette policy revoke ID KIND VALUE`."""
    from wassette_py.policy.words import NO_WORDS

    session = session_of(context)
    permission = read_revocation(context, kind, value, NO_WORDS)
    session.host.policies.revoke(component, permission)
    show_policy(session, component)


app.command("reset", cls=Command)(policy.reset)
