"""`wassette policy`: what each component may do. Grants are made here, by people; a running server sees them at its next call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from wassette_py.cli.arguments import ComponentId, read_text
from wassette_py.cli.options import Command, Session, noun, session_of
from wassette_py.cli.permissions import (
    Access,
    Cidr,
    Env,
    Format,
    Guest,
    Header,
    Inject,
    Kind,
    Methods,
    Paths,
    Value,
    policy_document,
    policy_lines,
    read_permission,
    read_revocation,
    show_policy,
)
from wassette_py.cli.render import show, talk

app = noun("Show, edit, check and test what components may do.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy file (-: stdin).")]


@app.command("show", cls=Command)
def show_(context: typer.Context, component: ComponentId) -> None:
    """Show what a component may do, its limits, and what it asks for without a grant."""
    show_policy(session_of(context), component)


@app.command("set", cls=Command)
def set_(context: typer.Context, component: ComponentId, file: PolicyFile) -> None:
    """Replace a component's policy by a checked file."""
    session = session_of(context)
    session.host.policies.replace(component, read_text(file), str(file))
    show_policy(session, component)


def _changing(read: Callable[..., Any], change: Callable[[Session, str, Any], object]) -> Callable[..., None]:
    """The command that reads one permission and then makes `change`: to grant and to revoke one takes the same words."""

    def command(
        context: typer.Context,
        component: ComponentId,
        kind: Kind,
        value: Value = None,
        *,
        access: Access = None,
        guest: Guest = None,
        methods: Methods = None,
        paths: Paths = None,
        cidr: Cidr = None,
        env: Env = None,
        inject: Inject = None,
        header: Header = None,
        form: Format = None,
    ) -> None:
        from wassette_py.policy.words import Words

        permission = read(context, kind, value, Words(access, guest, methods or (), paths or (), cidr, env, inject, header, form))
        session = session_of(context)
        change(session, component, permission)
        show_policy(session, component)

    return command


REVOKE = "Take one permission back, named by the same words; `storage PATH` alone takes back all of that path."
app.command("grant", cls=Command, help="Let a component do one thing more.")(
    _changing(read_permission, lambda session, component, permission: session.host.policies.grant(component, permission))
)
app.command("revoke", cls=Command, help=REVOKE)(
    _changing(read_revocation, lambda session, component, permission: session.host.policies.revoke(component, permission))
)


@app.command("reset", cls=Command)
def reset(context: typer.Context, component: ComponentId) -> None:
    """Remove a component's policy: it may do nothing any more."""
    session = session_of(context)
    session.host.policies.replace(component, None, "")
    show_policy(session, component)


@app.command("check", cls=Command)
def check(context: typer.Context, file: PolicyFile) -> None:
    """Parse a policy file and explain it."""
    session = session_of(context)
    policy = session.host.policies.parse(read_text(file), str(file))
    talk(f"{file}: can be enforced as it stands")
    limits = session.host.policies.limits(policy)
    show(session, policy_document(policy, limits), policy_lines(policy, limits))


@app.command("test", cls=Command)
def test(
    context: typer.Context,
    component: ComponentId,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="'GET https://x/y', 'read /p', 'write /p' or 'env K'.")],
) -> None:
    """Say whether a component may do something, and by which line: exit 0 allowed, 3 denied."""
    from wassette_py.policy.targets import parse_target
    from wassette_py.policy.targets import test as decide
    from wassette_py.settings.places import home

    try:
        wanted = parse_target(target, home=home())
    except ValueError as error:
        context.fail(str(error))
    session = session_of(context)
    session.host.store.record(component)
    decision = decide(session.host.policies.of(component), wanted)
    document = {"target": target, "allowed": decision.allowed, "by": decision.by, "reason": decision.reason}
    word = "allowed" if decision.allowed else "denied"
    show(session, document, [f"{word}: {target} ({decision.reason})" + (f" by {decision.by}" if decision.by else "")])
    if not decision.allowed:
        raise typer.Exit(3)
