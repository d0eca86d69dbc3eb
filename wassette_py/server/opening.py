"""The first exchange of `serve --stdio`: a person waits for it, so it comes before all that takes time to import.

Only what a client does that follows the protocol is answered here: an `initialize` that is waiting to be read. Whatever else comes first
is left to the session, to which the connection is handed over either way. This module and all it imports use no `threading`, `typing`,
`json`, `dataclasses` or `re`: together they would double the time.
"""

from __future__ import annotations

import itertools
import os
import sys

from wassette_py.server import messages, pipes
from wassette_py.server.eras.welcome import enveloped, welcome
from wassette_py.server.messages import MAX_LINE, Request, RpcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Connection:
    """A client on two pipes: the lines that are still to be read, where answers go, and whose initialize was answered."""

    def __init__(self, source: int, sink: int) -> None:
        self.sink = sink
        self.client: dict[str, Any] | None = None
        """Who introduced itself; None: nobody has yet."""
        self.lines: Iterator[bytes | None] = pipes.lines(source, MAX_LINE)


def opened() -> Connection:
    """The client on stdin and stdout, its `initialize` answered if it has sent one. stdin and stdout are diverted from here on."""
    source, sink = pipes.claim()
    connection = Connection(source, sink)
    if _has_input(source):
        line = next(connection.lines, b"")
        greeted = None if line is None else greeting(line)
        if greeted is None:
            connection.lines = itertools.chain((line,), connection.lines)
        else:
            _write(sink, greeted[0])
            connection.client = greeted[1]
    return connection


def greeting(line: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """The answer to `line`, and who introduces itself, if it is a good `initialize` of the handshake era; else None."""
    message = messages.decode(line)
    if not isinstance(message, Request) or message.method != "initialize" or enveloped(message):
        return None
    try:
        return messages.encode(messages.result(message.id, welcome(message.params))), message.params["clientInfo"]
    except RpcError:
        return None


def _has_input(source: int) -> bool:
    """Whether something can be read at once: a person with a mistake in the settings is to be told without typing a message first."""
    if sys.platform == "win32":  # pragma: no cover - it cannot poll a pipe
        return False
    import select

    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(0))


def _write(sink: int, data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(sink, left) :]
    except OSError:
        pass  # the client is gone: the session will find out, and end
