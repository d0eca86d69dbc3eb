"""The requests of one call: how many are open, how many bytes they moved, and the end of all of them with the call.

Every number is a limit against guests that ask for without end; none depends on the policy.
"""

from __future__ import annotations

import asyncio
import contextlib
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
        self._open: list[Route] = []
        self._tasks: set[asyncio.Task[None]] = set()
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

    def begin(self, task: asyncio.Task[None]) -> bool:
        """`task` serves a request; False when the call is over."""
        with self._lock:
            if not self.is_ended:
                self._tasks.add(task)
            return not self.is_ended

    def finish(self, task: asyncio.Task[None]) -> None:
        """`task` is at its end."""
        with self._lock:
            self._tasks.discard(task)

    def count(self, kind: str, size: int) -> None:
        """Bytes of bodies that went through ("requests" or "responses"). Raises NotSent past the limit."""
        self._bytes[kind] += size
        if self._bytes[kind] > BODY_BYTES:
            raise NotSent(f"the bodies of the call's {kind} are larger than {format_limit('output', BODY_BYTES)} in all")

    def is_due(self) -> bool:
        """Whether the call is to be cut: cancelled, or at its deadline."""
        return self.call.cancel.is_set() or self._is_late()

    def note(self, route: Route, error: NotSent) -> None:
        """Tells the caller why a request failed; the guest sees a broken connection only, and may not even say that."""
        if isinstance(error, AddressRefused):
            self.call.deny("network", route.name, str(error), grant=error.grant, is_final=error.grant is None)
        else:
            self.call.note(f"{route.name} failed: {error}")

    def end(self) -> None:
        """Cuts what is under way and admits nothing more; past the deadline, tells the caller what it still waited for.

        NOTE: the proxy, the guest's thread and the watchdog all end a call that is late, and which is first is chance. Whichever it is
        tells, and whoever comes after it finds it told.
        """
        with self._lock:
            if self.is_ended:
                return
            self.is_ended = True
            if self._is_late() and not self.call.cancel.is_set():
                for route in self._open:
                    self.call.note(f"{route.name} was under way when the time was over")
            tasks = list(self._tasks)
        for task in tasks:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and was not before all tasks had ended
                self._loop.call_soon_threadsafe(task.cancel)

    def _is_late(self) -> bool:
        return time.monotonic() >= self.call.deadline
