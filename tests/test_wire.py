from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py import wire
from wassette_py.wire import json_text, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_values_come_back_and_are_written_as_json_writes_them(value: object) -> None:
    assert json_text(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert parse(f" \t\r\n{json_text(value)}\n") == value


@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "1 2", "{}{}", "nul", "NaN", "-Infinity", '"\x01"', "\ufeff1", "\u00a01"])
def test_what_is_no_json_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra|Invalid|Illegal|no JSON value|BOM"):
        parse(text)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", "NaN", "1 2", '"', '{"a" 1}', "[" * 100_000])
def test_what_is_no_json_is_refused_also_by_an_interpreter_that_has_not_imported_json(text: str) -> None:
    program = (
        "import sys; from wassette_py.wire import parse; assert 'json' not in sys.modules\n"
        "try: parse(sys.stdin.read())\n"
        "except (ValueError, RecursionError) as error: print('refused')"
    )
    # Without site-packages: what is installed there (coverage) may import json as the interpreter starts.
    command, folder = [sys.executable, "-S", "-c", program], Path(wire.__file__).parents[1]
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("refused\n", "")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_cannot_write_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(value)


def test_an_object_that_is_no_json_value_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="set is no JSON value"):
        json_text({"a": {1}})


@given(JSON)
def test_json_itself_says_the_same_where_there_is_no_such_c_code(value: object) -> None:
    assert wire._plainly(value) == json_text(value)
