"""Outgoing HTTP of all calls of a sandbox: a granted route in, the loopback address and the ticket that stand for it out.

The proxy behind it runs only while calls use it. Imported before the first request, this file costs nothing: sockets and h11 are loaded
with that.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from wassette_py.files import StrPath
    from wassette_py.sandbox.egress.carrier import Carrier
    from wassette_py.sandbox.egress.dialing import Dialer
    from wassette_py.sandbox.egress.resolving import Resolver
    from wassette_py.sandbox.egress.route import Route
    from wassette_py.sandbox.state import CallState

REQUESTS = 200
"""Requests of all calls under way at once: four descriptors each, of 1024 that a process usually has."""


class Egress:
    """Thread-safe. `environ` names the operator's proxy and certificates, `ca_file` more certificates; `resolver` replaces the system's."""

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, ca_file: StrPath | None = None, resolver: Resolver | None = None
    ) -> None:
        self._environ = environ or {}
        own = self._environ.get("SSL_CERT_FILE")
        self._ca_files: Sequence[StrPath] = [*([own] if own else []), *([ca_file] if ca_file else [])]
        self._resolver = resolver
        self._lock = threading.Lock()
        self._carriers: set[Carrier] = set()
        self._free: list[Carrier] = []
        self._dialer: Dialer | None = None
        self._trusted: ssl.SSLContext | None = None

    @property
    def carriers(self) -> frozenset[Carrier]:
        """The threads of the proxy that run."""
        return frozenset(self._carriers)

    def place_for(self, call: CallState, route: Route) -> tuple[str, str]:
        """(authority, path) to which `call` is to send the request that `route` stands for, once. Raises NotSent."""
        from wassette_py.sandbox.egress.session import Session, Ticket

        with self._lock:
            session = call.requests = call.requests or Session(call)
            session.admit(route)
            try:
                carrier = self._free.pop() if self._free else self._started()
            except BaseException:
                session.settle(route)
                raise
        ticket = Ticket(session, route)
        carrier.carry(ticket)
        return carrier.authority, ticket.path

    def end(self, call: CallState) -> None:
        """`call` is over, and so are its requests."""
        if call.requests is not None:
            call.requests.end()

    def _started(self) -> Carrier:
        from wassette_py.sandbox.egress.carrier import Carrier
        from wassette_py.sandbox.egress.dialing import Dialer
        from wassette_py.sandbox.egress.resolving import Resolving, system_resolver
        from wassette_py.sandbox.egress.route import NotSent

        if len(self._carriers) >= REQUESTS:
            raise NotSent(f"this process has {REQUESTS} requests under way already")
        if self._dialer is None:
            self._dialer = Dialer(Resolving(self._resolver or system_resolver), self._environ, self._context)
        carrier = Carrier(self._dialer, self._on_free, self._is_done)
        self._carriers.add(carrier)
        return carrier

    def _on_free(self, carrier: Carrier) -> None:
        with self._lock:
            self._free.append(carrier)

    def _is_done(self, carrier: Carrier) -> bool:
        with self._lock:
            if carrier not in self._free:
                return False
            self._free.remove(carrier)
            self._carriers.discard(carrier)
            if not self._carriers and self._dialer is not None:
                self._dialer.close()
                self._dialer = None
            return True

    def _context(self) -> ssl.SSLContext:
        from wassette_py.sandbox.egress.tls import client_context

        if self._trusted is None:
            self._trusted = client_context(self._ca_files)
        return self._trusted
