"""Writes zones.js: the IANA time zone database (PyPI `tzdata`, public domain) since 1970, packed, for engines without `Intl`.

    pip install tzdata && python make_zones.py

A rule is `offset abbreviation,…|type numbers|seconds between transitions, base 36|POSIX rule for what comes after`.
"""

from __future__ import annotations

import io
import struct
from importlib.metadata import version
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

START = 0  # 1970-01-01T00:00Z: before it the database itself is only partly researched
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """The number as JavaScript's `parseInt(text, 36)` reads it."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text or "0"


def read(data: bytes) -> tuple[list[int], list[int], list[tuple[int, str]], str]:
    """Transition times, the type each begins, the types (offset, abbreviation), and the POSIX rule, of one TZif file (RFC 8536)."""
    stream = io.BytesIO(data)
    skipped = struct.unpack(">4s1s15x6l", stream.read(44))
    isut, isstd, leap, times, types, chars = skipped[2:]
    stream.seek(times * 5 + types * 6 + chars + leap * 8 + isstd + isut, io.SEEK_CUR)
    isut, isstd, leap, times, types, chars = struct.unpack(">4s1s15x6l", stream.read(44))[2:]
    at = list(struct.unpack(f">{times}q", stream.read(8 * times)))
    begins = list(stream.read(times))
    kinds = [struct.unpack(">lBB", stream.read(6)) for _ in range(types)]
    names = stream.read(chars)
    stream.seek(leap * 12 + isstd + isut, io.SEEK_CUR)
    rule = stream.read().strip().decode()
    return at, begins, [(offset, names[index : names.index(b"\0", index)].decode()) for offset, _, index in kinds], rule


def pack(data: bytes) -> str:
    """The file as one line; types and transitions that ended before START are left out."""
    at, begins, types, rule = read(data)
    first = 0
    for when, kind in zip(at, begins, strict=True):
        first = kind if when <= START else first
    kept = [(when, kind) for when, kind in zip(at, begins, strict=True) if when > START]
    order: list[int] = []
    for kind in [first, *(kind for _, kind in kept)]:
        if kind not in order:
            order.append(kind)
    described = ",".join(f"{types[kind][0]} {types[kind][1]}" for kind in order)
    numbers = "".join(DIGITS[order.index(kind)] for kind in [first, *(kind for _, kind in kept)])
    times = [START, *(when for when, _ in kept)]
    gaps = " ".join(base36(after - before) for before, after in pairwise(times))
    return "|".join([described, numbers, gaps, rule])


def main() -> None:
    """Writes the table beside this file."""
    root = files("tzdata")
    names = root.joinpath("zones").read_text(encoding="utf-8").split()
    packed = {name: pack(root.joinpath("zoneinfo", *name.split("/")).read_bytes()) for name in sorted(names)}
    rules = sorted(set(packed.values()))
    lines = [
        f"// The IANA time zone database since 1970, from PyPI tzdata {version('tzdata')} (public domain). Written by make_zones.py.",
        "export const RULES = [",
        *(f'  "{rule}",' for rule in rules),
        "];",
        "export const ZONES = {",
        *(f'  "{name}": {rules.index(rule)},' for name, rule in packed.items()),
        "};",
    ]
    (Path(__file__).parent / "zones.js").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
