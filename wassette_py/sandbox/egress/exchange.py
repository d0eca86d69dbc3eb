"""One request from the guest that showed its ticket to its answer: the request is sent on, both bodies stream.

Nothing is kept but what is on its way: a side that reads slowly makes the other one wait. Answers are passed on as they are, redirects
included: where one leads is the guest's next request, and judged as such. Trailers are dropped. What breaks off in the middle breaks
off for the guest as well, and the reason is told to its call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import h11

from wassette_py.sandbox.egress.dialing import Connection
from wassette_py.sandbox.egress.heads import body_length, drops_body, request_headers, request_target, response_headers
from wassette_py.sandbox.egress.route import NotSent, Route
from wassette_py.sandbox.egress.session import Session, Ticket
from wassette_py.sandbox.egress.side import HEAD, Side
from wassette_py.sandbox.egress.waiting import Waits

TOO_LARGE = 431
"""The status by which h11 tells that a head is too large."""

KEPT = 1 << 16
"""Bytes of a request's body that wait for room at most, before more is read."""

CLOSED = "the server closed the connection before its answer was whole"

_Read = TypeVar("_Read")


class GuestLeft(Exception):
    """The guest's side broke off: it lost interest, or its call is over. Nobody is to be told."""


def exchange(guest: Side, request: h11.Request, connection: Connection, ticket: Ticket, waits: Waits) -> None:
    """Sends `request`, for which `ticket` was shown, by `connection`, and its answer back. Raises NotSent, GuestLeft, CallOver."""
    session, route = ticket.session, ticket.route
    headers = request_headers(route, connection, request.headers, _injected(session, route))
    server = Side(h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD), connection.stream)
    server.put(h11.Request(method=route.method, target=request_target(route, connection), headers=headers))
    Exchange(guest, server, ticket, waits, drops=drops_body(route, request.headers)).run()


def _injected(session: Session, route: Route) -> Sequence[tuple[str, str]]:
    """The operator's secrets for exactly this host and port; only over TLS, to a server whose certificate has been verified by then."""
    at = route.target
    return session.call.headers.get((at.host, at.port), ()) if at.scheme == "https" else ()


class Exchange:
    """Both bodies on their way, each as far as it goes without waiting. `drops`: the request's is not to be sent on."""

    def __init__(self, guest: Side, server: Side, ticket: Ticket, waits: Waits, *, drops: bool) -> None:
        self._guest = guest
        self._server = server
        self._session = ticket.session
        self._route = ticket.route
        self._waits = waits
        self._drops = drops
        self._is_read = False  # the request is, to its end
        self._has_begun = False  # the answer has
        self._is_whole = False  # the answer is
        self._left: int | None = None  # of the answer's body, where its head told how long it is

    def run(self) -> None:
        """Returns when the answer is sent, and all that the guest had to say is read."""
        while not (self._is_whole and self._guest.is_flushed):
            self._waits.look()
            may_go_on = self._upload()
            if not self._answer() and not may_go_on:
                self._waits.wait(
                    {
                        **self._guest.watched(reading=not self._is_read and self._server.waiting < KEPT),
                        **self._server.watched(reading=self._guest.is_flushed),
                    }
                )
        # NOTE: closing over what the guest still sends, even half, would take the answer away again.
        while self._guest.h11.their_state is h11.SEND_BODY:
            event = self._from_guest()
            if event is None:
                self._waits.wait(self._guest.watched(reading=True))
            elif isinstance(event, h11.Data):
                self._session.count("requests", len(event.data))

    def _upload(self) -> bool:
        """Sends on what is there of the request; whether there may be more. A guest that breaks off ends all but an answer that began."""
        try:
            moved = self._read_request()
            return self._server.flush() and moved and not self._is_read
        except OSError:  # a server that does not want all of it may still answer: what broke is found by who reads the answer
            pass
        except (NotSent, GuestLeft) as error:
            if not self._has_begun:
                raise
            if isinstance(error, NotSent):
                self._session.note(self._route, error)
        self._is_read = True
        self._server.forget()
        return True

    def _read_request(self) -> bool:
        moved = False
        while not self._is_read and self._server.waiting < KEPT and (event := self._from_guest()) is not None:
            moved = True
            if isinstance(event, h11.Data):
                self._session.count("requests", len(event.data))
                if not self._drops:
                    self._server.put(h11.Data(event.data))
            else:
                self._server.put(h11.EndOfMessage())
                self._is_read = True
        return moved

    def _from_guest(self) -> object:
        """What comes next of the request; None: nothing yet."""
        try:
            event = self._guest.parsed()
            return self._guest.parsed() if event is None and self._guest.read() else event
        except (OSError, h11.RemoteProtocolError):
            raise GuestLeft from None

    def _answer(self) -> bool:
        """Passes on what one read of the server gives, by one write; whether anything moved."""
        if not self._to_guest() or self._is_whole:
            return False
        try:
            moved = self._read_answer() if self._left is None else self._read_body(self._left)
        except NotSent:
            self._to_guest()  # the beginning of what breaks off
            raise
        self._to_guest()
        return moved

    def _read_answer(self) -> bool:
        if not self._of_server(self._server.read):
            return False
        while not self._is_whole and (event := self._of_server(self._server.parsed)) is not None:
            if isinstance(event, h11.Response):
                self._has_begun = True
                self._left = body_length(event.headers)
                self._guest.put(h11.Response(status_code=event.status_code, headers=response_headers(event.headers)))
            elif isinstance(event, h11.Data):
                self._pass_on(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._is_whole = True
                if self._left is None:
                    self._guest.put(h11.EndOfMessage())
        return True

    def _read_body(self, left: int) -> bool:
        """What is left of a body whose length is known: no parser has to find its end."""
        data = self._of_server(self._server.stream.read)
        if data is None:
            return False
        if not data:
            raise NotSent(CLOSED)
        self._pass_on(data[:left])
        return True

    def _pass_on(self, data: bytes) -> None:
        self._session.count("responses", len(data))
        if self._left is None:
            self._guest.put(h11.Data(data))
            return
        self._guest.put_bytes(data)
        self._left -= len(data)
        self._is_whole = not self._left

    def _of_server(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except OSError as error:
            raise NotSent(f"the server broke off: {(error.strerror or 'connection lost').lower()}") from None
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == TOO_LARGE:
                raise NotSent(f"the head of the server's answer is larger than {HEAD >> 10}Ki") from None
            if self._server.is_over:
                raise NotSent(CLOSED) from None
            raise NotSent(f"the server's answer is no HTTP/1.1: {str(error)[:200]}") from None

    def _to_guest(self) -> bool:
        try:
            return self._guest.flush()
        except OSError:
            raise GuestLeft from None
