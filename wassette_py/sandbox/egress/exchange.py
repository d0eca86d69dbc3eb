"""One connection from a guest's request to its answer: a ticket is shown, the request is sent on, both bodies stream.

Nothing is kept but what is on its way: a side that reads slowly makes the other one wait. Answers are passed on as they are, redirects
included: where one leads is the guest's next request, and judged as such. Trailers are dropped. What breaks off in the middle breaks
off for the guest as well, and the reason is noted on its call.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import h11

from wassette_py.sandbox.egress.dialing import HEAD, Connection, Dialer
from wassette_py.sandbox.egress.heads import drops_body, request_headers, request_target, response_headers
from wassette_py.sandbox.egress.route import NotSent, Route
from wassette_py.sandbox.egress.session import Session
from wassette_py.sandbox.egress.streams import Stream
from wassette_py.sandbox.egress.tickets import Tickets

FIRST = 5.0
"""Seconds a connection has to show its ticket."""

TOO_LARGE = 431
"""The status by which h11 tells that a head is too large."""

_Event = TypeVar("_Event")


class GuestLeft(Exception):
    """The guest's side broke off: it lost interest, or its call is over. Nobody is to be told."""


class Side:
    """One end of the exchange: a stream and what h11 makes of it. `is_over`: the other end sends no more."""

    def __init__(self, connection: h11.Connection, stream: Stream) -> None:
        self.h11 = connection
        self.is_over = False
        self._stream = stream
        self._waiting: list[bytes] = []

    async def next(self, idle: Callable[[], Awaitable[None]] | None = None) -> object:
        """The next event; before it is waited for, `idle` is. Raises OSError, h11.RemoteProtocolError."""
        while (event := self.h11.next_event()) is h11.NEED_DATA:
            if idle is not None:
                await idle()
            data = await self._stream.read()
            self.is_over = not data
            self.h11.receive_data(data)
        return event

    def put(self, event: h11.Event) -> None:
        """Has it sent by the next `flush`. Raises h11.LocalProtocolError."""
        self._waiting.append(self.h11.send(event) or b"")

    async def flush(self) -> None:
        """Sends what was put, waiting while the other end is slow. Raises OSError."""
        data, self._waiting = b"".join(self._waiting), []
        if data:
            await self._stream.send(data)

    def close(self) -> None:
        """Ends the connection; what is not sent yet never is."""
        self._stream.close()


async def serve(stream: Stream, tickets: Tickets, dialer: Dialer) -> None:
    """Serves a connection, which its caller closes; one without a ticket gets none but that."""
    # NOTE: twice what a server may send: wasmtime lets a guest's headers alone be 128 KiB.
    guest = Side(h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD), stream)
    request = await _request(guest)
    ticket = tickets.take(request.target) if request is not None else None
    if request is not None and ticket is not None:
        await _admitted(guest, request, ticket.session, ticket.route, dialer)


async def _request(guest: Side) -> h11.Request | None:
    """The head of the request, None when there is none in time."""
    with contextlib.suppress(OSError, h11.RemoteProtocolError, TimeoutError):
        async with asyncio.timeout(FIRST):
            event = await guest.next()
        return event if isinstance(event, h11.Request) else None
    return None


async def _admitted(guest: Side, request: h11.Request, session: Session, route: Route, dialer: Dialer) -> None:
    """The exchange of a request that showed its ticket, until its end or that of its call."""
    task = asyncio.current_task()
    assert task is not None
    if not session.begin(task):
        return
    try:
        await _exchange(guest, request, session, route, dialer)
    except NotSent as error:
        session.note(route, error)
    except (GuestLeft, asyncio.CancelledError):
        pass
    except Exception as error:  # a fault of ours: asyncio would print it, and its text may hold what was to be injected
        session.note(route, NotSent(f"wassette failed inside: {type(error).__name__}"))
    finally:
        session.finish(task)
        session.settle(route)


async def _exchange(guest: Side, request: h11.Request, session: Session, route: Route, dialer: Dialer) -> None:
    connection = await dialer.dial(session.call.policy, route)
    server = Side(h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD), connection.stream)
    try:
        await _head(server, request, route, connection, _injected(session, route))
        upload = asyncio.ensure_future(_upload(guest, server, session, dropped=drops_body(route, request.headers)))
        try:
            await _answer(guest, server, session, upload)
        finally:
            outcome = await _ended(upload)
            if isinstance(outcome, NotSent):
                session.note(route, outcome)
        await _farewell(guest, session)
    finally:
        server.close()


