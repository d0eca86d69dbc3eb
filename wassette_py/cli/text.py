"""Words and columns for people: pure functions from values to text, without a terminal and without rich.

`escape` is the one place where text from outside (components, registries, files) loses what a terminal would act on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """`rows` of cells as aligned lines; the last column is as wide as it is."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [(indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip() for row in cells]


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
    if depth > MAX_DEPTH:
        return "…"
    match schema:
        case {"const": value}:
            return json.dumps(value, ensure_ascii=False)
        case {"enum": [*values]}:
            return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
        case {"anyOf": [*choices]} | {"oneOf": [*choices]}:
            texts = dict.fromkeys(type_text(choice, depth + 1) for choice in choices)
            return " | ".join(texts)
        case {"contentEncoding": str(encoding)}:
            return encoding
        case {"type": "array", "prefixItems": [*members]}:
            return f"[{', '.join(type_text(member, depth + 1) for member in members)}]"
        case {"type": "array", "items": {**items}}:
            inner = type_text({str(key): value for key, value in items.items()}, depth + 1)
            return f"({inner})[]" if " | " in inner else f"{inner}[]"
        case {"type": "object"}:
            return f"{{{_fields(schema, depth)}}}"
        case {"type": str(name)}:
            return name
        case {"type": [*names]}:
            return " | ".join(map(str, names))
        case _:
            return "any"


def _fields(schema: Mapping[str, Any], depth: int) -> str:
    required = schema.get("required", ())
    fields = schema.get("properties", {})
    return ", ".join(f"{name}{'' if name in required else '?'}: {type_text(field, depth + 1)}" for name, field in fields.items())
