"""A transparency log's promise counts for exactly the signature it is about: real Rekor's, and those of a log made here."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.signatures import Signer, b64, bundle, envelope, found, legacy, signer, simple_payload, statement
from tests.trust.test_cosign_fixtures import DATA, judged, key
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.evidence import Evidence, SignatureObject
from wassette_py.trust.findings import Finding, findings
from wassette_py.trust.keys import PublicKey, parse_public_key
from wassette_py.trust.rules import SignatureRule

MANIFEST = b"manifest"
PIN = Digest.of(MANIFEST)
BY, LOG, OTHER = signer(), signer("P-256", 7), signer("P-256", 8)
REKOR_TIME = 1_674_251_859
TIME = 1_700_000_000


def named(of: Signer, name: str = "k") -> PublicKey:
    return parse_public_key(name, of.pem)


RULE = SignatureRule(every=(named(BY),), logs=(named(LOG, "log"),), log_required=True)


def promise(about: dict[str, Any], /, *, log: Signer = LOG, **changed: Any) -> dict[str, Any]:
    """An entry as cosign's annotation has it; `changed` after the log signed it."""
    log_id = named(log).fingerprint
    payload = {"body": b64(json.dumps(about).encode()), "integratedTime": TIME, "logID": log_id, "logIndex": 5}
    signed = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    return {"SignedEntryTimestamp": b64(log.sign(signed)), "Payload": {**payload, **changed}}


def hashed(message: bytes, signature: bytes, by: Signer = BY, **changed: Any) -> dict[str, Any]:
    """The body of a hashedrekord entry."""
    public = {"content": b64(signature), "publicKey": {"content": b64(by.pem.encode())}}
    data = {"hash": {"algorithm": "sha256", "value": Digest.of(message).hex}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": data, "signature": public}, **changed}


PAYLOAD = simple_payload(str(PIN), "ghcr.io/acme/x")
SIGNATURE = BY.sign(PAYLOAD)


def simple(entry: object | None) -> SignatureObject:
    annotations = {} if entry is None else {"dev.sigstore.cosign/bundle": json.dumps(entry)}
    return legacy(PAYLOAD, SIGNATURE, **annotations)


def looked_at(one: SignatureObject, rule: SignatureRule = RULE) -> Finding:
    [finding] = findings(Evidence(MANIFEST, (one,)), PIN, parse_reference("oci://ghcr.io/acme/x:1"), rule, (), now=0)
    return finding


def test_a_signature_in_the_log_is_accepted_with_its_time() -> None:
    finding = looked_at(simple(promise(hashed(PAYLOAD, SIGNATURE))))
    assert (finding.problem, finding.logged_at) == (None, TIME)


@pytest.mark.claim("trust:signed")
def test_how_old_a_signature_is_is_proven_or_it_does_not_count() -> None:
    def aged(one: SignatureObject, now: int, rule: SignatureRule = RULE) -> str | None:
        asked = replace(rule, max_age=timedelta(hours=1))
        [finding] = findings(Evidence(MANIFEST, (one,)), PIN, parse_reference("oci://ghcr.io/acme/x:1"), asked, (), now=now)
        return finding.problem

    logged, unlogged = simple(promise(hashed(PAYLOAD, SIGNATURE))), simple(None)
    assert aged(logged, TIME + 3599) is None
    assert aged(logged, TIME + 3600) == "it was made on 2023-11-14 22:13Z, longer ago than the scope allows"
    if_present = replace(RULE, log_required=False)
    assert aged(unlogged, TIME, if_present) == "nothing proves when it was made, and the scope asks how old it is"


def test_what_is_asked_decides_what_a_missing_or_false_promise_means() -> None:
    missing, false = simple(None), simple(promise(hashed(b"other", SIGNATURE)))
    required, if_present, ignored = RULE, replace(RULE, log_required=False), replace(RULE, log_required=False, logs=())
    assert [looked_at(missing, rule).problem is None for rule in (required, if_present, ignored)] == [False, True, True]
    assert [looked_at(false, rule).problem is None for rule in (required, if_present, ignored)] == [False, False, True]
    assert looked_at(missing).problem == "it is in no transparency log, and the scope asks for one"


GOOD = hashed(PAYLOAD, SIGNATURE)


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (promise(hashed(b"other", SIGNATURE)), "about something else that was signed"),
        (promise(hashed(PAYLOAD, BY.sign(PAYLOAD))), "about another signature or another key"),
        (promise(hashed(PAYLOAD, SIGNATURE, OTHER)), "about another signature or another key"),
        (promise(GOOD, integratedTime=TIME + 1), "did not promise this entry"),
        (promise(GOOD, logIndex=6), "did not promise this entry"),
        (promise(GOOD, body=b64(json.dumps(hashed(b"x", SIGNATURE)).encode())), "did not promise this entry"),
        (promise(GOOD, log=OTHER), "of a transparency log that the scope does not name"),
        (promise(GOOD, log=OTHER, logID=named(LOG).fingerprint), "did not promise this entry"),
        (promise(GOOD, integratedTime=True), "no time or no index"),
        (promise(GOOD, integratedTime="x"), "no time or no index"),
        (promise(GOOD, integratedTime=1e300), "no time or no index"),
        (promise(GOOD, logID=5), "its log entry is not one"),
        (promise({**GOOD, "apiVersion": "0.0.2"}), "of a kind that is not read here"),
        (promise({**GOOD, "kind": "intoto"}), "of a kind that is not read here"),
        (promise({"kind": "hashedrekord"}), "its log entry is not one: KeyError"),
        (promise({**GOOD, "spec": []}), "its log entry is not one: TypeError"),
        (promise({**GOOD, "spec": {**GOOD["spec"], "data": {"hash": {"algorithm": "sha512", "value": "x"}}}}), "is by 'sha512'"),
        ({"Payload": {}}, "no promise that is read here: KeyError"),
        ({"Payload": 5}, "no promise that is read here"),
        ({}, "no promise that is read here: KeyError"),
        ({**promise(GOOD), "SignedEntryTimestamp": "*"}, "the promise is not base64"),
        (promise({**GOOD, "spec": {**GOOD["spec"], "signature": {}}}), "its log entry is not one: KeyError"),
    ],
)
def test_a_promise_about_anything_else_is_refused(entry: dict[str, Any], says: str) -> None:
    assert says in str(looked_at(simple(entry)).problem)


