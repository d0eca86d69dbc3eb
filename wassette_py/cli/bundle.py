"""`wassette bundle`: a project in one file, for machines without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.lock import PROJECT, Manifest
from wassette_py.cli.options import Command, FetchCommand, noun, session_of
from wassette_py.cli.render import show, talk
from wassette_py.cli.text import plural, size_text

app = noun("Carry a locked project to a machine without a network.")
File = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")]


@app.command("save", cls=FetchCommand)
def save(context: typer.Context, file: File, manifest: Manifest = PROJECT) -> None:
    """Write the components, signatures and policies of wassette.yaml, as wassette.lock says, into one file."""
    from wassette_py.host import bundle

    session = session_of(context)
    saved = session.wait_for(lambda control: bundle.save(session.host, manifest, file, control), label=f"writing {file}")
    size = file.stat().st_size
    show(
        session,
        {"file": str(file), "size": size, "components": list(saved)},
        [f"{file}: {plural(len(saved), 'component')}, {size_text(size)}"],
    )


@app.command("load", cls=Command)
def load(
    context: typer.Context,
    file: File,
    *,
    accept_policies: Annotated[bool, typer.Option("--accept-policies", help="Let the policies in it hold here.")] = False,
    accept_roots: Annotated[bool, typer.Option("--accept-roots", help="Pin the trust roots in it that are newer than those here.")] = False,
) -> None:
    """Install what a bundle holds, asking no registry; this machine's trust policy decides."""
    from wassette_py.host import bundle

    session = session_of(context)
    loaded = session.wait_for(
        lambda control: bundle.load(session.host, file, control, accept_policies=accept_policies, accept_roots=accept_roots),
        label=f"loading {file}",
    )
    done = loaded.synced
    for root in loaded.roots:
        talk(f"{root.after}: sha256:{root.after.fingerprint}, was sha256:{root.before.fingerprint}; updated {root.after.updated}")
    lines = [*(f"installed: {name}" for name in done.changed), *(f"unchanged: {name}" for name in done.unchanged)]
    roots = [{"name": one.after.name, "sha256": one.after.fingerprint, "was": one.before.fingerprint} for one in loaded.roots]
    document = {"changed": list(done.changed), "unchanged": list(done.unchanged), "roots": roots}
    show(session, document, lines or ["the bundle has no components"])
