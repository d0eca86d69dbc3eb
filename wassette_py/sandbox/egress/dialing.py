"""From a granted route to a connection: name -> addresses -> the address that was judged is the one that is dialled.

There is no second lookup that could say something else. Certificates are verified by name, whatever the address. Through the operator's
proxy the name is handed over unresolved (`upstream.py` says what that means).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Mapping

import h11

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import PolicyDocument
from wassette_py.policy.network import host_address
from wassette_py.sandbox.egress.addresses import Address, canonical, judge
from wassette_py.sandbox.egress.resolving import Resolving
from wassette_py.sandbox.egress.route import AddressRefused, NotSent, Route
from wassette_py.sandbox.egress.streams import CHUNK, Plain, Secured, Stream
from wassette_py.sandbox.egress.upstream import Upstream, upstream_for

HEAD = 128 << 10
"""Bytes a head may have, on both sides."""

_LOCALHOST = [canonical("127.0.0.1"), canonical("::1")]
"""Nobody is asked for it, as RFC 6761 (6.3) wants of everybody who resolves names."""

NOT_THE_LAST = 3.0
"""Seconds an address gets before the next one is tried; the last one has until the deadline."""


@dataclass(frozen=True)
class Connection:
    """An open connection; `absolute` means that the request line names the whole URL, `credentials` go to the operator's proxy."""

    stream: Stream
    absolute: bool = False
    credentials: str | None = None


class Dialer:
    """Connects under a policy. `context` makes what TLS trusts, when it is first needed."""

    def __init__(self, resolving: Resolving, environ: Mapping[str, str], context: Callable[[], ssl.SSLContext]) -> None:
        self._resolving = resolving
        self._environ = environ
        self._context = context

    async def dial(self, policy: PolicyDocument, route: Route) -> Connection:
        """A connection to where `route` leads. Raises NotSent, AddressRefused among them."""
        try:
            async with asyncio.timeout(route.connect_timeout):
                return await self._dial(policy, route)
        except TimeoutError:
            raise NotSent("no connection within the time the component gave it") from None

    async def _dial(self, policy: PolicyDocument, route: Route) -> Connection:
        upstream = upstream_for(self._environ, route.target)
        if upstream is not None:
            return await self._through(upstream, route)
        addresses = await self._addresses(policy, route)
        sock = await _first(addresses, route.target.port, route.host)
        return Connection(await self._stream(sock, route))

    async def _addresses(self, policy: PolicyDocument, route: Route) -> list[Address]:
        """Those of the host that may be reached. Raises AddressRefused when there are none."""
        literal = host_address(route.target.host)
        if literal is not None:
            found = [canonical(str(literal))]
        elif route.host == "localhost":
            found = _LOCALHOST
        else:
            found = await self._resolving.addresses(route.host, route.target.port)
        refusals = {address: judge(policy, route.method, route.target, address) for address in found}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if not allowed:
            first = next(refusal for refusal in refusals.values() if refusal is not None)
            raise AddressRefused(first.reason, first.grant)
        return allowed

    async def _through(self, upstream: Upstream, route: Route) -> Connection:
        """A connection by way of the operator's proxy, whose own address is not judged: the operator chose it."""
        addresses = await self._resolving.addresses(upstream.host, upstream.port)
        sock = await _first(addresses, upstream.port, "the proxy")
        if route.target.scheme == "http":
            return Connection(Plain(sock), absolute=True, credentials=upstream.credentials)
        try:
            await _tunnel(sock, upstream, route)
        except BaseException:
            sock.close()
            raise
        return Connection(await self._stream(sock, route))

    async def _stream(self, sock: socket.socket, route: Route) -> Stream:
        """The connected socket, with TLS on it for https; closed when that fails."""
        if route.target.scheme == "http":
            return Plain(sock)
        try:
            context = self._context()
        except BaseException:
            sock.close()
            raise
        # NOTE: from here on the socket is asyncio's, which aborts it when the handshake fails or is cancelled.
        try:
            return Secured(*await asyncio.open_connection(sock=sock, limit=CHUNK, ssl=context, server_hostname=route.host))
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"its certificate is not accepted: {error.verify_message.rstrip('.')}") from None
        except (OSError, EOFError) as error:
            raise NotSent(f"TLS failed: {_reason(error)}") from None


async def _first(addresses: list[Address], port: int, whose: str) -> socket.socket:
    """A socket connected to the first of `addresses` that answers. Raises NotSent with what the last one said."""
    problem = ""
    for address in addresses:
        try:
            async with asyncio.timeout(None if address == addresses[-1] else NOT_THE_LAST):
                return await _connected(address, port)
        except OSError as error:
            problem = f"{whose} at {address}: {'no answer' if isinstance(error, TimeoutError) else _reason(error)}"
    raise NotSent(f"no connection to {problem}")


async def _connected(address: Address, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, upstream: Upstream, route: Route) -> None:
    """Asks the operator's proxy for a tunnel. Raises NotSent when it refuses."""
    loop = asyncio.get_running_loop()
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)
    place = f"{route.target.host}:{route.target.port}"
    headers = [("host", place)] + ([("proxy-authorization", upstream.credentials)] if upstream.credentials else [])
    try:
        await loop.sock_sendall(sock, connection.send(h11.Request(method="CONNECT", target=place, headers=headers)) or b"")
        while (event := connection.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
            if event is h11.NEED_DATA:
                connection.receive_data(await loop.sock_recv(sock, CHUNK))
    except (OSError, h11.ProtocolError) as error:
        raise NotSent(f"the proxy broke off: {_reason(error)}") from None
    if not isinstance(event, h11.Response) or not 200 <= event.status_code < 300:
        raise NotSent(f"the proxy refused it with status {getattr(event, 'status_code', 'none')}")


def _reason(error: Exception) -> str:
    """In a few words, and no more than that of what the other side chose."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "protocol error").lower().replace("_", " ")
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return str(error)[:200] or "the connection was closed"
