"""Names to addresses, once a request: the system's resolver on daemon threads of ours, which nothing waits for at exit.

`getaddrinfo` cannot be interrupted: a request whose time is over leaves it behind.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Sequence

from wassette_py.sandbox.egress.addresses import Address, canonical
from wassette_py.sandbox.egress.route import NotSent
from wassette_py.sandbox.egress.waiting import Waits
from wassette_py.sandbox.workers import Workers

Resolver = Callable[[str, int], Sequence[str]]
"""(name, port) -> addresses as text. May block; raises OSError."""

LOOKUPS = 16
ADDRESSES = 16


def system_resolver(name: str, port: int) -> Sequence[str]:
    """What the operating system says."""
    return [str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]


class Resolving:
    """Looks names up; `close` lets go of the threads that have nothing to do."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._workers = Workers(LOOKUPS)

    def addresses(self, name: str, port: int, waits: Waits, until: float) -> list[Address]:
        """The canonical addresses of `name`, the first `ADDRESSES`, each once. Raises NotSent, Late, CallOver."""
        try:
            found = [canonical(text) for text in self._found(name, port, waits, until)]
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise NotSent(f"the name {name} cannot be resolved: {reason}") from None
        if not found:
            raise NotSent(f"the name {name} has no address")
        return list(dict.fromkeys(found))[:ADDRESSES]

    def _found(self, name: str, port: int, waits: Waits, until: float) -> Sequence[str]:
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolver(name, port))
            except Exception as error:  # whatever a resolver raises, the request is not sent
                answers.put(error)

        self._workers.submit(look_up)
        while True:
            try:
                answer = answers.get(timeout=waits.look(until))
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer

    def close(self) -> None:
        self._workers.close()
