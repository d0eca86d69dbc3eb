"""Built-in tools about permissions: get-policy, grants, revokes, reset. Argument shapes and result objects are Wassette 0.8's.

`details` is an entry of a policy file, so the policy parser reads it: what a policy cannot say cannot be asked for either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wassette_py.errors import InvalidPolicy
from wassette_py.server.messages import dump

if TYPE_CHECKING:
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

    Tool = Callable[[Bench, Mapping[str, Any], CallContext], dict[str, Any]]

_TYPE = {"storage": "storage", "network": "network", "environment": "environment variable"}


def get(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """get-policy: where the policy is and what it says."""
    from wassette_py.policy.document import document_json

    component_id = arguments["component_id"]
    bench.need(component_id)
    path = bench.host.store.policy_path(component_id)
    if not path.exists():
        return {"status": "no policy found", "component_id": component_id}
    policy = bench.host.policies.of(component_id)
    return {
        "status": "policy found",
        "component_id": component_id,
        "policy_info": {
            "policy_id": f"{component_id}-policy",
            "source_uri": path.as_uri(),
            "local_path": str(path),
            "created_at": int(path.stat().st_mtime),
        },
        "permissions": document_json(policy),
    }


def granting(kind: str) -> Tool:
    """The grant tool for that kind of permission."""

    def grant(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        component_id, details = arguments["component_id"], arguments["details"]
        bench.need(component_id)
        permission = _permission(kind, details)
        bench.decide(f"granting a {_TYPE[kind]} permission to {component_id!r}", *_words("grant", component_id, permission))
        bench.host.policies.grant(component_id, permission)
        status = "permission granted successfully"
        return {"status": status, "component_id": component_id, "permission_type": _TYPE[kind], "details": details}

    return grant


def revoking(kind: str) -> Tool:
    """The revoke tool for that kind of permission."""

    def revoke(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        component_id, details = arguments["component_id"], arguments["details"]
        bench.need(component_id)
        permission = _permission(kind, details)
        bench.decide(f"revoking a {_TYPE[kind]} permission of {component_id!r}", *_words("revoke", component_id, permission))
        bench.host.policies.revoke(component_id, permission)
        return {"status": "permission revoked", "component_id": component_id, "permission_type": _TYPE[kind], "details": details}

    return revoke


def revoke_storage(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """revoke-storage-permission: every entry of that directory."""
    component_id, uri = arguments["component_id"], arguments["details"]["uri"]
    bench.need(component_id)
    path = _document("storage", {"uri": uri, "access": ["read"]}).storage[0].path
    bench.decide(f"revoking a storage permission of {component_id!r}", "policy", "revoke", component_id, "storage", path)
    granted = [grant for grant in bench.host.policies.of(component_id).storage if grant.path == path]
    if not granted:
        raise InvalidPolicy(f"{component_id!r} has no storage permission for {path}")
    for grant in granted:
        bench.host.policies.revoke(component_id, grant)
    return {
        "status": "permission revoked successfully",
        "component_id": component_id,
        "uri": uri,
        "message": "All access (read and write) to the specified URI has been revoked",
    }


def reset(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """reset-permission: no policy any more."""
    component_id = arguments["component_id"]
    bench.need(component_id)
    bench.decide(f"resetting the permissions of {component_id!r}", "policy", "reset", component_id)
    bench.host.policies.replace(component_id, None, "reset-permission")
    return {"status": "permissions reset successfully", "component_id": component_id}


def _permission(kind: str, details: Mapping[str, Any]) -> Permission:
    """`details` as a permission. Raises InvalidPolicy."""
    document = _document(kind, details)
    found: tuple[Permission, ...] = (*document.storage, *document.allow, *document.variables)
    return found[0]


def _document(kind: str, details: Mapping[str, Any]) -> PolicyDocument:
    from pathlib import Path

    from wassette_py.policy.document import parse_policy

    text = f'version: "1.0"\npermissions: {dump({kind: {"allow": [details]}})}\n'
    return parse_policy(text, "details", home=Path.home())


def _words(verb: str, component_id: str, permission: Permission) -> tuple[str, ...]:
    import shlex

    from wassette_py.policy.words import command_for

    _, _, _, *words = shlex.split(command_for(component_id, permission))
    return ("policy", verb, *words)
