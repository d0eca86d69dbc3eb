"""Containers of signatures are read strictly: what is not exactly one of the known forms is no signature, for a reason that is said."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.signatures import (
    BUNDLE,
    DSSE,
    SIGN,
    SIMPLE,
    SLSA,
    bundle,
    dsse_bundle,
    envelope,
    found,
    legacy,
    message_bundle,
    signer,
    simple_payload,
    statement,
)
from wassette_py.trust.evidence import SignatureObject, Simple, Statement, Whole, decode, read_signed

MANIFEST = f"sha256:{'ab' * 32}"
BY = signer()
PAYLOAD = simple_payload(MANIFEST, "ghcr.io/acme/x", {"env": "prod"})


def test_a_legacy_signature_says_what_it_is_about() -> None:
    signed = read_signed(legacy(PAYLOAD, b"sig", **{"dev.sigstore.cosign/certificate": "-----BEGIN", "dev.sigstore.cosign/bundle": "{}"}))
    assert signed.about == Simple(MANIFEST, "ghcr.io/acme/x", {"env": "prod"})
    assert (signed.format, signed.message, signed.signatures) == ("cosign-legacy", PAYLOAD, (b"sig",))
    assert (signed.certificate, signed.log_entry, signed.is_attestation) == (b"-----BEGIN", {}, False)


def test_a_bundle_with_a_statement_is_a_signature_or_an_attestation() -> None:
    signed = read_signed(found(dsse_bundle(MANIFEST, BY, annotations={"a": "b"})))
    assert signed.about == Statement(SIGN, (("ab" * 32, {"a": "b"}),), {})
    assert (signed.format, signed.is_attestation) == ("bundle", False)
    attested = read_signed(found(dsse_bundle(MANIFEST, BY, SLSA, {"x": 1})))
    assert attested.is_attestation


def test_a_bundle_with_a_message_signature_is_over_the_manifest() -> None:
    signed = read_signed(found(message_bundle(b"manifest", BY)))
    assert (signed.about, signed.message, signed.is_attestation) == (Whole(), None, False)


def test_a_legacy_attestation_is_an_envelope() -> None:
    data = json.dumps(envelope(statement(MANIFEST, SLSA), BY)).encode()
    signed = read_signed(SignatureObject("tag x.att", DSSE, data))
    assert (signed.format, signed.is_attestation) == ("cosign-legacy", True)


def test_a_certificate_and_a_log_entry_of_a_bundle_are_kept_as_found() -> None:
    data = bundle({"dsseEnvelope": envelope(statement(MANIFEST), BY)}, certificate={"rawBytes": "AAEC"}, tlogEntries=[{"logIndex": "1"}])
    signed = read_signed(found(data))
    assert (signed.certificate, signed.log_entry) == (b"\0\1\2", {"logIndex": "1"})


def test_subjects_known_by_other_digests_are_passed_over() -> None:
    payload = statement(MANIFEST, subject=[{"digest": {"gitCommit": "1"}}, {"digest": {"sha256": "cd" * 32}}])
    about = read_signed(found(bundle({"dsseEnvelope": envelope(payload, BY)}))).about
    assert isinstance(about, Statement)
    assert about.subjects == (("cd" * 32, {}),)


def test_base64_is_read_with_line_ends_and_nothing_else_between() -> None:
    assert decode("AAEC\r\nAw==\n", "x") == b"\0\1\2\3"
    for text in ("AAEC Aw==", "AA_C", "AAE", "AAEC\0", "=AAEC", None, 5, "ÄÄ=="):
        with pytest.raises(ValueError, match="x is not"):
            decode(text, "x")


def simple(**changed: Any) -> bytes:
    return simple_payload(MANIFEST, "ghcr.io/acme/x", **changed)


def wrapped(payload: bytes, /, **changed: Any) -> bytes:
    return bundle({"dsseEnvelope": {**envelope(payload, BY), **changed}})


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "the document is not an object"),
        (b'{"critical": NaN}', "NaN is no JSON value"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"critical": {}, "critical": {}}', "a key stands twice"),
        (b'{"Critical": {}}', "critical is not an object"),
        (simple(type="atomic container signature"), "critical.type is 'atomic"),
        (simple(type=None), "critical.type is None"),
        (simple(image={"Docker-manifest-digest": MANIFEST}), "docker-manifest-digest is not a text"),
        (simple(image=MANIFEST), "critical.image is not an object"),
        (simple(identity={}), "docker-reference is not a text"),
        (simple_payload(MANIFEST, "a/b").replace(b"null", b"[1]"), "optional is not an object"),
        (b" " * (1 << 20) + b"{}", "larger than"),
    ],
)
def test_a_simple_signing_payload_that_is_not_exactly_one_is_none(payload: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_signed(legacy(payload, b"sig"))


def test_a_legacy_layer_without_a_signature_is_none() -> None:
    with pytest.raises(ValueError, match=r"annotation dev\.cosignproject\.cosign/signature is not"):
        read_signed(SignatureObject("tag", SIMPLE, PAYLOAD, {}))
    with pytest.raises(ValueError, match="not JSON"):
        read_signed(legacy(PAYLOAD, b"s", **{"dev.sigstore.cosign/bundle": "{"}))


STATEMENT = statement(MANIFEST)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{}", "the bundle calls itself None"),
        (b'{"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"}', "the bundle calls itself"),
        (json.dumps({"mediaType": BUNDLE}).encode(), "verificationMaterial is not an object"),
        (bundle({}), "expected one of dsseEnvelope and messageSignature"),
        (bundle({"dsseEnvelope": {}, "messageSignature": {}}), "expected one of dsseEnvelope and messageSignature"),
        (bundle({"dsseEnvelope": {}}, tlogEntries=[{}, {}]), "at most one entry"),
        (bundle({"dsseEnvelope": {}}, tlogEntries={"0": {}}), "at most one entry"),
        (bundle({"dsseEnvelope": {}}, certificate={"rawBytes": "*"}), "certificate is not base64"),
        (bundle({"messageSignature": {}}), "signature is not base64"),
        (wrapped(STATEMENT, signatures=[]), "expected 1 to 16 signatures"),
        (wrapped(STATEMENT, signatures=[{"sig": "AA=="}] * 2), "has one signature"),
        (wrapped(STATEMENT, signatures=[{"sig": "AA=="}] * 17), "expected 1 to 16 signatures"),
        (wrapped(STATEMENT, signatures=["AA=="]), "signature is not an object"),
        (wrapped(STATEMENT, payloadType="application/json"), "payloadType is 'application/json'"),
        (wrapped(STATEMENT, payload="{}"), "payload is not base64"),
        (wrapped(b"{}"), "_type is None, not an in-toto statement"),
        (wrapped(statement(MANIFEST, _type="https://in-toto.io/Statement/v2")), "not an in-toto statement"),
        (wrapped(statement(MANIFEST, subject=[])), "about no subject"),
        (wrapped(statement(MANIFEST, subject=[{"digest": "x"}])), "subject.digest is not an object"),
        (wrapped(statement(MANIFEST, subject=[{"digest": {"sha256": 5}}])), "sha256 is not a text"),
        (wrapped(statement(MANIFEST, predicateType=None)), "predicateType is not a text"),
    ],
)
def test_a_bundle_that_is_not_exactly_one_is_none(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_signed(found(data))


def test_an_object_that_could_not_be_had_or_is_of_another_kind_says_so() -> None:
    with pytest.raises(ValueError, match="gone"):
        read_signed(SignatureObject("referrer", BUNDLE, problem="gone"))
    with pytest.raises(ValueError, match="'application/jose\\+json' is not a signature that is read here"):
        read_signed(SignatureObject("referrer", "application/jose+json", b"{}"))


def test_base64_of_the_url_alphabet_is_another_alphabet() -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode(base64.urlsafe_b64encode(b"\xff\xff\xfe").decode(), "x")
