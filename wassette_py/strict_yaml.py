"""YAML read strictly, with the place of every value, for documents that decide what is allowed.

PyYAML keeps the last of two duplicate keys and reads `off` as false without a word. Here a duplicate key, an anchor, an alias, a tag, a
key that is not text and a second document are errors, plain scalars mean what YAML 1.2's core schema says (`off`, `NO`, `1_000`, `010`
and `12:30` stay text), and each value knows its line and its place in the text, so that errors can name `file:line: key` and an edit
can leave every other byte alone.

It walks the parser's events once. libyaml's parser is used where PyYAML has it, and gives the same values and places as the Python one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import WassetteError

if TYPE_CHECKING:
    from yaml.events import Event

MAX_TEXT = 1 << 20
MAX_DEPTH = 32
Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = r"[-+]?(0|[1-9][0-9]{0,17})"
_DECIMAL = r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,40}"


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
        import yaml

        if len(text) > MAX_TEXT:
            self.fail(self._at(1), f"larger than {MAX_TEXT} characters")
        # NOTE: a byte order mark shifts the offsets of one parser and not of the other, so neither gets to see it.
        skipped = 1 if text.startswith("\ufeff") else 0
        try:
            return _Walk(self, yaml.parse(text[skipped:], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), skipped).document()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fail(self._at(mark.line + 1 if mark else 1), f"not YAML: {error.problem or error.context}")
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            self.fail(self._at(1), f"not YAML: {error}".splitlines()[0])

    def _at(self, line: int) -> Place:
        return Place(self.source, "", line, 0, 0)


class _Walk:
    """Turns the parser's events into Values, in one pass."""

    def __init__(self, reader: StrictReader, events: Iterator[Event], skipped: int) -> None:
        self.reader = reader
        self.events = events
        self.skipped = skipped

    def document(self) -> Value:
        self._next()  # the start of the stream
        if self._kind(self._next()) == "StreamEnd":
            return Value(None, Place(self.reader.source, "", 1, self.skipped, self.skipped))
        root = self._value(self._next(), "", 0)
        self._next()  # the end of the document
        after = self._next()
        if self._kind(after) != "StreamEnd":
            self.reader.fail(self._place(after, ""), "a second document is not accepted here")
        return root

    def _next(self) -> Any:
        return next(self.events)

    @staticmethod
    def _kind(event: Any) -> str:
        return type(event).__name__.removesuffix("Event")

    def _place(self, event: Any, path: str, end: Any = None) -> Place:
        start = event.start_mark
        return Place(self.reader.source, path, start.line + 1, start.index + self.skipped, (end or event).end_mark.index + self.skipped)

    def _value(self, event: Any, path: str, depth: int) -> Value:
        place = self._place(event, path)
        if event.anchor is not None:
            self.reader.fail(place, f"an anchor or alias ({event.anchor}) is not accepted here", "write the value out")
        if event.tag is not None:
            self.reader.fail(place, f"a tag ({event.tag}) is not accepted here", "write the value without it")
        if depth > MAX_DEPTH:
            self.reader.fail(place, "nested too deeply")
        kind = self._kind(event)
        if kind == "MappingStart":
            return self._mapping(event, path, depth)
        if kind == "SequenceStart":
            return self._sequence(event, path, depth)
        plain = event.implicit[0]
        return Value(_scalar(event.value) if plain else event.value, place, text=event.value)

    def _sequence(self, start: Any, path: str, depth: int) -> Value:
        items = list[Value]()
        while self._kind(event := self._next()) != "SequenceEnd":
            items.append(self._value(event, f"{path}[{len(items)}]", depth + 1))
        return Value(items, self._place(start, path, event), flow=bool(start.flow_style))

    def _mapping(self, start: Any, path: str, depth: int) -> Value:
        entries, keys = dict[str, Value](), dict[str, Place]()
        while self._kind(event := self._next()) != "MappingEnd":
            key = self._value(event, path, depth + 1)
            if not isinstance(key.data, str):
                self.reader.fail(key.place, "a key must be plain text")
            if key.data in entries:
                self.reader.fail(key.place, f"the key {key.data!r} stands here twice", "keep one of the two")
            inner = f"{path}.{key.data}" if path else key.data
            keys[key.data] = self._place(event, inner)
            entries[key.data] = self._value(self._next(), inner, depth + 1)
        return Value(entries, self._place(start, path, event), flow=bool(start.flow_style), key_places=keys)


def _scalar(text: str) -> Scalar:
    """What a plain scalar means in YAML 1.2's core schema, as far as that is beyond doubt; all else is text."""
    if text in _WORDS:
        return _WORDS[text]
    if re.fullmatch(_INTEGER, text):
        return int(text)
    if re.fullmatch(_DECIMAL, text):
        return float(text)
    return text
