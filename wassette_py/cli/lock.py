"""`wassette lock` and `wassette sync`: a project's components, written down exactly and installed exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.columns import table
from wassette_py.cli.options import session_of
from wassette_py.cli.render import screen, show, talk
from wassette_py.cli.text import plural
from wassette_py.errors import Drift

Manifest = Annotated[Path, typer.Option("--manifest", metavar="FILE", help="The project file.")]
PROJECT = Path("wassette.yaml")


def lock(
    context: typer.Context,
    manifest: Manifest = PROJECT,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 3 when the lock does not fit any more.")] = False,
) -> None:
    """Write down exactly what the components of wassette.yaml are, in wassette.lock."""
    from wassette_py.host.project import lock_path
    from wassette_py.host.sync import drift
    from wassette_py.host.sync import lock as write_lock

    session, path = session_of(context), lock_path(manifest)
    if check:
        lines = session.wait_for(lambda control: drift(session.host, manifest, control), label="comparing")
        show(session, {"lock": str(path), "drift": list(lines)}, lines or [f"{path} fits"])
        if lines:
            raise Drift(f"{path} does not fit any more", "look at what changed, then: wassette lock")
        return
    found = session.wait_for(lambda control: write_lock(session.host, manifest, control), label="locking")
    talk(f"wrote {path}: {plural(len(found), 'component')}")
    rows = [("ID", "DIGEST", "SIGNED"), *((name, str(entry.digest), entry.signer) for name, entry in found.items())]
    show(session, {"lock": str(path), "components": {name: entry.to_json() for name, entry in found.items()}}, table(rows, screen()))


def sync(
    context: typer.Context,
    manifest: Manifest = PROJECT,
    locked: Annotated[
        bool, typer.Option("--locked", help="Install nothing but what wassette.lock says; exit 3 if it does not fit.")
    ] = False,
) -> None:
    """Install the components of wassette.yaml, with their policies, as wassette.lock says."""
    from wassette_py.host.sync import sync as install

    session = session_of(context)
    done = session.wait_for(lambda control: install(session.host, manifest, control, only_locked=locked), label="installing")
    if done.lock_written:
        talk("wassette.lock was written anew")
    document = {"changed": list(done.changed), "unchanged": list(done.unchanged), "lock_written": done.lock_written}
    lines = [*(f"installed: {name}" for name in done.changed), *(f"unchanged: {name}" for name in done.unchanged)]
    show(session, document, lines or ["the project has no components"])
