"""Built-in tools about permissions: get-policy, grants, revokes, reset. Argument shapes and result objects are Wassette 0.8's.

`details` is an entry of a policy file, so the policy parser reads it: what a policy cannot say cannot be asked for either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wassette_py.errors import InvalidPolicy
from wassette_py.host.overlay import change_json
from wassette_py.policy import grants
from wassette_py.policy.grants import describe
from wassette_py.server.builtin.bench import Matter
from wassette_py.server.messages import dump

if TYPE_CHECKING:
    from pathlib import Path

    from wassette_py.host.overlay import Lasting
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

    Tool = Callable[[Bench, Mapping[str, Any], CallContext], dict[str, Any]]

_TYPE = {"storage": "storage", "network": "network", "environment": "environment variable"}
_A_PERMISSION = {kind: f"{'an' if kind == 'environment' else 'a'} {words} permission" for kind, words in _TYPE.items()}


def get(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """get-policy: where the policy is and what it says."""
    from wassette_py.policy.document import document_json

    component_id = arguments["component_id"]
    bench.need(component_id)
    info = _file(component_id, bench.host.store.policy_path(component_id))
    changes = bench.host.policies.changes(component_id)
    if info is None and not changes:
        return {"status": "no policy found", "component_id": component_id}
    policy = bench.host.policies.of(component_id)
    return {
        "status": "policy found",
        "component_id": component_id,
        **({"policy_info": info} if info else {}),
        "permissions": document_json(policy),
        **({"not_on_disk": [change_json(change) for change in changes]} if changes else {}),
    }


def _file(component_id: str, path: Path) -> dict[str, Any] | None:
    """Of the policy's file, what Wassette tells; None where there is none."""
    try:
        made = path.stat().st_mtime
    except OSError:
        return None
    return {
        "policy_id": f"{component_id}-policy",
        "source_uri": path.as_uri(),
        "local_path": str(path),
        "created_at": int(made),
    }


def granting(kind: str) -> Tool:
    """The grant tool for that kind of permission."""

    def grant(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        component_id, details = arguments["component_id"], arguments["details"]
        bench.need(component_id)
        permission, policies = _permission(kind, details), bench.host.policies
        matter = Matter(
            f"granting {_A_PERMISSION[kind]} to {component_id!r}",
            _words("grant", component_id, permission),
            {**bench.component(component_id), "permission": describe(permission)},
            check=lambda: policies.check_grant(component_id, permission),
        )
        lasting = bench.lasting(matter, context)
        policies.grant(component_id, permission, lasting=lasting)
        return _done("permission granted successfully", component_id, lasting, permission_type=_TYPE[kind], details=details)

    return grant


def revoking(kind: str) -> Tool:
    """The revoke tool for that kind of permission."""

    def revoke(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        component_id, details = arguments["component_id"], arguments["details"]
        bench.need(component_id)
        permission, policies = _permission(kind, details), bench.host.policies
        matter = Matter(
            f"revoking {_A_PERMISSION[kind]} of {component_id!r}",
            _words("revoke", component_id, permission),
            {**bench.component(component_id), "no longer": describe(permission)},
            check=lambda: grants.revoke(policies.of(component_id), permission),
        )
        lasting = bench.lasting(matter, context)
        policies.revoke(component_id, permission, lasting=lasting)
        return _done("permission revoked", component_id, lasting, permission_type=_TYPE[kind], details=details)

    return revoke


def revoke_storage(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """revoke-storage-permission: every entry of that directory."""
    component_id, uri = arguments["component_id"], arguments["details"]["uri"]
    bench.need(component_id)
    path = _document("storage", {"uri": uri, "access": ["read"]}).storage[0].path

    def granted() -> tuple[Permission, ...]:
        found = tuple(grant for grant in bench.host.policies.of(component_id).storage if grant.path == path)
        if not found:
            raise InvalidPolicy(f"{component_id!r} has no storage permission for {path}")
        return found

    matter = Matter(
        f"revoking a storage permission of {component_id!r}",
        ("policy", "revoke", component_id, "storage", path),
        {**bench.component(component_id), "no longer": f"read or write {path}"},
        check=granted,
    )
    lasting = bench.lasting(matter, context)
    for permission in granted():
        bench.host.policies.revoke(component_id, permission, lasting=lasting)
    message = "All access (read and write) to the specified URI has been revoked"
    return _done("permission revoked successfully", component_id, lasting, uri=uri, message=message)


def reset(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """reset-permission: no policy any more."""
    component_id = arguments["component_id"]
    bench.need(component_id)
    matter = Matter(
        f"resetting the permissions of {component_id!r}",
        ("policy", "reset", component_id),
        {**bench.component(component_id), "no longer": "anything it was granted"},
    )
    lasting = bench.lasting(matter, context)
    bench.host.policies.reset(component_id, lasting=lasting)
    return _done("permissions reset successfully", component_id, lasting)


def _done(status: str, component_id: str, lasting: Lasting, **more: object) -> dict[str, Any]:
    """A result of Wassette's shape; what is not for ever says for how long."""
    return {"status": status, "component_id": component_id, **more, **({} if lasting == "always" else {"lasts": lasting})}


def _permission(kind: str, details: Mapping[str, Any]) -> Permission:
    """`details` as a permission. Raises InvalidPolicy."""
    document = _document(kind, details)
    found: tuple[Permission, ...] = (*document.storage, *document.allow, *document.variables)
    return found[0]


def _document(kind: str, details: Mapping[str, Any]) -> PolicyDocument:
    from wassette_py.policy.document import parse_policy
    from wassette_py.settings.places import home

    text = f'version: "1.0"\npermissions: {dump({kind: {"allow": [details]}})}\n'
    return parse_policy(text, "details", home=home())


def _words(verb: str, component_id: str, permission: Permission) -> tuple[str, ...]:
    from wassette_py.policy.words import permission_words

    return ("policy", verb, component_id, *permission_words(permission))
