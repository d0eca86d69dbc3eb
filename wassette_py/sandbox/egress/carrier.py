"""The proxy: threads that each listen on loopback and carry one request at a time, for whoever shows the ticket they were given.

One that had nothing to do for `LINGER` ends; the next request starts another.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable

import h11

from wassette_py.sandbox.egress.dialing import Connection, Dialer
from wassette_py.sandbox.egress.exchange import GuestLeft, exchange
from wassette_py.sandbox.egress.route import NotSent
from wassette_py.sandbox.egress.session import CallOver, Ticket
from wassette_py.sandbox.egress.side import HEAD, Side
from wassette_py.sandbox.egress.streams import Stream
from wassette_py.sandbox.egress.waiting import READ, Waits, accepted, ready, turn_away

LOOPBACK = "127.0.0.1"
LINGER = 1.0
BACKLOG = 128

FIRST = 5.0
"""Seconds a connection has to show the ticket."""

STRANGERS = 32
"""Connections that did not show it yet; who comes then takes the place of the first of them."""


class Carrier(threading.Thread):
    """`on_free` is called behind each request; `is_done` is asked after `LINGER` without one, whether to end.

    Raises NotSent where it cannot listen, or no thread is left.
    """

    def __init__(self, dialer: Dialer, on_free: Callable[[Carrier], None], is_done: Callable[[Carrier], bool]) -> None:
        super().__init__(name="egress", daemon=True)
        self._dialer = dialer
        self._on_free = on_free
        self._is_done = is_done
        self._tickets: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        try:
            self._listening = socket.create_server((LOOPBACK, 0), backlog=BACKLOG)
        except OSError as error:
            raise NotSent(f"the egress proxy cannot listen on loopback: {error.strerror}") from None
        self._listening.setblocking(False)
        self._door = self._listening.fileno()
        self.authority = "{}:{}".format(*self._listening.getsockname())
        try:
            self.start()
        except RuntimeError:
            self._listening.close()
            raise NotSent("no thread is left for the egress proxy") from None

    def carry(self, ticket: Ticket) -> None:
        """Once `on_free` was called for the one before."""
        self._tickets.put(ticket)

    def run(self) -> None:
        with self._listening:
            while True:
                try:
                    ticket = self._tickets.get(timeout=LINGER)
                except queue.Empty:
                    if self._is_done(self):
                        return
                else:
                    self._carry(ticket)
                    del ticket  # it knows its call
                    self._on_free(self)

    def _carry(self, ticket: Ticket) -> None:
        session, route = ticket.session, ticket.route
        waits = Waits(session)
        guest: Side | None = None
        server: Stream | None = None
        try:
            connection = self._dialled(ticket, waits)  # while the guest's side connects to here
            server = None if connection is None else connection.stream
            guest, request = self._guest(ticket, waits)
            waits.listening = self._listening
            if connection is not None:
                exchange(guest, request, connection, ticket, waits)
        except NotSent as error:
            session.note(route, error)
        except (GuestLeft, CallOver):
            pass
        except Exception as error:  # a fault of ours: its text may hold what was to be injected
            session.note(route, NotSent(f"wassette failed inside: {type(error).__name__}"))
        session.settle(route)
        for end in (guest, server):
            if end is not None:
                end.close()
        if guest is None:  # it may be about to come
            until = time.monotonic() + LINGER
            while ready({self._door: READ}, until - time.monotonic()):
                turn_away(self._listening)

    def _dialled(self, ticket: Ticket, waits: Waits) -> Connection | None:
        """A connection to where the request is to go; None: its call was told why there is none. Raises CallOver."""
        try:
            return self._dialer.dial(ticket.session.call.policy, ticket.route, waits)
        except NotSent as error:
            ticket.session.note(ticket.route, error)
            return None

    def _guest(self, ticket: Ticket, waits: Waits) -> tuple[Side, h11.Request]:
        """The connection that shows `ticket`, and the head it came with; all others are closed. Raises CallOver."""
        strangers: dict[Side, float] = {}
        try:
            while True:
                if self._door in ready({self._door: READ, **{side.stream.number: READ for side in strangers}}, waits.look()):
                    self._let_in(strangers)
                for side, until in list(strangers.items()):
                    event = _said(side)
                    if isinstance(event, h11.Request) and ticket.is_shown(event.target):
                        del strangers[side]
                        return side, event
                    if event is not None or time.monotonic() >= until:
                        del strangers[side]
                        side.close()
        finally:
            for side in strangers:
                side.close()

    def _let_in(self, strangers: dict[Side, float]) -> None:
        sock = accepted(self._listening)
        if sock is None:
            return
        if len(strangers) >= STRANGERS:
            first = next(iter(strangers))
            del strangers[first]
            first.close()
        # NOTE: twice what a server may send: wasmtime lets a guest's headers alone be 128 KiB.
        strangers[Side(h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD), Stream(sock))] = time.monotonic() + FIRST


def _said(side: Side) -> object:
    """The first event of a connection; None: it is not there yet."""
    try:
        while (event := side.parsed()) is None:
            if not side.read():
                return None
    except (OSError, h11.RemoteProtocolError) as error:
        return error
    return event
