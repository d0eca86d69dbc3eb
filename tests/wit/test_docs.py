"""Doc comments are found where tools write them, and whatever else is there does no harm."""

from __future__ import annotations

import json
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.every_type import DOCS, INTERFACE, custom_section, leb128, with_docs
from tests.strategies import any_json
from wassette_py.wit.docs import MAX_SECTION, MAX_TEXT, read_docs, sanitised
from wassette_py.wit.types import FunctionType

HEADER = b"\0asm\x0d\0\1\0"
TEXT = FunctionType(None, "text", (), None)
BOOL = FunctionType(INTERFACE, "bool", (), None)


def docs_of(docs: Any, f: FunctionType = TEXT) -> str:
    return read_docs(with_docs(HEADER, docs)).of(f)


@pytest.mark.parametrize(
    ("interface", "name", "text"),
    [
        (None, "text", "Gives a text back.\nAs it was."),
        (None, "numbers", "Gives numbers back."),
        (None, "bool", ""),
        (INTERFACE, "bool", "Gives a truth back."),
        ("acme:every/types", "u8", "Version 0 wrote this."),
        (INTERFACE, "text", ""),
        ("acme:every/other", "bool", ""),
    ],
)
def test_docs_are_those_of_the_world_or_of_the_interface(interface: str | None, name: str, text: str) -> None:
    assert docs_of(DOCS, FunctionType(interface, name, (), None)) == text


def test_the_section_is_found_among_others() -> None:
    wasm = HEADER + custom_section(b"name", b"x" * 300) + b"\1\2ab" + custom_section(b"package-docs", b"\0" + json.dumps(DOCS).encode())
    assert read_docs(wasm).of(TEXT) == "Gives a text back.\nAs it was."


@pytest.mark.parametrize(
    "content",
    [b"", b"\2{}", b"\1", b"\1{", b"\1\xff\xfe", b"\1[1]", b"\1null", b"\1" + b"[" * 200_000, b'\1{"worlds": [], "interfaces": 5}'],
    ids=["empty", "version", "nothing", "truncated", "not-utf-8", "array", "null", "deep", "shapes"],
)
def test_a_section_that_cannot_be_read_is_no_documentation(content: bytes) -> None:
    docs = read_docs(HEADER + custom_section(b"package-docs", content))
    assert (docs.of(TEXT), docs.of(BOOL)) == ("", "")


def test_a_huge_section_is_not_read() -> None:
    docs = {**DOCS, "padding": "x" * MAX_SECTION}
    assert docs_of(docs) == ""


@pytest.mark.parametrize("wasm", [b"", b"\0", HEADER, HEADER + b"\0", HEADER + b"\0\xff\xff\xff\xff\xff\xff", HEADER + b"\0\5\x80\x80"])
def test_a_binary_that_ends_early_has_no_documentation(wasm: bytes) -> None:
    assert read_docs(wasm).of(TEXT) == ""


def test_endless_sections_are_read_in_bounded_time() -> None:
    start = time.thread_time()
    assert read_docs(HEADER + b"\0\0" * 5_000_000).of(TEXT) == ""
    assert time.thread_time() - start < 5


def test_very_many_worlds_are_searched_once() -> None:
    docs = read_docs(with_docs(HEADER, {"worlds": {f"{n}": 0 for n in range(90_000)}}))
    start = time.thread_time()
    assert {docs.of(FunctionType(None, f"f{n}", (), None)) for n in range(2000)} == {""}
    assert time.thread_time() - start < 5


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_never_breaks_the_reader(garbage: bytes) -> None:
    for wasm in (garbage, HEADER + garbage, HEADER + custom_section(b"package-docs", garbage)):
        assert isinstance(read_docs(wasm).of(TEXT), str)


@settings(deadline=None)
@given(any_json(), any_json())
def test_json_of_any_shape_never_breaks_the_reader(inner: Any, outer: Any) -> None:
    shapes = [outer, {"worlds": inner, "interfaces": outer}, {"worlds": {"w": {"func_exports": inner, "funcs": outer}}}]
    for shape in [*shapes, {"worlds": {"w": {"funcs": {"text": inner}}}, "interfaces": {"types": {"funcs": {"bool": outer}}}}]:
        assert isinstance(docs_of(shape), str)
        assert isinstance(docs_of(shape, BOOL), str)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" two\r\nlines ", "two\nlines"),
        ("a\tb", "a b"),
        ("a\x1b[31mred\x00\x7f\x9b", "a[31mred"),
        ("e\u0301", "é"),
        ("ab\u202ecd\u2066ef\u200b\u200d\ufeff\u00ad", "abcdef"),
        ("hi\U000e0041\U000e007f\ufe0f\U000e0100\u3164\u2800", "hi"),
        ("x\u2028y\u2029z", "x\ny\nz"),
        ("\ue000\ud800", ""),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("日本語 🎉", "日本語 🎉"),
    ],
)
def test_text_is_shown_without_what_cannot_be_seen(text: str, shown: str) -> None:
    assert sanitised(text) == shown


def test_a_long_text_is_capped() -> None:
    assert sanitised("x" * 5000) == "x" * (MAX_TEXT - 1) + "…"
    assert sanitised("x" * MAX_TEXT) == "x" * MAX_TEXT


@settings(deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_sanitised_text_has_only_visible_characters_and_newlines(text: str) -> None:
    shown = sanitised(text)
    assert not {unicodedata.category(c) for c in shown if c != "\n"} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert sanitised(shown) == shown


def test_a_long_section_length_is_written_in_several_bytes() -> None:
    assert leb128(624485) == b"\xe5\x8e\x26"
