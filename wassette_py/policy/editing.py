"""Grant and revoke in the text of a policy: only the entry changes; every comment, the order and every other byte stay.

The text is cut at the places the YAML reader gives, read again, and compared with what `grants.py` makes of the document. A text in
which that does not come out is not written: InvalidPolicy says so, and a person edits it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from wassette_py.dataclass import replace
from wassette_py.errors import InvalidPolicy
from wassette_py.limits import LimitName, format_limit
from wassette_py.policy.document import (
    EMPTY,
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
    network_json,
    parse_policy,
    secret_json,
    storage_json,
)
from wassette_py.policy.grants import AnyLimit, AnyStorage, LimitValue, Permission, Revocation, describe, grant, revoke

if TYPE_CHECKING:
    from pathlib import Path

    from wassette_py.policy.surgery import Surgery

_NEW = 'version: "1.0"\n'


def grant_text(text: str | None, source: str, permission: Permission, *, home: Path | None = None) -> str:
    """The policy's text with one entry more; None makes a new one. Raises InvalidPolicy."""
    before = _NEW if text is None else text
    document = parse_policy(before, source, home=home)
    intended = grant(document, permission)
    if intended == document:
        return before
    return _checked(lambda: _granted(before, source, permission), source, permission, intended, home)


def revoke_text(text: str | None, source: str, permission: Revocation, *, home: Path | None = None) -> str:
    """The policy's text without exactly this entry. Raises NotGranted when there is none, InvalidPolicy."""
    before = text or ""
    document = parse_policy(before, source, home=home) if before else replace(EMPTY, source=source)
    intended = revoke(document, permission)
    return _checked(lambda: _revoked(before, document, permission), source, permission, intended, home)


def _checked(edit: Callable[[], str], source: str, permission: Revocation, intended: PolicyDocument, home: Path | None) -> str:
    """What `edit` makes, when it means `intended` and nothing else."""
    problem: Exception | None = None
    try:
        text = edit()
        if parse_policy(text, source, home=home) == intended:
            return text
    except (InvalidPolicy, LookupError, ValueError) as error:
        problem = error
    reason = "this text cannot be edited without changing more than that"
    raise InvalidPolicy(
        f"{source}: {describe(permission)}: {reason}", "edit the file by hand, then: wassette policy check FILE"
    ) from problem


def _surgery(text: str, source: str) -> Surgery:
    from wassette_py.policy.surgery import Surgery  # YAML is not needed until there is a policy to edit

    return Surgery(text, source)


def _granted(text: str, source: str, permission: Permission) -> str:
    match permission:
        case StorageGrant():
            return _surgery(text, source).append(_list("storage"), storage_json(permission))
        case NetworkHost() | NetworkCidr():
            return _surgery(text, source).append(_list("network"), network_json(permission))
        case Variable():
            return _surgery(text, source).append(_list("environment"), {"key": permission.key})
        case SecretVariable() | SecretHeader():
            return _surgery(text, source).append(_list("secrets"), secret_json(permission))
        case LimitValue():
            plain = _surgery(text, source).remove_key(_legacy(permission.name))
            return _surgery(plain, source).set_key(_limit(permission.name), format_limit(permission.name, permission.value))
    assert_never(permission)


def _revoked(text: str, document: PolicyDocument, permission: Revocation) -> str:
    match permission:
        case StorageGrant():
            return _without(text, document, "storage", [entry == permission for entry in document.storage])
        case AnyStorage():
            return _without(text, document, "storage", [entry.path == permission.path for entry in document.storage])
        case NetworkHost() | NetworkCidr():
            return _without(text, document, "network", [entry == permission for entry in document.allow])
        case Variable():
            return _without(text, document, "environment", [entry == permission for entry in document.variables])
        case SecretVariable() | SecretHeader():
            return _without(text, document, "secrets", [entry == permission for entry in document.secrets])
        case LimitValue() | AnyLimit():
            plain = _surgery(text, document.source).remove_key(_legacy(permission.name))
            return _surgery(plain, document.source).remove_key(_limit(permission.name))
    assert_never(permission)


def _without(text: str, document: PolicyDocument, section: str, gone: list[bool]) -> str:
    """Without the items that are `gone`, the last first so that the others keep their numbers."""
    for index in reversed(range(len(gone))):
        if gone[index]:
            text = _surgery(text, document.source).remove_item(_list(section), index)
    return text


def _list(section: str) -> tuple[str, ...]:
    return ("permissions", section) if section == "secrets" else ("permissions", section, "allow")


def _limit(name: LimitName) -> tuple[str, ...]:
    return ("permissions", "resources", "limits", name)


def _legacy(name: LimitName) -> tuple[str, ...]:
    """Where 0.8 wrote memory and cpu before there was `limits`; beside the new one it would contradict."""
    return ("permissions", "resources", name)
