"""The policies of installed components: read when a call needs them, edited under the store's lock.

A document is parsed again only when its file changed, so a running server sees a grant at the next call, whoever made it. An unreadable
policy raises for that component each time and for no other.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from wassette_py.errors import InvalidPolicy
from wassette_py.limits import LIMIT_NAMES, Limits, format_limit
from wassette_py.names import Digest
from wassette_py.policy.document import EMPTY, PolicyDocument, SecretVariable, StorageGrant, document_json, parse_policy
from wassette_py.policy.editing import grant_text, revoke_text
from wassette_py.policy.grants import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from wassette_py.host.recording import Recorder
    from wassette_py.policy.grants import Permission, Revocation
    from wassette_py.secrets import SecretStore
    from wassette_py.settings import Settings
    from wassette_py.store import ComponentStore

SEARCHED_ENTRIES = 20_000


class Policies:
    """What each installed component may do, as its file says now."""

    def __init__(self, store: ComponentStore, settings: Settings, recorder: Recorder, secrets: SecretStore) -> None:
        self._store = store
        self._secrets = secrets
        self._settings = settings
        self._recorder = recorder
        self._parsed: dict[str, tuple[object, PolicyDocument, str | None]] = {}

    def of(self, component_id: str) -> PolicyDocument:
        """The component's policy; EMPTY without a file. Raises InvalidPolicy."""
        stamp = self._store.policy_stamp(component_id)
        known = self._parsed.get(component_id)
        if known is None or known[0] != stamp:
            text = self._store.read_policy(component_id)
            document = EMPTY if text is None else self.parse(text, str(self._store.policy_path(component_id)))
            known = self._parsed[component_id] = (stamp, document, None if text is None else str(Digest.of(text.encode())))
        return known[1]

    def digest(self, component_id: str, policy: PolicyDocument) -> str | None:
        """The digest of the component's policy file; of the JSON document where flags made the policy; None where nothing is granted."""
        known = self._parsed.get(component_id)
        if known is not None and known[1] is policy:
            return known[2]
        document = document_json(policy)
        return str(Digest.of(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())) if document else None

    def parse(self, text: str, source: str) -> PolicyDocument:
        """`text` as a policy whose limits stay under the operator's ceilings. Raises InvalidPolicy."""
        document = parse_policy(text, source, home=Path.home())
        self.limits(document)
        return document

    def limits(self, policy: PolicyDocument) -> Limits:
        """The effective limits. Raises InvalidPolicy where `policy` asks for more than the operator's ceiling."""
        return effective_limits(self._settings, policy)

    def grant(self, component_id: str, permission: Permission) -> PolicyDocument:
        """Adds `permission` and returns the new policy. Raises InvalidPolicy, MissingSecret, UnknownComponent."""
        with self._recorder.operation("grant", component_id, permission=describe(permission)):
            check_grantable(permission)
            if isinstance(permission, SecretVariable):
                self._secrets.values([permission.name])
            return self._edit(component_id, lambda text, source: grant_text(text, source, permission, home=Path.home()))

    def revoke(self, component_id: str, permission: Revocation) -> PolicyDocument:
        """Removes `permission`. Raises InvalidPolicy where it was not granted."""
        with self._recorder.operation("revoke", component_id, permission=describe(permission)):
            return self._edit(component_id, lambda text, source: revoke_text(text, source, permission, home=Path.home()))

    def replace(self, component_id: str, text: str | None, source: str) -> PolicyDocument:
        """Puts the checked document `text` in place (None: no policy). Raises InvalidPolicy."""
        with self._recorder.operation("reset" if text is None else "set-policy", component_id) as learnt:
            if text is not None:
                self.parse(text, source)
                learnt["policy"] = str(Digest.of(text.encode()))
            with self._store.locked():
                self._store.record(component_id)
                self._store.write_policy(component_id, text)
            return self.of(component_id)

    def _edit(self, component_id: str, edit: Callable[[str | None, str], str]) -> PolicyDocument:
        with self._store.locked():
            self._store.record(component_id)
            source = str(self._store.policy_path(component_id))
            text = edit(self._store.read_policy(component_id), source)
            document = self.parse(text, source)
            self._store.write_policy(component_id, text)
        return document


def effective_limits(settings: Settings, policy: PolicyDocument) -> Limits:
    """The operator's defaults with the policy's limits over them. Raises InvalidPolicy above the operator's ceilings."""
    limits = settings.limits.merged(policy.limits)
    for name in LIMIT_NAMES:
        value, ceiling = getattr(limits, name), getattr(settings.ceilings, name)
        if value > ceiling:
            raise InvalidPolicy(
                f"{policy.source}: resources.limits.{name}: {format_limit(name, value)} is above the operator's ceiling "
                f"of {format_limit(name, ceiling)}",
                f"{name}: {format_limit(name, ceiling)}",
            )
    return limits


def check_grantable(permission: Permission) -> None:
    """Looks at the directory of a storage grant as it is made. Raises InvalidPolicy for what could not work or could hang a call."""
    if not isinstance(permission, StorageGrant):
        return
    folder = Path(permission.path)
    if not folder.exists():
        raise InvalidPolicy(f"storage: {folder} does not exist", f"mkdir -p {folder}")
    if not folder.is_dir():
        raise InvalidPolicy(f"storage: {folder} is not a directory; single files cannot be granted", f"fs://{folder.parent}")
    blocking = _blocking_file(folder)
    if blocking is not None:
        raise InvalidPolicy(f"storage: {blocking} is a FIFO or a device; reading it can hold a call past every deadline", f"rm {blocking}")


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
