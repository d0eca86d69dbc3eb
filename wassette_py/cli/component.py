"""`wassette component`: what is installed, and what a reference holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wassette_py.cli import describing, verifying
from wassette_py.cli.arguments import ComponentId, ReferenceText, installed_ids, is_installed, read_text
from wassette_py.cli.columns import table
from wassette_py.cli.options import Command, FetchCommand, Session, noun, session_of
from wassette_py.cli.render import complain, screen, show, talk
from wassette_py.cli.signing import PasswordFile, read_key
from wassette_py.cli.text import one_line
from wassette_py.errors import InvalidPolicy

if TYPE_CHECKING:
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.store import Entry

app = noun("Load, unload, list, inspect, verify and sign components.")


@app.command("load", cls=FetchCommand)
def load(
    context: typer.Context,
    reference: ReferenceText,
    name: Annotated[str | None, typer.Option("--name", metavar="ID", help="The component's id (default: from the reference).")] = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="P", help="Name its tools P_<name>.")] = "",
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="Install this capability policy with it.")] = None,
) -> None:
    """Fetch, verify and compile a component, and install it."""
    from wassette_py.reference import parse_reference

    session = session_of(context)
    target, text = parse_reference(reference), None if policy is None else read_text(policy)
    host = session.host
    loaded = session.wait_for(
        lambda control: host.load(target, component_id=name, prefix=prefix, policy=text, control=control), label=f"loading {target}"
    )
    if loaded.record.signer.kind == "warned":
        talk(f"warning: {target}: {loaded.record.signer.text}")
    if loaded.difference is not None:
        talk(*(f"{loaded.record.id}: {one_line(reason)}" for reason in loaded.difference.reasons()))
    portrait = _installed(session, loaded.record.id)
    words = "loaded" if loaded.changed else "unchanged, nothing was compiled:"
    show(session, {**describing.document(portrait), "changed": loaded.changed}, [f"{words} {portrait.id}", *describing.lines(portrait)])
    if portrait.problem is not None:  # of a policy that was there before: it was loaded all the same
        complain(str(portrait.problem), [portrait.problem.hint], word="warning")


@app.command("unload", cls=Command)
def unload(
    context: typer.Context,
    component: ComponentId,
    keep_policy: Annotated[bool, typer.Option("--keep-policy", help="Leave its policy for the next load of that id.")] = False,
) -> None:
    """Remove a component and its policy; the policy is printed, so that it can be kept."""
    session = session_of(context)
    policy = session.host.unload(component, keep_policy=keep_policy)
    talk(f"unloaded {component}" + (", its policy was:" if policy else ""))
    if policy or session.json:
        show(session, {"id": component, "policy": policy}, [(policy or "").rstrip("\n")])


@app.command("list", cls=Command)
def list_components(context: typer.Context) -> None:
    """List what is installed."""
    session = session_of(context)
    entries = session.host.listed()
    if not entries:
        talk(f"no component is installed in {session.settings.component_dir}")
    if entries or session.json:
        rows = [("ID", "STATUS", "TOOLS", "SOURCE"), *map(_row, entries)]
        show(session, {"components": [_entry(entry) for entry in entries], "total": len(entries)}, table(rows, screen()))


@app.command("inspect", cls=FetchCommand)
def inspect(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="ID|REF", help="An installed component, or a reference to look at before trusting it.")],
) -> None:
    """Show a component's tools, what it asks for, and who vouches for it."""
    session = session_of(context)
    portrait = _installed(session, target) if is_installed(session, target) else _looked_at(session, target)
    show(session, describing.document(portrait), describing.lines(portrait))
    if portrait.problem is not None:
        raise portrait.problem


@app.command("verify", cls=FetchCommand)
def verify(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="ID|REF", help="An installed component, from what is kept of it, or a reference.", autocompletion=installed_ids
        ),
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what was found, where, by whom, and which rule it met or failed.")
    ] = False,
) -> None:
    """Say whether a component is accepted, and by what; exit 3 when it is not."""
    from wassette_py.reference import parse_reference

    session = session_of(context)
    host = session.host
    if is_installed(session, target):
        judged = host.judge_installed(target)
    else:
        reference = parse_reference(target)
        judged = session.wait_for(lambda control: host.judge(reference, control), label=f"verifying {reference}")
    show(session, verifying.document(judged), verifying.lines(judged, explain=explain))
    if judged.judgement.error is not None:
        raise judged.judgement.error


@app.command("sign", cls=Command)
def sign(
    context: typer.Context,
    reference: ReferenceText,
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key, as cosign and trust generate-key write it.")],
    password_file: PasswordFile = None,
    form: Annotated[
        str, typer.Option("--format", metavar="bundle|cosign-legacy", help="The form of the signature; old cosign knows the second.")
    ] = "bundle",
) -> None:
    """Sign what a reference means now, and put the signature beside it."""
    from wassette_py.host.signing import sign as sign_it
    from wassette_py.reference import parse_reference
    from wassette_py.trust.evidence import FORMATS

    chosen = next((known for known in FORMATS if known == form), None)
    if chosen is None:
        context.fail(f"{form!r} is neither bundle nor cosign-legacy")
    session, target = session_of(context), parse_reference(reference)
    secret, host = read_key(key, password_file), session.host
    signed = session.wait_for(lambda control: sign_it(host, target, secret, form=chosen, control=control), label=f"signing {target}")
    document = {"reference": str(signed.reference), "signature": signed.where, "key": f"sha256:{secret.public.fingerprint}"}
    show(session, document, [f"signed {signed.reference}", f"signature: {signed.where}"])


def _installed(session: Session, component: str) -> describing.Portrait:
    host = session.host
    entry = host.entry(component)
    assert entry.record is not None
    policy, problem = _readable(lambda: host.policies.of(component))
    if problem is None and host.store.read_policy(component) is None:
        policy = None
    return describing.portrait_of(entry.record, policy, refused=entry.problem, problem=problem)


def _looked_at(session: Session, text: str) -> describing.Portrait:
    from wassette_py.reference import parse_reference

    reference, host = parse_reference(text), session.host
    seen = session.wait_for(lambda control: host.inspect(reference, control), label=f"inspecting {reference}")
    layer = seen.policy
    policy, problem = _readable(lambda: None if layer is None else host.policies.parse(layer, f"{reference} (policy layer)"))
    return describing.Portrait(
        reference.default_id,
        seen.source,
        str(seen.digest),
        seen.size,
        None,
        "not verified",
        seen.description.imports,
        seen.description.tools,
        seen.description.not_tools,
        policy,
        installed=False,
        problem=problem,
    )


def _readable(read: Callable[[], PolicyDocument | None]) -> tuple[PolicyDocument | None, InvalidPolicy | None]:
    """What `read` gives, or why that cannot be enforced: the component can be shown all the same."""
    try:
        return read(), None
    except InvalidPolicy as error:
        return None, error


def _entry(entry: Entry) -> dict[str, object]:
    record = entry.record
    return {
        "id": entry.id,
        "source": record.source if record else None,
        "digest": str(record.digest) if record else None,
        "tools": [tool.name for tool in record.tools] if record else [],
        "status": entry.status,
        "problem": entry.problem,
    }


def _row(entry: Entry) -> tuple[str, str, str, str]:
    record = entry.record
    tools = str(len(record.tools)) if record else "-"
    return entry.id, entry.status, tools, entry.problem or (record.source if record else "-")
