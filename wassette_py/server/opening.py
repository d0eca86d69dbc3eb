"""The first exchange of `serve --stdio`: a person waits for it, so it comes before all that takes time to import.

Only what a client does that follows the protocol is answered here: an `initialize` that is waiting to be read, and a tools/list soon after
it whose answer is kept (`listing.py`). Whatever else comes is left to the session, to which the connection is handed over either way.
This module and all it imports use no `threading`, `typing`, `json`, `dataclasses` or `re`: together they would double the time.
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

    from wassette_py.server.listing import Listing


WAIT = 0.02
"""Seconds that a client which was greeted has time to ask for the tools, before everything else is imported."""
FEW = 4
"""So many lines may come before that request."""


class Connection:
    """A client on two pipes: the lines that are still to be heard, where answers go, and what was answered already."""

    def __init__(self, lines: pipes.Lines, sink: int) -> None:
        self.pipe = lines
        self.lines: Iterator[bytes | None] = lines
        self.sink = sink
        self.introduction: dict[str, Any] | None = None
        """What the client's initialize said; None: there was none yet."""
        self.listed: int | None = None
        """The hash of the list of tools that was sent already."""


def opened(listing: Listing | None = None) -> Connection:
    """The client on stdin and stdout, its `initialize` answered if it has sent one, and its tools/list if `listing` has the answer.

    stdin and stdout are diverted from here on.
    """
    source, sink = pipes.claim()
    lines = pipes.Lines(source, MAX_LINE)
    connection = Connection(lines, sink)
    if sys.platform == "win32" or not lines.waiting(0):
        return connection  # a person with a mistake in the settings is to be told without typing a message first
    line = next(lines, b"")
    greeted = None if line is None else greeting(line)
    left = [line]
    if greeted is not None:
        _write(sink, greeted[0])
        connection.introduction = greeted[1]
        left = []
        if listing is not None:
            left, connection.listed = _listed(lines, listing, sink)
    connection.lines = itertools.chain(left, lines)
    return connection


def _listed(lines: pipes.Lines, listing: Listing, sink: int) -> tuple[list[bytes | None], int | None]:
    """The lines that were read and are still to be heard, and the hash of the list that tools/list was answered with."""
    left: list[bytes | None] = []
    while len(left) < FEW and lines.waiting(WAIT):
        line = next(lines, b"")
        message = None if line is None else messages.decode(line)
        if isinstance(message, Request):
            tools = listing.read() if message.method == "tools/list" and not message.params else None
            if tools is None:
                return [*left, line], None
            _write(sink, b'{"jsonrpc":"2.0","id":%s,"result":{"tools":' % messages.dumped(message.id), tools, b"}}\n")
            return left, hash(tools)
        left.append(line)
        if line == b"":
            break
    return left, None


def greeting(line: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """The answer to `line`, and what it says, if it is a good `initialize` of the handshake era; else None."""
    message = messages.decode(line)
    if not isinstance(message, Request) or message.method != "initialize" or enveloped(message):
        return None
    try:
        return messages.result(message.id, welcome(message.params)), message.params
    except RpcError:
        return None


def _write(sink: int, *pieces: bytes | memoryview) -> None:
    try:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(sink, left) :]
    except OSError:
        pass  # the client is gone: the session will find out, and end
