"""Single-use tickets: the only paths the proxy answers. One is bound to one request of one call and dies with it.

A ticket is `/<number>.<secret>`: the number finds the request, the secret (192 random bits) is compared in constant time.
"""

from __future__ import annotations

import itertools
import secrets
import threading

from wassette_py.dataclass import dataclass
from wassette_py.hashing import same_text
from wassette_py.sandbox.egress.route import Route
from wassette_py.sandbox.egress.session import Session


@dataclass(frozen=True)
class Ticket:
    """What its holder may have: one request."""

    session: Session
    route: Route
    secret: str


class Tickets:
    """Those that were given out and not used; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._given: dict[str, Ticket] = {}

    def __len__(self) -> int:
        return len(self._given)

    def give(self, session: Session, route: Route) -> str:
        """The path that stands for this request, once."""
        ticket = Ticket(session, route, secrets.token_urlsafe(24))
        with self._lock:
            number = str(next(self._numbers))
            self._given[number] = ticket
        return f"/{number}.{ticket.secret}"

    def take(self, path: bytes) -> Ticket | None:
        """The request that `path` stands for; None for any path that was not given out, or was used, or whose call is over."""
        number, _, secret = path.removeprefix(b"/").partition(b".")
        with self._lock:
            ticket = self._given.get(number.decode("ascii", "replace"))
            # NOTE: compared with something even if there is no such number, so that time tells nothing.
            expected = ticket.secret.encode() if ticket else bytes(32)
            if not same_text(secret, expected) or ticket is None:
                return None
            del self._given[number.decode()]
        return ticket

    def revoke(self, session: Session) -> None:
        """Takes back whatever the call did not use."""
        with self._lock:
            for number in [number for number, ticket in self._given.items() if ticket.session is session]:
                del self._given[number]
