"""The requests of one call: how many are open, how many bytes they moved, and the end of all of them with the call.

Every number is a limit against guests that ask for without end; none depends on the policy.
"""

from __future__ import annotations

import asyncio
import threading
import time

from wassette_py.limits import format_limit
from wassette_py.sandbox.egress.route import AddressRefused, NotSent, Route
from wassette_py.sandbox.state import CallState

OPEN_REQUESTS = 64
"""Requests of one call under way at once; each costs the process three descriptors."""

BODY_BYTES = 1 << 30
"""Bytes of bodies a call may send, and as many it may receive."""


class Session:
    """Made when a call sends its first request; `end` is due when the call is over, from whatever thread."""

    def __init__(self, call: CallState, loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.is_ended = False
        self._loop = loop
        self._lock = threading.Lock()
        self._open = 0
        self._tasks: dict[asyncio.Task[None], Route] = {}
        self._bytes = {"requests": 0, "responses": 0}

    def admit(self) -> None:
        """One more request. Raises NotSent when there are too many, or the call is over."""
        with self._lock:
            if self.is_ended:
                raise NotSent("the call is over")
            if self._open >= OPEN_REQUESTS:
                raise NotSent(f"the call has {OPEN_REQUESTS} requests under way already")
            self._open += 1

    def settle(self) -> None:
        """One request less."""
        with self._lock:
            self._open -= 1

    def begin(self, task: asyncio.Task[None], route: Route) -> bool:
        """`task` serves the request of `route`; False when the call is over."""
        with self._lock:
            if not self.is_ended:
                self._tasks[task] = route
            return not self.is_ended

    def finish(self, task: asyncio.Task[None]) -> None:
        """`task` is at its end."""
        with self._lock:
            self._tasks.pop(task, None)

    def count(self, kind: str, size: int) -> None:
        """Bytes of bodies that went through ("requests" or "responses"). Raises NotSent past the limit."""
        self._bytes[kind] += size
        if self._bytes[kind] > BODY_BYTES:
            raise NotSent(f"the bodies of the call's {kind} are larger than {format_limit('output', BODY_BYTES)} in all")

    def is_due(self) -> bool:
        """Whether the call is to be cut: cancelled, or at its deadline."""
        return self.call.cancel.is_set() or time.monotonic() >= self.call.deadline

    def expire(self) -> None:
        """The call's time is over: tells the caller what it still waited for, and ends."""
        with self._lock:
            waiting = list(self._tasks.values())
        if not self.call.cancel.is_set():
            for route in waiting:
                self.call.note(f"{route.name} was under way when the time was over")
        self.end()

    def note(self, route: Route, error: NotSent) -> None:
        """Tells the caller why a request failed; the guest sees a broken connection only, and may not even say that."""
        if isinstance(error, AddressRefused):
            self.call.deny("network", route.name, str(error), grant=error.grant, is_final=error.grant is None)
        else:
            self.call.note(f"{route.name} failed: {error}")

    def end(self) -> None:
        """Cuts what is under way and admits nothing more."""
        with self._lock:
            self.is_ended = True
            tasks = list(self._tasks)
        for task in tasks:
            self._loop.call_soon_threadsafe(task.cancel)
