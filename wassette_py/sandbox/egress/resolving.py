"""Names to addresses, once a request: the system's resolver on daemon threads of ours, which nothing waits for at exit.

`getaddrinfo` cannot be interrupted; asyncio's own executor would hold the interpreter's exit until it came back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from wassette_py.sandbox.egress.addresses import Address, canonical
from wassette_py.sandbox.egress.route import NotSent
from wassette_py.sandbox.workers import Workers

Resolver = Callable[[str, int], Sequence[str]]
"""(name, port) -> addresses as text. May block; raises OSError."""

LOOKUPS = 16
ADDRESSES = 16


def system_resolver(name: str, port: int) -> Sequence[str]:
    """What the operating system says."""
    return [str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]


class Resolving:
    """Looks names up for one event loop; `close` lets go of the threads that have nothing to do."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._workers = Workers(LOOKUPS)

    async def addresses(self, name: str, port: int) -> list[Address]:
        """The canonical addresses of `name`, the first `ADDRESSES`, each once. Raises NotSent."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def look_up() -> None:
            try:
                found = self._resolver(name, port)
            except Exception as error:  # whatever a resolver raises, the request is not sent
                _tell(loop, answer, None, error)
            else:
                _tell(loop, answer, found, None)

        self._workers.submit(look_up)
        try:
            found = [canonical(text) for text in await answer]
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise NotSent(f"the name {name} cannot be resolved: {reason}") from None
        if not found:
            raise NotSent(f"the name {name} has no address")
        return list(dict.fromkeys(found))[:ADDRESSES]

    def close(self) -> None:
        self._workers.close()


def _tell(
    loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Sequence[str]], found: Sequence[str] | None, error: Exception | None
) -> None:
    def set_answer() -> None:
        if answer.done():  # the call did not wait for it
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or ())

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(set_answer)
