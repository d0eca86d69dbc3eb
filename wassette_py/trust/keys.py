"""Public keys, and whether a signature over some bytes is theirs. The key decides the algorithm; nothing in a signature does.

P-256, P-384, P-521 (ECDSA, DER), RSA (PKCS#1 v1.5) and Ed25519 (pure): what cosign makes. A key's text is read without cryptography, which
is imported when the first signature is checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, assert_never

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidTrustPolicy

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    Loaded = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

HashName = Literal["sha256", "sha384", "sha512"]
Kind = Literal["P-256", "P-384", "P-521", "Ed25519", "RSA"]
HASHES: tuple[HashName, ...] = ("sha256", "sha384", "sha512")
MAX_PEM = 16 << 10
RSA_BITS = range(2048, 8193)

# How the DER form of each kind begins, and how long it is: one key has one form, so that its digest can tell signers apart.
_FORMS: tuple[tuple[Kind, bytes, int | None], ...] = (
    ("P-256", bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 91),
    ("P-384", bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 120),
    ("P-521", bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"), 158),
    ("Ed25519", bytes.fromhex("302a300506032b6570032100"), 44),
)
_RSA = re.compile(rb"\x30(?:\x82..|\x81.)\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03", re.DOTALL)
# What cosign has used for each kind: SHA-256 for all for years, and since v3 the digest that fits the curve.
_USUAL: dict[Kind, tuple[HashName, ...]] = {
    "P-256": ("sha256",),
    "P-384": ("sha384", "sha256"),
    "P-521": ("sha512", "sha256"),
    "RSA": ("sha256",),
    "Ed25519": (),
}


@dataclass(frozen=True)
class PublicKey:
    """A key under the name a trust policy gives it; `hashes` are those its signatures may be made with."""

    name: str
    kind: Kind
    der: bytes
    hashes: tuple[HashName, ...]
    line: int = field(default=0, compare=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key itself: the same key under two names is one signer."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def id(self) -> str:
        """What tells signers apart, wherever they are written down."""
        return f"key:sha256:{self.fingerprint}"

    def names(self, one: object) -> bool:
        """Whether `one`, who has signed, is this key: a rule that names a key asks for that key."""
        return isinstance(one, PublicKey) and one.fingerprint == self.fingerprint

    def __str__(self) -> str:
        return f"key {self.name} ({self.kind}, sha256:{self.fingerprint[:16]}…)"


def parse_public_key(name: str, pem: str, *, hash_name: HashName | None = None, line: int = 0) -> PublicKey:
    """The one public key in a PEM text. Raises ValueError with the reason."""
    if len(pem) > MAX_PEM:
        raise ValueError(f"a public key is no larger than {MAX_PEM} bytes")
    if "PRIVATE KEY-----" in pem:
        raise ValueError("this is a private key; give its public half")
    match = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", pem)
    if match is None:
        raise ValueError("expected one PEM block -----BEGIN PUBLIC KEY-----")
    try:
        der = base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not a PEM file: {error}") from None
    kind = _kind_of(der)
    if kind == "Ed25519" and hash_name:
        raise ValueError("an Ed25519 key has no hash of its own: remove hash")
    return PublicKey(name, kind, der, (hash_name,) if hash_name else _USUAL[kind], line)


def _kind_of(der: bytes) -> Kind:
    for kind, prefix, length in _FORMS:
        if der.startswith(prefix) and len(der) == length:
            return kind
    if _RSA.match(der):
        return "RSA"
    raise ValueError("not a kind of key that is verified: expected P-256, P-384, P-521, RSA or Ed25519")


@lru_cache(maxsize=64)
def load(key: PublicKey) -> Loaded:
    """The key as cryptography has it. Raises InvalidTrustPolicy when it is not one, or too weak."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        loaded = serialization.load_der_public_key(key.der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(key, str(error).splitlines()[0].lower()) from None
    assert isinstance(loaded, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey)
    if isinstance(loaded, rsa.RSAPublicKey) and loaded.key_size not in RSA_BITS:
        raise _unusable(key, f"RSA of {loaded.key_size} bits, not {RSA_BITS[0]} to {RSA_BITS[-1]}")
    # NOTE: two forms of one key would be two signers. What is read here is strict DER, so this only guards against a laxer library.
    form = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if form != key.der:  # pragma: no cover - the library refuses other forms by itself
        raise _unusable(key, "it is not written in the one form that tells keys apart")
    return loaded


def _unusable(key: PublicKey, reason: str) -> InvalidTrustPolicy:
    return InvalidTrustPolicy(f"key {key.name} (line {key.line}) cannot be used: {reason}")


def made_by(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is this key's over `message`. Raises InvalidTrustPolicy for a key that cannot be used."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    loaded = load(key)
    for hash_name in key.hashes or (None,):
        try:
            if hash_name is None or not isinstance(loaded, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
                loaded.verify(signature, message)  # type: ignore[call-arg]
            elif isinstance(loaded, ec.EllipticCurvePublicKey):
                loaded.verify(signature, message, ec.ECDSA(_hash(hash_name)))
            else:
                loaded.verify(signature, message, padding.PKCS1v15(), _hash(hash_name))
        except InvalidSignature:
            continue
        return True
    return False


def _hash(name: HashName) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    match name:
        case "sha256":
            return hashes.SHA256()
        case "sha384":
            return hashes.SHA384()
        case "sha512":
            return hashes.SHA512()
        case _:
            assert_never(name)
