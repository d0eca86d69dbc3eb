"""The policies of installed components: read when a call needs them, edited under the store's lock.

A document is parsed again only when its file changed, so a running server sees a grant at the next call, whoever made it. An unreadable
policy raises for that component each time and for no other. Over it lie the changes of `overlay.py`, which only this process knows.
"""

from __future__ import annotations

import os
import threading

from wassette_py.errors import InvalidPolicy, StoreError
from wassette_py.host.overlay import Change, Granted, Lasting, Revoked, compose
from wassette_py.limits import LIMIT_NAMES, LimitName, Limits, format_limit
from wassette_py.names import Digest
from wassette_py.policy.document import EMPTY, PolicyDocument, SecretHeader, SecretVariable, StorageGrant, document_json, parse_policy
from wassette_py.settings.places import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wassette_py.host.recording import Recorder
    from wassette_py.policy.grants import Permission, Revocation
    from wassette_py.secrets import SecretStore
    from wassette_py.settings import Settings
    from wassette_py.store import ComponentStore


class Policies:
    """What each installed component may do, as its file says now."""

    def __init__(self, store: ComponentStore, settings: Settings, recorder: Recorder, secrets: SecretStore) -> None:
        self._store = store
        self._secrets = secrets
        self._settings = settings
        self._recorder = recorder
        self._parsed: dict[str, tuple[object, PolicyDocument, str | None]] = {}
        self._changing = threading.RLock()
        self._overlay: dict[str, tuple[Change, ...]] = {}
        self.version = 0
        """Changes whenever a change that is not on disk comes or goes."""

    def of(self, component_id: str) -> PolicyDocument:
        """What the component's next call may do: its file (EMPTY without one) and the changes over it. Raises InvalidPolicy."""
        changes = self._overlay.get(component_id)
        if not changes:
            return self._on_disk(component_id)
        return compose(self._on_disk(component_id), changes, self._digest_of(component_id))

    def claimed(self, component_id: str) -> PolicyDocument:
        """`of`, for a call that starts now: what was granted once is used up. Raises InvalidPolicy."""
        if component_id not in self._overlay:
            return self._on_disk(component_id)
        with self._changing:
            policy = self.of(component_id)
            self.check(policy)
            self._lay(component_id, [change for change in self.changes(component_id) if not change.once])
            return policy

    def changes(self, component_id: str) -> tuple[Change, ...]:
        """What is not on disk."""
        return self._overlay.get(component_id, ())

    @property
    def passing(self) -> bool:
        """Whether anything is not on disk."""
        return bool(self._overlay)

    def forget(self, component_id: str) -> None:
        """Drops what is not on disk, with the component it was for."""
        with self._changing:
            self._lay(component_id, [])

    def _lay(self, component_id: str, changes: list[Change]) -> None:
        if list(self.changes(component_id)) != changes:
            others = {key: kept for key, kept in self._overlay.items() if key != component_id}
            self._overlay = {**others, component_id: tuple(changes)} if changes else others
            self.version += 1

    def _without(self, component_id: str, permission: Revocation) -> list[Change]:
        return [change for change in self.changes(component_id) if change.permission != permission]

    def _digest_of(self, component_id: str) -> str:
        return str(self._store.record(component_id).digest)

    def _on_disk(self, component_id: str) -> PolicyDocument:
        stamp = self._store.policy_stamp(component_id)
        known = self._parsed.get(component_id)
        if known is None or known[0] != stamp:
            text = self._text(component_id)
            document = EMPTY if text is None else self.parse(text, str(self._store.policy_path(component_id)))
            known = self._parsed[component_id] = (stamp, document, None if text is None else str(Digest.of(text.encode())))
        return known[1]

    def _text(self, component_id: str) -> str | None:
        """What stands in the policy file. What cannot be read is a policy that is wrong, not one that is absent, and stops no other."""
        try:
            return self._store.read_policy(component_id)
        except StoreError as error:
            raise InvalidPolicy(str(error), error.hint or f"wassette policy reset {component_id}") from None

    def digest(self, component_id: str, policy: PolicyDocument) -> str | None:
        """The digest of the component's policy file; of the JSON document where flags made the policy; None where nothing is granted."""
        known = self._parsed.get(component_id)
        if known is not None and known[1] is policy:
            return known[2]
        import json

        document = document_json(policy)
        return str(Digest.of(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())) if document else None

    def parse(self, text: str, source: str) -> PolicyDocument:
        """`text` as a policy whose limits stay under the operator's ceilings. Raises InvalidPolicy."""
        document = parse_policy(text, source, home=home())
        self.check(document)
        return document

    def check(self, policy: PolicyDocument) -> Limits:
        """`limits`, for a policy that is to be used. Raises InvalidPolicy also for a directory that holds what this program lives by."""
        if policy.storage:
            from wassette_py.host.reach import check_reach

            check_reach(self._settings, policy.storage, policy.source)
        return effective_limits(self._settings, policy)

    def limits(self, policy: PolicyDocument) -> Limits:
        """The effective limits. Raises InvalidPolicy where `policy` asks for more than the operator's ceiling."""
        return effective_limits(self._settings, policy)

    def check_grant(self, component_id: str, permission: Permission) -> None:
        """Raises InvalidPolicy where `permission` cannot stand in the component's policy. Looks at no directory."""
        from wassette_py.policy.grants import grant
        from wassette_py.policy.order import check_grant_order

        check_grant_order(component_id, self.of(component_id), permission)
        self.check(grant(self.of(component_id), permission))

    def grant(self, component_id: str, permission: Permission, *, lasting: Lasting = "always") -> PolicyDocument:
        """Adds `permission` and returns the new policy. Raises InvalidPolicy, MissingSecret, UnknownComponent."""
        from wassette_py.host.reach import check_grantable, check_reach
        from wassette_py.policy.editing import grant_text
        from wassette_py.policy.grants import LimitValue, describe, grant, granted
        from wassette_py.policy.order import check_grant_order

        with self._recorder.operation("grant", component_id, permission=describe(permission), **_lasts(lasting)), self._changing:
            check_grantable(permission)
            if isinstance(permission, LimitValue):
                check_ceiling(self._settings, permission.name, permission.value, hint=f"wassette policy grant {component_id} {{}} {{}}")
            if isinstance(permission, SecretVariable | SecretHeader):
                self._secrets.values([permission.name])
                self._store.record(component_id)
                check_grant_order(component_id, self.of(component_id), permission)
            if isinstance(permission, StorageGrant):  # by where it leads; later only by its name
                check_reach(self._settings, (StorageGrant(os.path.realpath(permission.path)),), "grant")
            kept = self._without(component_id, permission)
            if lasting == "always":
                self._edit(component_id, lambda text, source: grant_text(text, source, permission, home=home()))
            digest = self._digest_of(component_id)
            policy = compose(self._on_disk(component_id), kept, digest)
            if not granted(policy, permission):  # also where it is on disk, and what was taken away for this session hides it
                policy = grant(policy, permission)
                self.check(policy)
                kept.append(Granted(permission, digest, lasting == "once"))
            self._lay(component_id, kept)
            return policy

    def revoke(self, component_id: str, permission: Revocation, *, lasting: Lasting = "always") -> PolicyDocument:
        """Removes `permission`. Raises NotGranted where it was not granted."""
        from wassette_py.policy.editing import revoke_text
        from wassette_py.policy.grants import describe, granted, revoke
        from wassette_py.policy.order import check_revoke_order

        with self._recorder.operation("revoke", component_id, permission=describe(permission), **_lasts(lasting)), self._changing:
            kept = self._without(component_id, permission)
            check_revoke_order(component_id, self.of(component_id), permission)
            if lasting != "always":
                revoke(self.of(component_id), permission)
                self._lay(component_id, [*self.changes(component_id), Revoked(permission, lasting == "once")])
                return self.of(component_id)
            if kept == list(self.changes(component_id)) or granted(self._on_disk(component_id), permission):
                self._edit(component_id, lambda text, source: revoke_text(text, source, permission, home=home()))
            self._lay(component_id, kept)
            return self.of(component_id)

    def reset(self, component_id: str, *, lasting: Lasting = "always") -> None:
        """Takes every permission away."""
        with self._changing:
            if lasting == "always":
                self.replace(component_id, None, "reset")
                self._lay(component_id, [])
                return
            with self._recorder.operation("reset", component_id, **_lasts(lasting)):
                self._lay(component_id, [*self.changes(component_id), Revoked(None, lasting == "once")])

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


def _lasts(lasting: Lasting) -> dict[str, object]:
    return {} if lasting == "always" else {"lasts": lasting}


def effective_limits(settings: Settings, policy: PolicyDocument) -> Limits:
    """The operator's defaults with the policy's limits over them. Raises InvalidPolicy above the operator's ceilings."""
    if not policy.limits:
        return settings.limits  # their ceilings were looked at when they were read
    limits = settings.limits.merged(policy.limits)
    for name in LIMIT_NAMES:
        check_ceiling(settings, name, getattr(limits, name), where=f"{policy.source}: resources.limits." if policy.source else "")
    return limits


def check_ceiling(settings: Settings, name: LimitName, value: float, *, where: str = "", hint: str = "{}: {}") -> None:
    """Raises InvalidPolicy where `value` is above the operator's ceiling; its hint is the name and the ceiling in the form of `hint`."""
    ceiling = getattr(settings.ceilings, name)
    if value > ceiling:
        most = format_limit(name, ceiling)
        raise InvalidPolicy(
            f"{where}{name}: {format_limit(name, value)} is above the operator's ceiling of {most}", hint.format(name, most)
        )