def _injected(session: Session, route: Route) -> Sequence[tuple[str, str]]:
    """The operator's secrets for exactly this host and port; only over TLS, to a server whose certificate has been verified by then."""
    at = route.target
    return session.call.headers.get((at.host, at.port), ()) if at.scheme == "https" else ()


async def _head(server: Side, request: h11.Request, route: Route, connection: Connection, injected: Sequence[tuple[str, str]]) -> None:
    headers = request_headers(route, connection, request.headers, injected)
    server.put(h11.Request(method=route.method, target=request_target(route, connection), headers=headers))
    with contextlib.suppress(OSError):  # what broke is found by who waits for the answer
        await server.flush()


async def _upload(guest: Side, server: Side, session: Session, *, dropped: bool) -> None:
    """The request's body. A server that does not want all of it may still answer: what it does not take is not an error here."""
    with contextlib.suppress(OSError):
        while isinstance(event := await _from_guest(guest), h11.Data):
            session.count("requests", len(event.data))
            if not dropped:
                server.put(h11.Data(event.data))
                await server.flush()
        server.put(h11.EndOfMessage())
        await server.flush()


async def _from_guest(guest: Side) -> object:
    try:
        return await guest.next()
    except (OSError, h11.RemoteProtocolError):
        raise GuestLeft from None


async def _answer(guest: Side, server: Side, session: Session, upload: asyncio.Future[None]) -> None:
    """The answer, head and body. A broken upload ends it before it began, not afterwards."""
    response = await _first_of(asyncio.ensure_future(_response(server)), upload)
    guest.put(h11.Response(status_code=response.status_code, headers=response_headers(response.headers)))
    try:
        while isinstance(event := await _from_server(server, idle=lambda: _to_guest(guest)), h11.Data):
            session.count("responses", len(event.data))
            guest.put(h11.Data(event.data))
    except NotSent:
        await _to_guest(guest)  # the beginning of what breaks off
        raise
    guest.put(h11.EndOfMessage())
    await _to_guest(guest)


async def _farewell(guest: Side, session: Session) -> None:
    """Closes after a whole answer, once what the guest still sends is read: closing over it, even half, takes the answer away again."""
    while guest.h11.their_state is h11.SEND_BODY:
        event = await _from_guest(guest)
        session.count("requests", len(event.data) if isinstance(event, h11.Data) else 0)


async def _first_of(answer: asyncio.Future[_Event], upload: asyncio.Future[None]) -> _Event:
    either: list[asyncio.Future[Any]] = [answer, upload]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            upload.result()
        return await answer
    finally:
        await _ended(answer)  # what it failed with just now is nobody's, and asyncio would print it


async def _ended(task: asyncio.Future[Any]) -> BaseException | None:
    """What `task` failed with, if it did; it is cancelled where it has not ended."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    return None if task.cancelled() else task.exception()


async def _response(server: Side) -> h11.Response:
    """The head of the answer, after whatever was said before it."""
    while isinstance(event := await _from_server(server), h11.InformationalResponse):
        pass
    if not isinstance(event, h11.Response):  # pragma: no cover - h11 raises for whatever else comes first
        raise NotSent("the server sent no answer")
    return event


async def _from_server(server: Side, idle: Callable[[], Awaitable[None]] | None = None) -> object:
    try:
        return await server.next(idle)
    except OSError as error:
        raise NotSent(f"the server broke off: {(error.strerror or 'connection lost').lower()}") from None
    except h11.RemoteProtocolError as error:
        if error.error_status_hint == TOO_LARGE:
            raise NotSent(f"the head of the server's answer is larger than {HEAD >> 10}Ki") from None
        if server.is_over:
            raise NotSent("the server closed the connection before its answer was whole") from None
        raise NotSent(f"the server's answer is no HTTP/1.1: {str(error)[:200]}") from None


async def _to_guest(guest: Side) -> None:
    try:
        await guest.flush()
    except OSError:
        raise GuestLeft from None
