"""SHA-256 and HMAC of short texts, by the interpreter's own code: importing `hashlib` loads OpenSSL, which costs more than a first call.

It is the same function (FIPS 180-4, RFC 2104; a test compares). What is long goes to OpenSSL, which is several times faster with it. Where
an interpreter has no code of its own, `hashlib` is used for all.
"""

from __future__ import annotations

import sys
from _operator import _compare_digest as same_text  # what hmac.compare_digest is

try:
    _sha256 = __import__("_sha2" if sys.version_info >= (3, 12) else "_sha256").sha256
except ImportError:  # pragma: no cover - an interpreter without this C code
    from hashlib import sha256 as _sha256

__all__ = ["hmac_of", "same_text", "sha256_of"]

LONG = 1 << 16
"""Bytes from which on OpenSSL is worth its import."""
_BLOCK = 64


def sha256_of(*parts: bytes) -> bytes:
    """The SHA-256 of `parts`, joined."""
    return _hashed(parts)


def hmac_of(key: bytes, *parts: bytes) -> bytes:
    """The HMAC-SHA256 of `parts`, joined, under `key`."""
    key = (key if len(key) <= _BLOCK else _hashed((key,))).ljust(_BLOCK, b"\0")
    inner = _hashed((bytes([byte ^ 0x36 for byte in key]), *parts))
    return _hashed((bytes([byte ^ 0x5C for byte in key]), inner))


def _hashed(parts: tuple[bytes, ...]) -> bytes:
    if max(map(len, parts), default=0) >= LONG:
        import hashlib

        hasher = hashlib.sha256()
    else:
        hasher = _sha256()
    for part in parts:
        hasher.update(part)
    return hasher.digest()
