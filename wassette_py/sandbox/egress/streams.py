"""The two kinds of connection, with one face that never waits: a plain socket, and one with TLS on it.

Each says what is to be waited for where it could not go on: TLS may have to send before it can read, and the other way round.
"""

from __future__ import annotations

import contextlib
import socket

from wassette_py.sandbox.egress.waiting import READ, SEND

CHUNK = 1 << 18
"""Bytes that are read at once."""


class Stream:
    """A connected socket. `to_read` and `to_send`: what to wait for before trying again."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self.number = sock.fileno()
        self.to_read = READ
        self.to_send = SEND

    def read(self) -> bytes | None:
        """What is there, b"" at the end; None: nothing yet. Raises OSError."""
        try:
            return self._sock.recv(CHUNK)
        except BlockingIOError:
            return None

    def send(self, data: memoryview) -> int:
        """How much of it the system took; 0: nothing now. Raises OSError."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Throws away what is not sent yet."""
        self._sock.close()
