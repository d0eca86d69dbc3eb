"""ComponentStore: the component directory. Each id has `<id>.wasm`, its record `<id>.json`, and perhaps `<id>.policy.yaml` and the
signatures found beside it, `<id>.sigs`.

The directory is shared with people who edit policies, with other processes of this program, and with the Rust wassette, whose files are
shown and never touched. It holds no opinion on who may be trusted, and no engine: what a component offers is read from its record.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from wassette_py.errors import DigestMismatch, StoreError, UnknownComponent, command
from wassette_py.files import StrPath, private_folder, stamp_of, write_atomic
from wassette_py.locking import PATIENCE, release_lock, take_lock
from wassette_py.names import Digest, valid_id
from wassette_py.stamps import JOURNAL, folder_hash
from wassette_py.store.journal import commit, finish, has_left, pending, sweep
from wassette_py.store.looking import disk, found_in, recorded
from wassette_py.store.records import Entry, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeVar

    _Made = TypeVar("_Made")

LOCK = ".wassette.lock"
_GLANCES = 10


def _untold(_: str) -> None:
    """Nobody counts the steps."""


def policy_name(component_id: str) -> str:
    """What the policy of that component is called. Raises UnknownComponent for what can be no id."""
    if not valid_id(component_id):
        raise UnknownComponent(component_id)
    return f"{component_id}.policy.yaml"


class ComponentStore:
    """The components in `folder`, which is made when the first is added. Safe to use from many threads and processes."""

    def __init__(self, folder: StrPath, *, step: Callable[[str], None] = _untold, patience: float = PATIENCE) -> None:
        """`step` is told each thing that reached the disk: the seam at which tests kill."""
        self._step = step
        self._patience = patience
        self._holder: int | None = None
        self._root = os.fspath(folder)
        self._records: dict[str, tuple[object, Record]] = {}

    @cached_property
    def folder(self) -> Path:
        """The component directory."""
        from pathlib import Path

        return Path(self._root)

    # Reading: no lock, and never a mix of old and new.

    def entries(self) -> tuple[Entry, ...]:
        """Every component, by id; no wasm is read."""
        return self.each(lambda entry: entry)

    def entry(self, component_id: str) -> Entry | None:
        """The one of `entries` with that id; no other's record is read."""
        return next(iter(self.each(lambda entry: entry, only=component_id)), None)

    def each(self, make: Callable[[Entry], _Made], *, only: str | None = None) -> tuple[_Made, ...]:
        """What `make` makes of every component, by id, one after the other: all at once are much more than what is made of them.

        What was made while somebody wrote is thrown away, and made again.
        """
        for _ in range(_GLANCES):
            before = self.stamp()
            found = self._look(make, only)
            if self.stamp() == before:
                return found
        # Others never stop writing: wait for them once.
        with self.locked():
            return self._look(make, only)

    def _look(self, make: Callable[[Entry], _Made], only: str | None) -> tuple[_Made, ...]:
        with disk("read", self._root):
            return tuple([make(entry) for entry in found_in(self._root, only)])

    def record(self, component_id: str) -> Record:
        """The record of an installed component, read again only when its file changed. Raises UnknownComponent, StoreError."""
        known = self._records.get(component_id)
        if known is None and not valid_id(component_id):
            raise UnknownComponent(component_id)
        stamp = self.component_stamp(component_id)
        if known is None or known[0] != stamp:
            with disk("read", self._root):
                known = self._records[component_id] = (stamp, recorded(self._root, component_id, pending(self._root)))
        return known[1]

    def wasm(self, record: Record, *, known: bytes | None = None) -> bytes:
        """The bytes the record is about, hashed again, or the same as `known`, which have its digest. Raises DigestMismatch when they are
        not what was verified, StoreError."""
        data = self._read(f"{record.id}.wasm")
        if data is not None and (data == known or Digest.of(data) == record.digest):
            return data
        # Perhaps it is just being replaced: behind the lock nobody is writing.
        with self.locked():
            if self.record(record.id).digest != record.digest:
                raise StoreError(f"{record.id!r} was replaced meanwhile", "try again")
            data = self._read(f"{record.id}.wasm")
        if data is None:
            raise StoreError(f"the file of {record.id!r} is missing", f"wassette component load {record.reference}")
        digest = Digest.of(data)
        if digest != record.digest:
            raise DigestMismatch(str(digest), str(record.digest), what=f"{record.id}.wasm")
        return data

    def _read(self, name: str) -> bytes | None:
        with disk("read", self._root):
            return pending(self._root).read(self._root, name)

    def _is_there(self, name: str) -> bool:
        """Whether anything has that name, also what cannot be read."""
        with disk("read", self._root):
            changes = pending(self._root).changes
            return changes[name] is not None if name in changes else os.path.lexists(os.path.join(self._root, name))

    def signatures(self, component_id: str) -> bytes | None:
        """The signature objects kept when it was loaded, None when there are none; whether they are worth anything is not known here."""
        return self._read(f"{component_id}.sigs") if valid_id(component_id) else None

    def policy_path(self, component_id: str) -> Path:
        """Where the policy of that component stands, or would. Raises UnknownComponent for what can be no id."""
        return self.folder / policy_name(component_id)

    def read_policy(self, component_id: str) -> str | None:
        """The text of the component's policy, None when it has none. Raises StoreError when it cannot be read."""
        name = policy_name(component_id)
        path = os.path.join(self._root, name)
        try:
            data = self._read(name)
            if data is not None:
                return data.decode()
        except UnicodeDecodeError:
            raise StoreError(f"{path} is not UTF-8 text", f"wassette policy reset {component_id}") from None
        except StoreError as error:
            raise StoreError(str(error), f"wassette policy reset {component_id}") from error
        if os.path.islink(path):  # a policy that is missing, not one that was never made
            raise StoreError(f"{path}: the link leads nowhere", command("ls", "-l", path))
        return None

    def stamp(self) -> object:
        """A value that differs whenever a record or a policy has changed, whoever changed it; it costs a stat a file."""
        return folder_hash(self._root)

    def component_stamp(self, component_id: str) -> object:
        """`stamp` for the files of one component: what it costs does not grow with the number of components."""
        root = self._root
        base = f"{root}/{component_id}"
        return stamp_of(f"{base}.json", f"{base}.wasm", f"{base}.policy.yaml", f"{root}/{JOURNAL}")

    def policy_stamp(self, component_id: str) -> object:
        """`stamp` for the policy of one component."""
        return stamp_of(f"{self._root}/{policy_name(component_id)}", f"{self._root}/{JOURNAL}")

    def signatures_stamp(self, component_id: str) -> object:
        """`stamp` for the signatures of one component."""
        return stamp_of(f"{self._root}/{component_id}.sigs", f"{self._root}/{JOURNAL}")

    # Writing: under the lock, which each of these takes when its thread does not hold it.

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; what dead processes left is finished or removed first. Raises Locked after 10 s."""
        if self._holder == threading.get_ident():
            yield
            return
        with disk("lock", self._root):
            private_folder(self._root)
            lock = take_lock(os.path.join(self._root, LOCK), patience=self._patience)
        try:
            self._holder = threading.get_ident()
            with disk("write", self._root):
                finish(self._root, self._step)
                sweep(self._root)
            yield
        finally:
            self._holder = None
            release_lock(lock)

    def clean_up(self) -> None:
        """Finishes or removes what dead processes left, for a command that turns out to have nothing to write. Raises StoreError."""
        with disk("read", self._root):
            left = has_left(self._root)
        if left:
            with self.locked():
                pass

    def add(self, record: Record, wasm: bytes, *, policy: str | None = None, signatures: bytes | None = None) -> None:
        """Installs or replaces a component; without `policy` one that is there stays. Raises StoreError; then nothing has changed."""
        if not valid_id(record.id) or Digest.of(wasm) != record.digest or len(wasm) != record.size:
            raise StoreError(f"the record of {record.id!r} does not describe these bytes")
        changes: dict[str, bytes | None] = {f"{record.id}.wasm": wasm, f"{record.id}.json": record.to_bytes()}
        if policy is not None:
            # First the policy: between the renames an old component under a new policy is the safer of the two halves.
            changes = {f"{record.id}.policy.yaml": policy.encode(), **changes}
        with self.locked():
            if self._read(f"{record.id}.json") is None and self._read(f"{record.id}.wasm") not in (None, wasm):
                raise StoreError(f"{record.id}.wasm is there already and was not installed by this program", "load it with --name NAME")
            if signatures is not None or self._read(f"{record.id}.sigs") is not None:
                changes = {f"{record.id}.sigs": signatures, **changes}
            self._change(changes)

    def confirm(self, was: Record, record: Record) -> None:
        """Replaces the record `was`, of the same bytes; nothing happens when another has taken its place meanwhile. Raises StoreError."""
        with self.locked():
            if self.record(was.id) == was and (was.id, was.digest) == (record.id, record.digest):
                self._change({f"{was.id}.json": record.to_bytes()})

    def write_policy(self, component_id: str, text: str | None) -> None:
        """Replaces the component's policy, what it leads to where it is a link, or removes it (None). Raises StoreError."""
        name = policy_name(component_id)
        path = os.path.join(self._root, name)
        if text is None or not os.path.islink(path):
            self._change({name: None if text is None else text.encode()})
            return
        target = os.path.realpath(path)
        if not os.path.isfile(target):
            raise StoreError(f"{path}: the link leads to no file", command("ls", "-l", path))
        with self.locked(), disk("write", self._root):
            write_atomic(target, text.encode())

    def remove(self, component_id: str, *, keep_policy: bool = False) -> str | None:
        """Removes component, record and (unless it is kept) policy; returns the removed policy. Raises UnknownComponent."""
        with self.locked():
            if not valid_id(component_id) or not self._is_there(f"{component_id}.json"):
                raise UnknownComponent(component_id)
            changes: dict[str, bytes | None] = {f"{component_id}.json": None, f"{component_id}.wasm": None}
            policy = None
            if not keep_policy and self._is_there(f"{component_id}.policy.yaml"):
                changes[f"{component_id}.policy.yaml"] = None
                with contextlib.suppress(StoreError):  # one that cannot be read goes, too
                    policy = self._read(f"{component_id}.policy.yaml")
            if self._is_there(f"{component_id}.sigs"):
                changes[f"{component_id}.sigs"] = None
            self._change(changes)
            return None if policy is None else policy.decode(errors="replace")

    def _change(self, changes: Mapping[str, bytes | None]) -> None:
        with self.locked(), disk("write", self._root):
            commit(self._root, changes, self._step)
