"""How much a result may be: its least size as JSON text is counted while it is copied, so that nothing large is made only to be refused."""

from __future__ import annotations

import math

from wassette_py.errors import LimitExceeded
from wassette_py.limits import format_limit
from wassette_py.sandbox.state import CallState


class TooLarge(Exception):
    """A result is larger than there is room for."""


class Room:
    """So many bytes are left for the JSON text of a result."""

    def __init__(self, left: float = math.inf) -> None:
        self._left = left

    def take(self, least: int) -> None:
        """At least so many more are needed. Raises TooLarge when there are less."""
        self._left -= least
        if self._left < 0:
            raise TooLarge


def room_of(call: CallState) -> Room:
    """What `call` may still return, after what the guest wrote."""
    return Room(call.limits.output - len(call.stdout) - len(call.stderr))


def too_large(call: CallState) -> LimitExceeded:
    """What TooLarge means for `call`."""
    return LimitExceeded(f"its result is larger than {format_limit('output', call.limits.output)} of output", limit="output")
