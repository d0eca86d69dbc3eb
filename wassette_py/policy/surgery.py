"""Cuts in a YAML text: one entry in, one entry out, every other byte where it was.

It knows block and flow style, null sections, missing parents, comments and both line ends, and nothing of policies. It may be wrong about
YAML's rarer forms: whoever uses it reads the result and compares (`editing.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidPolicy
from wassette_py.strict_yaml import Place, StrictReader, Value

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+(\.[0-9]+)?[A-Za-z]+")
_SPECIAL = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


@dataclass(frozen=True)
class Leaf:
    """What goes in: `item` of a list (with its text in block style), or the value of a key."""

    flow: str
    item: str | None = None


def flow_text(value: object) -> str:
    """Texts, lists and mappings in flow style, quoted where YAML could read them as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(inner) for inner in value) + "]"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL else json.dumps(text, ensure_ascii=False)


class Surgery:
    """One text. Each operation returns a new text; `path` is a way of mapping keys from the root."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.root = StrictReader(source, InvalidPolicy).read(text)
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def append(self, path: Sequence[str], entry: Mapping[str, object]) -> str:
        """With `entry` as the last of the list at `path`, which is made where it is missing."""
        flow = flow_text(entry)
        single = len(entry) == 1 and not any(isinstance(value, list) for value in entry.values())
        return self._put(path, Leaf(flow, flow[1:-1] if single else flow))

    def set_key(self, path: Sequence[str], text: str) -> str:
        """With `text` as the value of the key at `path`."""
        return self._put(path, Leaf(flow_text(text)))

    def remove_item(self, path: Sequence[str], index: int) -> str:
        """Without one item of the list at `path`."""
        return self._remove(self._down(path), index, "[]", self._key_place(path))

    def remove_key(self, path: Sequence[str]) -> str:
        """Without the key at `path`; the same text when it is not there."""
        parent = self._down(path[:-1])
        if not isinstance(parent.data, dict) or path[-1] not in parent.data:
            return self.text
        return self._remove(parent, list(parent.data).index(path[-1]), "{}", self._key_place(path[:-1]))

    # the way down

    def _down(self, path: Sequence[str]) -> Value:
        """The deepest value there is on the way to `path`."""
        value = self.root
        for key in path:
            if not isinstance(value.data, dict) or key not in value.data:
                return Value(None, value.place)
            value = value.data[key]
        return value

    def _key_place(self, path: Sequence[str]) -> Place:
        return self._down(path[:-1]).key_places[path[-1]]

    # in

    def _put(self, path: Sequence[str], leaf: Leaf) -> str:
        parent, value = self.root, self.root
        for depth, key in enumerate(path):
            parent = value
            if not isinstance(parent.data, dict) or key not in parent.data:
                return self._add_key(parent, path[depth:], leaf)
            value = parent.data[key]
            if value.data is None:
                return self._fill(parent, key, value, path[depth + 1 :], leaf)
        if leaf.item is None:
            return self._cut(value.place.start, value.place.end, leaf.flow)
        if value.flow:
            return self._add_flow(value, leaf.flow)
        return self._lines_after(_end(value), [f"{' ' * self._column(value.place.start)}- {leaf.item}"])

    def _add_key(self, mapping: Value, keys: Sequence[str], leaf: Leaf) -> str:
        if mapping.flow:
            return self._add_flow(mapping, _flow(keys, leaf)[1:-1])
        first = next(iter(mapping.key_places.values()))
        return self._lines_after(_end(mapping), _block(keys, leaf, self._column(first.start)))

    def _fill(self, parent: Value, key: str, null: Value, keys: Sequence[str], leaf: Leaf) -> str:
        """Puts something where `key` has no value, or an explicit null."""
        place = parent.key_places[key]
        colon = re.compile(r"\s*:").match(self.text, place.end)
        written = null.place.end > null.place.start
        if parent.flow or (leaf.item is None and not keys):
            flow = _flow(keys, leaf)
            if written:
                return self._cut(null.place.start, null.place.end, flow)
            return self._cut(colon.end(), colon.end(), f" {flow}") if colon else self._cut(place.end, place.end, f": {flow}")
        text = self._cut(null.place.start, null.place.end, "")
        return self._lines_after(null.place.start, _block(keys, leaf, self._column(place.start) + 2), text)

    def _add_flow(self, container: Value, text: str) -> str:
        spans = self._spans(container)
        if not spans:
            return self._cut(container.place.start + 1, container.place.start + 1, text)
        start, end = spans[-1]
        comma = self._comma(end)
        indent = self._indent(start)
        if indent is None:
            return self._cut(end, end, f" , {text}" if self.text[end - 1] == ":" else f", {text}")
        if comma is not None:
            return self._lines_after(comma, [f"{indent}{text},"])
        return self._lines_after(end + 1, [indent + text], self._cut(end, end, ","))

    # out

    def _remove(self, container: Value, index: int, empty: str, key: Place) -> str:
        spans = self._spans(container)
        start, end = spans[index]
        if container.flow:
            return self._remove_flow(spans, index)
        text = self._cut(start - self._column(start), self._line_end(end), "")
        if len(spans) > 1:
            return text
        colon = text.index(":", key.end) + 1
        return f"{text[:colon]} {empty}{text[colon:]}"

    def _remove_flow(self, spans: Sequence[tuple[int, int]], index: int) -> str:
        start, end = spans[index]
        indent, comma = self._indent(start), self._comma(end)
        if comma is not None:
            end = comma
        if indent is not None and re.compile(r"[ \t]*(#.*)?\r?$", re.MULTILINE).match(self.text, end):
            return self._cut(start - len(indent), self._line_end(end), "")
        if comma is None and index > 0 and "\n" not in self.text[spans[index - 1][1] : start]:
            start = spans[index - 1][1]
        elif comma is not None:
            end += len(self.text[end:]) - len(self.text[end:].lstrip(" "))
        return self._cut(start, end, "")

    # places

    def _spans(self, container: Value) -> list[tuple[int, int]]:
        """Where each entry starts (its key, its dash in block style) and where its content ends."""
        if isinstance(container.data, dict):
            places = container.key_places
            return [(places[key].start, max(places[key].end, _end(value))) for key, value in container.data.items()]
        assert isinstance(container.data, list)
        spans, at = list[tuple[int, int]](), container.place.start
        for item in container.data:
            start = item.place.start if container.flow else self._skip(at)
            at = _end(item)
            spans.append((start, at))
        return spans

    def _skip(self, at: int) -> int:
        """Behind blanks, line ends and comments."""
        found = re.compile(r"(?:\s|#[^\n]*)*").match(self.text, at)
        return found.end() if found else at

    def _comma(self, at: int) -> int | None:
        """Behind the comma that follows, if one does."""
        after = self._skip(at)
        return after + 1 if self.text[after : after + 1] == "," else None

    def _column(self, at: int) -> int:
        return len(self.text[self.text.rfind("\n", 0, at) + 1 : at].lstrip("\ufeff"))

    def _indent(self, at: int) -> str | None:
        """What stands before `at` on its line, if that is blank."""
        before = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return before if before.isspace() else None

    def _line_end(self, at: int, text: str | None = None) -> int:
        """Behind the end of the line `at` is on; `at` itself when a line ends right there."""
        text = self.text if text is None else text
        if text[at - 1 : at] == "\n":
            return at
        return text.find("\n", at) + 1 or len(text)

    def _cut(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _lines_after(self, at: int, lines: Sequence[str], text: str | None = None) -> str:
        """With `lines` behind the line `at` is on."""
        text = self.text if text is None else text
        end = self._line_end(at, text)
        before = text[:end] if text[:end].endswith("\n") else text[:end] + self.newline
        return before + "".join(line + self.newline for line in lines) + text[end:]


def _end(value: Value) -> int:
    """Where the content of a value ends; a block collection's own mark stands behind the comments that follow."""
    if value.flow or not value.data:
        return value.place.end
    if isinstance(value.data, dict):
        return max(_end(list(value.data.values())[-1]), list(value.key_places.values())[-1].end)
    return _end(value.data[-1]) if isinstance(value.data, list) else value.place.end


def _flow(keys: Sequence[str], leaf: Leaf) -> str:
    text = leaf.flow if leaf.item is None else f"[{leaf.flow}]"
    for key in reversed(keys):
        text = f"{{{key}: {text}}}"
    return text


def _block(keys: Sequence[str], leaf: Leaf, indent: int) -> list[str]:
    lines = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(keys)]
    if leaf.item is None:
        return [*lines[:-1], f"{lines[-1]} {leaf.flow}"]
    return [*lines, f"{' ' * (indent + 2 * len(keys))}- {leaf.item}"]
