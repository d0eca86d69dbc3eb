"""The JSON Schema of every type, as clients see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.every_type import COLORS, MODES, POINT, S64, SHAPE, TEXT, U8, U16, U64
from wassette_py.wit.schema import decimal_pattern, input_schema, output_schema, schema
from wassette_py.wit.types import (
    BYTES,
    BoolType,
    CharType,
    FloatType,
    FunctionType,
    IntegerType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    UnsupportedType,
    WitType,
)

BYTE = {"type": "integer", "minimum": 0, "maximum": 255}
NULL = {"type": "null"}
BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        (BoolType(), {"type": "boolean"}),
        (U8, BYTE),
        (IntegerType(16, True), {"type": "integer", "minimum": -32768, "maximum": 32767}),
        (TEXT, {"type": "string"}),
        (CharType(), {"type": "string", "minLength": 1, "maxLength": 1}),
        (
            FloatType(32),
            {
                "anyOf": [
                    {"type": "number", "minimum": -3.4028235e38, "maximum": 3.4028235e38},
                    {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
                ]
            },
        ),
        (ListType(U16), {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535}}),
        (BYTES, {"anyOf": [{"type": "string", "contentEncoding": "base64", "pattern": BASE64}, {"type": "array", "items": BYTE}]}),
        (OptionType(U8), {"anyOf": [BYTE, NULL]}),
        (OptionType(OptionType(U8)), {"anyOf": [closed(["some"], some={"anyOf": [BYTE, NULL]}), NULL]}),
        (ResultType(U8, None), {"anyOf": [closed(["ok"], ok=BYTE), closed(["err"], err=NULL)]}),
        (TupleType((U8, TEXT)), {"type": "array", "prefixItems": [BYTE, {"type": "string"}], "minItems": 2, "maxItems": 2}),
        (COLORS, {"type": "string", "enum": ["red", "green", "blue"]}),
        (MODES, {"type": "array", "items": {"type": "string", "enum": ["read", "write", "execute"]}, "uniqueItems": True}),
    ],
)
def test_the_schema_of_a_type(type: WitType, expected: dict[str, Any]) -> None:
    assert schema(type) == expected


def test_a_record_is_closed_and_its_options_may_be_left_out() -> None:
    assert schema(POINT)["required"] == ["x"]
    assert schema(POINT)["additionalProperties"] is False
    assert "required" not in schema(RecordType((("a", OptionType(U8)),)))
    assert schema(POINT, accepts=False)["required"] == ["x", "label"]


def test_a_variant_is_a_tag_and_a_value_where_the_case_has_one() -> None:
    cases = {case["properties"]["tag"]["enum"][0]: case for case in schema(SHAPE)["anyOf"]}
    assert {name: case["required"] for name, case in cases.items()} == {
        "circle": ["tag", "val"],
        "square": ["tag", "val"],
        "line": ["tag", "val"],
        "dot": ["tag"],
        "maybe": ["tag"],
    }
    assert set(cases["dot"]["properties"]) == {"tag"}
    assert schema(SHAPE, accepts=False)["anyOf"][4]["required"] == ["tag", "val"]


def test_bytes_are_written_as_base64_alone() -> None:
    assert schema(BYTES, accepts=False) == {"type": "string", "contentEncoding": "base64", "pattern": BASE64}


def test_a_64_bit_integer_is_a_number_as_far_as_json_keeps_it_and_a_string_beyond() -> None:
    number, text = schema(S64)["anyOf"]
    assert number == {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}
    assert text == {"type": "string", "pattern": decimal_pattern(S64)}
    assert schema(U64, accepts=False)["anyOf"][1] == {"type": "string", "pattern": "^-?[0-9]+$"}


@settings(deadline=None)
@given(st.integers(-(1 << 66), 1 << 66) | st.integers(-(1 << 63) - 9, 9 - (1 << 63)) | st.integers((1 << 64) - 9, (1 << 64) + 9))
def test_the_pattern_of_decimal_strings_is_exactly_the_range(number: int) -> None:
    for type in (U64, S64):
        assert bool(re.search(decimal_pattern(type), str(number))) == (type.minimum <= number <= type.maximum)


@pytest.mark.parametrize("text", ["", "-", "-0", "00", "01", "+1", "1.0", " 1", "1e3", "٣"])
def test_only_plain_decimal_strings_are_numbers(text: str) -> None:
    assert not re.search(decimal_pattern(S64), text)


def test_the_input_is_a_closed_object_even_without_parameters() -> None:
    assert input_schema(FunctionType(None, "f", (), None)) == {"type": "object", "properties": {}, "additionalProperties": False}
    f = FunctionType(None, "f", (("a", U8), ("b", OptionType(U8))), None)
    assert input_schema(f) == closed(["a"], a=BYTE, b={"anyOf": [BYTE, NULL]})


@pytest.mark.parametrize(
    ("result", "expected"),
    [(None, NULL), (U8, BYTE), (ResultType(U8, TEXT), BYTE), (ResultType(None, TEXT), NULL), (OptionType(U8), {"anyOf": [BYTE, NULL]})],
)
def test_the_output_is_an_object_with_the_result(result: WitType | None, expected: dict[str, Any]) -> None:
    assert output_schema(FunctionType(None, "f", (), result)) == closed(["result"], result=expected)


def test_a_type_without_json_has_no_schema() -> None:
    with pytest.raises(TypeError, match="no JSON value can be a stream"):
        schema(UnsupportedType("stream"))
