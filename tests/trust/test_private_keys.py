"""Key files of real cosign are opened, ours are what cosign writes, and a file cannot make its reader work without bound."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from hypothesis import given
from hypothesis import strategies as st

from tests.signatures import signer
from wassette_py.errors import InvalidArguments
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust import private_keys
from wassette_py.trust.evidence import BUNDLE, SIGNATURE_ANNOTATION, SIMPLE_SIGNING, Evidence, SignatureObject
from wassette_py.trust.findings import findings
from wassette_py.trust.keys import made_by
from wassette_py.trust.private_keys import PrivateKey, generate, read_private_key, to_pem
from wassette_py.trust.rules import SignatureRule
from wassette_py.trust.secretbox import open_sealed, seal
from wassette_py.trust.signing import sign_bundle, sign_simple

DATA = Path(__file__).parents[1] / "data" / "cosign-key"
COSIGN = (DATA / "cosign.key").read_text()


def test_a_key_file_of_cosign_is_opened_with_its_password() -> None:
    key = read_private_key(COSIGN, b"hello")
    assert key.public_pem == (DATA / "cosign.pub").read_text()
    assert made_by(key.public, key.sign(b"message"), b"message")
    assert "hello" not in repr(key)
    assert repr(key) == f"PrivateKey({key.public})"


def test_the_name_older_cosign_gave_it_is_read_too() -> None:
    old = COSIGN.replace("SIGSTORE", "COSIGN")
    assert read_private_key(old, b"hello").public == read_private_key(COSIGN, b"hello").public


def test_our_file_has_the_form_of_cosigns_and_another_salt_each_time() -> None:
    key = generate()
    one, two = to_pem(key, b"pw"), to_pem(key, b"pw")
    assert one != two
    assert read_private_key(one, b"pw").public == key.public
    theirs, ours = (fields_of(text) for text in (COSIGN, one))
    assert list(ours) == list(theirs)
    assert (ours["kdf"]["params"], ours["cipher"]["name"]) == (theirs["kdf"]["params"], theirs["cipher"]["name"])
    assert [len(line) for line in one.splitlines()[1:-2]] == [64] * (len(one.splitlines()) - 3)


@pytest.mark.claim("keys:sealed")
def test_a_wrong_password_opens_nothing() -> None:
    for password in (b"", b"Hello", b"hello\n"):
        with pytest.raises(InvalidArguments, match="the password does not open this key"):
            read_private_key(COSIGN, password)


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA", "Ed25519"])
def test_each_kind_of_key_signs_in_both_forms_what_is_verified_here(kind: str) -> None:
    key = read_private_key(sealed(signer(kind).key), b"pw")
    manifest = b"manifest"
    digest = Digest.of(manifest)
    payload, signature = sign_simple(key, digest, "ghcr.io/acme/x")
    objects = (
        SignatureObject("referrer", BUNDLE, sign_bundle(key, digest)),
        SignatureObject("tag", SIMPLE_SIGNING, payload, {SIGNATURE_ANNOTATION: signature}),
    )
    rule = SignatureRule(every=(key.public,))
    for manifest_bytes, counts in ((manifest, True), (b"other", False)):
        found = findings(
            Evidence(manifest_bytes, objects), Digest.of(manifest_bytes), parse_reference("oci://ghcr.io/acme/x:1"), rule, (), now=0
        )
        assert [(one.counts, bool(one.signers)) for one in found] == [(counts, True)] * 2


def fields_of(pem: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode("".join(pem.splitlines()[1:-1])))
    return document


def pem_with(changed: object, name: str = "ENCRYPTED SIGSTORE PRIVATE KEY") -> str:
    return f"-----BEGIN {name}-----\n{base64.b64encode(json.dumps(changed).encode()).decode()}\n-----END {name}-----\n"


def sealed(secret: Any, password: bytes = b"pw") -> str:
    """A key file around any private key."""
    der = secret.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return sealed_bytes(der, password)


def sealed_bytes(der: bytes, password: bytes = b"pw") -> str:
    salt, nonce = os.urandom(32), os.urandom(24)
    box = seal(private_keys._scrypt(password, salt, 32768), nonce, der)
    kdf = {"name": "scrypt", "params": {"N": 32768, "r": 8, "p": 1}, "salt": base64.b64encode(salt).decode()}
    cipher = {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()}
    return pem_with({"kdf": kdf, "cipher": cipher, "ciphertext": base64.b64encode(box).decode()})


def with_kdf(**changed: Any) -> str:
    fields = fields_of(COSIGN)
    return pem_with({**fields, "kdf": {**fields["kdf"], **changed}})


PLAIN = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.claim("keys:sealed")
@pytest.mark.parametrize(
    ("pem", "says"),
    [
        ("", "not a private key as cosign writes it"),
        (signer().pem, "not a private key as cosign writes it"),
        (PLAIN, "a private key that is not encrypted is not read"),
        (PLAIN.replace("PRIVATE", "EC PRIVATE"), "a private key that is not encrypted is not read"),
        (COSIGN + "x" * (64 << 10), "a private key that is not encrypted|not a private key"),
        (COSIGN * 2, "a private key that is not encrypted|not a private key"),
        (pem_with([]), "not one of cosign's: the document is not an object"),
        (pem_with({}), "not one of cosign's: KeyError"),
        (with_kdf(params={"N": 1 << 30, "r": 8, "p": 1}), "scrypt with .* is not accepted"),
        (with_kdf(params={"N": 65536, "r": 1 << 20, "p": 1}), "scrypt with .* is not accepted"),
        (with_kdf(params={"N": 65536, "r": 8, "p": 100}), "scrypt with .* is not accepted"),
        (with_kdf(params={"N": "65536", "r": 8, "p": 1}), "scrypt with .* is not accepted"),
        (with_kdf(params=[]), "not one of cosign's: TypeError"),
        (with_kdf(name="pbkdf2"), "sealed with 'pbkdf2'"),
        (with_kdf(salt="*"), "salt is not base64"),
        (pem_with({**fields_of(COSIGN), "cipher": {"name": "nacl/secretbox", "nonce": "AAAA"}}), "a nonce of 3 bytes"),
        (pem_with({**fields_of(COSIGN), "ciphertext": "AAAA"}), "the password does not open this key"),
        (sealed_bytes(b"no key"), "the key cannot sign"),
        # An Ed448 key that is cut short, of which OpenSSL says nothing that cryptography expects.
        (sealed_bytes(bytes.fromhex("302e020100300506032b6571042204200001020304050607" + "08" * 24)), "it is no key that can be read"),
        (sealed(x25519.X25519PrivateKey.generate()), "the key cannot sign: a key of kind x25519privatekey"),
        (sealed(ec.generate_private_key(ec.SECP256K1())), "the key cannot sign: not a kind of key"),
    ],
)
def test_what_is_no_key_file_of_cosign_is_refused(pem: str, says: str) -> None:
    with pytest.raises(InvalidArguments, match=says):
        read_private_key(pem, b"pw" if "nonce" not in says else b"hello")


# NaCl's own test vector (tests/secretbox.c of the NaCl distribution, public domain).
KEY = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389"
NONCE = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37"
MESSAGE = (
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31"
    "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864"
    "5e0705"
)
BOX = (
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972"
    "71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b3"
    "7973f622a43d14a6599b1f654cb45a74e355a5"
)


def test_the_vector_of_nacl() -> None:
    key, nonce = bytes.fromhex(KEY), bytes.fromhex(NONCE)
    assert seal(key, nonce, bytes.fromhex(MESSAGE)).hex() == BOX
    assert open_sealed(key, nonce, bytes.fromhex(BOX)).hex() == MESSAGE


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_what_is_sealed_opens_and_a_flipped_bit_does_not(message: bytes, at: int) -> None:
    key, nonce = bytes(32), bytes(24)
    box = bytearray(seal(key, nonce, message))
    assert open_sealed(key, nonce, bytes(box)) == message
    box[at % len(box)] ^= 1 << at % 8
    with pytest.raises(ValueError, match="not sealed with this key"):
        open_sealed(key, nonce, bytes(box))


def test_a_private_key_shows_no_secret() -> None:
    assert "PrivateKey(key signer" in repr(PrivateKey(signer().key, generate().public, "pem"))
