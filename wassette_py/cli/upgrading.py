"""`wassette component upgrade` and `rollback`: what would change, a yes where it matters, and then the change."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.arguments import ComponentId
from wassette_py.cli.columns import folded
from wassette_py.cli.options import Session, session_of
from wassette_py.cli.permissions import without_grant
from wassette_py.cli.render import screen, show, talk
from wassette_py.cli.text import one_line
from wassette_py.dataclass import replace
from wassette_py.errors import Drift, InvalidReference

if TYPE_CHECKING:
    from wassette_py.host.difference import Difference
    from wassette_py.reference import Reference
    from wassette_py.store import Record


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to another signer, other imports or other tools without being asked.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")]


def upgrade(
    context: typer.Context,
    component: ComponentId,
    to: Annotated[str | None, typer.Option("--to", metavar="TAG|REF", help="Another tag or reference of the same source.")] = None,
    *,
    yes: Yes = False,
    older: Annotated[bool, typer.Option("--older", help="Agree to an older version under the same tag.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Fetch a component anew, show what changed, and replace it."""
    session = session_of(context)
    was = session.host.store.record(component)
    _replace(session, was, _reference(was, to), words=("would be upgraded", "upgraded"), yes=yes, older=older, dry_run=dry_run)


def rollback(context: typer.Context, component: ComponentId, *, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Go back to what stood there before, verified as today's trust policy asks; it stays until the next upgrade --to."""
    from wassette_py.host.difference import former_reference

    session = session_of(context)
    was = session.host.store.record(component)
    _replace(session, was, former_reference(was), words=("would be rolled back", "rolled back"), yes=yes, older=True, dry_run=dry_run)


def _replace(session: Session, was: Record, reference: Reference, *, words: tuple[str, str], yes: bool, older: bool, dry_run: bool) -> None:
    from wassette_py.policy.document import EMPTY

    host = session.host
    prepared = session.wait_for(
        lambda control: host.prepare(reference, component_id=was.id, prefix=was.prefix, control=control),
        label=f"looking at {reference}",
    )
    difference = prepared.difference
    if difference is None:
        session.wait_for(lambda control: host.install(prepared, control), label="installing")
        show(session, {"id": was.id, "changed": False, "installed": True}, [f"unchanged: {was.id} ({was.digest})"])
        return
    missing = without_grant(difference.now.imports, host.readable_policy(was.id) or EMPTY)
    talk(*folded(_lines(difference, missing), screen()))
    if not dry_run:
        _agree(difference, yes=yes, older=older)
        session.wait_for(lambda control: host.install(prepared, control), label="installing")
    document = {**_document(difference), "imports_without_grant": missing, "installed": not dry_run}
    show(session, document, [f"{words[0] if dry_run else words[1]}: {was.id}"])


def _reference(was: Record, to: str | None) -> Reference:
    from wassette_py.names import TAG
    from wassette_py.reference import LayoutReference, OciReference, parse_reference

    reference = parse_reference(was.reference)
    if to is not None and re.fullmatch(TAG, to) and isinstance(reference, OciReference | LayoutReference):
        return replace(reference, tag=to, digest=None)
    if to is not None:
        return parse_reference(to)
    if getattr(reference, "digest", None) is not None:
        hint = f"wassette component upgrade {was.id} --to {getattr(reference, 'tag', None) or 'TAG'}"
        raise InvalidReference(f"{reference} is pinned by its digest and cannot change", hint)
    return reference


def _agree(difference: Difference, *, yes: bool, older: bool) -> None:
    if difference.goes_back and not older:
        difference.check()
    if not difference.needs_yes or yes:
        return
    if not sys.stdin.isatty():
        raise Drift(f"{difference.was.id!r} is not what it was: {'; '.join(difference.reasons())}", "look at it, then add --yes")
    if not typer.confirm("Replace it?", err=True):
        raise Drift("nothing was changed")


def _lines(difference: Difference, missing: Sequence[str]) -> Iterator[str]:
    was, now = difference.was, difference.now
    yield f"{was.id}: {was.reference}" + (f" -> {now.reference}" if now.reference != was.reference else "")
    if was.version != now.version:
        yield f"  version: {was.version or 'not said'} -> {now.version or 'not said'}"
    yield f"  digest: {was.digest} -> {now.digest}"
    if difference.is_older:
        yield "  this is older than what is installed"
    yield from (f"  {one_line(reason)}" for reason in difference.reasons())
    for name in [change.name for change in difference.tools if change.kind != "removed"]:
        yield f"  {name} says now: {one_line(next(tool.description for tool in now.tools if tool.name == name))}"
    if missing:
        yield f"  its policy grants nothing of: {', '.join(missing)}"
    if not difference.needs_yes:
        yield "  signer, imports and tools are as they were"


def _document(difference: Difference) -> dict[str, Any]:
    was, now = difference.was, difference.now
    return {
        "id": was.id,
        "changed": True,
        "reference": {"was": was.reference, "now": now.reference},
        "version": {"was": was.version, "now": now.version},
        "digest": {"was": str(was.digest), "now": str(now.digest)},
        "signer": {"was": was.signer.to_json(), "now": now.signer.to_json(), "changed": difference.signer_changed},
        "imports": {"added": list(difference.imports_added), "removed": list(difference.imports_removed)},
        "tools": [{"name": change.name, "change": change.kind, "parts": list(change.parts)} for change in difference.tools],
        "older": difference.is_older,
        "needs_yes": difference.needs_yes,
    }
