"""What each built-in tool does, by its name. `call-tool` is not among them: the toolbox answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.server.builtin import components, policies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

    Action = Callable[[Bench, Mapping[str, Any], CallContext], dict[str, Any]]

ACTIONS: dict[str, Action] = {
    "load-component": components.load,
    "unload-component": components.unload,
    "list-components": components.list_all,
    "search-components": components.search,
    "get-policy": policies.get,
    "grant-storage-permission": policies.granting("storage"),
    "grant-network-permission": policies.granting("network"),
    "grant-environment-variable-permission": policies.granting("environment"),
    "revoke-storage-permission": policies.revoke_storage,
    "revoke-network-permission": policies.revoking("network"),
    "revoke-environment-variable-permission": policies.revoking("environment"),
    "reset-permission": policies.reset,
}
