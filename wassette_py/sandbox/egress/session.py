"""The requests of one call: how many are open, how many bytes they moved, and the end of all of them with the call; a ticket for each.

Every number is a limit against guests that ask for without end; none depends on the policy.
"""

from __future__ import annotations

import os
import threading
import time

from wassette_py.hashing import same_text
from wassette_py.limits import format_limit
from wassette_py.sandbox.egress.route import AddressRefused, NotSent, Route
from wassette_py.sandbox.state import CallState

OPEN_REQUESTS = 64
"""Requests of one call under way at once; each costs the process a thread and four descriptors."""

BODY_BYTES = 1 << 30
"""Bytes of bodies a call may send, and as many it may receive."""


class CallOver(Exception):
    """The call is over, or is to be now, and so is its request. Nobody is to be told."""


class Session:
    """Made when a call sends its first request; `end` is due when the call is over, from whatever thread."""

    def __init__(self, call: CallState) -> None:
        self.call = call
        self.is_ended = False
        self._lock = threading.Lock()
        self._open: list[Route] = []
        self._bytes = {"requests": 0, "responses": 0}

    def admit(self, route: Route) -> None:
        """One more request. Raises NotSent when there are too many, or the call is over."""
        with self._lock:
            if self.is_ended:
                raise NotSent("the call is over")
            if len(self._open) >= OPEN_REQUESTS:
                raise NotSent(f"the call has {OPEN_REQUESTS} requests under way already")
            self._open.append(route)

    def settle(self, route: Route) -> None:
        """One request less."""
        with self._lock:
            self._open.remove(route)

    def count(self, kind: str, size: int) -> None:
        """Bytes of bodies that went through ("requests" or "responses"). Raises NotSent past the limit."""
        with self._lock:
            self._bytes[kind] += size
        if self._bytes[kind] > BODY_BYTES:
            raise NotSent(f"the bodies of the call's {kind} are larger than {format_limit('output', BODY_BYTES)} in all")

    def look(self) -> None:
        """Raises CallOver where the call was cancelled, is at its deadline, or has ended: then its requests end, too."""
        if self.call.cancel.is_set() or self._is_late():
            self.end()
        if self.is_ended:
            raise CallOver

    def note(self, route: Route, error: NotSent) -> None:
        """Tells the caller why a request failed; the guest sees a broken connection only, and may not even say that."""
        with self._lock:
            if isinstance(error, AddressRefused):
                self.call.deny("network", route.name, str(error), grant=error.grant, is_final=error.grant is None)
            else:
                self.call.note(f"{route.name} failed: {error}")

    def end(self) -> None:
        """Admits nothing more; what is under way sees it at its next look. Past the deadline, tells the caller what it still waited for.

        NOTE: a request, the guest's thread and the watchdog all end a call that is late, and which is first is chance. Whichever it is
        tells, and whoever comes after it finds it told.
        """
        with self._lock:
            if self.is_ended:
                return
            self.is_ended = True
            if self._is_late() and not self.call.cancel.is_set():
                for route in self._open:
                    self.call.note(f"{route.name} was under way when the time was over")

    def _is_late(self) -> bool:
        return time.monotonic() >= self.call.deadline


class Ticket:
    """What its holder may have: one request. `path`, 192 random bits, is compared in constant time, and dies with its call."""

    def __init__(self, session: Session, route: Route) -> None:
        self.session = session
        self.route = route
        self.path = f"/{os.urandom(24).hex()}"

    def is_shown(self, path: bytes) -> bool:
        """Whether this is its path."""
        return same_text(path, self.path.encode())
