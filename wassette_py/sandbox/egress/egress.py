"""Outgoing HTTP of all calls of a sandbox: a granted route in, the loopback address and the ticket that stand for it out.

The proxy behind it runs only while calls use it. Imported before the first request, this file costs nothing: asyncio, ssl and h11 are
loaded with it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from wassette_py.files import StrPath
    from wassette_py.sandbox.egress.listener import Listener
    from wassette_py.sandbox.egress.resolving import Resolver
    from wassette_py.sandbox.egress.route import Route
    from wassette_py.sandbox.egress.session import Session
    from wassette_py.sandbox.state import CallState


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
        self._listener: Listener | None = None
        self._trusted: ssl.SSLContext | None = None

    @property
    def listener(self) -> Listener | None:
        """The proxy, if it runs."""
        return self._listener

    def place_for(self, call: CallState, route: Route) -> tuple[str, str]:
        """(authority, path) to which `call` is to send the request that `route` stands for, once. Raises NotSent."""
        with self._lock:
            if self._listener is None:
                self._listener = self._started()
            listener = self._listener
            session: Session = call.requests or listener.session(call)
            call.requests = session
        return listener.authority, listener.path_for(session, route)

    def end(self, call: CallState) -> None:
        """`call` is over, and so are its requests."""
        listener = self._listener
        if call.requests is not None and listener is not None:
            listener.end(call.requests)

    def _started(self) -> Listener:
        from wassette_py.sandbox.egress.listener import Listener
        from wassette_py.sandbox.egress.resolving import system_resolver

        return Listener(self._environ, self._context, self._resolver or system_resolver, self._is_unused)

    def _is_unused(self, listener: Listener) -> bool:
        with self._lock:
            if listener.sessions:
                return False
            self._listener = None
            return True

    def _context(self) -> ssl.SSLContext:
        from wassette_py.sandbox.egress.tls import client_context

        if self._trusted is None:
            self._trusted = client_context(self._ca_files)
        return self._trusted
