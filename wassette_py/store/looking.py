"""What is in a component directory at one moment, a committed journal's changes included, and what that makes of each component."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from wassette_py.errors import StoreError, UnknownComponent
from wassette_py.names import valid_id
from wassette_py.store.journal import Pending, pending
from wassette_py.store.records import Entry, Record, read_record

_OURS = (".json", ".wasm")


def found_in(root: str, only: str | None) -> Iterator[Entry]:
    """Every component in the directory `root` by id, or the one that is called `only`; no wasm is read. Raises OSError, StoreError."""
    todo = pending(root)
    sizes = _sizes(root, todo)
    ids = {name[:-5] for name in sizes if name.endswith(_OURS)}
    for component_id in sorted(ids if only is None else ids & {only}):
        entry = _entry(root, component_id, sizes, todo)
        if entry is not None:
            yield entry


def recorded(root: str, component_id: str, todo: Pending) -> Record:
    """The record of a component in `root`. Raises UnknownComponent, StoreError, OSError."""
    data = todo.read(root, f"{component_id}.json") if valid_id(component_id) else None
    if data is None:
        raise UnknownComponent(component_id)
    return read_record(component_id, data)


@contextlib.contextmanager
def disk(verb: str, root: str) -> Iterator[None]:
    """Raises StoreError for an OSError: what could not be done, to which file."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot {verb} {error.filename or root}: {error.strerror or error}", "wassette config show") from error


def _sizes(root: str, todo: Pending) -> Mapping[str, int]:
    """Name -> size of the components and records in the folder, the journal's changes included (a new file's size is that of its
    temporary file)."""
    found: dict[str, int] = {}
    temporaries = set(todo.changes.values())
    with contextlib.suppress(FileNotFoundError), os.scandir(root) as listing:
        for file in listing:
            if (file.name.endswith(_OURS) and not file.name.startswith(".")) or file.name in temporaries:
                with contextlib.suppress(FileNotFoundError):
                    found[file.name] = _size(file)
    for name, temporary in todo.changes.items():
        if temporary is None:
            found.pop(name, None)
        elif temporary in found:
            found[name] = found[temporary]
    return found


def _size(file: os.DirEntry[str]) -> int:
    """Its size; -1 of what is there and cannot be looked at, such as a link to itself. Raises FileNotFoundError."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        raise
    except OSError:
        return -1


def _entry(root: str, component_id: str, sizes: Mapping[str, int], todo: Pending) -> Entry | None:
    wasm = sizes.get(f"{component_id}.wasm")
    if f"{component_id}.json" not in sizes or not valid_id(component_id):
        # Others keep .json files here too (the Rust wassette: <id>.metadata.json); beside no wasm of that name they are none of ours.
        problem = f"not installed by this program: wassette component load {os.path.join(root, component_id)}.wasm"
        return None if wasm is None else Entry(component_id, "foreign", None, problem)
    try:
        with disk("read", root):  # for this component alone: one record that cannot be read hides no other
            record = recorded(root, component_id, todo)
    except (StoreError, UnknownComponent) as error:
        return None if wasm is None else Entry(component_id, "broken", None, str(error))
    if wasm is None:
        return Entry(component_id, "broken", record, f"{component_id}.wasm is missing")
    if wasm < 0:
        return Entry(component_id, "broken", record, f"{component_id}.wasm cannot be read")
    if wasm != record.size:
        return Entry(component_id, "broken", record, f"{component_id}.wasm has {wasm} bytes, not {record.size} as recorded")
    return Entry(component_id, "ready", record, None)
