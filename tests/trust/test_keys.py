from __future__ import annotations

import base64
import subprocess
import sys
import textwrap

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.signatures import signer
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.trust.keys import HashName, made_by, parse_public_key

KINDS = ["P-256", "P-384", "P-521", "RSA", "Ed25519"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_verifies_its_own_signatures_and_no_others(kind: str) -> None:
    key, other = (parse_public_key(name, signer(kind, number).pem) for number, name in enumerate(("one", "two")))
    assert key.kind == kind
    assert key.fingerprint != other.fingerprint
    assert str(key) == f"key one ({kind}, sha256:{key.fingerprint[:16]}…)"
    signature = signer(kind).sign(b"message")
    assert made_by(key, signature, b"message")
    assert not made_by(key, signature, b"messagf")
    assert not made_by(other, signature, b"message")
    assert not made_by(key, b"", b"message")
    assert not made_by(key, signature[:-1], b"message")


@pytest.mark.parametrize(
    ("kind", "made_with", "accepted"),
    [
        ("P-256", "sha256", True),
        ("P-256", "sha384", False),
        ("P-384", "sha384", True),
        ("P-384", "sha256", True),
        ("P-384", "sha512", False),
        ("P-521", "sha512", True),
        ("RSA", "sha256", True),
        ("RSA", "sha512", False),
    ],
)
def test_the_key_decides_the_hash_and_the_signature_does_not(kind: str, made_with: str, accepted: bool) -> None:
    assert made_by(parse_public_key("k", signer(kind).pem), signer(kind).sign(b"m", made_with), b"m") is accepted


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_a_hash_that_is_given_is_the_only_one(name: HashName) -> None:
    for kind in ("P-384", "RSA"):
        key = parse_public_key("k", signer(kind).pem, hash_name=name)
        assert [made_by(key, signer(kind).sign(b"m", made), b"m") for made in ("sha256", "sha384", "sha512")] == [
            made == name for made in ("sha256", "sha384", "sha512")
        ]


def pem_of(der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def der_of(kind: str) -> bytes:
    return parse_public_key("k", signer(kind).pem).der


PRIVATE = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        ("", "expected one PEM block"),
        ("ssh-ed25519 AAAA", "expected one PEM block"),
        (signer().pem * 2, "expected one PEM block"),
        (signer().pem + "x", "expected one PEM block"),
        (PRIVATE, "this is a private key"),
        (PRIVATE.replace("PRIVATE", "ENCRYPTED SIGSTORE PRIVATE"), "this is a private key"),
        (signer().pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"), "expected one PEM block"),
        ("-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----", "not a PEM file"),
        (pem_of(b"anything"), "not a kind of key"),
        (pem_of(der_of("P-256") + b"x"), "not a kind of key"),
        (pem_of(der_of("P-256")[:27] + der_of("P-256")[27:59]), "not a kind of key"),
        ("x" * 20000, "no larger than"),
    ],
)
def test_what_is_not_one_public_key_is_refused(pem: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_public_key("k", pem)


def test_ed25519_has_no_hash_to_choose() -> None:
    with pytest.raises(ValueError, match="remove hash"):
        parse_public_key("k", signer("Ed25519").pem, hash_name="sha256")


def rsa_pem(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def wrong_point() -> str:
    der = bytearray(der_of("P-256"))
    der[-1] ^= 1
    return pem_of(bytes(der))


@pytest.mark.parametrize(("pem", "says"), [(wrong_point(), "line 7"), (rsa_pem(1024), "RSA of 1024 bits")])
def test_a_key_that_is_none_or_too_weak_is_refused_before_it_verifies_anything(pem: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says):
        made_by(parse_public_key("k", pem, line=7), b"", b"m")


def test_a_key_in_another_form_of_der_is_refused_since_it_would_count_as_another_signer() -> None:
    der = der_of("RSA")
    # The parameters of RSA are NULL by the book; parsers also take none at all.
    other = der.replace(bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d010101"))
    with pytest.raises(ValueError, match="not a kind of key"):
        parse_public_key("k", pem_of(other))


def test_reading_a_trust_policy_needs_no_cryptography() -> None:
    policy = "version: 1\nkeys: {a: {file: a.pub}}\nscopes: [{match: a.example, all: [{key: a}]}]"
    code = f"""
import sys
from wassette_py.trust.document import parse_trust_policy
policy = parse_trust_policy({policy!r}, "t", lambda _: {signer().pem.encode()!r})
assert policy.keys["a"].kind == "P-256"
assert not [name for name in sys.modules if name.startswith(("cryptography", "sigstore", "oras", "requests"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
