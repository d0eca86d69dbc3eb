"""Grant and revoke: PolicyDocument in, PolicyDocument out. Entries are never merged; a limit is replaced.

`editing.py` does the same to a text and is compared with this. Whether a granted directory is there, the host looks when it grants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import InvalidPolicy, NotGranted
from wassette_py.limits import LimitName, format_limit
from wassette_py.policy.document import (
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    SecretGrant,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
)
from wassette_py.policy.network import Unenforceable
from wassette_py.policy.secrets import check_reached
from wassette_py.policy.secrets import check_together as check_entries
from wassette_py.policy.storage import check_together


@dataclass(frozen=True)
class LimitValue:
    """One limit of a call: bytes, cores or seconds."""

    name: LimitName
    value: float


@dataclass(frozen=True)
class AnyStorage:
    """For `revoke`: every entry of that path, whatever its access."""

    path: str


@dataclass(frozen=True)
class AnyLimit:
    """For `revoke`: the limit, whatever its value."""

    name: LimitName


Permission = StorageGrant | NetworkHost | NetworkCidr | Variable | SecretVariable | SecretHeader | LimitValue
Revocation = Permission | AnyStorage | AnyLimit


def describe(permission: Revocation) -> str:
    """A permission in words: `read and write /tmp/out as /out`, `network GET api.example.com`, `env LANG`, `memory 512Mi`."""
    match permission:
        case StorageGrant():
            seen_as = f" as {permission.guest}" if permission.guest else ""
            return f"{'read and write' if permission.write else 'read'} {permission.path}{seen_as}"
        case NetworkHost():
            return " ".join(
                ("network", *([",".join(permission.methods)] if permission.methods else []), permission.text(), *permission.paths)
            )
        case NetworkCidr():
            return f"network {permission.cidr}"
        case Variable():
            return f"env {permission.key}"
        case SecretVariable():
            return f"secret {permission.name} as env {permission.key} (the component sees its value)"
        case SecretHeader():
            shown = permission.format.replace("{}", "…")
            return f"secret {permission.name} as {permission.header}: {shown} to https://{permission.text()} (the component never sees it)"
        case LimitValue():
            return f"{permission.name} {format_limit(permission.name, permission.value)}"
        case AnyStorage():
            return f"storage {permission.path}"
        case AnyLimit():
            return permission.name
    assert_never(permission)


def granted(policy: PolicyDocument, permission: Revocation) -> bool:
    """Whether the policy holds exactly this entry."""
    match permission:
        case StorageGrant():
            return permission in policy.storage
        case NetworkHost() | NetworkCidr():
            return permission in policy.allow
        case Variable():
            return permission in policy.variables
        case SecretVariable() | SecretHeader():
            return permission in policy.secrets
        case LimitValue():
            return policy.limits.get(permission.name) == permission.value
        case AnyStorage():
            return any(grant.path == permission.path for grant in policy.storage)
        case AnyLimit():
            return permission.name in policy.limits
    assert_never(permission)


def grant(policy: PolicyDocument, permission: Permission) -> PolicyDocument:
    """The policy with one entry more, or the same policy when it holds that entry. Raises InvalidPolicy."""
    if granted(policy, permission):
        return policy
    match permission:
        case StorageGrant():
            with _told(policy, "storage.allow"):
                check_together(policy.storage, permission)
            return replace(policy, storage=(*policy.storage, permission))
        case NetworkHost() | NetworkCidr():
            return replace(policy, allow=(*policy.allow, permission))
        case Variable():
            _check_secrets(policy, permission, "environment.allow")
            return replace(policy, variables=(*policy.variables, permission))
        case SecretVariable() | SecretHeader():
            _check_secrets(policy, permission, "secrets")
            return replace(policy, secrets=(*policy.secrets, permission))
        case LimitValue():
            return replace(policy, limits={**policy.limits, permission.name: permission.value})
    assert_never(permission)


def revoke(policy: PolicyDocument, permission: Revocation) -> PolicyDocument:
    """The policy without exactly this entry. Raises NotGranted when there is none."""
    if not granted(policy, permission):
        raise NotGranted(f"{policy.source}: {describe(permission)} is not granted", _instead(policy, permission))
    match permission:
        case StorageGrant():
            return replace(policy, storage=tuple(entry for entry in policy.storage if entry != permission))
        case AnyStorage():
            return replace(policy, storage=tuple(entry for entry in policy.storage if entry.path != permission.path))
        case NetworkHost() | NetworkCidr():
            left = replace(policy, allow=tuple(entry for entry in policy.allow if entry != permission))
            with _told(policy, "network.allow"):
                check_reached(left.allow, left.secrets)
            return left
        case Variable():
            return replace(policy, variables=tuple(entry for entry in policy.variables if entry != permission))
        case SecretVariable() | SecretHeader():
            return replace(policy, secrets=tuple(entry for entry in policy.secrets if entry != permission))
        case LimitValue() | AnyLimit():
            return replace(policy, limits={name: value for name, value in policy.limits.items() if name != permission.name})
    assert_never(permission)


def _check_secrets(policy: PolicyDocument, permission: Variable | SecretGrant, section: str) -> None:
    with _told(policy, section):
        check_entries(policy.variables, policy.secrets, permission)
        if isinstance(permission, SecretHeader):
            check_reached(policy.allow, (permission,))


@contextmanager
def _told(policy: PolicyDocument, section: str) -> Iterator[None]:
    """What cannot be enforced is told with its section. Raises InvalidPolicy."""
    try:
        yield
    except Unenforceable as error:
        raise InvalidPolicy(f"{policy.source}: permissions.{section}: {error}", error.hint) from None


def _instead(policy: PolicyDocument, permission: Revocation) -> str | None:
    """What is granted that is nearly the same."""
    near: list[Permission] = []
    if isinstance(permission, StorageGrant):
        near = [entry for entry in policy.storage if entry.path == permission.path]
    elif isinstance(permission, NetworkHost):
        near = [entry for entry in policy.allow if isinstance(entry, NetworkHost) and entry.host == permission.host]
    elif isinstance(permission, SecretVariable | SecretHeader):
        near = [entry for entry in policy.secrets if entry.name == permission.name]
    elif isinstance(permission, LimitValue) and permission.name in policy.limits:
        near = [LimitValue(permission.name, policy.limits[permission.name])]
    return f"granted is {'; '.join(describe(entry) for entry in near)}" if near else None
