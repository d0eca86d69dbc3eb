"""The doc comments of a component's WIT, from the custom section `package-docs`, made safe to show to a model or a terminal.

The section is one version byte and JSON (wit-parser's `PackageMetadata`). Its texts come from whoever built the component: they are
untrusted, may be absent, huge or garbage, and whatever cannot be read is no documentation, never an error.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

from wassette_py.wit.names import local_name
from wassette_py.wit.types import FunctionType

MAX_SECTION = 1 << 20
MAX_TEXT = 2000
_MAX_SECTIONS = 100_000
_NAME = b"package-docs"

# What is drawn as nothing but is no control or format character: fillers, joiners, variation selectors (they can carry hidden text).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}


class Docs:
    """Doc comments by function; empty texts for what has none."""

    def __init__(self, package: object = None) -> None:
        self._interfaces = _member(package, "interfaces")
        self._world: dict[object, object] = {}
        # NOTE: once, not for each function: the section may name very many worlds.
        for world in _entries(_member(package, "worlds")).values():
            self._world.update(_entries(_member(world, "funcs")))
            self._world.update(_entries(_member(world, "func_exports")))

    def of(self, f: FunctionType) -> str:
        """The documentation of `f`, sanitised, at most `MAX_TEXT` characters."""
        if f.interface is None:
            entry = self._world.get(f.name)
        else:
            entry = _member(_member(_member(self._interfaces, local_name(f.interface)), "funcs"), f.name)
        text = entry if isinstance(entry, str) else _member(entry, "docs")  # version 0 has the bare text
        return sanitised(text) if isinstance(text, str) else ""


def read_docs(wasm: bytes) -> Docs:
    """The docs of a component's binary. Never raises: what cannot be read has none."""
    for name, content in _custom_sections(wasm):
        if name == _NAME and content[:1] in (b"\0", b"\1") and len(content) <= MAX_SECTION:
            try:
                return Docs(json.loads(content[1:]))
            except (ValueError, RecursionError):
                return Docs()
    return Docs()


def sanitised(text: str) -> str:
    """`text` in NFC without control, bidirectional, zero-width, tag and other invisible characters, newlines kept, capped."""
    text = text[: 4 * MAX_TEXT].replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n").replace("\t", " ")
    text = visible(text)
    text = re.sub(r"\n{3,}", "\n\n", unicodedata.normalize("NFC", text)).strip()
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def visible(text: str) -> str:
    """`text` without control, bidirectional, zero-width, tag and other invisible characters; newlines stay."""
    if not text.isprintable():
        text = "".join([c for c in text if c == "\n" or unicodedata.category(c) not in _DROPPED])
    return _INVISIBLE.sub("", text)


def _custom_sections(wasm: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each custom section of the outermost component, as far as the binary can be read."""
    at = 8
    for _ in range(_MAX_SECTIONS):
        if at >= len(wasm):
            return
        kind = wasm[at]
        size, start = _leb128(wasm, at + 1)
        at = start + size
        if kind == 0:
            length, name_start = _leb128(wasm, start)
            yield wasm[name_start : name_start + length], wasm[name_start + length : at]


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of at most 32 bits, and where it ends; a truncated one ends with the data."""
    value = shift = 0
    while shift < 35 and at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at


def _member(value: object, key: str) -> object:
    return _entries(value).get(key)


def _entries(value: object) -> dict[object, object]:
    return value if isinstance(value, dict) else {}
