"""Private keys in cosign's file format: PKCS#8 sealed with a password, through scrypt. A key that is not sealed is not read.

Format: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md and cosign's `pkg/cosign/keys.go`.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import TYPE_CHECKING, Any

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidArguments
from wassette_py.trust.evidence import decode, read_json
from wassette_py.trust.keys import PublicKey, parse_public_key
from wassette_py.trust.secretbox import KEY, NONCE, open_sealed, seal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    Secret = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

# What Go's implementation writes and reads; others would let a file decide how much memory and time its reader spends.
COSTS = (32768, 65536, 131072)
MAX_FILE = 64 << 10
_NAME = r"ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY"
_PEM = re.compile(rf"\s*-----BEGIN {_NAME}-----\s+([A-Za-z0-9+/=\s]+)-----END {_NAME}-----\s*")


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs."""

    secret: Secret
    public: PublicKey
    public_pem: str

    def __repr__(self) -> str:
        return f"PrivateKey({self.public})"

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, as cosign makes it with such a key."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

        # NOTE: SHA-256 for every curve: cosign (3.1) verifies nothing else with `--key`.
        if isinstance(self.secret, ec.EllipticCurvePrivateKey):
            return self.secret.sign(message, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.secret, rsa.RSAPrivateKey):
            return self.secret.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.secret.sign(message)


def generate() -> PrivateKey:
    """A new P-256 key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return _of(ec.generate_private_key(ec.SECP256R1()))


def to_pem(key: PrivateKey, password: bytes) -> str:
    """The file of `key`, sealed with `password`."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    salt, nonce = os.urandom(32), os.urandom(NONCE)
    sealed = seal(_scrypt(password, salt, COSTS[1]), nonce, key.secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    document = {
        "kdf": {"name": "scrypt", "params": {"N": COSTS[1], "r": 8, "p": 1}, "salt": _b64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _b64(nonce)},
        "ciphertext": _b64(sealed),
    }
    body = _b64(json.dumps(document, separators=(",", ":")).encode())
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{lines}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"


def read_private_key(pem: str, password: bytes) -> PrivateKey:
    """The key in a file of cosign's. Raises InvalidArguments for another file, a wrong password, a kind of key that does not sign here."""
    match = _PEM.fullmatch(pem) if len(pem) <= MAX_FILE else None
    if match is None:
        plain = "PRIVATE KEY-----" in pem
        reason = "a private key that is not encrypted is not read" if plain else "not a private key as cosign writes it"
        raise InvalidArguments(reason, "cosign import-key-pair --key FILE" if plain else "wassette trust generate-key")
    try:
        salt, nonce, cost, sealed = _fields(read_json(decode("".join(match[1].split()), "the key file")))
    except ValueError as error:
        raise InvalidArguments(f"the key file is not one of cosign's: {error}") from None
    try:
        der = open_sealed(_scrypt(password, salt, cost), nonce, sealed)
    except ValueError:
        raise InvalidArguments("the password does not open this key, or its file was changed") from None
    return from_der(der)


def _fields(document: Any) -> tuple[bytes, bytes, int, bytes]:
    try:
        kdf, cipher = document["kdf"], document["cipher"]
        params = kdf["params"]
        if (kdf["name"], cipher["name"]) != ("scrypt", "nacl/secretbox"):
            raise ValueError(f"sealed with {kdf['name']!r} and {cipher['name']!r}"[:200])
        if params["N"] not in COSTS or (params["r"], params["p"]) != (8, 1):
            raise ValueError(f"scrypt with {params!r} is not accepted"[:200])
        salt, nonce = decode(kdf["salt"], "salt"), decode(cipher["nonce"], "nonce")
        if len(nonce) != NONCE:
            raise ValueError(f"a nonce of {len(nonce)} bytes")
        return salt, nonce, int(params["N"]), decode(document["ciphertext"], "ciphertext")
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def from_der(der: bytes) -> PrivateKey:
    """The key that was sealed. Raises InvalidArguments."""
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        secret = serialization.load_der_private_key(der, None)
        if not isinstance(secret, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError(f"a key of kind {type(secret).__name__}")
        return _of(secret)
    except InternalError:  # what OpenSSL says of an Ed448 key that is cut short
        raise InvalidArguments("the key cannot sign: it is no key that can be read") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidArguments(f"the key cannot sign: {str(error).partition(chr(10))[0].lower()}") from None


def _of(secret: Secret) -> PrivateKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PrivateKey(secret, parse_public_key("signer", pem), pem)


def _scrypt(password: bytes, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=KEY, n=cost, r=8, p=1).derive(password)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
