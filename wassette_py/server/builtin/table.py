"""The built-in tools, one table: Wassette 0.8's names, argument shapes and result objects, and `call-tool`.

The model may ask, a person decides: what changes permissions or installs what no trust scope names is done when a person says yes in their
client, or the operator set `grants: allow`; where nobody can be asked, the answer is the command line with which a person can do it.
What they do is in `actions.py`, imported when the first of them is called: a first list, and a first call, need their words alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from wassette_py.dataclass import dataclass
from wassette_py.server.results import succeeded
from wassette_py.server.tools import CALL_TOOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from wassette_py.host import ComponentHost
    from wassette_py.host.overlay import Lasting
    from wassette_py.host.wanting import Decide, Wanted
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

Schema: TypeAlias = "dict[str, Any]"
READS = {"readOnlyHint": True, "openWorldHint": False}
DESTROYS = {"destructiveHint": True, "openWorldHint": False}
ADDS = {"destructiveHint": False, "openWorldHint": False}


@dataclass(frozen=True)
class Builtin:
    """One built-in tool, as it is listed."""

    name: str
    description: str
    schema: Schema
    hints: Mapping[str, bool]

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
    ),
    Builtin("unload-component", "Removes a component and its policy.", _object({"id": _text("its id")}), DESTROYS),
    Builtin("list-components", "Lists the components that are loaded, with their tools.", _object({}), READS),
    Builtin(
        "search-components",
        "Searches the catalogue of known components; without a query, lists it.",
        _object({"query": {"type": "string", "description": "words to look for"}}, []),
        READS,
    ),
    Builtin("get-policy", "Shows what a component may do.", _object(_ID), READS),
    Builtin(
        "grant-storage-permission",
        "Asks that a component may read or write a directory.",
        _details({**_URI, **_ACCESS}),
        ADDS,
    ),
    Builtin(
        "grant-network-permission",
        "Asks that a component may send requests to a host.",
        _details(_HOST),
        ADDS,
    ),
    Builtin(
        "grant-environment-variable-permission",
        "Asks that a component may read an environment variable.",
        _details(_KEY),
        ADDS,
    ),
    Builtin("revoke-storage-permission", "Takes a directory away from a component.", _details(_URI), DESTROYS),
    Builtin("revoke-network-permission", "Takes a host away from a component.", _details(_HOST), DESTROYS),
    Builtin(
        "revoke-environment-variable-permission",
        "Takes an environment variable away from a component.",
        _details(_KEY),
        DESTROYS,
    ),
    Builtin("reset-permission", "Takes all permissions away from a component.", _object(_ID), DESTROYS),
    Builtin(
        CALL_TOOL,
        "Calls a tool of a loaded component by its name, also one that was loaded after the list of tools was read.",
        _object({"name": _text("the tool's name"), "arguments": {"type": "object", "description": "its arguments"}}, ["name"]),
        {},
    ),
)


_SCHEMAS = {tool.name: tool.schema for tool in BUILTINS}


class Builtins:
    """The table at work for one server."""

    def __init__(self, host: ComponentHost, *, only: set[str]) -> None:
        self.definitions: Sequence[dict[str, Any]] = tuple(tool.definition() for tool in BUILTINS)
        self._host = host
        self._only = only

    @cached_property
    def _bench(self) -> Bench:
        from wassette_py.server.builtin.bench import Bench

        return Bench(self._host, self._only)

    def decider(self, context: CallContext) -> Decide | None:
        """A person asks themselves: only where the client shows forms while a call runs, and the operator lets it ask."""
        if self._host.settings.grants != "ask" or not context.can_wait:
            return None

        def decide(wanted: Wanted) -> Lasting:
            from wassette_py.server.builtin.midcall import decided

            return decided(self._bench, wanted, context)

        return decide

    def run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """The tools/call result. Raises WassetteError."""
        from wassette_py.server.builtin.actions import ACTIONS
        from wassette_py.server.builtin.arguments import check

        check(_SCHEMAS[name], dict(arguments))
        return succeeded(ACTIONS[name](self._bench, arguments, context))
