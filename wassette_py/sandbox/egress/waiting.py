"""All waiting for sockets of one request: in one place, never past the end of its call, and never long without a look at it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping

from wassette_py.sandbox.egress.session import Session

TICK = 0.02
"""Seconds between two looks at the call: what cancelling is exact to; deadlines are exact."""

NEVER = float("inf")
READ, SEND = 1, 4
"""What is waited for, as `poll` has it."""


class Late(Exception):
    """What was waited for did not come in the time there was for it."""


class Waits:
    """Those of one request of `session`. Whoever comes to `listening` meanwhile is turned away: set once nobody else is waited for."""

    def __init__(self, session: Session) -> None:
        self.listening: socket.socket | None = None
        self._session = session

    def look(self, until: float = NEVER) -> float:
        """How many seconds may be waited before the next look. Raises CallOver, Late past `until` (as `time.monotonic` counts)."""
        self._session.look()
        now = time.monotonic()
        if now >= until:
            raise Late
        return min(TICK, until - now, self._session.call.deadline - now)

    def wait(self, watched: Mapping[int, int], until: float = NEVER) -> set[int]:
        """Which of `watched` (descriptor -> what for) may go on; none if something else is to be looked at. Raises CallOver, Late."""
        if self.listening is None:
            return ready(watched, self.look(until))
        door = self.listening.fileno()
        found = ready({**watched, door: READ}, self.look(until))
        if door in found:
            turn_away(self.listening)
        return found - {door}


def ready(watched: Mapping[int, int], seconds: float) -> set[int]:
    """Which descriptors may go on, after `seconds` at most."""
    if not hasattr(select, "poll"):  # pragma: no cover - Windows, where `select` takes any descriptor
        reading, sending = ([number for number, mask in watched.items() if mask & kind] for kind in (READ, SEND))
        readable, sendable, broken = select.select(reading, sending, sending, max(0.0, seconds))
        return {*readable, *sendable, *broken}
    poll = select.poll()
    for number, mask in watched.items():
        poll.register(number, mask)
    return {number for number, _ in poll.poll(max(0.0, seconds) * 1000)}


def accepted(listening: socket.socket) -> socket.socket | None:
    """Who came, if anybody did who can be let in."""
    try:
        return listening.accept()[0]
    except OSError:  # most likely no descriptor is left: it would be asked again at once, and for as long as there is none
        time.sleep(TICK)
        return None


def turn_away(listening: socket.socket) -> None:
    """Closes a connection that nobody waits for, unheard."""
    sock = accepted(listening)
    if sock is not None:
        sock.close()
