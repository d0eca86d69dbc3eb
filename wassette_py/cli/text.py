"""Words for people: pure functions from values to text, without a terminal and without rich.

`escape` is the one place where text from outside (components, registries, files) loses what a terminal would act on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_KEPT = frozenset("\n\t")
_SPACE = {"\n": " ", "\t": " ", "\r": " "}
MAX_DEPTH = 3
UNITS = ("bytes", "kB", "MB", "GB")


def escape(text: str) -> str:
    """`text` with control, bidi and lone surrogate characters written as `\\x1b` or `\\u202e`; line feeds and tabs stay."""
    return text if text.isprintable() else "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _KEPT or not (code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or character in _BIDI):
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """`text` on one line, for a cell of a table."""
    return escape("".join(_SPACE.get(character, character) for character in text)).strip()


def json_text(document: object) -> str:
    """`document` as indented JSON that is safe on a terminal and the same value to a parser."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # NOTE: JSON itself escapes what is below 0x20, so all that is left to escape stands inside strings, where \uXXXX is legal.
    return text if text.isascii() and "\x7f" not in text else "".join(map(_json_escaped, text))


def _json_escaped(character: str) -> str:
    code = ord(character)
    dangerous = 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or character in _BIDI
    return f"\\u{code:04x}" if dangerous else character


def size_text(size: float) -> str:
    """A number of bytes in words: `812 bytes`, `18.4 kB`, `2 MB`."""
    unit = 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {UNITS[unit]}" if size < 100 or unit == 0 else f"{size:.0f} {UNITS[unit]}"


def seconds_text(seconds: float) -> str:
    """A duration in words: `35 ms`, `1.4 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def plural(count: int, noun: str) -> str:
    """`1 tool`, `2 tools`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def signature(name: str, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> str:
    """A tool as people write functions: `diff(old: string, new: string, context?: integer) -> string`."""
    result = output_schema.get("properties", {}).get("result", {})
    arrow = "" if result.get("type") == "null" else f" -> {type_text(result)}"
    return one_line(f"{name}({_fields(input_schema, 0)}){arrow}")


def type_text(schema: Mapping[str, Any], depth: int = 0) -> str:
    """A JSON Schema as a short type: `string`, `integer[]`, `{name: string, age?: integer}`, `"a" | "b"`."""
    return " | ".join(_alternatives(schema, depth))


def _alternatives(schema: Mapping[str, Any], depth: int) -> list[str]:
    """The alternatives of a type, each one a short text."""
    if depth > MAX_DEPTH:
        return ["…"]
    match schema:
        case {"anyOf": [first, second]} if _is_spelling(first, second):
            return _alternatives(first, depth)
        case {"anyOf": [*choices]}:
            return list(dict.fromkeys(text for choice in choices for text in _alternatives(choice, depth)))
        case {"enum": [*values]}:
            return [json.dumps(value, ensure_ascii=False) for value in values]
        case {"contentEncoding": str(encoding)}:
            return [encoding]
        case {"type": "array", "prefixItems": [*members]}:
            return [f"[{', '.join(type_text(member, depth + 1) for member in members)}]"]
        case {"type": "array"}:
            items = _alternatives(schema.get("items", {}), depth + 1)
            return [f"{items[0]}[]" if len(items) == 1 else f"({' | '.join(items)})[]"]
        case {"type": "object"}:
            return [f"{{{_fields(schema, depth)}}}"]
        case {"type": str(name)}:
            return [name]
        case _:
            return ["any"]


def _is_spelling(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether `second` is only another way of writing a `first`: a large integer as text, NaN by name, bytes as numbers."""
    kind = first.get("type")
    return (
        (kind == "integer" and "pattern" in second) or (kind == "number" and "NaN" in second.get("enum", ())) or "contentEncoding" in first
    )


def _fields(schema: Mapping[str, Any], depth: int) -> str:
    required = schema.get("required", ())
    return ", ".join(
        f"{name}: {type_text(field, depth + 1)}"
        if name in required
        else f"{name}?: {' | '.join(text for text in _alternatives(field, depth + 1) if text != 'null')}"
        for name, field in schema.get("properties", {}).items()
    )
