"""What a component offers as tools: the description that is stored, listed and shown, made from its WIT alone.

`ToolDefinition` is what a `ComponentStore` keeps and an MCP client reads. The dataclasses are on the start path of `serve --stdio`,
so everything that makes them is imported where it is used. Nothing here compiles, instantiates or calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAPPING_VERSION = 1
"""Raised whenever names, schemas or descriptions of an unchanged component would come out differently."""


@dataclass(frozen=True)
class ToolDefinition:
    """One callable export; `interface` and `function` are those of its `FunctionType`."""

    name: str
    interface: str | None
    function: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "interface": self.interface,
            "function": self.function,
            "description": self.description,
            "inputSchema": dict(self.input_schema),
            "outputSchema": dict(self.output_schema),
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
