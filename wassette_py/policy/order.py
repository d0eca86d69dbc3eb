"""A secret's header and the requests that carry it are granted in one order and revoked in the other: told as the commands to begin with.

The policy that results is judged by `grants.py` and by the parser, which know of no component and can only name the nearest document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.errors import InvalidPolicy, command
from wassette_py.policy.document import NetworkCidr, NetworkHost, SecretHeader
from wassette_py.policy.secrets import unreached, unreached_text
from wassette_py.policy.words import command_for, permission_words

if TYPE_CHECKING:
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.grants import Permission, Revocation


def check_grant_order(component_id: str, policy: PolicyDocument, permission: Permission) -> None:
    """Raises InvalidPolicy for a header that no granted request could carry."""
    if isinstance(permission, SecretHeader) and unreached(policy.allow, (permission,)):
        first = command_for(component_id, NetworkHost(permission.host, "https", permission.port))
        raise InvalidPolicy(unreached_text(permission), first)


def check_revoke_order(component_id: str, policy: PolicyDocument, permission: Revocation) -> None:
    """Raises InvalidPolicy where requests are to be taken away that carry the header of a secret."""
    if not isinstance(permission, NetworkHost | NetworkCidr) or permission not in policy.allow:
        return
    needing = unreached([entry for entry in policy.allow if entry != permission], policy.secrets)
    if needing:
        first = [command("wassette", "policy", "revoke", component_id, *permission_words(secret)) for secret in needing]
        reason = "; ".join(f"the secret {secret.name} would be for {secret.text()}, to which no request is granted" for secret in needing)
        raise InvalidPolicy(reason, "\n".join(first))
