"""What changes when one component takes the place of another under the same id, and whether a person has to say yes to it.

A component that changes its tools' descriptions, what it asks for or who signed it after it was accepted is how a rug is pulled; a tag
that leads back to an older version is how a mended fault is brought back, however validly that one was signed. Pure: two records in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from wassette_py.dataclass import dataclass
from wassette_py.errors import Drift, StoreError
from wassette_py.store import Former

if TYPE_CHECKING:
    from wassette_py.reference import Digest, Reference
    from wassette_py.store import Record
    from wassette_py.wit.describe import ToolDefinition

REMEMBERED = 32
"""What an id keeps of what stood there before."""


@dataclass(frozen=True)
class ToolChange:
    """One tool that is new, gone or not what it was; `parts` says what of it changed."""

    name: str
    kind: Literal["added", "removed", "changed"]
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f" ({', '.join(self.parts)})" if self.parts else "")


@dataclass(frozen=True)
class Difference:
    """From the record `was` to the record `now`."""

    was: Record
    now: Record

    @property
    def signer_changed(self) -> bool:
        before, after = self.was.signer, self.now.signer
        return (before.kind, sorted(before.signers)) != (after.kind, sorted(after.signers))

    @property
    def imports_added(self) -> tuple[str, ...]:
        return tuple(name for name in self.now.imports if name not in self.was.imports)

    @property
    def imports_removed(self) -> tuple[str, ...]:
        return tuple(name for name in self.was.imports if name not in self.now.imports)

    @property
    def tools(self) -> tuple[ToolChange, ...]:
        before, after = _by_export(self.was), _by_export(self.now)
        return (
            *(ToolChange(tool.name, "added") for export, tool in after.items() if export not in before),
            *(ToolChange(tool.name, "removed") for export, tool in before.items() if export not in after),
            *(
                ToolChange(tool.name, "changed", parts)
                for export, tool in after.items()
                if export in before and (parts := _changed_parts(before[export], tool))
            ),
        )

    @property
    def is_older(self) -> bool:
        """Whether `now` stood here before `was`, or says that it is of a version before it, or was made before it."""
        from wassette_py.trust.versions import parse_version

        if any(former.digest == self.now.digest for former in self.was.replaced):
            return True
        if self.was.version and self.now.version and self.was.version != self.now.version:
            return parse_version(self.now.version) < parse_version(self.was.version)
        made, makes = self.was.created, self.now.created
        return made is not None and makes is not None and datetime.fromisoformat(makes) < datetime.fromisoformat(made)

    @property
    def needs_yes(self) -> bool:
        """Whether what a person agreed to is not what is there now. The same bytes are what they were; a local file is one's own."""
        if self.now.digest == self.was.digest or self.now.signer.kind == "local":
            return False
        return self.signer_changed or bool(self.imports_added or self.imports_removed or self.tools)

    @property
    def goes_back(self) -> bool:
        """Whether the same tag means something older now, which nobody asked for. Who names a digest asks for just that."""
        same = self.now.reference == self.was.reference.partition("@sha256:")[0]
        return same and self.is_older and self.now.signer.kind != "local"

    def check(self) -> None:
        """Raises Drift when a person has to see this first."""
        to = "" if self.now.reference == self.was.reference else f" --to {self.now.reference}"
        command = f"wassette component upgrade {self.was.id}{to}"
        if self.goes_back:
            raise Drift(f"{self.now.reference} is older now than what is installed as {self.was.id!r}", f"{command} --older")
        if self.needs_yes:
            raise Drift(f"{self.was.id!r} is not what it was when it was loaded: {'; '.join(self.reasons())}", command)

    def reasons(self) -> Iterator[str]:
        """What changed, each in a few words."""
        if self.signer_changed:
            yield f"signer: {self.was.signer.text} -> {self.now.signer.text}"
        if self.imports_added:
            yield f"it now asks for {', '.join(self.imports_added)}"
        if self.imports_removed:
            yield f"it no longer asks for {', '.join(self.imports_removed)}"
        yield from map(str, self.tools)


def replaced_by(installed: Record | None, digest: Digest) -> tuple[Former, ...]:
    """What the record that takes the place of `installed` remembers: what came after that to which somebody goes back is not older."""
    if installed is None:
        return ()
    history = (Former(installed.digest, installed.reference, installed.manifest), *installed.replaced)
    for place, former in enumerate(history):
        if former.digest == digest:
            return history[place + 1 :]
    return history[:REMEMBERED]


def former_reference(record: Record) -> Reference:
    """What stood in the place of `record` before it, by its digest. Raises StoreError where nothing did, or nobody can say where it is."""
    from wassette_py.host.project import pinned
    from wassette_py.reference import FileReference, parse_reference

    former = record.replaced[0] if record.replaced else None
    if former is None:
        raise StoreError(
            f"nothing stood there before what is installed as {record.id!r}", f"wassette component upgrade {record.id} --to TAG"
        )
    reference = None if former.reference is None else parse_reference(former.reference)
    if reference is None or isinstance(reference, FileReference):
        hint = f"wassette component load {former.reference or 'REF'}, when it is there again"
        raise StoreError(f"what stood there before {record.id!r} ({former.digest}) was not kept", hint)
    return pinned(reference, former)


def _by_export(record: Record) -> dict[tuple[str | None, str], ToolDefinition]:
    """Tools by what they call: a name depends on the prefix, and on the other tools."""
    return {(tool.interface, tool.function): tool for tool in record.tools}


def _changed_parts(before: ToolDefinition, after: ToolDefinition) -> tuple[str, ...]:
    compared = {
        "description": before.description == after.description,
        "arguments": before.input_schema == after.input_schema,
        "result": before.output_schema == after.output_schema,
    }
    return tuple(name for name, same in compared.items() if not same)
