"""Checks the arguments of built-in tools against their schemas: the few keywords those schemas use, and no others.

Components' arguments are read by their WIT types instead (`wit/values.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wassette_py.errors import InvalidArguments

_TYPES: dict[str, tuple[type, str]] = {"object": (dict, "an object"), "string": (str, "a string"), "array": (list, "a list")}


def check(schema: Mapping[str, Any], value: object, path: str = "$") -> None:
    """Raises InvalidArguments with the JSON path and what was expected where `value` does not fit `schema`."""
    kind, words = _TYPES.get(schema.get("type", ""), (object, ""))
    if not isinstance(value, kind):
        raise InvalidArguments(f"{path}: expected {words}, got {_named(value)}")
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidArguments(f"{path}: expected one of {', '.join(schema['enum'])}, got {str(value)[:100]!r}")
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        raise InvalidArguments(f"{path}: expected some text, got none")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            raise InvalidArguments(f"{path}: expected at least one entry")
        for index, item in enumerate(value):
            check(schema.get("items", {}), item, f"{path}[{index}]")
    if isinstance(value, dict):
        _check_members(schema, value, path)


def _check_members(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> None:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise InvalidArguments(f"{path}: missing required argument {name!r}")
    for name, item in value.items():
        if name in properties:
            check(properties[name], item, f"{path}.{name}")
        elif schema.get("additionalProperties") is False:
            raise InvalidArguments(f"{path}: unknown argument {name[:100]!r}, expected {', '.join(properties) or 'none'}")


def _named(value: object) -> str:
    if value is None:
        return "null"
    return {"dict": "an object", "str": "a string", "list": "a list", "bool": "a boolean"}.get(type(value).__name__, "a number")
