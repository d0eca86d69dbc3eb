"""The built-in tools, one table: Wassette 0.8's names, argument shapes and result objects, and `call-tool`.

The model may ask, a person decides: what changes permissions or installs what no trust scope names is done when a person says yes in their
client, or the operator set `grants: allow`; where nobody can be asked, the answer is the command line with which a person can do it.
`call-tool` is answered by the toolbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wassette_py.dataclass import dataclass
from wassette_py.server.builtin import components, policies
from wassette_py.server.builtin.arguments import check
from wassette_py.server.builtin.bench import Bench
from wassette_py.server.builtin.midcall import decided
from wassette_py.server.results import succeeded
from wassette_py.server.tools import CALL_TOOL

if TYPE_CHECKING:
    from wassette_py.host import ComponentHost
    from wassette_py.host.wanting import Decide
    from wassette_py.server.seam import CallContext

Schema = dict[str, Any]
READS = {"readOnlyHint": True, "openWorldHint": False}
DESTROYS = {"destructiveHint": True, "openWorldHint": False}
ADDS = {"destructiveHint": False, "openWorldHint": False}


@dataclass(frozen=True)
class Builtin:
    """One built-in tool; `run` None: the toolbox answers it."""

    name: str
    description: str
    schema: Schema
    hints: Mapping[str, bool]
    run: Callable[[Bench, Mapping[str, Any], CallContext], dict[str, Any]] | None

    def definition(self) -> dict[str, Any]:
        """The entry of tools/list."""
        hints = {"annotations": dict(self.hints)} if self.hints else {}
        return {"name": self.name, "description": self.description, "inputSchema": self.schema, **hints}


def _object(properties: Schema, required: Sequence[str] | None = None, *, closed: bool = False) -> Schema:
    wanted = list(properties) if required is None else list(required)
    return {
        "type": "object",
        "properties": properties,
        **({"required": wanted} if wanted else {}),
        **({"additionalProperties": False} if closed else {}),
    }


def _text(description: str) -> Schema:
    return {"type": "string", "minLength": 1, "description": description}


_ID = {"component_id": _text("the component's id, as list-components says it")}
_URI = {"uri": _text("fs:// and the absolute path of a directory, for example fs:///home/me/notes")}
_HOST = {"host": _text("a host name, for example api.example.com; https on 443 and http on 80, unless it says [scheme://]host[:port]")}
_KEY = {"key": _text("the name of an environment variable")}
_ACCESS = {"access": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": ["read", "write"]}}}


def _details(properties: Schema) -> Schema:
    return _object({**_ID, "details": _object(properties, closed=True)})


BUILTINS = (
    Builtin(
        "load-component",
        "Loads a WebAssembly component from a path or a file://, https://, oci:// or oci-layout:// reference; then its tools are listed.",
        _object({"path": _text("where the component is")}),
        {"destructiveHint": False, "openWorldHint": True},
        components.load,
    ),
    Builtin("unload-component", "Removes a component and its policy.", _object({"id": _text("its id")}), DESTROYS, components.unload),
    Builtin("list-components", "Lists the components that are loaded, with their tools.", _object({}), READS, components.list_all),
    Builtin(
        "search-components",
        "Searches the catalogue of known components; without a query, lists it.",
        _object({"query": {"type": "string", "description": "words to look for"}}, []),
        READS,
        components.search,
    ),
    Builtin("get-policy", "Shows what a component may do.", _object(_ID), READS, policies.get),
    Builtin(
        "grant-storage-permission",
        "Asks that a component may read or write a directory.",
        _details({**_URI, **_ACCESS}),
        ADDS,
        policies.granting("storage"),
    ),
    Builtin(
        "grant-network-permission",
        "Asks that a component may send requests to a host.",
        _details(_HOST),
        ADDS,
        policies.granting("network"),
    ),
    Builtin(
        "grant-environment-variable-permission",
        "Asks that a component may read an environment variable.",
        _details(_KEY),
        ADDS,
        policies.granting("environment"),
    ),
    Builtin("revoke-storage-permission", "Takes a directory away from a component.", _details(_URI), DESTROYS, policies.revoke_storage),
    Builtin("revoke-network-permission", "Takes a host away from a component.", _details(_HOST), DESTROYS, policies.revoking("network")),
    Builtin(
        "revoke-environment-variable-permission",
        "Takes an environment variable away from a component.",
        _details(_KEY),
        DESTROYS,
        policies.revoking("environment"),
    ),
    Builtin("reset-permission", "Takes all permissions away from a component.", _object(_ID), DESTROYS, policies.reset),
    Builtin(
        CALL_TOOL,
        "Calls a tool of a loaded component by its name, also one that was loaded after the list of tools was read.",
        _object({"name": _text("the tool's name"), "arguments": {"type": "object", "description": "its arguments"}}, ["name"]),
        {},
        None,
    ),
)


class Builtins:
    """The table at work for one server."""

    def __init__(self, host: ComponentHost, *, only: set[str]) -> None:
        self.definitions: Sequence[dict[str, Any]] = tuple(tool.definition() for tool in BUILTINS)
        self._bench = Bench(host, only)
        self._table = {tool.name: tool for tool in BUILTINS}

    def decider(self, context: CallContext) -> Decide | None:
        """A person asks themselves: only where the client shows forms while a call runs, and the operator lets it ask."""
        if self._bench.host.settings.grants != "ask" or not context.can_wait:
            return None
        return lambda wanted: decided(self._bench, wanted, context)

    def run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """The tools/call result. Raises WassetteError."""
        tool = self._table[name]
        assert tool.run is not None, name
        check(tool.schema, dict(arguments))
        return succeeded(tool.run(self._bench, arguments, context))
