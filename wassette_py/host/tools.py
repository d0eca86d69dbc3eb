"""Which tools are served: the records' definitions, narrowed by each component's policy, with hints the policy enforces.

Annotations are derived from what is granted and never claimed by a component: a hint the sandbox does not enforce is left out.
"""

from __future__ import annotations

from wassette_py.dataclass import dataclass
from wassette_py.errors import NameTaken, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wassette_py.policy.document import PolicyDocument
    from wassette_py.store import Record
    from wassette_py.wit.describe import ToolDefinition

BUILTIN_NAMES = frozenset(
    {
        "load-component",
        "unload-component",
        "list-components",
        "search-components",
        "get-policy",
        "grant-storage-permission",
        "grant-network-permission",
        "grant-environment-variable-permission",
        "revoke-storage-permission",
        "revoke-network-permission",
        "revoke-environment-variable-permission",
        "reset-permission",
        "call-tool",
    }
)


@dataclass(frozen=True)
class HostedTool:
    """One tool as it is served."""

    name: str
    component: str
    digest: str
    definition: ToolDefinition
    annotations: dict[str, bool]


def served(record: Record, policy: PolicyDocument | None) -> tuple[HostedTool, ...]:
    """The tools of `record` under `policy`; None (it cannot be read) lists them all: each call says why it fails."""
    hints, tools = {} if policy is None else hints_of(policy), record.tools
    if policy is not None and policy.tools is not None:
        from wassette_py.policy.matching import match_tool

        tools = tuple([tool for tool in tools if match_tool(policy, bare_name(record, tool)).allowed])
    return tuple([HostedTool(tool.name, record.id, str(record.digest), tool, hints) for tool in tools])


def bare_name(record: Record, tool: ToolDefinition) -> str:
    """The name of `tool` without the prefix the component was loaded with; policies name tools so."""
    return tool.name.removeprefix(f"{record.prefix}_") if record.prefix else tool.name


def hints_of(policy: PolicyDocument) -> dict[str, bool]:
    """MCP hints that hold whatever the component does: they follow from what is not granted."""
    hints: dict[str, bool] = {}
    if not policy.allow:
        hints["openWorldHint"] = False
        if not any(grant.write for grant in policy.storage):
            hints["readOnlyHint"] = True
    return hints


def check_names(record: Record, others: Iterable[Record]) -> None:
    """Raises NameTaken when a tool of `record` has a built-in's name or the name of another component's tool."""
    taken = {tool.name: other.id for other in others if other.id != record.id for tool in other.tools}
    for tool in record.tools:
        owner = "wassette itself" if tool.name in BUILTIN_NAMES else taken.get(tool.name)
        if owner is not None:
            prefix = record.id.replace(".", "_").replace("-", "_")[:8]
            load = command("wassette", "component", "load", record.reference, "--name", record.id, "--prefix", prefix)
            raise NameTaken(f"the tool name {tool.name!r} is taken by {owner}", load, prefix=prefix)
