"""What a component offers as tools: the description that is stored, listed and shown, made from its WIT alone.

`ToolDefinition` is what a `ComponentStore` keeps and an MCP client reads. The dataclasses are on the start path of `serve --stdio`,
so everything that makes them is imported where it is used. Nothing here compiles, instantiates or calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wassette_py.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.wit.docs import Docs
    from wassette_py.wit.types import ComponentType, FunctionType

MAPPING_VERSION = 1
"""Raised whenever names, schemas or descriptions of an unchanged component would come out differently."""


@dataclass(frozen=True)
class ToolDefinition:
    """One callable export; `interface` and `function` are those of its `FunctionType`. `content`: see `wit/content.py`."""

    name: str
    interface: str | None
    function: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    content: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "interface": self.interface,
            "function": self.function,
            "description": self.description,
            "inputSchema": dict(self.input_schema),
            "outputSchema": dict(self.output_schema),
            **({"content": True} if self.content else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ToolDefinition:
        """The inverse of `to_json`; KeyError or TypeError when `value` is something else."""
        return cls(
            value["name"],
            value["interface"],
            value["function"],
            value["description"],
            dict(value["inputSchema"]),
            dict(value["outputSchema"]),
            value.get("content") is True,
        )


@dataclass(frozen=True)
class NotTool:
    """An export that cannot be a tool: its full WIT name and why."""

    export: str
    reason: str

    def to_json(self) -> dict[str, str]:
        return {"export": self.export, "reason": self.reason}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> NotTool:
        """The inverse of `to_json`."""
        return cls(value["export"], value["reason"])


@dataclass(frozen=True)
class Description:
    """A component's tools, its exports that are none, and the interfaces it imports."""

    tools: tuple[ToolDefinition, ...]
    not_tools: tuple[NotTool, ...]
    imports: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "tools": [tool.to_json() for tool in self.tools],
            "not_tools": [export.to_json() for export in self.not_tools],
            "imports": list(self.imports),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Description:
        """The inverse of `to_json`."""
        return cls(
            tuple(ToolDefinition.from_json(tool) for tool in value["tools"]),
            tuple(NotTool.from_json(export) for export in value["not_tools"]),
            tuple(value["imports"]),
        )


_HELPERS = ("init", "exports")
"""Instances that toolchains export for their own use."""

_QUICKJS_INIT = ("shim", "script", "entry-path", "disable-gc")
"""The parameters of the world-level `init` by which componentize-qjs loads the script."""


def describe(component_type: ComponentType, docs: Docs, *, prefix: str = "") -> Description:
    """The tools of a component, named with `prefix`, and what it exports besides; exports of toolchains and of WASI are left out."""
    from wassette_py.wit.names import tool_names

    functions = [f for f in component_type.exports if not _is_hidden(f)]
    reasons = {f: reason for f in functions if (reason := _why_no_tool(f))}
    names = tool_names([f for f in functions if f not in reasons], prefix)
    tools = [_definition(f, name, docs) for f, name in names.items()]
    return Description(tuple(tools), tuple([NotTool(f.export, reason) for f, reason in reasons.items()]), component_type.imports)


def _definition(f: FunctionType, name: str, docs: Docs) -> ToolDefinition:
    from wassette_py.wit.content import returns_content
    from wassette_py.wit.schema import input_schema, output_schema

    described = docs.of(f) or f"{f.export} (not documented)"
    return ToolDefinition(name, f.interface, f.name, described, input_schema(f), output_schema(f), returns_content(f))


def _is_hidden(f: FunctionType) -> bool:
    if f.interface is None:
        return f.name == "init" and tuple([name for name, _ in f.params]) == _QUICKJS_INIT
    return f.interface in _HELPERS or f.interface.startswith("wasi:")


def _why_no_tool(f: FunctionType) -> str | None:
    from wassette_py.wit.types import UnsupportedType, parts

    if f.name.startswith("["):
        return "belongs to a resource, and no call keeps one for the next"
    if f.interface is not None and "/" not in f.interface:
        return f"is exported by {f.interface!r}, an interface without a package"
    if f.is_async:
        return "is an async function, which cannot be called yet"
    types = [type for _, type in f.params] + ([f.result] if f.result else [])
    unsupported = [part.name for type in types for part in parts(type) if isinstance(part, UnsupportedType)]
    return f"takes or returns a {unsupported[0]}, for which JSON has no value" if unsupported else None


_MEANINGS: tuple[tuple[str, str | None], ...] = (
    ("wasi:http/outgoing-handler", "makes HTTP requests"),
    ("wasi:http/", None),
    ("wasi:filesystem/", "reads files you grant, writes where you grant it"),
    ("wasi:cli/environment", "reads environment variables you grant"),
    ("wasi:config/", "reads configuration you grant"),
    ("wasi:sockets/ip-name-lookup", "looks names up (always refused)"),
    ("wasi:sockets/", "opens raw sockets (always refused)"),
    ("wasi:logging/", "writes log lines, which are captured"),
    ("wasi:cli/stdin", "reads standard input (always empty)"),
    ("wasi:cli/std", "prints text, which is captured"),
    ("wasi:clocks/", "reads the clock"),
    ("wasi:random/", "draws random numbers"),
    ("wasi:cli/", None),
    ("wasi:io/", None),
)
"""Beginning of an interface's name -> what it means to a person; None where it gives no access by itself."""


def means(imports: Sequence[str]) -> list[tuple[str, str]]:
    """What a component asks for: (interface, in words), the most telling first; empty means no access to anything."""
    found = [(_meaning(interface), interface) for interface in imports]
    return [(interface, words) for (_, words), interface in sorted(found, key=lambda each: each[0][0]) if words]


def _meaning(interface: str) -> tuple[int, str | None]:
    for rank, (start, words) in enumerate(_MEANINGS):
        if interface.startswith(start):
            return rank, words
    return -1, f"uses {interface}, which wassette does not provide"
