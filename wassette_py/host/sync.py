"""A project on this machine: locked, compared with its lock, installed exactly as locked.

`lock` asks every reference what it means today and writes that down; `drift` asks and compares; `sync` installs what the lock says, and
what it does not know yet as it is found. A lock is reviewed with the project it belongs to, so what it names needs no further yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import Drift, NameTaken, UnknownComponent
from wassette_py.files import write_atomic
from wassette_py.host.project import Locked, Wanted, lock_bytes, lock_path, locked, pinned, policy_digest, read_lock, read_project

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host.component_host import ComponentHost
    from wassette_py.host.loader import Prepared


@dataclass(frozen=True)
class Synced:
    """What was done: ids that were installed or replaced, those that were as they should be, and whether the lock was written anew."""

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    lock_written: bool


def lock(host: ComponentHost, project: Path, control: Control) -> Mapping[str, Locked]:
    """Resolves, fetches, verifies and describes every component, installs none, and writes the lock. Raises WassetteError."""
    found = {wanted.id: _resolved(host, wanted, control) for wanted in read_project(project)}
    write_atomic(lock_path(project), lock_bytes(found))
    return found


def drift(host: ComponentHost, project: Path, control: Control) -> tuple[str, ...]:
    """In what the project, as it is found today, differs from its lock; nothing is written. Raises WassetteError."""
    wanted, known = read_project(project), _required_lock(project)
    found = {one.id: _resolved(host, one, control) for one in wanted}
    gone = [f"{component_id}: is locked and not wanted any more" for component_id in known if component_id not in found]
    return (*(line for component_id, now in found.items() for line in _differences(component_id, known.get(component_id), now)), *gone)


def check_locked(project: Path) -> Mapping[str, Locked]:
    """The lock, which says something of everything the project wants. Raises Drift, InvalidProject."""
    wanted, known = read_project(project), _required_lock(project)
    _refuse([line for one in wanted for line in _unlocked(one, known.get(one.id))], "wassette lock")
    return known


def sync(host: ComponentHost, project: Path, control: Control, *, only_locked: bool) -> Synced:
    """Installs the project; with `only_locked`, nothing but what the lock says. Raises WassetteError; what was done by then stays."""
    wanted = read_project(project)
    known = check_locked(project) if only_locked else read_lock(lock_path(project)) or {}
    changed, now = [], {}
    for one in wanted:
        fits = known.get(one.id) if not list(_unlocked(one, known.get(one.id))) else None
        entry, was_changed = _installed(host, one, fits, control)
        now[one.id] = entry
        if was_changed:
            changed.append(one.id)
    written = not only_locked and now != known
    if written:
        write_atomic(lock_path(project), lock_bytes(now))
    return Synced(tuple(changed), tuple(one.id for one in wanted if one.id not in changed), written)


def check_installed(host: ComponentHost, project: Path) -> tuple[str, ...]:
    """The ids of a project whose components and policies are installed exactly as locked. Raises Drift, InvalidProject."""
    wanted, known = read_project(project), _required_lock(project)
    lines = [line for one in wanted for line in _unlocked(one, known.get(one.id))]
    for one in wanted if not lines else ():
        try:
            record = host.store.record(one.id)
        except UnknownComponent:
            lines.append(f"{one.id}: is not installed")
            continue
        now = locked(record, one.text, host.store.read_policy(one.id))
        lines += _differences(one.id, known[one.id], now)
    _refuse(lines, f"wassette sync --locked --manifest {project}")
    return tuple(one.id for one in wanted)


def _resolved(host: ComponentHost, wanted: Wanted, control: Control) -> Locked:
    return locked(_prepared(host, wanted, control).record, wanted.text, wanted.policy)


def _prepared(host: ComponentHost, wanted: Wanted, control: Control, policy: str | None = None) -> Prepared:
    if wanted.policy is not None:
        host.policies.parse(wanted.policy, f"policy of {wanted.id}")
    return host.prepare(wanted.reference, component_id=wanted.id, prefix=wanted.prefix, policy=policy, control=control)


def _installed(host: ComponentHost, wanted: Wanted, lock: Locked | None, control: Control) -> tuple[Locked, bool]:
    """Installs one component, and its policy in the same step where that changes; what it is now, and whether anything changed."""
    has = host.store.read_policy(wanted.id)
    exact = wanted if lock is None else replace(wanted, reference=pinned(wanted.reference, lock))
    prepared = _prepared(host, exact, control, None if wanted.policy == has else wanted.policy)
    now = locked(prepared.record, wanted.text, wanted.policy)
    with host.recorder.attempt("load", wanted.id, reference=str(exact.reference)):
        if lock is not None:
            _refuse(list(_differences(wanted.id, lock, now)), "look at what changed, then: wassette lock")
        elif prepared.difference is not None:
            prepared.difference.check()
    try:
        loaded = host.install(prepared, control)
    except NameTaken as error:  # its hint is about a component by itself
        hint = f"prefix: {error.prefix}, beside the reference of {wanted.id} in the project file"
        raise NameTaken(f"{wanted.id}: {error}", hint, prefix=error.prefix) from None
    if wanted.policy is None and has is not None:
        host.policies.replace(wanted.id, None, "wassette.yaml")
    return now, loaded.changed or wanted.policy != has


def _required_lock(project: Path) -> Mapping[str, Locked]:
    known = read_lock(lock_path(project))
    if known is None:
        raise Drift(f"there is no {lock_path(project)}", "wassette lock")
    return known


def _unlocked(wanted: Wanted, lock: Locked | None) -> Iterator[str]:
    """Why the lock says nothing about what the project wants now."""
    if lock is None:
        yield f"{wanted.id}: is not locked"
        return
    for what, want, has in (
        ("reference", wanted.text, lock.reference),
        ("prefix", wanted.prefix, lock.prefix),
        ("policy", policy_digest(wanted.policy), lock.policy),
    ):
        if want != has:
            yield f"{wanted.id}: {what} is {want}, locked is {has}"


def _differences(component_id: str, lock: Locked | None, now: Locked) -> Iterator[str]:
    if lock is None:
        yield f"{component_id}: is not locked"
        return
    before, after = lock.to_json(), now.to_json()
    for name, value in after.items():
        if value != before[name] and name != "size":
            yield f"{component_id}: {name} is {_shown(value)}, locked is {_shown(before[name])}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _refuse(lines: Sequence[str], hint: str) -> None:
    if lines:
        raise Drift("; ".join(lines), hint)
