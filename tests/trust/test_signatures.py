"""The decision about signatures: distinct signers over exactly the resolved manifest, in every form, and nothing less."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.signatures import DSSE, SLSA, Signer, dsse_bundle, envelope, found, legacy, message_bundle, signer, simple_payload, statement
from wassette_py.errors import DigestMismatch, Unsigned, UntrustedSigner, VerificationError
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.evidence import Evidence, SignatureObject
from wassette_py.trust.keys import PublicKey, parse_public_key
from wassette_py.trust.rules import AttestationRule, SignatureRule
from wassette_py.trust.signer import VerifiedSigner
from wassette_py.trust.verifier import Judgement, is_signable, judge, needs_signatures, verify

MANIFEST = b'{"schemaVersion":2}'
PIN = Digest.of(MANIFEST)
OTHER = Digest.of(b"other")
WASM = Digest.of(b"wasm")
REFERENCE = parse_reference("oci://ghcr.io/acme/x:1")
RELEASE, AUDIT, STRANGER = signer(), signer("Ed25519"), signer("P-384")


def key(name: str, of: Signer) -> PublicKey:
    return parse_public_key(name, of.pem)


RULE = SignatureRule(every=(key("release", RELEASE),))


def simple(by: Signer = RELEASE, digest: Digest = PIN, repository: str = "ghcr.io/acme/x", optional: Any = None) -> SignatureObject:
    payload = simple_payload(str(digest), repository, optional)
    return legacy(payload, by.sign(payload))


def bundled(by: Signer = RELEASE, digest: Digest = PIN, **details: Any) -> SignatureObject:
    return found(dsse_bundle(str(digest), by, **details))


def judged(rule: SignatureRule, *objects: SignatureObject, keys: tuple[PublicKey, ...] = (), **scope: Any) -> Judgement:
    named = TrustScope("ghcr.io/acme", signatures=rule, line=4, **scope)
    return judge(reference=REFERENCE, digest=WASM, manifest=PIN, rule=named, evidence=Evidence(MANIFEST, objects), keys=keys)


def problem(rule: SignatureRule, *objects: SignatureObject) -> str:
    judgement = judged(rule, *objects)
    assert isinstance(judgement.error, UntrustedSigner)
    return str(judgement.findings[-1].problem)


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA", "Ed25519"])
@pytest.mark.parametrize("form", ["legacy", "bundle", "message"])
def test_each_form_of_signature_by_each_kind_of_key_is_accepted_and_bound_to_its_manifest(kind: str, form: str) -> None:
    by = signer(kind)
    rule = SignatureRule(every=(key("k", by),))
    made = {"legacy": simple(by), "bundle": bundled(by), "message": found(message_bundle(MANIFEST, by))}[form]
    about_other = {"legacy": simple(by, OTHER), "bundle": bundled(by, OTHER), "message": found(message_bundle(b"other", by))}[form]
    signed = judged(rule, made).signer
    assert signed is not None
    assert (signed.kind, signed.scope, signed.signers) == ("signed", "ghcr.io/acme", (f"key:sha256:{key('k', by).fingerprint}",))
    assert signed.text == f"signed by {key('k', by)}, as trust scope ghcr.io/acme asks"
    assert isinstance(judged(rule, about_other).error, UntrustedSigner)


def test_no_signature_at_all_is_another_refusal_than_a_strangers() -> None:
    unsigned, stranger = judged(RULE), judged(RULE, bundled(STRANGER))
    assert isinstance(unsigned.error, Unsigned)
    assert isinstance(stranger.error, UntrustedSigner)
    assert "trust scope ghcr.io/acme (line 4) asks that it is signed by key release" in str(unsigned.error)
    assert str(unsigned.error).endswith("it has no signatures")
    assert "found 1: referrer sha256:…: signature by nobody the trust policy names; no key of the trust policy made it" in str(
        stranger.error
    )
    assert stranger.error.hint == "wassette component verify oci://ghcr.io/acme/x:1 --explain"


def test_a_signer_the_policy_knows_and_the_scope_does_not_name_is_named_and_refused() -> None:
    judgement = judged(RULE, bundled(AUDIT), keys=(key("audit", AUDIT),))
    assert isinstance(judgement.error, UntrustedSigner)
    assert "signature by key audit (Ed25519" in str(judgement.error)


@pytest.mark.claim("trust:signed")
def test_a_replayed_signature_of_another_manifest_is_refused() -> None:
    assert "it is about 'sha256:" in problem(RULE, simple(digest=OTHER))
    assert f"it is not about {PIN}" in problem(RULE, bundled(digest=OTHER))


@pytest.mark.claim("trust:signed")
def test_an_attestation_is_never_taken_for_a_signature() -> None:
    judgement = judged(RULE, bundled(predicate_type=SLSA))
    assert isinstance(judgement.error, UntrustedSigner)
    assert [finding.what for finding in judgement.findings] == [SLSA]


@pytest.mark.claim("trust:signed")
def test_a_legacy_payload_is_no_statement_and_a_statement_no_payload() -> None:
    # The same signature bytes offered in the other container: DSSE signs an encoding of its own.
    payload = statement(str(PIN))
    in_simple = legacy(payload, RELEASE.sign(payload))
    assert "critical is not an object" in problem(RULE, in_simple)
    simple_bytes = simple_payload(str(PIN), "ghcr.io/acme/x")
    wrapped = {**envelope(simple_bytes, RELEASE)}
    assert "not an in-toto statement" in problem(RULE, SignatureObject("tag", DSSE, json.dumps(wrapped).encode()))


@pytest.mark.claim("trust:signed")
def test_all_means_every_key_and_each_counts_once() -> None:
    both = SignatureRule(every=(key("release", RELEASE), key("audit", AUDIT)))
    assert judged(both, bundled(RELEASE), simple(RELEASE)).signer is None
    assert judged(both, bundled(RELEASE), simple(AUDIT)).signer is not None
    assert [requirement.met for requirement in judged(both, bundled(RELEASE)).requirements] == [True, False]


@pytest.mark.claim("trust:signed")
def test_a_threshold_counts_distinct_signers_and_not_signatures() -> None:
    two = SignatureRule(some=tuple(key(name, by) for name, by in (("a", RELEASE), ("b", AUDIT), ("c", STRANGER))), at_least=2)
    once = judged(two, simple(RELEASE), bundled(RELEASE), found(message_bundle(MANIFEST, RELEASE)))
    assert isinstance(once.error, UntrustedSigner)
    twice = judged(two, simple(RELEASE), bundled(STRANGER)).signer
    assert twice is not None
    assert len(twice.signers) == 2


@pytest.mark.claim("trust:signed")
def test_the_same_key_under_another_name_is_the_same_signer() -> None:
    rule = SignatureRule(some=(key("a", RELEASE), key("b", AUDIT)), at_least=2)
    judgement = judged(rule, bundled(RELEASE), keys=(key("c", RELEASE), key("d", RELEASE)))
    assert isinstance(judgement.error, UntrustedSigner)
    assert [str(one) for finding in judgement.findings for one in finding.signers] == [str(key("a", RELEASE))]


def test_a_format_that_is_not_accepted_does_not_count() -> None:
    only_bundles = replace(RULE, formats=("bundle",))
    assert problem(only_bundles, simple()) == "its format cosign-legacy is not accepted by the scope"
    assert judged(only_bundles, bundled()).signer is not None


@pytest.mark.claim("trust:signed")
def test_the_repository_of_a_legacy_signature_is_compared() -> None:
    assert problem(RULE, simple(repository="ghcr.io/acme/y")) == "it was made for ghcr.io/acme/y, not for ghcr.io/acme/x"


@pytest.mark.claim("trust:signed")
def test_annotations_that_are_asked_for_must_be_in_the_signed_part() -> None:
    rule = replace(RULE, annotations=(("env", "prod"),))
    assert judged(rule, simple(optional={"env": "prod", "more": 1})).signer is not None
    assert judged(rule, bundled(annotations={"env": "prod"})).signer is not None
    assert problem(rule, simple(optional={"env": "test"})) == "its annotation env is 'test', not 'prod'"
    assert problem(rule, bundled()) == "its annotation env is None, not 'prod'"
    assert problem(rule, found(message_bundle(MANIFEST, RELEASE))) == "its annotation env is None, not 'prod'"
    # Annotations of the layer that carries a signature are nobody's word.
    carried = replace(simple(), annotations={**simple().annotations, "env": "prod"})
    assert "annotation env is None" in problem(rule, carried)


@pytest.mark.claim("trust:signed")
def test_attestations_are_by_whom_and_of_what_the_rule_says() -> None:
    asked = AttestationRule(SLSA, (key("audit", AUDIT),), (("builder.id", "https://b"),))
    rule = replace(RULE, attestations=(asked,))
    good = bundled(AUDIT, predicate_type=SLSA, predicate={"builder": {"id": "https://b"}})
    signer_of = judged(rule, bundled(), good).signer
    assert signer_of is not None
    assert len(signer_of.signers) == 2
    envelope_of = json.dumps(envelope(statement(str(PIN), SLSA, {"builder": {"id": "https://b"}}), AUDIT)).encode()
    assert judged(rule, bundled(), SignatureObject("tag x.att", DSSE, envelope_of)).signer is not None
    for bad in (
        bundled(RELEASE, predicate_type=SLSA, predicate={"builder": {"id": "https://b"}}),
        bundled(AUDIT, predicate_type=SLSA, predicate={"builder": {"id": "https://evil"}}),
        bundled(AUDIT, predicate_type="https://spdx.dev/Document", predicate={"builder": {"id": "https://b"}}),
        bundled(AUDIT, OTHER, predicate_type=SLSA, predicate={"builder": {"id": "https://b"}}),
        bundled(AUDIT),
        found(b"{}"),
    ):
        judgement = judged(rule, bundled(), bad)
        assert isinstance(judgement.error, UntrustedSigner)
        assert f"attested ({SLSA}) by key audit" in str(judgement.error)


@pytest.mark.claim("trust:signed")
def test_pins_hold_beside_signatures_and_no_mode_softens_them() -> None:
    for warn in (False, True):
        refused = judged(RULE, bundled(), digests=(OTHER,), warn=warn)
        assert isinstance(refused.error, Unsigned)
        assert "pins other digests" in str(refused.error)
    assert judged(RULE, bundled(), digests=(OTHER, PIN)).signer is not None


def test_warn_softens_what_fails_about_signatures_and_says_so() -> None:
    warned = judged(RULE, bundled(STRANGER), warn=True)
    assert warned.error is None
    assert warned.signer is not None
    assert warned.signer.kind == "warned"
    assert "accepted with a warning (mode: warn)" in warned.signer.text
    assert judged(RULE, bundled(), warn=True).signer == judged(RULE, bundled()).signer


@pytest.mark.claim("trust:signed")
def test_warn_does_not_soften_a_broken_promise_about_bytes() -> None:
    scope = TrustScope("ghcr.io/acme", signatures=RULE, warn=True)
    with pytest.raises(DigestMismatch):
        verify(reference=REFERENCE, digest=WASM, manifest=PIN, rule=scope, evidence=Evidence(b"other", (bundled(),)))
    pinned = parse_reference(f"oci://ghcr.io/acme/x@{OTHER}")
    with pytest.raises(DigestMismatch):
        verify(reference=pinned, digest=WASM, manifest=PIN, rule=scope, evidence=Evidence(MANIFEST, (bundled(),)))


def test_without_a_scope_the_refusal_says_what_signatures_there_are_and_how_to_trust_them() -> None:
    evidence = Evidence(MANIFEST, (bundled(), simple(AUDIT)), ("12 more were not looked at",))
    with pytest.raises(UntrustedSigner) as caught:
        verify(reference=REFERENCE, digest=WASM, manifest=PIN, rule=None, evidence=evidence, keys=(key("audit", AUDIT),))
    assert "no trust scope names it; found 2: " in str(caught.value)
    assert "signature by key audit" in str(caught.value)
    assert "12 more were not looked at" in str(caught.value)
    assert caught.value.hint == (
        "wassette trust add ghcr.io/acme/x --key FILE\n"
        f"wassette trust add ghcr.io/acme/x --digest {PIN}\n"
        'wassette trust add ghcr.io/acme/x --unsigned --reason "WHY"'
    )
    with pytest.raises(Unsigned, match="no trust scope names it; it has no signatures"):
        verify(reference=REFERENCE, digest=WASM, manifest=PIN, rule=None, evidence=Evidence(MANIFEST))
    with pytest.raises(VerificationError, match="the trust policy names no key"):
        verify(reference=REFERENCE, digest=WASM, manifest=PIN, rule=None, evidence=Evidence(MANIFEST, (bundled(),)))


def test_a_bundle_by_an_ed25519_key_that_does_not_fit_says_what_it_may_be() -> None:
    assert "(Ed25519ph, as cosign 3 signs" in problem(SignatureRule(every=(key("audit", AUDIT),)), bundled(STRANGER))


def test_a_long_list_of_findings_is_cut_in_the_message() -> None:
    assert "and 3 more" in str(judged(RULE, *[bundled(STRANGER)] * 8).error)


def test_only_so_many_objects_are_looked_at() -> None:
    assert len(judged(RULE, *[found(b"{}")] * 70, bundled()).findings) == 64


@pytest.mark.claim("trust:signed")
def test_evidence_that_was_not_fetched_is_no_evidence() -> None:
    scope = TrustScope("ghcr.io/acme", signatures=RULE)
    with pytest.raises(Unsigned):
        verify(reference=REFERENCE, digest=WASM, manifest=PIN, rule=scope)


def test_signatures_are_looked_for_where_they_decide_or_explain() -> None:
    layout, file = parse_reference("oci-layout:///srv/l:x"), parse_reference("/x.wasm")
    asking, pinning = TrustScope("ghcr.io", signatures=RULE), TrustScope("ghcr.io", digests=(PIN,))
    assert [needs_signatures(reference, None) for reference in (REFERENCE, layout, file)] == [True, False, False]
    assert [needs_signatures(REFERENCE, rule) for rule in (asking, pinning)] == [True, False]
    assert [is_signable(reference) for reference in (REFERENCE, layout, file)] == [True, True, False]


def test_an_unsigned_scope_explains_what_it_did_not_need() -> None:
    scope = TrustScope("ghcr.io/acme", unsigned=True, reason="ours")
    judgement = judge(reference=REFERENCE, digest=WASM, manifest=PIN, rule=scope, evidence=Evidence(MANIFEST, (bundled(),)))
    assert judgement.signer == VerifiedSigner("unsigned", "not signed, accepted by trust scope ghcr.io/acme: ours", "ghcr.io/acme")
    assert len(judgement.findings) == 1


@pytest.mark.claim("trust:looked-for-everywhere")
def test_a_stranger_decides_neither_how_long_a_decision_takes_nor_what_it_prints() -> None:
    envelope_of = envelope(statement(str(PIN), "https://x/\x1b[2J" + "y" * 10_000), STRANGER)
    many = {**envelope_of, "signatures": envelope_of["signatures"] * 16}
    crowd = SignatureObject("tag x.att", DSSE, json.dumps(many).encode())
    keys = tuple(replace(key(f"k{number}", signer("P-256", 100 + number))) for number in range(32))
    judgement = judged(RULE, *[crowd] * 63, bundled(), keys=keys)
    assert judgement.signer is None
    assert len(judgement.findings) == 64
    text = str(judgement.error)
    assert "\x1b" not in text
    assert len(text) < 3000
    assert judged(RULE, bundled(), *[crowd] * 8, keys=keys).signer is not None
