"""Sealed requestState: what this server has to remember between two calls of the stateless era, kept by the client, who cannot read it.

A seal is AES-256-GCM under a key that only this connection has, bound to principal, tool and arguments. It is taken once, within
ten minutes. Anything else a client sends back is refused. `cryptography` is imported when the first question is asked.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LIFETIME = 600.0
"""Seconds a person has for an answer."""
LONGEST = 8192
"""Characters of a state; ours have a few hundred."""
_NONCE = 12


class InvalidState(Exception):
    """Not a state of ours for this request, or not any more. Why is for the log alone."""


class Sealer:
    """Seals and opens the states of one connection, whose other end is `principal`."""

    def __init__(self, principal: str, *, clock: Callable[[], float] = time.time) -> None:
        self._principal = principal
        self._clock = clock
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._taken: dict[bytes, float] = {}

    def seal(self, state: Mapping[str, Any], tool: str, arguments: Mapping[str, Any]) -> str:
        """`state` for the next call of `tool` with these arguments."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        plain = json.dumps({"until": self._clock() + LIFETIME, "state": state}).encode()
        return _text(nonce + AESGCM(self._key).encrypt(nonce, plain, self._bound(tool, arguments)))

    def open(self, text: object, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What was sealed, once. Raises InvalidState."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data = _data(text)
        try:
            plain = AESGCM(self._key).decrypt(data[:_NONCE], data[_NONCE:], self._bound(tool, arguments))
        except InvalidTag:
            raise InvalidState("changed, or of another request or connection") from None
        sealed: dict[str, Any] = json.loads(plain)
        self._take(data[:_NONCE], sealed["until"])
        state: dict[str, Any] = sealed["state"]
        return state

    def _take(self, nonce: bytes, until: float) -> None:
        now = self._clock()
        with self._lock:
            self._taken = {known: end for known, end in self._taken.items() if end > now}
            if until <= now:
                raise InvalidState("expired")
            if nonce in self._taken:
                raise InvalidState("used before")
            self._taken[nonce] = until

    def _bound(self, tool: str, arguments: Mapping[str, Any]) -> bytes:
        # Canonical: the same arguments in another order are the same request.
        return json.dumps(["wassette/1", self._principal, tool, arguments], sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _data(text: object) -> bytes:
    """The inverse of `_text`, for what it wrote and nothing else. Raises InvalidState."""
    if not isinstance(text, str) or len(text) > LONGEST or not text.isascii():
        raise InvalidState("no state")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidState("no base64") from None
    if _text(data) != text or len(data) <= _NONCE + 16:
        raise InvalidState("no seal")
    return data
