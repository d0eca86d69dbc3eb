"""Schema and values are one walk: what the schema lets through converts, what it refuses is refused, nothing is lost on the way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.strategies import any_json, fitting_json, nearly_fitting_json, values, wit_types
from tests.wit.walk import result_json
from wassette_py.errors import InvalidArguments
from wassette_py.wit.schema import input_schema, output_schema
from wassette_py.wit.types import FunctionType, ResultType, WitType
from wassette_py.wit.values import read_arguments

bounded = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def _function(type: WitType) -> FunctionType:
    """Takes and returns `type`; inside a tuple, so that a top-level result is not unwrapped."""
    return FunctionType(None, "f", (("x", type),), type)


def _fits(schema: dict[str, Any], value: object) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def _json(f: FunctionType, value: object) -> object:
    """What is written for `value`, top-level results with their side."""
    side, result = result_json(f, value)
    return {side: result} if isinstance(f.result, ResultType) else result


@bounded
@given(st.data())
def test_fitting_json_comes_back_equal_in_canonical_form(data: st.DataObject) -> None:
    f = _function(data.draw(wit_types()))
    arguments = {"x": data.draw(fitting_json(f.params[0][1]))}
    assert _fits(input_schema(f), arguments)
    (value,) = read_arguments(f, arguments)
    written = _json(f, value)
    assert _fits(input_schema(f), {"x": written})
    (again,) = read_arguments(f, {"x": written})
    assert _json(f, again) == written


@bounded
@given(st.data())
def test_what_is_written_fits_the_output_schema(data: st.DataObject) -> None:
    f = _function(data.draw(wit_types()))
    side, written = result_json(f, data.draw(values(f.params[0][1])))
    if side == "ok":
        assert _fits(output_schema(f), {"result": written})


@bounded
@given(st.data())
def test_every_value_survives_being_written_and_read(data: st.DataObject) -> None:
    f = _function(data.draw(wit_types()))
    value = data.draw(values(f.params[0][1]))
    written = _json(f, value)
    (again,) = read_arguments(f, {"x": written})
    assert repr(again) == repr(value)  # repr tells -0.0 from 0.0 and takes NaN for NaN


@settings(bounded, max_examples=300)
@given(st.data())
def test_json_is_read_exactly_when_the_schema_lets_it_through(data: st.DataObject) -> None:
    f = _function(data.draw(wit_types()))
    arguments = {"x": data.draw(nearly_fitting_json(f.params[0][1]) | any_json())}
    if _fits(input_schema(f), arguments):
        read_arguments(f, arguments)
    else:
        with pytest.raises(InvalidArguments, match=r"^\$(\.|\[).+: "):
            read_arguments(f, arguments)


@bounded
@given(wit_types())
def test_schemas_are_valid_json_schema(type: WitType) -> None:
    f = _function(type)
    for schema in (input_schema(f), output_schema(f)):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
