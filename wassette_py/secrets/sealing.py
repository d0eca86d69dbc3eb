"""Seals and unseals values: ChaCha20-Poly1305, bound to the secret's name. And where the key is: in a file beside them (0600), or in the
keyring of the system.

Imported when a stored value is written or needed: `cryptography` is no part of a start.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Literal, assert_never

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wassette_py.errors import SecretError
from wassette_py.files import read_regular, write_synced
from wassette_py.secrets import keyrings

Place = Literal["file", "keyring"]
KEY = "key"
SERVICE = "wassette"
"""Under which the keyring keeps the key; its name there is that of the folder it is for."""
_NONCE = 12
_KEY_SIZE = 32


def seal(key: bytes, name: str, value: str) -> str:
    """`value` as a text only `unseal` reads."""
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + ChaCha20Poly1305(key).encrypt(nonce, value.encode(), name.encode())).decode()


def unseal(key: bytes, name: str, sealed: str) -> str:
    """The value. Raises ValueError when it was not sealed with that key, or for another name."""
    data = base64.b64decode(sealed, validate=True)
    try:
        return ChaCha20Poly1305(key).decrypt(data[:_NONCE], data[_NONCE:], name.encode()).decode()
    except InvalidTag:
        raise ValueError("not sealed with this key, or for another name") from None


def key_text(folder: Path, place: Place) -> str:
    """Where the key of `folder` is, for people."""
    return str(folder / KEY) if place == "file" else f"keyring:{SERVICE}/{folder}"


def read_key(folder: Path, place: Place) -> bytes:
    """The key of `folder`. Raises SecretError."""
    key, reason = b"", "there is none"
    match place:
        case "file":
            try:
                key = read_regular(folder / KEY, limit=_KEY_SIZE)
                reason = "it is no key"
            except OSError as error:
                reason = error.strerror or "it cannot be opened"
        case "keyring":
            key = _decoded(keyrings.read(SERVICE, str(folder)))
        case _:
            assert_never(place)
    if len(key) != _KEY_SIZE:
        raise SecretError(f"{key_text(folder, place)} cannot be read: {reason}", "restore it, or set the secrets again")
    return key


def made_key(folder: Path, place: Place) -> bytes:
    """The key of `folder`, made when there is none; the caller holds the folder's lock. Raises SecretError, OSError."""
    key = ChaCha20Poly1305.generate_key()
    if place == "file" and not os.path.lexists(folder / KEY):
        write_synced(folder / KEY, key)
    elif place == "keyring" and keyrings.read(SERVICE, str(folder)) is None:
        keyrings.write(SERVICE, str(folder), base64.b64encode(key).decode())
    return read_key(folder, place)


def drop_key(folder: Path, place: Place) -> None:
    """Removes the key of `folder` from there. Raises SecretError, OSError."""
    if place == "file":
        (folder / KEY).unlink(missing_ok=True)
    else:
        keyrings.drop(SERVICE, str(folder))


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        return b""
