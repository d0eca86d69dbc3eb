"""One end of an exchange: a stream, what h11 makes of what comes from it, and what is still to be sent to it."""

from __future__ import annotations

import h11

from wassette_py.sandbox.egress.streams import Stream

HEAD = 128 << 10
"""Bytes a head may have, on both sides."""


class Side:
    """`is_over`: the other end sends no more; `waiting`: bytes that were put and are not sent yet."""

    def __init__(self, connection: h11.Connection, stream: Stream) -> None:
        self.h11 = connection
        self.stream = stream
        self.is_over = False
        self.waiting = 0
        self._parts: list[bytes] = []
        self._rest = memoryview(b"")

    def parsed(self) -> object:
        """The next event of what was read; None when more is to be read first. Raises h11.RemoteProtocolError."""
        event = self.h11.next_event()
        return None if event is h11.NEED_DATA else event

    def read(self) -> bool:
        """Reads once; whether there was anything, its end included. Raises OSError."""
        data = self.stream.read()
        if data is None:
            return False
        self.is_over = not data
        self.h11.receive_data(data)
        return True

    def put(self, event: h11.Event) -> None:
        """Has it sent by the next `flush`. Raises h11.LocalProtocolError."""
        self.put_bytes(self.h11.send(event) or b"")

    def put_bytes(self, data: bytes) -> None:
        """The same for bytes of a body whose length was told: the other end counts them."""
        if data:
            self.waiting += len(data)
            self._parts.append(data)

    @property
    def is_flushed(self) -> bool:
        """Whether all that was put is sent."""
        return not self.waiting

    def flush(self) -> bool:
        """Sends as much of what was put as there is room for; whether it was all. Raises OSError."""
        while self.waiting:
            if not self._rest:
                self._rest, self._parts = memoryview(b"".join(self._parts)), []
            sent = self.stream.send(self._rest)
            if not sent:
                return False
            self.waiting -= sent
            self._rest = self._rest[sent:]
        return True

    def forget(self) -> None:
        """What is not sent yet never is."""
        self.waiting, self._parts, self._rest = 0, [], memoryview(b"")

    def watched(self, *, reading: bool) -> dict[int, int]:
        """What to wait for before going on: room for what is to be sent, and if `reading`, more to read."""
        mask = (0 if self.is_flushed else self.stream.to_send) | (self.stream.to_read if reading else 0)
        return {self.stream.number: mask} if mask else {}

    def close(self) -> None:
        """Ends the connection; what is not sent yet never is."""
        self.stream.close()
