"""Text of a YAML file with one thing more or less in it, every other byte left alone. It knows where things stand, not what they mean."""

from __future__ import annotations

import json
import re

from wassette_py.strict_yaml import Value


def appended(text: str, value: Value, lines: list[str], flow: str) -> str:
    """`text` with one more item at the end of the list `value`."""
    if value.flow:
        end = value.place.end - 1
        before = text[:end].rstrip()
        return before + ("" if before.endswith(",") else ",") + f" {flow}" + text[len(before) : end] + text[end:]
    indent = column(text, value.place.start)
    block = "".join(f"\n{' ' * indent}{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
    end = line_end(text, last(value))
    return text[:end] + block + text[end:]


def member(value: Value | None, name: str) -> Value | None:
    """What stands under `name` in a mapping; None where it is none, or has no such key."""
    return value.data.get(name) if value is not None and isinstance(value.data, dict) else None


def with_entry(text: str, mapping: Value, entry: str) -> str:
    """`text` with one more key at the end of `mapping`."""
    if mapping.flow:
        end = mapping.place.end - 1
        before = text[:end].rstrip()
        return before + ("" if before.endswith(",") else ",") + f" {entry}" + text[len(before) :]
    end = line_end(text, last(mapping))
    return text[:end] + f"\n{' ' * column(text, mapping.place.start)}{entry}" + text[end:]


def plain(text: str) -> str:
    """`text` as a scalar that means exactly that."""
    return text if re.fullmatch(r"[a-z][A-Za-z0-9./:_-]*", text) else json.dumps(text, ensure_ascii=False)


def last(value: Value) -> int:
    """Where the last character of what is written for `value` stands; a block's own end mark lies past the comments that follow it."""
    if isinstance(value.data, dict) and value.data and not value.flow:
        return max(last(member) for member in value.data.values())
    if isinstance(value.data, list) and value.data and not value.flow:
        return last(value.data[-1])
    return value.place.end


def line_end(text: str, index: int) -> int:
    """Where the line that `index` is in ends."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def column(text: str, index: int) -> int:
    """How far from the start of its line `index` is."""
    return index - (text.rfind("\n", 0, index) + 1)


def without(text: str, scopes: Value, item: Value) -> str:
    """`text` without `item` of the list `scopes`."""
    assert isinstance(scopes.data, list)
    if len(scopes.data) == 1:
        return text[: scopes.place.start] + " []" + text[last(scopes) :]
    index = next(number for number, known in enumerate(scopes.data) if known is item)
    if scopes.flow:
        if index == 0:
            return text[: item.place.start] + text[scopes.data[1].place.start :]
        return text[: scopes.data[index - 1].place.end] + text[item.place.end :]
    start = text.rfind("\n", 0, item.place.start) + 1
    if index == 0 and start <= scopes.place.start:
        start = scopes.place.start - column(text, scopes.place.start)
    return text[:start] + text[line_end(text, last(item)) + 1 :]