def test_an_entry_with_a_certificate_is_about_no_key() -> None:
    body = hashed(PAYLOAD, SIGNATURE)
    body["spec"]["signature"]["publicKey"]["content"] = b64(b"-----BEGIN CERTIFICATE-----")
    assert "another signature or another key" in str(looked_at(simple(promise(body))).problem)


def in_bundle(entry: dict[str, Any], content: dict[str, Any]) -> SignatureObject:
    """A bundle with that entry, in the bundle's own form."""
    legacy_form = entry["Payload"]
    tlog = {
        "logIndex": str(legacy_form["logIndex"]),
        "logId": {"keyId": b64(bytes.fromhex(legacy_form["logID"]))},
        "integratedTime": str(legacy_form["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": entry["SignedEntryTimestamp"]},
        "canonicalizedBody": legacy_form["body"],
    }
    return found(bundle(content, tlogEntries=[tlog]))


def test_a_statement_in_a_bundle_is_logged_by_its_payload() -> None:
    payload = statement(str(PIN))
    signed = envelope(payload, BY)
    verifier = b64(BY.pem.encode())

    def body(signature: str, about: bytes) -> dict[str, Any]:
        spec = {"payloadHash": {"algorithm": "sha256", "value": Digest.of(about).hex}}
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {**spec, "signatures": [{"signature": signature, "verifier": verifier}]}}

    good = promise(body(signed["signatures"][0]["sig"], payload))
    finding = looked_at(in_bundle(good, {"dsseEnvelope": signed}))
    assert (finding.problem, finding.logged_at) == (None, TIME)
    for wrong in (body(signed["signatures"][0]["sig"], b"other"), body(b64(b"other"), payload)):
        assert looked_at(in_bundle(promise(wrong), {"dsseEnvelope": signed})).problem is not None


def test_a_message_signature_in_a_bundle_is_logged_by_the_manifest() -> None:
    signature = BY.sign(MANIFEST)
    content = {"messageSignature": {"signature": b64(signature)}}
    assert looked_at(in_bundle(promise(hashed(MANIFEST, signature)), content)).logged_at == TIME


def test_what_real_rekor_promised_about_a_signature_of_real_cosign_is_true() -> None:
    folder, repository = "dir-img-cosign-key-rekor-valid", "192.168.64.2:5000/cosign-signed/key-1"
    judgement = judged(folder, repository=repository, by=key("cosign2"), logs=(key("rekor"),))
    assert judgement.error is None
    assert [finding.logged_at for finding in judgement.findings] == [REKOR_TIME]
    assert judged(folder, repository=repository, by=key("cosign2"), logs=(key("cosign"),)).error is not None


def test_cosign_without_a_log_is_refused_where_one_is_asked_for() -> None:
    assert judged("dir-img-cosign-valid", logs=(key("rekor"),)).error is not None


def test_the_promise_of_the_fixture_that_stands_alone_is_rekors() -> None:
    entry = json.loads((DATA / "rekor-set").read_text())
    payload = (DATA / "rekor-payload").read_bytes()
    signature = base64.b64decode((DATA / "rekor-sig").read_bytes())
    from wassette_py.trust.evidence import Signed, Whole
    from wassette_py.trust.rekor import logged_at

    signed = Signed("fixture", "cosign-legacy", Whole(), payload, (signature,), log_entry=entry)
    # It is about a certificate, so no key of ours made it: everything before that comparison holds.
    with pytest.raises(ValueError, match="another signature or another key"):
        logged_at(signed, payload, (), (key("rekor"),))
    with pytest.raises(ValueError, match="about something else"):
        logged_at(replace(signed, message=b"other"), b"other", (), (key("rekor"),))
