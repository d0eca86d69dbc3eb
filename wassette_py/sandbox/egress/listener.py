"""The proxy while it is needed: one daemon thread with an event loop, listening on loopback, looking at its calls every tick.

It ends by itself when no call had a request for `LINGER`; the next one starts another.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping

from wassette_py.sandbox.egress.dialing import Dialer
from wassette_py.sandbox.egress.exchange import serve
from wassette_py.sandbox.egress.resolving import Resolver, Resolving
from wassette_py.sandbox.egress.route import NotSent, Route
from wassette_py.sandbox.egress.session import Session
from wassette_py.sandbox.egress.streams import Plain
from wassette_py.sandbox.egress.tickets import Tickets
from wassette_py.sandbox.state import CallState

TICK = 0.01
"""Seconds between two looks at the calls: what deadlines and cancelling are exact to."""

LOOPBACK = "127.0.0.1"
LINGER = 1.0
BACKLOG = 128
REQUESTS = 256
"""Requests of all calls under way at once: three descriptors each, of 1024 that a process usually has."""

CONNECTIONS = 288
"""Connections at once, strangers' included; more are closed unheard."""


class Listener:
    """`is_unused` is asked, when no call is left, whether to end; it answers True for the last time it is asked."""

    def __init__(
        self,
        environ: Mapping[str, str],
        context: Callable[[], ssl.SSLContext],
        resolver: Resolver,
        is_unused: Callable[[Listener], bool],
    ) -> None:
        self.tickets = Tickets()
        self.sessions: set[Session] = set()
        self._is_unused = is_unused
        self._resolving = Resolving(resolver)
        self._dialer = Dialer(self._resolving, environ, context)
        self._connections: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._problem: OSError | None = None
        self._loop = asyncio.SelectorEventLoop()  # everywhere: it is told which sockets to look at
        self._idle_since = time.monotonic()
        self.authority = ""
        self.thread = threading.Thread(target=self._run, name="egress", daemon=True)
        self.thread.start()
        self._started.wait()
        if self._problem is not None:
            raise NotSent(f"the egress proxy cannot listen on loopback: {self._problem.strerror}")

    def session(self, call: CallState) -> Session:
        """What the requests of `call` are counted in, from now to its end."""
        session = Session(call, self._loop)
        self.sessions.add(session)
        return session

    def path_for(self, session: Session, route: Route) -> str:
        """A ticket for one request. Raises NotSent."""
        if len(self.tickets) + len(self._connections) >= REQUESTS:
            raise NotSent(f"this process has {REQUESTS} requests under way already")
        session.admit(route)
        return self.tickets.give(session, route)

    def end(self, session: Session) -> None:
        """The call is over: its tickets are void, its connections cut. From any thread, any number of times."""
        session.end()
        self.tickets.revoke(session)
        self.sessions.discard(session)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._problem = error
        finally:
            self._resolving.close()
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        with socket.create_server((LOOPBACK, 0), backlog=BACKLOG) as listening:
            listening.setblocking(False)
            self.authority = "{}:{}".format(*listening.getsockname())
            self._started.set()
            try:
                while not self._is_over():
                    self._loop.add_reader(listening.fileno(), self._accept, listening)  # again, where it was taken away
                    await asyncio.sleep(TICK)
            finally:
                self._loop.remove_reader(listening.fileno())
                for task in self._connections:
                    task.cancel()
                await asyncio.gather(*self._connections, return_exceptions=True)
                await asyncio.sleep(0)  # aborted transports close their sockets in the next turn

    def _is_over(self) -> bool:
        """Cuts the calls that are due; whether there is nothing left to listen for."""
        for session in [session for session in list(self.sessions) if session.is_due()]:
            self.end(session)
        now = time.monotonic()
        if self.sessions:  # a stranger's connection is no reason to go on
            self._idle_since = now
        return now - self._idle_since >= LINGER and self._is_unused(self)

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:  # no descriptor is left: it would be asked again at once, and for as long as there is none
            self._loop.remove_reader(listening.fileno())
            return
        if len(self._connections) >= CONNECTIONS:
            sock.close()
            return
        stream = Plain(sock)
        task = self._loop.create_task(serve(stream, self.tickets, self._dialer))

        def end(_: asyncio.Task[None]) -> None:
            self._connections.discard(task)
            stream.close()

        self._connections.add(task)
        task.add_done_callback(end)
