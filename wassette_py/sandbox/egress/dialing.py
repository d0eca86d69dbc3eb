"""From a granted route to a connection: name -> addresses -> the address that was judged is the one that is dialled.

There is no second lookup that could say something else. Certificates are verified by name, whatever the address. Through the operator's
proxy the name is handed over unresolved (`upstream.py` says what that means).
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import h11

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import PolicyDocument
from wassette_py.policy.network import host_address
from wassette_py.sandbox.egress.addresses import Address, canonical, judge
from wassette_py.sandbox.egress.resolving import Resolving
from wassette_py.sandbox.egress.route import AddressRefused, NotSent, Route
from wassette_py.sandbox.egress.side import HEAD, Side
from wassette_py.sandbox.egress.streams import Stream
from wassette_py.sandbox.egress.upstream import Upstream, upstream_for
from wassette_py.sandbox.egress.waiting import NEVER, SEND, Late, Waits

if TYPE_CHECKING:
    import ssl

_LOCALHOST = [canonical("127.0.0.1"), canonical("::1")]
"""Nobody is asked for it, as RFC 6761 (6.3) wants of everybody who resolves names."""

NOT_THE_LAST = 3.0
"""Seconds an address gets before the next one is tried; the last one has until the deadline."""

_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK)


@dataclass(frozen=True)
class Connection:
    """An open connection; `absolute` means that the request line names the whole URL, `credentials` go to the operator's proxy."""

    stream: Stream
    absolute: bool = False
    credentials: str | None = None


class Dialer:
    """Connects under a policy. `context` makes what TLS trusts, when it is first needed. Any number of threads may use it."""

    def __init__(self, resolving: Resolving, environ: Mapping[str, str], context: Callable[[], ssl.SSLContext]) -> None:
        self._resolving = resolving
        self._environ = environ
        self._context = context

    def dial(self, policy: PolicyDocument, route: Route, waits: Waits) -> Connection:
        """A connection to where `route` leads. Raises NotSent, AddressRefused among them; CallOver."""
        until = NEVER if route.connect_timeout is None else time.monotonic() + route.connect_timeout
        try:
            upstream = upstream_for(self._environ, route.target)
            if upstream is not None:
                return self._through(upstream, route, waits, until)
            addresses = self._addresses(policy, route, waits, until)
            sock = _first(addresses, route.target.port, route.host, waits, until)
            return Connection(self._stream(sock, route, waits, until))
        except Late:
            raise NotSent("no connection within the time the component gave it") from None

    def close(self) -> None:
        """Lets go of what it keeps for further connections."""
        self._resolving.close()

    def _addresses(self, policy: PolicyDocument, route: Route, waits: Waits, until: float) -> list[Address]:
        """Those of the host that may be reached. Raises AddressRefused when there are none."""
        literal = host_address(route.target.host)
        if literal is not None:
            found = [canonical(str(literal))]
        elif route.host == "localhost":
            found = _LOCALHOST
        else:
            found = self._resolving.addresses(route.host, route.target.port, waits, until)
        refusals = {address: judge(policy, route.method, route.target, address) for address in found}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if not allowed:
            first = next(refusal for refusal in refusals.values() if refusal is not None)
            raise AddressRefused(first.reason, first.grant)
        return allowed

    def _through(self, upstream: Upstream, route: Route, waits: Waits, until: float) -> Connection:
        """A connection by way of the operator's proxy, whose own address is not judged: the operator chose it."""
        addresses = self._resolving.addresses(upstream.host, upstream.port, waits, until)
        sock = _first(addresses, upstream.port, "the proxy", waits, until)
        if route.target.scheme == "http":
            return Connection(Stream(sock), absolute=True, credentials=upstream.credentials)
        try:
            _tunnel(Stream(sock), upstream, route, waits, until)
        except BaseException:
            sock.close()
            raise
        return Connection(self._stream(sock, route, waits, until))

    def _stream(self, sock: socket.socket, route: Route, waits: Waits, until: float) -> Stream:
        """The connected socket, with TLS on it for https; closed when that fails."""
        if route.target.scheme == "http":
            return Stream(sock)
        from wassette_py.sandbox.egress.tls import secured

        try:
            context = self._context()
        except BaseException:
            sock.close()
            raise
        return secured(sock, context, route.host, waits, until)


def _first(addresses: list[Address], port: int, whose: str, waits: Waits, until: float) -> socket.socket:
    """A socket connected to the first of `addresses` that answers. Raises NotSent with what the last one said, Late."""
    problem = ""
    for address in addresses:
        limit = until if address == addresses[-1] else min(until, time.monotonic() + NOT_THE_LAST)
        try:
            return _connected(address, port, waits, limit)
        except Late:
            if limit == until:
                raise
            problem = f"{whose} at {address}: no answer"
        except OSError as error:
            problem = f"{whose} at {address}: {'no answer' if isinstance(error, TimeoutError) else _reason(error)}"
    raise NotSent(f"no connection to {problem}")


def _connected(address: Address, port: int, waits: Waits, until: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex((str(address), port))
        if code in _UNDER_WAY:
            while not waits.wait({sock.fileno(): SEND}, until):
                pass
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def _tunnel(stream: Stream, upstream: Upstream, route: Route, waits: Waits, until: float) -> None:
    """Asks the operator's proxy for a tunnel. Raises NotSent when it refuses."""
    proxy = Side(h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD), stream)
    place = f"{route.target.host}:{route.target.port}"
    headers = [("host", place)] + ([("proxy-authorization", upstream.credentials)] if upstream.credentials else [])
    try:
        proxy.put(h11.Request(method="CONNECT", target=place, headers=headers))
        while (event := proxy.parsed()) is None or isinstance(event, h11.InformationalResponse):
            if event is None and not (proxy.flush() and proxy.read()):
                waits.wait(proxy.watched(reading=True), until)
    except (OSError, h11.ProtocolError) as error:
        raise NotSent(f"the proxy broke off: {_reason(error)}") from None
    if not isinstance(event, h11.Response) or not 200 <= event.status_code < 300:
        raise NotSent(f"the proxy refused it with status {getattr(event, 'status_code', 'none')}")


def _reason(error: Exception) -> str:
    """In a few words, and no more than that of what the other side chose."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return str(error)[:200] or "the connection was closed"
