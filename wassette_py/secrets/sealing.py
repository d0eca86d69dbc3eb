"""Seals and unseals values: ChaCha20-Poly1305 under the key in `<folder>/key` (0600), bound to the secret's name.

Imported when a stored value is written or needed: `cryptography` is no part of a start.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wassette_py.errors import SecretError
from wassette_py.files import read_regular, write_synced

KEY = "key"
_NONCE = 12
_KEY_SIZE = 32


def seal(folder: Path, name: str, value: str) -> str:
    """`value` as a text only `unseal` reads; the caller holds the folder's lock, and the first call makes the key. Raises SecretError."""
    path = folder / KEY
    if not path.exists():
        write_synced(path, ChaCha20Poly1305.generate_key())
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + _cipher(folder).encrypt(nonce, value.encode(), name.encode())).decode()


def unseal(folder: Path, name: str, sealed: str) -> str:
    """The value. Raises SecretError when it was not sealed here, or for another name."""
    try:
        data = base64.b64decode(sealed, validate=True)
        return _cipher(folder).decrypt(data[:_NONCE], data[_NONCE:], name.encode()).decode()
    except (InvalidTag, ValueError):
        raise SecretError(f"the value of {name} cannot be decrypted with {folder / KEY}", f"wassette secret set {name}") from None


def _cipher(folder: Path) -> ChaCha20Poly1305:
    path = folder / KEY
    try:
        return ChaCha20Poly1305(read_regular(path, limit=_KEY_SIZE))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no key"
        raise SecretError(f"{path} cannot be read: {reason}", "restore it, or set the secrets again") from None
