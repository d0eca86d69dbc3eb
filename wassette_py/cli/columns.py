"""Rows of cells as lines, for a width that may be too small for them: pure functions, without a terminal and without rich.

A width of 0 is nobody's terminal: there, every row is one line, whatever its length. In a terminal nothing disappears without a `…`; what
is shortened stands in full in `-o json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from wassette_py.cli.text import escape, one_line

ROOM = 24
"""Cells of a terminal below which a column is not worth reading."""
_DIGEST = re.compile(r"(sha256:[0-9a-f]{16})[0-9a-f]{48}")


def cells(text: str) -> int:
    """How wide a terminal shows `text`."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(lines: Iterable[str], width: int) -> list[str]:
    """Lines that are easier to read cut off than folded."""
    return [line if not width or cells(line) <= width else f"{_beginning(line, width - 1)}…" for line in lines]


def folded(lines: Iterable[str], width: int) -> list[str]:
    """Lines folded between words, what follows a little further in than their beginning."""
    found: list[str] = []
    for line in map(escape, lines):
        inner = line.lstrip(" ")
        indent = " " * (len(line) - len(inner))
        first, *more = _folded(inner, width - len(indent) - 2) if width and cells(line) > width else [inner]
        found += [f"{indent}{first}", *(f"{indent}  {text}" for text in more)]
    return found


def facts(rows: Sequence[tuple[str, str]], width: int, *, indent: str = "") -> list[str]:
    """Names and what is said of them, which is folded beside the name and never shortened."""
    lines = columns(rows, indent=indent)
    if _fit(lines, width):
        return lines
    names = [one_line(name) for name, _ in rows]
    offset = len(indent) + max(map(cells, names)) + 2
    told = ((name, _folded(one_line(text), width - offset)) for name, (_, text) in zip(names, rows, strict=True))
    return [line for name, texts in told for line in _beside(indent + name, offset, texts)]


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """`rows` below their headings: aligned; with digests shortened; with the widest column folded or shortened and a long first cell on a
    line of its own; or, where even that is too wide, with each cell on its own line."""
    for shown in (rows, [[_DIGEST.sub(r"\1…", cell) for cell in row] for row in rows]):
        lines = columns(shown)
        if _fit(lines, width):
            return lines
    texts = [[one_line(cell) for cell in row] for row in shown]
    most = max(width // 3, cells(texts[0][0]))
    widths = [max(map(cells, column)) for column in zip(*texts, strict=True)]
    widths[0] = max(cells(row[0]) for row in texts if cells(row[0]) <= most)
    flexible = max(range(1, len(widths)), key=widths.__getitem__)
    room = width - sum(widths) - 2 * (len(widths) - 1) + widths[flexible]
    lines = []
    for first, *others in texts:
        if room < ROOM:
            told = [line for cell in others if cell for line in _folded(cell, width - widths[0] - 2, whole=" " not in cell)]
            lines += _beside(first, widths[0] + 2, told)
            continue
        pieces = _folded(_shortened(others[flexible - 1], room), room, whole=False)
        others[flexible - 1] = pieces[0]
        row = _aligned(others, [*widths[1:flexible], room, *widths[flexible + 1 :]])
        before = sum(widths[1:flexible]) + 2 * (flexible - 1)
        lines += _beside(first, widths[0] + 2, [row, *(" " * before + piece for piece in pieces[1:])])
    return lines


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """`rows` as aligned lines; the last column is as wide as it is."""
    texts = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*texts, strict=True)]
    return [(indent + _aligned(row, widths)).rstrip() for row in texts]


def _fit(lines: Iterable[str], width: int) -> bool:
    return not width or all(cells(line) <= width for line in lines)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _beside(first: str, offset: int, texts: Sequence[str]) -> Iterator[str]:
    """`texts` from `offset` on, the first of them beside `first` where that leaves it its place."""
    rest = list(texts)
    if rest and cells(first) <= offset - 2:
        yield (_padded(first, offset) + rest.pop(0)).rstrip()
    else:
        yield first
    yield from (" " * offset + text for text in rest)


def _folded(text: str, room: int, *, whole: bool = True) -> list[str]:
    """`text` in lines of `room`, broken between words; one that is longer stays whole, so that it can be copied, or is broken, too."""
    lines: list[str] = []
    words = text.split()
    for word in words if whole else [piece for long in words for piece in _pieces(long, room)]:
        if lines and cells(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _pieces(word: str, room: int) -> Iterator[str]:
    while word:
        piece = _beginning(word, room) or word[0]
        yield piece
        word = word[len(piece) :]


def _shortened(text: str, room: int) -> str:
    """One word (a reference, a path) that is too long, without its middle: what tells it from others stands at its ends."""
    if " " in text or cells(text) <= room:
        return text
    head = _beginning(text, (room - 1) // 2)
    return f"{head}…{_beginning(text[::-1], room - 1 - cells(head))[::-1]}"


def _beginning(text: str, room: int) -> str:
    """As much of `text` as `room` holds."""
    taken = 0
    for number, character in enumerate(text):
        taken += _cells(character)
        if taken > room:
            return text[:number]
    return text
