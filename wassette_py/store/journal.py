"""Several files of one folder changed as one: a journal names the changes before the first is made.

Order: temporary files, written and synced; the journal, renamed into place (from here on the change has happened); the renames and
removals it names; its removal. A process killed before the journal leaves temporary files nobody reads; killed after it, the next
holder of the lock finishes the work, and readers look through `Pending` meanwhile. Whoever calls what writes holds the folder's lock.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import StoreError
from wassette_py.files import StrPath, read_regular, remove, replace_newer, sync_folder, write_synced
from wassette_py.stamps import JOURNAL, temporary_name
from wassette_py.wire import json_text, parse

MAX_FILE = 128 << 20
_TEMPORARY = r"\.wassette\.tmp\.[0-9a-f]{16}"
_TARGET = r"[a-z0-9][a-z0-9._-]{0,62}\.(?:wasm|json|policy\.yaml|sigs)"


@dataclass(frozen=True)
class Pending:
    """What a committed journal has yet to do: target name -> temporary file's name, None for a removal."""

    changes: Mapping[str, str | None] = field(default_factory=dict)

    def read(self, folder: StrPath, name: str) -> bytes | None:
        """The bytes `name` has, or will have once the journal is done; None when there are none."""
        if name in self.changes:
            temporary = self.changes[name]
            if temporary is None:
                return None
            with contextlib.suppress(FileNotFoundError):
                return read_regular(os.path.join(folder, temporary), limit=MAX_FILE)
        try:
            return read_regular(os.path.join(folder, name), limit=MAX_FILE)
        except FileNotFoundError:
            return None


def pending(folder: StrPath) -> Pending:
    """What the folder's journal has yet to do; nothing when there is none. Raises StoreError when it is not one of ours."""
    path = os.path.join(folder, JOURNAL)
    try:
        text = read_regular(path, limit=MAX_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return Pending()
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        changes = dict(parse(text.decode()).items())
        if all(_is(_TARGET, name) and (new is None or _is(_TEMPORARY, new)) for name, new in changes.items()):
            return Pending(changes)
    raise StoreError(f"{path} is not a journal of this program", f"remove {path}")


def commit(folder: StrPath, changes: Mapping[str, bytes | None], step: Callable[[str], None]) -> None:
    """Makes all changes (name -> new bytes, or None to remove it), or none; `step` is told of each that is done. Raises OSError."""
    for name in changes:
        # A folder is neither replaced nor removed by a rename: the journal would never be done.
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    try:
        plan = {name: None if data is None else _prepare(folder, data) for name, data in changes.items()}
        step("prepare")
        journal = _prepare(folder, json_text(plan).encode())
        step("write journal")
        os.replace(os.path.join(folder, journal), os.path.join(folder, JOURNAL))
    except BaseException:
        sweep(folder)
        raise
    sync_folder(folder)
    step("commit")
    finish(folder, step)


def _prepare(folder: StrPath, data: bytes) -> str:
    # A name of its own each time: a reader that still has an old journal in hand must not find newer bytes of another file there.
    name = temporary_name()
    write_synced(os.path.join(folder, name), data)
    return name


def finish(folder: StrPath, step: Callable[[str], None]) -> None:
    """Does what the journal has yet to do, if there is one, and removes it."""
    changes = pending(folder).changes
    for name, temporary in changes.items():
        if temporary is None:
            remove(os.path.join(folder, name))
        else:
            # Gone already: a process did this rename and was killed before it could say so.
            with contextlib.suppress(FileNotFoundError):
                replace_newer(os.path.join(folder, temporary), os.path.join(folder, name))
        step(f"change {name}")
    if changes:
        sync_folder(folder)
        remove(os.path.join(folder, JOURNAL))
        step("done")


def has_left(folder: StrPath) -> bool:
    """Whether there is anything that `finish` or `sweep` would do."""
    return any(name == JOURNAL or _is(_TEMPORARY, name) for name in os.listdir(folder))


def sweep(folder: StrPath) -> None:
    """Removes the temporary files of processes that are no more; whoever holds the lock knows that nobody else is writing."""
    for entry in os.scandir(folder):
        if _is(_TEMPORARY, entry.name):
            os.unlink(entry.path)


def _is(pattern: str, name: str) -> bool:
    import re  # where nothing is left to do, nothing is compared

    return re.fullmatch(pattern, name) is not None
