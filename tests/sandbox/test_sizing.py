"""A component's memory is known from its bytes; of bytes that are none, nothing is."""

from __future__ import annotations

import pytest

from tests.sandbox import guests as text
from tests.sandbox.conftest import wasm_of
from wassette_py.sandbox import pool
from wassette_py.sandbox.sizing import MOST_SECTIONS, is_spacious, largest_memory

PAGE = 1 << 16
WHOLE = wasm_of("(component (core module (memory 300)))")


@pytest.mark.parametrize(
    ("component", "pages"),
    [
        ("(component)", 0),
        ("(component (core module))", 0),
        ("(component (core module (memory 1)))", 1),
        ("(component (core module (memory 300 65536)))", 300),
        ("(component (core module (memory i64 300 400)))", 300),
        ("(component (core module (memory 2) (memory 7 9) (memory 3)))", 7),
        ('(component (core module (import "" "memory" (memory 500))))', 0),
        ("(component (core module (memory 3)) (component (component (core module (memory 200)))) (core module (memory 4)))", 200),
    ],
)
def test_the_largest_memory_of_any_module_is_found(component: str, pages: int) -> None:
    assert largest_memory(wasm_of(component)) == pages * PAGE


def test_spacious_is_what_would_not_stay_mapped_whole() -> None:
    pages = pool.KEPT // PAGE
    sizes = {size: is_spacious(wasm_of(f"(component (core module (memory {size})))")) for size in (0, pages, pages + 1)}
    assert sizes == {0: False, pages: False, pages + 1: True}
    assert not is_spacious(wasm_of(text.PLAIN))


def test_of_what_is_cut_off_nothing_is_known_or_the_same() -> None:
    found = {largest_memory(WHOLE[:end]) for end in range(len(WHOLE))}
    assert found <= {0, 300 * PAGE}


@pytest.mark.parametrize(
    "wasm",
    [b"", b"\0asm", WHOLE[:8] + b"\0" + b"\x80" * 11, WHOLE[:8] + b"\0\0" * (MOST_SECTIONS + 1) + WHOLE[8:]],
    ids=["nothing", "a beginning", "a number without an end", "sections without number"],
)
def test_of_what_no_toolchain_makes_nothing_is_known(wasm: bytes) -> None:
    assert largest_memory(wasm) == 0


def test_what_lies_about_its_size_is_read_to_its_end_at_most() -> None:
    assert largest_memory(WHOLE[:8] + b"\1\xff\xff\xff\xff\x0f" + WHOLE[:3]) == 0
    assert largest_memory(wasm_of("(component)") + b"\1\x0c\0asm\1\0\0\0\5\2\xff\x7f") == 0
