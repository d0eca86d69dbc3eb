"""Takes known secret values out of text that leaves the process: as they are, and as JSON and URLs write them.

It knows only values that were read here, and not what a guest makes of one (its hash, its base64): what must not reach a guest is not
given to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARK = "[redacted]"


class Redactor:
    """Learns values and takes them out. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._spellings: tuple[str, ...] = ()
        self._in_json: tuple[str, ...] = ()

    @property
    def is_ignorant(self) -> bool:
        """Whether no value was learnt yet."""
        return not self._spellings

    def learn(self, values: Iterable[str]) -> None:
        """From now on these are taken out."""
        new = frozenset(values) - self._values
        if not new:
            return
        with self._lock:
            values = self._values | new
            spellings = {spelling for value in values for spelling in _spellings(value)}
            self._in_json = tuple([_written(spelling) for spelling in spellings])
            self._spellings = tuple(sorted(spellings, key=len, reverse=True))  # one may be a part of another
            self._values = values  # last: who finds a value here does not wait until it is taken out

    def text(self, text: str) -> str:
        """`text` without any known value."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MARK)
        return text

    def json_text(self, text: str) -> str:
        """JSON without any known value in its texts and keys; read only where one may be in it. As `value_text` is written."""
        if not any(spelling in text for spelling in self._in_json):
            return text
        import json

        return json.dumps(self.value(json.loads(text)), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def value(self, value: Any) -> Any:
        """A JSON value without any known value in its texts and keys."""
        if self.is_ignorant:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value


def _written(text: str) -> str:
    """How `text` stands in a JSON text in which nothing is escaped that need not be."""
    import json

    return json.dumps(text, ensure_ascii=False)[1:-1]


def _spellings(value: str) -> set[str]:
    import json
    from urllib.parse import quote, quote_plus

    texts = {value, *(line for line in value.splitlines() if len(line.strip()) >= 16)}  # of a key in lines, each line
    written = {json.dumps(text)[1:-1] for text in texts} | {_written(text) for text in texts}
    return texts | written | {repr(text)[1:-1] for text in texts} | {quote(value, safe=""), quote(value), quote_plus(value)}
