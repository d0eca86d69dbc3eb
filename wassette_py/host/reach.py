"""Where a granted directory leads: refused where a guest would find what this program lives by, or what could hold a call for ever."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wassette_py.errors import InvalidPolicy, command
from wassette_py.files import stamp_of
from wassette_py.policy.document import StorageGrant
from wassette_py.policy.storage import covers
from wassette_py.sandbox.folders import resolved
from wassette_py.sandbox.mounts import names_of, shows_processes

if TYPE_CHECKING:
    from wassette_py.policy.grants import Permission
    from wassette_py.settings import Settings

SEARCHED_ENTRIES = 20_000


def check_reach(settings: Settings, storage: Iterable[StorageGrant], source: str) -> None:
    """Raises InvalidPolicy for a granted directory in which a guest would find the files that decide what it may do.

    Policies, the trust file, keys, secrets, compiled code and the audit log are in these folders; a directory that holds one of them, or
    lies in one, is refused; so is one that holds a file to which one of them is a link.
    """
    folders = (settings.component_dir, settings.config_dir, settings.cache_dir, settings.state_dir, settings.audit.dir)
    places = [*folders, *(link for folder in folders[:2] for link in _links(folder, *stamp_of(folder)))]
    own = {name for place in places for path in (os.path.abspath(place), os.path.realpath(place)) for name in names_of(path)}
    for entry in storage:
        where = f"{source}:{entry.line}: storage" if entry.line else "storage"
        shown = shows_processes(entry.path)  # the sandbox refuses it, too; here `policy test` can say so
        if shown is not None:
            raise InvalidPolicy(
                f"{where}: {entry.path} holds {shown}, where a guest would reach this program itself",
                "grant the directories that are meant",
            )
        # NOTE: by its name only: a directory of a mount that is dead must not be touched where nothing watches for the deadline.
        held = next((folder for folder in sorted(own) if covers(entry.path, folder) or covers(folder, entry.path)), None)
        if held is not None:
            raise InvalidPolicy(
                f"{where}: {entry.path} holds what wassette itself lives by, in {held}",
                "grant the directories below it that are meant",
            )


@lru_cache(maxsize=8)
def _links(folder: Path, _stamp: object) -> tuple[Path, ...]:
    """The policies, the trust file and the settings in `folder` that people keep in another place; searched when the folder changed."""
    return tuple(path for path in folder.glob("*.yaml") if path.is_symlink())


def check_grantable(permission: Permission) -> None:
    """Looks at the directory of a storage grant as it is made. Raises InvalidPolicy for what could not work or could hang a call."""
    if not isinstance(permission, StorageGrant):
        return
    folder = Path(permission.path)
    if not folder.exists():
        raise InvalidPolicy(f"storage: {folder} does not exist", command("mkdir", "-p", folder))
    if not folder.is_dir():
        raise InvalidPolicy(f"storage: {folder} is not a directory; single files cannot be granted", f"fs://{folder.parent}")
    resolved(permission.path, f"storage: {folder}")
    blocking = _blocking_file(folder)
    if blocking is not None:
        # NOTE: nothing that removes it: whoever pastes hints may have asked for /dev.
        others = command("find", folder, "-type", "p", "-o", "-type", "c", "-o", "-type", "b")
        raise InvalidPolicy(f"storage: {blocking} is a FIFO or a device; reading it can hold a call past every deadline", others)


def _blocking_file(folder: Path) -> str | None:
    """The first FIFO or device below `folder`, among its first SEARCHED_ENTRIES entries."""
    seen = 0
    for root, _, names in os.walk(folder, followlinks=False):
        for name in names:
            seen += 1
            path = os.path.join(root, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                return path
        if seen > SEARCHED_ENTRIES:
            break
    return None
