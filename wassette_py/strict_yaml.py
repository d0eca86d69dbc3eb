"""YAML read strictly, with the place of every value, for documents that decide what is allowed.

PyYAML keeps the last of two duplicate keys and reads `off` as false without a word. Here a duplicate key, an anchor, an alias, a tag, a
key that is not text and a second document are errors, and each value knows its line and its place in the text, so that
errors can name `file:line: key` and an edit can leave every other byte alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from wassette_py.errors import WassetteError

MAX_TEXT = 1 << 20
MAX_DEPTH = 32
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Place:
    """Where a value stands: file, key path such as `permissions.network.allow[1].host`, line (from 1), [start, end) offsets."""

    source: str
    path: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Value:
    """One YAML value: `data` is a scalar, a list of Values, or a dict of text to Value."""

    data: Scalar | list[Value] | dict[str, Value]
    place: Place
    text: str = ""
    """For a scalar: as it was written (`512Mi`, `1.0`), whatever YAML resolved it to."""
    flow: bool = False
    """For a list or mapping: written as `[…]` or `{…}`."""
    key_places: dict[str, Place] = field(default_factory=dict, compare=False)
    """For a mapping: where each key itself stands."""


class StrictReader:
    """Reads one document; every error is `error` (an InvalidPolicy, …) with `source:line: path: reason`."""

    def __init__(self, source: str, error: type[WassetteError]) -> None:
        self.source = source
        self.error = error

    def fail(self, place: Place, reason: str, hint: str | None = None) -> NoReturn:
        """Raises `error` for what stands at `place`."""
        where = f"{place.path}: " if place.path else ""
        raise self.error(f"{self.source}:{place.line}: {where}{reason}", hint)

    def read(self, text: str) -> Value:
        """The document's root value; an empty document is null. Raises `error`."""
        if len(text) > MAX_TEXT:
            self.fail(Place(self.source, "", 1, 0, 0), f"larger than {MAX_TEXT} characters")
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self._refuse_aliases(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            self.fail(Place(self.source, "", line, 0, 0), f"not YAML: {error.problem or error.context}")
        except yaml.YAMLError as error:
            self.fail(Place(self.source, "", 1, 0, 0), f"not YAML: {error}".splitlines()[0])
        except RecursionError:
            self.fail(Place(self.source, "", 1, 0, 0), "nested too deeply")
        if node is None:
            return Value(None, Place(self.source, "", 1, 0, len(text)))
        return self._value(node, "", 0)

    def _refuse_aliases(self, text: str) -> None:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            anchor = getattr(event, "anchor", None)
            tag = getattr(event, "tag", None)
            if anchor is not None or tag is not None:
                what = f"an anchor or alias (&{anchor})" if anchor is not None else f"a tag ({tag})"
                self.fail(
                    Place(self.source, "", (event.start_mark.line + 1) if event.start_mark else 1, 0, 0), f"{what} is not accepted here"
                )

    def _value(self, node: Node, path: str, depth: int) -> Value:
        place = Place(self.source, path, node.start_mark.line + 1, node.start_mark.index, node.end_mark.index)
        if depth > MAX_DEPTH:
            self.fail(place, "nested too deeply")
        if isinstance(node, MappingNode):
            entries, keys = dict[str, Value](), dict[str, Place]()
            for key, value in self._items(node, path):
                inner = f"{path}.{key.value}" if path else str(key.value)
                keys[key.value] = Place(self.source, inner, key.start_mark.line + 1, key.start_mark.index, key.end_mark.index)
                entries[key.value] = self._value(value, inner, depth + 1)
            return Value(entries, place, flow=bool(node.flow_style), key_places=keys)
        if isinstance(node, SequenceNode):
            items = [self._value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
            return Value(items, place, flow=bool(node.flow_style))
        assert isinstance(node, ScalarNode)
        return Value(_scalar(node), place, text=str(node.value))

    def _items(self, node: MappingNode, path: str) -> Iterator[tuple[ScalarNode, Node]]:
        seen = set[str]()
        for key, value in node.value:
            place = Place(self.source, path, key.start_mark.line + 1, key.start_mark.index, key.end_mark.index)
            if not isinstance(key, ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                self.fail(place, "a key must be plain text")
            if key.value in seen:
                self.fail(place, f"the key {key.value!r} stands here twice", "keep one of the two")
            seen.add(key.value)
            yield key, value


def _scalar(node: ScalarNode) -> Scalar:
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in ("yes", "true", "on")
    try:
        if node.tag == "tag:yaml.org,2002:int":
            return int(node.value)
        if node.tag == "tag:yaml.org,2002:float":
            return float(node.value)
    except ValueError:
        pass  # 0x1f, 1_000, 60-based numbers: YAML 1.1 oddities stay text, and whoever wants a number says so
    return str(node.value)
