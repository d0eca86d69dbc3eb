"""How much a result is, before anybody writes it: a floor of its JSON text, so that no large text is made only to be refused."""

from __future__ import annotations

from wassette_py.errors import LimitExceeded
from wassette_py.limits import format_limit
from wassette_py.sandbox.state import CallState


def check_size(value: object, call: CallState) -> None:
    """Raises LimitExceeded when `value` and what the guest wrote are more than its `output`."""
    room = call.limits.output - len(call.stdout) - len(call.stderr)
    if json_floor(value, room) > room:
        raise LimitExceeded(f"its result is larger than {format_limit('output', call.limits.output)} of output", limit="output")


def json_floor(value: object, enough: int) -> int:
    """At least so many bytes are the JSON text of a neutral WIT value; counting ends above `enough`."""
    size = 0
    waiting = [value]
    while waiting and size <= enough:
        match waiting.pop():
            case str() as text:
                size += len(text) + 2
            case bytes() as data:
                size += len(data)
            case list() | tuple() as values:
                size += len(values) + 1
                waiting.extend(values)
            case _:
                size += 1
    return size
