"""NaCl's secretbox (XSalsa20-Poly1305), which cosign's key files are sealed with and cryptography does not have.

For key files of a few hundred bytes, after scrypt, on the machine of whoever knows the password: neither speed nor timing matter.
Poly1305 is cryptography's. Specification: https://cr.yp.to/highspeed/naclcrypto-20090310.pdf, https://cr.yp.to/snuffle/xsalsa-20110204.pdf
"""

from __future__ import annotations

import struct

_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_ROUND = ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11), (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14))
KEY, NONCE, TAG = 32, 24, 16


def seal(key: bytes, nonce: bytes, message: bytes) -> bytes:
    """`message` sealed: 16 bytes of tag, then as many bytes as it has."""
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    stream = _stream(key, nonce, 32 + len(message))
    sealed = bytes(one ^ other for one, other in zip(message, stream[32:], strict=True))
    return Poly1305.generate_tag(stream[:32], sealed) + sealed


def open_sealed(key: bytes, nonce: bytes, box: bytes) -> bytes:
    """What was sealed. Raises ValueError when it was with another key or nonce, or is not what it was."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    tag, sealed = box[:TAG], box[TAG:]
    stream = _stream(key, nonce, 32 + len(sealed))
    try:
        Poly1305.verify_tag(stream[:32], sealed, tag)
    except InvalidSignature:
        raise ValueError("not sealed with this key") from None
    return bytes(one ^ other for one, other in zip(sealed, stream[32:], strict=True))


def _stream(key: bytes, nonce: bytes, size: int) -> bytes:
    """XSalsa20: a key of its own from the first 16 bytes of the nonce, then Salsa20 with the other 8."""
    words = _rounds(_state(key, nonce[:16]))
    inner = struct.pack("<8I", *(words[index] for index in (0, 5, 10, 15, 6, 7, 8, 9)))
    blocks = (_block(inner, nonce[16:] + struct.pack("<Q", counter)) for counter in range((size + 63) // 64))
    return b"".join(blocks)[:size]


def _block(key: bytes, block_input: bytes) -> bytes:
    state = _state(key, block_input)
    return struct.pack("<16I", *((one + other) & 0xFFFFFFFF for one, other in zip(_rounds(state), state, strict=True)))


def _state(key: bytes, block_input: bytes) -> list[int]:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", block_input)
    return [_SIGMA[0], *k[:4], _SIGMA[1], *n, _SIGMA[2], *k[4:], _SIGMA[3]]


def _rounds(state: list[int]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _ROUND:
            x[b] ^= _rotated(x[a] + x[d], 7)
            x[c] ^= _rotated(x[b] + x[a], 9)
            x[d] ^= _rotated(x[c] + x[b], 13)
            x[a] ^= _rotated(x[d] + x[c], 18)
    return x


def _rotated(value: int, by: int) -> int:
    value &= 0xFFFFFFFF
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF
