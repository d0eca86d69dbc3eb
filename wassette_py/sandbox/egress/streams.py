"""The two kinds of connection, with one face: a plain socket, with nothing between it and what is read and written, and TLS by asyncio.

`read` gives what is there, b"" at the end; `send` returns when the system has all of it, or what is left is little. Either raises OSError.
`close` throws away what is not sent yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Protocol

CHUNK = 1 << 16
PLAIN_CHUNK = 2 * CHUNK
"""Bytes that are read at once; where nothing is kept in between, more of them."""


class Stream(Protocol):
    """One connection."""

    async def read(self) -> bytes: ...

    async def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Plain:
    """A connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def read(self) -> bytes:
        return await self._loop.sock_recv(self._sock, PLAIN_CHUNK)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    def close(self) -> None:
        # NOTE: the loop knows a socket by its number, which the next one may get.
        number = self._sock.fileno()
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)
        self._sock.close()


class Secured:
    """A connection with TLS on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.transport.abort()
