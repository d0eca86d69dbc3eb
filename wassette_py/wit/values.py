"""A tool's JSON arguments -> the values of its parameters, and its result -> JSON text.

`reading.py` and `writing.py` are the walks, NAME=VALUE words are `assignments.py`'s; what a model is told of an error is the host's.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.errors import InvalidArguments
from wassette_py.wit.reading import Wrong, read_fields
from wassette_py.wit.types import FunctionType, ResultType
from wassette_py.wit.writing import json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal


def read_arguments(f: FunctionType, arguments: Mapping[str, object]) -> list[object]:
    """The values of `f`'s parameters, in order. Raises InvalidArguments: `$.items[3].count: expected an integer from 0 to 255, got 300`."""
    try:
        return list(read_fields(f.params, arguments))
    except Wrong as wrong:
        raise InvalidArguments(str(wrong)) from None


def write_result(f: FunctionType, value: object) -> tuple[Literal["ok", "err"], str]:
    """The JSON text of what `f` returned (null for nothing); of a top-level WIT result, which side it is and that side's JSON."""
    if not isinstance(f.result, ResultType):
        return "ok", json_of(f.result, value)
    pair: Any = value
    side, payload = pair
    return ("ok", json_of(f.result.ok, payload)) if side == "ok" else ("err", json_of(f.result.err, payload))
