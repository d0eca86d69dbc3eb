"""`wassette run`: one component, one call, nothing installed. Flags grant for this call alone, beside what a policy grants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wassette_py.cli.arguments import JsonArguments, is_installed, read_text
from wassette_py.cli.calls import finish, make_call
from wassette_py.cli.options import Session, session_of
from wassette_py.cli.permissions import read_permission
from wassette_py.dataclass import replace

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host import CallResult
    from wassette_py.host.caller import Call
    from wassette_py.host.outcome import DeniedLine
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission
    from wassette_py.policy.words import Words

CallWords = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TOOL] [NAME=VALUE]...", help="The tool (may be left out when there is one), then its arguments."),
]


def run(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="REF|ID", help="A reference, or an installed component.")],
    words: CallWords = None,
    *,
    json_arguments: JsonArguments = None,
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="What a reference may do; never taken by itself.")] = None,
    allow_read: Annotated[list[str] | None, typer.Option("--allow-read", metavar="DIR", help="Let it read a directory.")] = None,
    allow_write: Annotated[list[str] | None, typer.Option("--allow-write", metavar="DIR", help="Let it read and write one.")] = None,
    allow_net: Annotated[
        list[str] | None, typer.Option("--allow-net", metavar="HOST", help="Let it reach a host, or a range of addresses.")
    ] = None,
    allow_env: Annotated[list[str] | None, typer.Option("--allow-env", metavar="NAME", help="Let it see a variable of yours.")] = None,
    env: Annotated[list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="Give it a variable.")] = None,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="30s", help="Wall time of the call.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", metavar="512Mi", help="Size of a linear memory.")] = None,
) -> None:
    """Call one tool of a component without installing it."""
    from wassette_py.policy.words import NO_WORDS, Words

    tool, assignments = split_words(words or ())
    if assignments and json_arguments is not None:
        context.fail("give NAME=VALUE arguments or --json, not both")
    environment = dict(_variable(context, text) for text in env or ())
    flags = [
        *(("storage", path, Words("read")) for path in allow_read or ()),
        *(("storage", path, Words("read,write")) for path in allow_write or ()),
        *(("network", *_network(host)) for host in allow_net or ()),
        *(("env", name, NO_WORDS) for name in (*(allow_env or ()), *environment)),
        *((name, value, NO_WORDS) for name, value in (("timeout", timeout), ("memory", memory)) if value),
    ]
    permissions = [read_permission(context, *flag) for flag in flags]
    session = session_of(context)
    installed = is_installed(session, target)
    if installed and policy:
        context.fail(f"{target} is installed and has a policy of its own; --policy is for a reference")
    base = read_policy(session, policy)
    _check_limits(session, permissions)

    def prepared(control: Control) -> Call:
        from wassette_py.host.opening import opened, opened_installed
        from wassette_py.reference import parse_reference

        host = session.host
        call = opened_installed(host, target, tool) if installed else opened(host, parse_reference(target), tool, control, base)
        return replace(call, policy=widened(call.policy, permissions), environment=environment)

    result = make_call(session, prepared, assignments, json_arguments)
    finish(session, result if installed else with_flags(result))


def split_words(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The tool's name, if the first word is one, and the NAME=VALUE words after it."""
    return (words[0], words[1:]) if words and "=" not in words[0] else (None, words)


def read_policy(session: Session, path: Path | None) -> PolicyDocument | None:
    """The policy in a file, under the operator's ceilings. Raises InvalidPolicy."""
    return None if path is None else session.host.policies.parse(read_text(path), str(path))


def _check_limits(session: Session, permissions: Sequence[Permission]) -> None:
    """Raises InvalidPolicy for a flag above the operator's ceiling."""
    from wassette_py.host.policies import check_ceiling
    from wassette_py.policy.grants import LimitValue

    for permission in permissions:
        if isinstance(permission, LimitValue):
            check_ceiling(session.settings, permission.name, permission.value, where="--", hint="--{} {}")


def widened(policy: PolicyDocument, permissions: Sequence[Permission]) -> PolicyDocument:
    """`policy` and `permissions`. Raises InvalidPolicy for a directory that is not there."""
    from wassette_py.host.reach import check_grantable
    from wassette_py.policy.grants import grant

    for permission in permissions:
        check_grantable(permission)
        policy = grant(policy, permission)
    return policy


def with_flags(result: CallResult) -> CallResult:
    """`result` of a component that is not installed: what would allow a denied request is then a flag of `run`, not a grant."""
    denied = tuple(replace(line, grant=_flag(line)) for line in result.denied)
    storage = result.hint is not None and result.hint.startswith("wassette policy grant ")
    return replace(result, denied=denied, hint="--allow-read DIR" if storage else result.hint)


def _flag(line: DeniedLine) -> str | None:
    from wassette_py.policy.targets import parse_target, permission_for
    from wassette_py.policy.words import permission_words

    if line.grant is None or line.cidr is not None:
        return line.grant and f"--allow-net {line.cidr}"
    permission = permission_for(parse_target(line.target))
    assert permission is not None  # `line.grant` was made from it
    kind, value, *_ = permission_words(permission)
    return f"--allow-{'net' if kind == 'network' else kind} {value}"


def _network(text: str) -> tuple[str | None, Words]:
    """A host, or a range such as 10.1.0.0/16: digits and a slash make no host."""
    from wassette_py.policy.words import NO_WORDS, Words

    return (None, Words(cidr=text)) if re.fullmatch(r"[0-9a-fA-F.:]+/[0-9]+", text) else (text, NO_WORDS)


def _variable(context: typer.Context, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        context.fail(f"--env {text}: expected NAME=VALUE; --allow-env {text} passes on your own")
    return name, value
