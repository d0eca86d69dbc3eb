from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.cli.text import escape, json_text, one_line, plural, seconds_text, signature, size_text, type_text

DANGEROUS = "\x1b[31m\x00\x07\x7f\x9b\u202e\ud800"


def test_nothing_a_terminal_acts_on_survives_escaping() -> None:
    assert escape(DANGEROUS) == "\\x1b[31m\\x00\\x07\\x7f\\x9b\\u202e\\ud800"


def test_line_feeds_tabs_and_other_scripts_stay() -> None:
    assert escape("naïve\n\t日本\u00a0語") == "naïve\n\t日本\u00a0語"


def test_a_cell_is_one_line() -> None:
    assert one_line(" a\r\nb\tc\x1b ") == "a  b c\\x1b"


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_json_is_safe_to_print_and_still_the_same_value(value: object) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert escape(text) == text


def test_json_escapes_what_json_itself_leaves() -> None:
    assert json_text(DANGEROUS[4:]) == '"m\\u0000\\u0007\\u007f\\u009b\\u202e\\ud800"'
    assert json_text("\x7f") == '"\\u007f"'


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (18_420, "18.4 kB"), (182_000, "182 kB"), (2e6, "2 MB"), (5e12, "5000 GB")],
)
def test_sizes_are_short(size: float, text: str) -> None:
    assert size_text(size) == text


def test_durations_and_counts_are_short() -> None:
    assert (seconds_text(0.0354), seconds_text(1.44)) == ("35 ms", "1.4 s")
    assert (plural(1, "tool"), plural(0, "tool")) == ("1 tool", "0 tools")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "string"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"type": "string", "contentEncoding": "base64"}, "base64"),
        ({"anyOf": [{"type": "string", "contentEncoding": "base64"}, {"type": "array", "items": {"type": "integer"}}]}, "base64"),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+$"}]}, "integer"),
        ({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}, "number"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"type": "integer"}}, "integer[]"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "string"}]}}, "(string | null)[]"),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}},
            '{a: "x" | "y"}[]',
        ),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "[string, number]"),
        ({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}, "{a: string, b?: any}"),
        ({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, "{a?: string}"),
        ({}, "any"),
    ],
)
def test_a_schema_reads_as_a_type(schema: dict[str, Any], text: str) -> None:
    assert type_text(schema) == text


def test_deep_types_end_in_an_ellipsis() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(6):
        schema = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    assert type_text(schema) == "{x: {x: {x: {x: …}}}}"
    listed: dict[str, Any] = {"type": "string"}
    for _ in range(6):
        listed = {"type": "array", "items": listed}
    assert type_text(listed) == "…[][][][]"


def test_a_signature_reads_like_a_function() -> None:
    text = {"type": "string"}
    parameters = {"type": "object", "properties": {"old": text, "context": {"type": "integer"}}, "required": ["old"]}
    assert signature("diff", parameters, {"properties": {"result": text}}) == "diff(old: string, context?: integer) -> string"


def test_a_function_without_result_has_no_arrow_and_a_hostile_name_no_power() -> None:
    assert signature("x\x1b", {"properties": {}}, {"properties": {"result": {"type": "null"}}}) == "x\\x1b()"
