"""Heads of requests and responses on their way through: what is said between two neighbours only stays between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wassette_py.sandbox.egress.dialing import Connection
from wassette_py.sandbox.egress.route import Route

Headers = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1; `host` is made from the route, `expect` is answered by nobody, and `transfer-encoding` is set anew.
_OURS = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer upgrade".split()
    + b"host expect transfer-encoding".split()
)


def request_target(route: Route, connection: Connection) -> str:
    """What stands in the request line."""
    return f"http://{route.authority}{route.path}" if connection.absolute else route.path


def drops_body(route: Route, given: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether what the guest ends its request with is nothing to send on: as with all clients, a GET without a length has no body."""
    return route.method == "GET" and any(name == b"transfer-encoding" for name, _ in given)


def request_headers(
    route: Route, connection: Connection, given: Iterable[tuple[bytes, bytes]], injected: Sequence[tuple[str, str]] = ()
) -> Headers:
    """The guest's headers as they are sent on, with those `injected` in the place of its own of the same name."""
    known = list(given)
    ours = [(name.encode(), value.encode()) for name, value in injected]
    names = {name.lower() for name, _ in ours}
    kept = [*((name, value) for name, value in _kept(known) if name.lower() not in names), *ours]
    if any(name == b"transfer-encoding" for name, _ in known):
        framing = [] if drops_body(route, known) else [(b"transfer-encoding", b"chunked")]
        kept = [(name, value) for name, value in kept if name != b"content-length"] + framing
    authorized = [(b"proxy-authorization", connection.credentials.encode())] if connection.credentials else []
    return [(b"host", route.authority.encode()), *kept, *authorized, (b"connection", b"close")]


def response_headers(given: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The server's headers as the guest gets them; h11 says how long the body is."""
    known = list(given)
    kept = _kept(known)
    if any(name == b"transfer-encoding" for name, _ in known):
        kept = [(name, value) for name, value in kept if name != b"content-length"]
    return [*kept, (b"connection", b"close")]


def body_length(given: Iterable[tuple[bytes, bytes]]) -> int | None:
    """How long a body is, if it has one (h11 knows that, and that there are no two lengths); None where only its end tells."""
    known = dict(given)
    return None if b"transfer-encoding" in known or b"content-length" not in known else int(known[b"content-length"])


def _kept(headers: Headers) -> Headers:
    named = {word.strip().lower() for name, value in headers if name == b"connection" for word in value.split(b",")}
    return [(name, value) for name, value in headers if name not in _OURS and name not in named]
