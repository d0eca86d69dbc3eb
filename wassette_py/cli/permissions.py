"""One permission as people type it, and a policy as people read it; shared by `policy` and the 0.8 spelling `permission`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.columns import facts
from wassette_py.cli.options import Session
from wassette_py.cli.render import screen, show

if TYPE_CHECKING:
    from wassette_py.limits import Limits
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission, Revocation
    from wassette_py.policy.words import Words

KINDS = ("storage", "network", "env", "secret", "memory", "cpu", "timeout", "output")

Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.", autocompletion=lambda: list(KINDS))]
Value = Annotated[
    str | None,
    typer.Argument(metavar="VALUE", help="A directory, a host, a variable's or a secret's name, or a limit such as 512Mi or 30s."),
]
Access = Annotated[str | None, typer.Option("--access", metavar="read[,write]", help="storage: how.")]
Guest = Annotated[
    str | None, typer.Option("--guest", metavar="PATH", help="storage: where the component sees it (default: the same path).")
]
Methods = Annotated[list[str] | None, typer.Option("--method", metavar="GET", help="network: this method only (repeatable).")]
Paths = Annotated[list[str] | None, typer.Option("--path", metavar="GLOB", help="network: below this path only (repeatable).")]
Env = Annotated[str | None, typer.Option("--env", metavar="NAME", help="secret: the variable the component sees it as.")]
Inject = Annotated[
    str | None, typer.Option("--inject", metavar="HOST", help="secret: put it into requests to this host; the component never sees it.")
]
Header = Annotated[str | None, typer.Option("--header", metavar="NAME", help="secret: into this header (default: Authorization).")]
Format = Annotated[str | None, typer.Option("--format", metavar="'Bearer {}'", help="secret: what stands in it, {} being the value.")]
Cidr = Annotated[str | None, typer.Option("--cidr", metavar="10.1.0.0/16", help="network: a range of addresses instead of a host.")]

_ASKED = (
    ("wasi:filesystem/", "storage"),
    ("wasi:http/outgoing-handler", "network"),
    ("wasi:http/client", "network"),
    ("wasi:sockets/", "network"),
    ("wasi:cli/environment", "env"),
    ("wasi:config/", "env"),
)


def read_permission(context: typer.Context, kind: str, value: str | None, words: Words) -> Permission:
    """What KIND VALUE grants; wrong words end as a usage error. Raises InvalidPolicy."""
    from wassette_py.policy.words import parse_permission
    from wassette_py.settings.places import home

    try:
        return parse_permission(kind, value, words, home=home(), base=Path.cwd())
    except ValueError as error:
        context.fail(str(error))


def read_revocation(context: typer.Context, kind: str, value: str | None, words: Words) -> Revocation:
    """What KIND VALUE takes back; wrong words end as a usage error. Raises InvalidPolicy."""
    from wassette_py.policy.words import parse_revocation
    from wassette_py.settings.places import home

    try:
        return parse_revocation(kind, value, words, home=home(), base=Path.cwd())
    except ValueError as error:
        context.fail(str(error))


def show_policy(session: Session, component: str) -> None:
    """The policy of an installed component as it is now, on stdout. Raises UnknownComponent, InvalidPolicy."""
    record, policies = session.host.store.record(component), session.host.policies
    policy = policies.of(component)
    limits, missing = policies.limits(policy), without_grant(record.imports, policy)
    document = {"id": component, **policy_document(policy, limits), "imports_without_grant": missing}
    show(session, document, [component, *policy_lines(policy, limits), *_missing_lines(missing)])


def policy_document(policy: PolicyDocument, limits: Limits) -> dict[str, Any]:
    """The permissions as in the file, and the limits in force."""
    from wassette_py.policy.document import document_json

    return {"permissions": document_json(policy), "limits": limits.texts()}


def policy_lines(policy: PolicyDocument, limits: Limits | None = None) -> list[str]:
    """A policy in words, one line a fact; with the limits in force when they are given."""
    from wassette_py.policy.grants import describe
    from wassette_py.policy.matching import entry_text

    told = [("may", describe(permission)) for permission in (*policy.storage, *policy.allow, *policy.variables, *policy.secrets)] or [
        ("may", "nothing")
    ]
    told += [("never", f"network {entry_text(entry)}") for entry in policy.deny]
    told += [] if policy.tools is None else [("tools", ", ".join(policy.tools) or "none")]
    told += [] if limits is None else [("limits", ", ".join(f"{name} {text}" for name, text in limits.texts().items()))]
    return facts(told, screen(), indent="  ")


def without_grant(imports: Sequence[str], policy: PolicyDocument) -> list[str]:
    """The imports that reach out of the sandbox and for which `policy` grants nothing."""
    granted = {"storage": policy.storage, "network": policy.allow, "env": policy.keys}
    return [name for name in imports if any(name.startswith(prefix) and not granted[kind] for prefix, kind in _ASKED)]


def _missing_lines(missing: Sequence[str]) -> Iterator[str]:
    from wassette_py.wit.describe import means

    for words in dict.fromkeys(words for _, words in means(missing)):
        yield f"  asks for, without a grant: {words}"
