"""How much memory a component's guests begin with: read from its bytes, since wasmtime does not say.

What is read is not checked: compiling does that. Of what is no component, or has far more sections than any toolchain makes, nothing is
known.
Source: the binary formats of WebAssembly and of the component model, sections alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from wassette_py.sandbox import pool

MOST_SECTIONS = 10_000
"""CPython has 420."""
_HEADER = 8
_CORE_MODULE, _COMPONENT, _MEMORIES = 1, 4, 5
_MOST_MEMORIES = 100
_PAGE = 1 << 16


def is_spacious(wasm: bytes) -> bool:
    """Whether a guest's memory is larger than what would stay mapped of it behind a call: then copying back what stays costs more than it
    saves, as only a part of it does."""
    return largest_memory(wasm) > pool.KEPT


def largest_memory(wasm: bytes) -> int:
    """Bytes of the largest memory that any module in the component begins with; 0 where there is none, or none can be read."""
    try:
        return max(_memories(wasm), default=0) * _PAGE
    except (IndexError, ValueError):
        return 0


def _memories(wasm: bytes) -> Iterator[int]:
    """The pages that each memory begins with. Raises IndexError, ValueError."""
    left, sections = [(0, len(wasm))], 0
    while left:
        at, end = left.pop()
        is_module = wasm[at + 6 : at + 8] == b"\0\0"  # which of the two formats
        at += _HEADER
        while at < end:
            sections += 1
            if sections > MOST_SECTIONS:
                raise ValueError("too many sections")
            kind = wasm[at]
            size, at = _number(wasm, at + 1)
            if is_module and kind == _MEMORIES:
                yield from _minimums(wasm, at)
            elif not is_module and kind in (_CORE_MODULE, _COMPONENT):
                left.append((at, at + size))
            at += size


def _minimums(wasm: bytes, at: int) -> Iterator[int]:
    count, at = _number(wasm, at)
    for _ in range(min(count, _MOST_MEMORIES)):
        flags = wasm[at]
        minimum, at = _number(wasm, at + 1)
        yield minimum
        for flag in (1, 8):  # a maximum, a page size
            if flags & flag:
                _, at = _number(wasm, at)


def _number(wasm: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        byte = wasm[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise ValueError("no number")
