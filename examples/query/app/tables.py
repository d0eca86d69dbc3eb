"""A file as rows of texts: CSV, a JSON array of objects, or JSON lines, told apart by the first character."""

from __future__ import annotations

import csv
import io
import json

LARGEST = 20_000_000


def read(path: str) -> list[dict[str, str]]:
    """The rows; raises OSError, and ValueError for what is no table."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read(LARGEST + 1).removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise ValueError("it is larger than 20 MB")
    if text.lstrip()[:1] in ("[", "{"):
        return [_flat(row) for row in _json_rows(text)]
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text))
    return [{name: value or "" for name, value in row.items() if name} for row in reader]


def names(rows: list[dict[str, str]]) -> list[str]:
    """All columns, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def number(text: str) -> float | None:
    """The number that a text is; `nan` and `inf` are texts."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None


def sort_key(text: str) -> tuple[bool, float, str]:
    """Numbers first, by size; then texts."""
    value = number(text)
    return (True, 0.0, text) if value is None else (False, value, "")


def _json_rows(text: str) -> list[object]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return document if isinstance(document, list) else [document]


def _flat(row: object) -> dict[str, str]:
    if not isinstance(row, dict):
        raise ValueError("its JSON is not an array of objects")
    return {name: _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        return csv.excel
