"""Keyless signatures against a Sigstore of our own: the good ones, and every fault alone. No network, no key that anybody else has."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.signatures import SIGN, SLSA, b64, dsse_bundle, envelope, found, signer, statement
from tests.signatures import bundle as bundle_of
from tests.sigstore_lab import IDENTITY, ISSUER, NOW, Flaws, Lab, flawed, key
from wassette_py.errors import UntrustedSigner
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.document import TrustPolicy, parse_trust_policy
from wassette_py.trust.evidence import Evidence, SignatureObject
from wassette_py.trust.verifier import Judgement, judge

LAB, OTHER = Lab(), Lab(1)
MANIFEST = b"manifest"
PIN = Digest.of(MANIFEST)
REPOSITORY = "ghcr.io/acme/x"
KEYLESS = f'keyless: {{root: lab, issuer: "{ISSUER}", identity: "{IDENTITY}"}}'
LATER = NOW + timedelta(hours=1)

Make = Callable[[Lab, Flaws], SignatureObject]


def bundle(lab: Lab, flaws: Flaws) -> SignatureObject:
    return found(lab.bundle(str(PIN), flaws=flaws))


def message(lab: Lab, flaws: Flaws) -> SignatureObject:
    return found(lab.message(MANIFEST, flaws=flaws))


def legacy(lab: Lab, flaws: Flaws) -> SignatureObject:
    return lab.legacy(str(PIN), REPOSITORY, flaws=flaws)


LEGACY = LAB.legacy(str(PIN), REPOSITORY)
FORMS = pytest.mark.parametrize("make", [bundle, message, legacy])


def policy(
    rule: str = f"all: [{{{KEYLESS}}}]", root: bytes | None = None, extra: str = "", keys: Mapping[str, str] | None = None
) -> TrustPolicy:
    data = LAB.root() if root is None else root
    listed = "".join(f"  {name}: {{pem: {json.dumps(pem)}}}\n" for name, pem in (keys or {}).items())
    text = f"""\
version: 1
keys: {{}}
roots:
  lab: {{file: lab.json, sha256: {hashlib.sha256(data).hexdigest()}{extra}}}
scopes:
  - {{match: {REPOSITORY}, {rule}}}
"""
    return parse_trust_policy(text.replace("keys: {}\n", f"keys:\n{listed}" if listed else ""), "trust.yaml", lambda _: data)


def judged(*objects: SignatureObject, under: TrustPolicy | None = None, now: datetime = LATER) -> Judgement:
    return judge(
        reference=parse_reference(f"oci://{REPOSITORY}:1"),
        digest=PIN,
        manifest=PIN,
        rule=(under or policy()).scopes[0],
        evidence=Evidence(MANIFEST, objects),
        now=now.timestamp(),
    )


def problem(judgement: Judgement) -> str:
    assert isinstance(judgement.error, UntrustedSigner)
    return "; ".join(finding.problem or "" for finding in judgement.findings)


@pytest.mark.claim("trust:keyless")
@FORMS
def test_an_identity_that_its_issuer_vouches_for_is_a_signer(make: Make) -> None:
    judgement = judged(make(LAB, Flaws()))
    assert judgement.signer is not None
    assert judgement.signer.signers == (f"keyless:{ISSUER}#{IDENTITY}",)
    assert judgement.signer.text == f"signed by {IDENTITY} (issuer {ISSUER}), as trust scope {REPOSITORY} asks"
    [finding] = judgement.findings
    assert (finding.logged_at, finding.clock) == (int(NOW.timestamp()) + 5, "https://rekor.lab.example")


def test_an_identity_may_be_an_address() -> None:
    rule = f'all: [{{keyless: {{root: lab, issuer: "{ISSUER}", identity: me@acme.example}}}}]'
    assert judged(found(LAB.bundle(str(PIN), "me@acme.example")), under=policy(rule)).error is None


def test_a_pattern_matches_from_the_first_to_the_last_character() -> None:
    def ruled(pattern: str) -> TrustPolicy:
        return policy(f"all: [{{keyless: {{root: lab, issuer: \"{ISSUER}\", identity_regex: '{pattern}'}}}}]")

    signed, start = bundle(LAB, Flaws()), r"https://github\.example/acme/[a-z-]+/\.github/workflows/release\.yml"
    judgement = judged(signed, under=ruled(start + r"@refs/tags/v[0-9.]+"))
    assert judgement.signer is not None
    # As the rule names it: the next release has another identity, and is signed by the same.
    assert judgement.signer.signers == (rf"keyless:{ISSUER}~{start}@refs/tags/v[0-9.]+",)
    for pattern in (start, r"github\.example/acme/.*", start + r"@refs/tags/v1"):
        assert judged(signed, under=ruled(pattern)).error is not None


@pytest.mark.claim("trust:keyless")
@FORMS
@pytest.mark.parametrize(
    "flaws",
    [
        flawed(issuer="https://other.example", issuer_v1=None),
        flawed(issuer=None, issuer_v1="https://other.example"),
        flawed(names=(x509.UniformResourceIdentifier(IDENTITY + "4"),)),
        flawed(names=(x509.UniformResourceIdentifier(IDENTITY.upper()),)),
    ],
)
def test_another_identity_or_issuer_is_another_signer(make: Make, flaws: Flaws) -> None:
    judgement = judged(make(LAB, flaws))
    assert problem(judgement) == ""
    assert not judgement.requirements[0].met
    assert "signature by https://" in str(judgement.error).lower()


def test_an_older_certificate_names_its_issuer_in_the_older_way() -> None:
    assert judged(bundle(LAB, flawed(issuer=None))).error is None


FAULTS: list[tuple[Flaws, str, str]] = [
    # what is wrong, what is said of a bundle, and of a legacy signature
    (flawed(issuer=None, issuer_v1=None), "names 0 issuers", "names 0 issuers"),
    (flawed(issuer_v1="https://other.example"), "names 2 issuers", "names 2 issuers"),
    (flawed(issuer="https://x" * 20, issuer_v1=None), "issuer is not a text that is read here", "issuer is not a text that is read here"),
    (flawed(issuer=" ", issuer_v1=None), "expected an issuer in its certificate", "expected an issuer in its certificate"),
    (flawed(names=(x509.DNSName("acme.example"),)), "does not name one identity", "does not name one identity"),
    (
        flawed(names=(x509.RFC822Name("me@acme.example"), x509.UniformResourceIdentifier(IDENTITY))),
        "does not name one identity",
        "does not name one identity",
    ),
    (flawed(signed_at=timedelta(hours=1)), "cert is not valid at validation time", "was not valid then"),
    (flawed(signed_at=-timedelta(hours=1)), "cert is not valid at validation time", "was not valid then"),
    (flawed(scts=0), "does not contain a signed certificate timestamp", "has 0 signed certificate timestamps"),
    (flawed(scts=2), "Expected one certificate timestamp", "has 2 signed certificate timestamps"),
    (flawed(sct_key=key(9)), "SCT verify failed", "was not made by that certificate log"),
    (flawed(sct_key=key(9), sct_claims=key(9)), "SCT verify failed", "certificate log that the trust root does not name"),
    (flawed(usage=(ExtendedKeyUsageOID.SERVER_AUTH,)), "does not contain `code signing`", "not for signing code"),
    (flawed(usage=()), "extendedKeyUsage", "does not say what it is for"),
    (flawed(digital_signature=False), "not of type `digital signature`", "not for signing code"),
    (flawed(log=key(9)), "invalid signature", "did not promise this entry"),
    (flawed(log=key(9), log_id=key(9)), "invalid signature", "of a transparency log that the scope does not name"),
    (flawed(promise_key=key(9)), "invalid inclusion promise", "did not promise this entry"),
    (flawed(signature_by=signer()), "invalid|inconsistent", "the key in its certificate did not make it"),
]


@pytest.mark.claim("trust:keyless")
@pytest.mark.parametrize(("flaws", "bundled", "annotated"), FAULTS)
def test_each_fault_alone_is_refused(flaws: Flaws, bundled: str, annotated: str) -> None:
    for make, says in ((bundle, bundled), (message, bundled), (legacy, annotated)):
        said = problem(judged(make(LAB, flaws)))
        assert said.startswith("it is keyless, and ")
        assert any(words.lower() in said.lower() for words in says.split("|")), f"{make.__name__}: {said}"


@pytest.mark.claim("trust:keyless")
@pytest.mark.parametrize(
    ("flaws", "says"),
    [
        (flawed(proof_sibling=hashlib.sha256(b"x").digest()), "inclusion proof"),
        (flawed(checkpoint_root=bytes(32)), "invalid root hash"),
        (flawed(promise=False), "must contain an inclusion promise or signed timestamp"),
        (flawed(integrated_time=False), "neither a log's promise nor one timestamp says when"),
        (flawed(promise=False, timestamps=2), "it has 2 timestamps"),
        (flawed(promise=False, timestamps=1, timestamp_of=b"another signature"), "not enough sources of verified time"),
        (flawed(promise=False, timestamps=1, timestamp_by=key(9)), "not enough sources of verified time"),
        (flawed(promise=False, timestamps=1, signed_at=timedelta(hours=1)), "not valid at validation time"),
        (flawed(rekor2=True), "Integrated time only supported"),
        (flawed(body={"kind": "intoto"}), "log entry"),
    ],
)
def test_a_bundle_needs_its_proof_of_inclusion_and_a_time(flaws: Flaws, says: str) -> None:
    assert says in problem(judged(bundle(LAB, flaws)))


def test_a_key_that_the_library_does_not_verify_is_told_and_annotations_may_have_one() -> None:
    flaws = flawed(curve=ec.SECP384R1())
    for make in (bundle, message):
        said = problem(judged(make(LAB, flaws)))
        assert said == "it is keyless, and its certificate has a key of kind P-384; the library verifies P-256 only"
    assert judged(legacy(LAB, flaws)).error is None


@pytest.mark.claim("trust:keyless")
@pytest.mark.parametrize("rekor2", [False, True])
def test_a_timestamp_proves_the_time_where_the_log_has_no_clock(rekor2: bool) -> None:
    flaws = flawed(promise=False, integrated_time=False, timestamps=1, rekor2=rekor2)
    [finding] = judged(bundle(LAB, flaws)).findings
    assert (finding.problem, finding.clock) == (None, "timestamp authority")
    assert finding.logged_at == int(NOW.timestamp()) + 5


@pytest.mark.claim("trust:keyless")
@FORMS
def test_another_instance_of_everything_is_not_trusted(make: Make) -> None:
    said = problem(judged(make(OTHER, Flaws())))
    assert "log is not in trust root lab, which may be too old" in said or "a transparency log that the scope does not name" in said


@pytest.mark.claim("trust:keyless")
@FORMS
def test_a_signature_of_another_manifest_is_refused(make: Make) -> None:
    judgement = judge(
        reference=parse_reference(f"oci://{REPOSITORY}:1"),
        digest=Digest.of(b"other"),
        manifest=Digest.of(b"other"),
        rule=policy().scopes[0],
        evidence=Evidence(b"other", (make(LAB, Flaws()),)),
    )
    assert "not about sha256:" in problem(judgement) or "mismatch" in problem(judgement).lower()


def test_where_no_scope_names_it_the_refusal_says_how_its_signer_could_be_trusted() -> None:
    judgement = judge(
        reference=parse_reference(f"oci://{REPOSITORY}:1"),
        digest=PIN,
        manifest=PIN,
        rule=None,
        evidence=Evidence(MANIFEST, (bundle(LAB, Flaws()),)),
    )
    assert judgement.error is not None
    assert f"says {IDENTITY}, issuer {ISSUER}: not verified" in str(judgement.error)
    assert f"wassette trust add {REPOSITORY} --identity IDENTITY --issuer ISSUER" in (judgement.error.hint or "").splitlines()


def test_a_legacy_signature_for_another_repository_is_refused() -> None:
    assert "it was made for ghcr.io/evil/x" in problem(judged(LAB.legacy(str(PIN), "ghcr.io/evil/x")))


YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.claim("trust:keyless")
@FORMS
@pytest.mark.parametrize(
    ("name", "says"), [("ca", "has no authority"), ("ct", "has no certificate log"), ("log", "has no transparency log")]
)
@pytest.mark.parametrize("period", [(YEAR, NOW - timedelta(days=1)), (NOW + timedelta(days=1), None)])
def test_what_the_root_held_at_another_time_proves_nothing(
    make: Make, name: str, says: str, period: tuple[datetime, datetime | None]
) -> None:
    under = policy(root=LAB.root(**{name: period}))
    assert f"trust root lab {says} for 2026-06-01" in problem(judged(make(LAB, Flaws()), under=under))


@pytest.mark.claim("trust:keyless")
@FORMS
def test_an_authority_counts_when_it_was_signed_and_not_when_a_certificate_says_it_was_made(make: Make) -> None:
    under = policy(root=LAB.root(ca=(YEAR, NOW + timedelta(seconds=4))))
    assert "trust root lab has no authority for 2026-06-01" in problem(judged(make(LAB, Flaws()), under=under))
    # A certificate log is looked at when it saw the certificate, which an authority that counts has said.
    assert judged(make(LAB, Flaws()), under=policy(root=LAB.root(ct=(YEAR, NOW + timedelta(seconds=4))))).error is None


def test_of_two_logs_only_the_one_of_that_time_counts() -> None:
    root, other = json.loads(LAB.root(log=(YEAR, NOW - timedelta(days=1)))), json.loads(OTHER.root())
    root["tlogs"] += other["tlogs"]
    under = policy(root=json.dumps(root).encode())
    assert "its transparency log was not valid on 2026-06-01 12:00Z" in problem(judged(legacy(LAB, Flaws()), under=under))
    assert "invalid signature" in problem(judged(bundle(LAB, Flaws()), under=under))


def test_the_last_moment_of_a_period_is_in_it() -> None:
    assert judged(legacy(LAB, Flaws()), under=policy(root=LAB.root(log=(YEAR, NOW + timedelta(seconds=5))))).error is None


def test_a_timestamp_of_an_authority_whose_time_is_over_proves_nothing() -> None:
    under = policy(root=LAB.root(tsa=(YEAR, NOW - timedelta(days=1))))
    assert "not enough sources" in problem(judged(bundle(LAB, flawed(promise=False, timestamps=1)), under=under))


@pytest.mark.claim("trust:keyless")
def test_a_root_that_was_not_updated_for_too_long_proves_nothing() -> None:
    def aged(now: datetime) -> Judgement:
        return judged(bundle(LAB, Flaws()), under=policy(extra=", updated: 2026-06-01, max_age: 90d"), now=now)

    assert aged(datetime(2026, 8, 29, 23, 59, tzinfo=UTC)).error is None
    assert "trust root lab was updated on 2026-06-01, too long ago" in problem(aged(datetime(2026, 8, 30, tzinfo=UTC)))


@pytest.mark.claim("trust:keyless")
@FORMS
def test_a_signature_that_is_too_old_does_not_count(make: Make) -> None:
    under = policy(f"all: [{{{KEYLESS}}}], freshness: {{max_age: 1h}}")
    good = judged(make(LAB, Flaws()), under=under, now=NOW + timedelta(hours=1))
    assert good.signer is not None
    assert good.signer.until == int(NOW.timestamp()) + 5 + 3600
    late = judged(make(LAB, Flaws()), under=under, now=NOW + timedelta(hours=1, seconds=5))
    assert problem(late) == "it was made on 2026-06-01 12:00Z, longer ago than the scope allows"
    assert late.findings[0].logged_at == int(NOW.timestamp()) + 5


def test_each_root_a_rule_names_is_asked() -> None:
    data = {"lab.json": LAB.root(), "other.json": OTHER.root()}
    listed = "".join(
        f"  {name.removesuffix('.json')}: {{file: {name}, sha256: {hashlib.sha256(text).hexdigest()}}}\n" for name, text in data.items()
    )
    asked = [f'{{keyless: {{root: {root}, issuer: "{ISSUER}", identity: "{IDENTITY}"}}}}' for root in ("lab", "other")]
    of = f"{asked[0]}, {asked[1].replace(ISSUER, 'https://second.example')}"
    text = f"version: 1\nroots:\n{listed}scopes:\n- {{match: {REPOSITORY}, any: {{of: [{of}]}}}}\n"
    under = parse_trust_policy(text, "trust.yaml", lambda name: data[name])
    assert judged(bundle(LAB, Flaws()), under=under).error is None
    # Whom another root proves is not who is asked for, and what no root proves is told for each.
    assert judged(bundle(OTHER, Flaws()), under=under).error is not None
    said = problem(judged(bundle(Lab(2), Flaws()), under=under))
    assert said.count("chain") == 2
    assert "trust root" in said


@pytest.mark.claim("trust:keyless")
def test_a_threshold_counts_people_and_keys_once_each() -> None:
    other = "https://github.example/acme/audit/.github/workflows/audit.yml@refs/heads/main"
    pattern = r"https://github\.example/acme/[a-z-]+/\.github/workflows/[a-z]+\.yml@refs/.+"
    of = f"{{{KEYLESS}}}, {{keyless: {{root: lab, issuer: \"{ISSUER}\", identity_regex: '{pattern}'}}}}, {{key: release}}"
    under = policy(f"any: {{at_least: 2, of: [{of}]}}", keys={"release": signer().pem})
    one, again, audit = bundle(LAB, Flaws()), message(LAB, Flaws()), found(LAB.bundle(str(PIN), other))
    keyed = found(dsse_bundle(str(PIN), signer()))
    assert judged(one, again, under=under).error is not None
    assert judged(one, audit, under=under).error is None
    assert judged(one, keyed, under=under).error is None
    # Two whom only the pattern names stand for one line of the rule.
    assert judged(audit, found(LAB.bundle(str(PIN), other.replace("main", "next"))), under=under).error is not None
    signed = judged(one, keyed, under=under).signer
    assert signed is not None
    assert [name.partition(":")[0] for name in signed.signers] == ["key", "keyless", "keyless"]


@pytest.mark.claim("trust:keyless")
def test_an_attestation_may_be_keyless_and_is_no_signature() -> None:
    under = policy(f'all: [{{{KEYLESS}}}], attestations: [{{type: "{SLSA}", by: [{{{KEYLESS}}}], where: {{builder: lab}}}}]')
    attested = found(LAB.dsse(statement(str(PIN), SLSA, {"builder": "lab"})))
    signed = bundle(LAB, Flaws())
    assert judged(signed, attested, under=under).error is None
    assert [one.met for one in judged(attested, under=under).requirements] == [False, True]
    assert [one.met for one in judged(signed, under=under).requirements] == [True, False]
    by_other = found(OTHER.dsse(statement(str(PIN), SLSA, {"builder": "lab"})))
    assert [one.met for one in judged(signed, by_other, under=under).requirements] == [True, False]


def test_a_log_that_is_required_is_the_root_s_for_what_is_keyless_and_the_scope_s_for_keys() -> None:
    keys = {"release": signer().pem, "log": signer("P-256", 7).pem}
    under = policy(f"any: {{of: [{{{KEYLESS}}}, {{key: release}}]}}, tlog: required, logs: [{{key: log}}]", keys=keys)
    assert judged(bundle(LAB, Flaws()), under=under).error is None
    assert "in no transparency log" in problem(judged(found(dsse_bundle(str(PIN), signer())), under=under))


def test_the_key_of_a_certificate_that_a_rule_names_needs_no_root() -> None:
    by, certificate = LAB.certificate()
    raw = {"rawBytes": b64(certificate.public_bytes(serialization.Encoding.DER))}
    payload = found(bundle_of({"dsseEnvelope": envelope(statement(str(PIN)), by)}, certificate=raw))
    under = policy(f"any: {{of: [{{{KEYLESS}}}, {{key: release}}]}}", keys={"release": by.pem})
    [finding] = judged(payload, under=under).findings
    assert (finding.problem, [one.id[:4] for one in finding.signers]) == (None, ["key:"])


def test_where_nobody_keyless_is_asked_for_a_certificate_proves_nothing() -> None:
    under = policy("all: [{key: release}]", keys={"release": signer().pem})
    said = problem(judged(bundle(LAB, Flaws()), under=under))
    says = f"(made with a certificate that says {IDENTITY}, issuer {ISSUER}: not verified), and no keyless"
    assert said == f"it is keyless {says} signer is asked for"
    assert "made with a certificate), and" in problem(judged(bundle(LAB, flawed(issuer=None, issuer_v1=None)), under=under))


def changed(data: bytes, change: Callable[[dict[str, Any]], None]) -> SignatureObject:
    document = json.loads(data)
    change(document)
    return found(json.dumps(document).encode())


def _entry(document: dict[str, Any]) -> dict[str, Any]:
    [entry] = document["verificationMaterial"]["tlogEntries"]
    assert isinstance(entry, dict)
    return entry


@pytest.mark.claim("trust:keyless")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda bundle: _entry(bundle).pop("inclusionProof"), "not a bundle with certificate, log entry and inclusion proof"),
        (lambda bundle: _entry(bundle)["inclusionProof"].pop("checkpoint"), "not a bundle with"),
        (lambda bundle: bundle["verificationMaterial"].update(tlogEntries=[]), "not a bundle with"),
        (lambda bundle: bundle.update(more=1), "not a bundle with"),
        (lambda bundle: _entry(bundle).update(logIndex=0), "not a bundle with"),
        (lambda bundle: _entry(bundle).update(integratedTime="18446744073709551615"), "a time that is none"),
        (lambda bundle: _entry(bundle).update(integratedTime=str(int(NOW.timestamp()))), "invalid inclusion promise"),
        # Two spellings of one name: what one reader takes and the other does not see.
        (
            lambda bundle: bundle.update(dsse_envelope=json.loads(LAB.bundle(f"sha256:{'0' * 64}"))["dsseEnvelope"]),
            "not a bundle with|can be read in two ways|invalid|do not match",
        ),
        (
            lambda bundle: bundle["verificationMaterial"].update(
                certificate={"raw_bytes": b64(b"x"), **bundle["verificationMaterial"]["certificate"]}
            ),
            "not a bundle with|can be read in two ways",
        ),
        (lambda bundle: bundle["verificationMaterial"].update(certificate={"rawBytes": b64(b"x")}), "not a bundle with"),
    ],
)
def test_a_bundle_that_is_not_one_is_refused(change: Callable[[dict[str, Any]], None], says: str) -> None:
    said = problem(judged(changed(LAB.bundle(str(PIN)), change)))
    assert any(words in said for words in says.split("|")), said


def test_a_weak_key_in_a_certificate_is_a_signature_that_does_not_count() -> None:
    by, name = rsa.generate_private_key(65537, 1024), x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(by.public_key()).serial_number(1)
    weak = made.not_valid_before(NOW).not_valid_after(LATER).sign(by, hashes.SHA256())
    one = legacy(LAB, Flaws())
    annotations = {**one.annotations, "dev.sigstore.cosign/certificate": weak.public_bytes(serialization.Encoding.PEM).decode()}
    assert "RSA of 1024 bits" in problem(judged(replace(one, annotations=annotations)))


ISSUER_V1 = bytes.fromhex("060a2b0601040183bf300101")


@pytest.mark.claim("trust:keyless")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ISSUER_V1, ISSUER_V1[:-1] + b"\x08"),  # an extension twice
        (bytes.fromhex("a003020102"), bytes.fromhex("a003020107")),  # a version that is none
        (bytes([0x86, len(IDENTITY)]), bytes([0x83, len(IDENTITY)])),  # a name of a kind that is not read
        (bytes([0x0C, len(ISSUER)]), bytes([0x0B, len(ISSUER)])),  # an issuer that is no text
    ],
)
def test_a_certificate_that_is_malformed_stops_nothing_else(old: bytes, new: bytes) -> None:
    document = json.loads(LAB.bundle(str(PIN)))
    der = base64.b64decode(document["verificationMaterial"]["certificate"]["rawBytes"])
    assert old in der
    document["verificationMaterial"]["certificate"]["rawBytes"] = b64(der.replace(old, new))
    bad, good = found(json.dumps(document).encode()), dsse_bundle(str(PIN), signer())
    assert judged(bad, bundle(LAB, Flaws())).error is None
    judgement = judged(bad, found(good), under=policy("all: [{key: release}]", keys={"release": signer().pem}))
    assert judgement.error is None
    assert "made with a certificate), and" in str(judgement.findings[0].problem)


GOOD = LAB.bundle(str(PIN))
NAME = "dev.sigstore.cosign/certificate"


@pytest.mark.claim("trust:keyless")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, 599), st.integers(0, 7))
def test_no_bit_of_a_certificate_can_be_turned(place: int, bit: int) -> None:
    document, one = json.loads(GOOD), LEGACY
    raw = document["verificationMaterial"]["certificate"]
    turned = bytearray(base64.b64decode(raw["rawBytes"]))
    turned[place] ^= 1 << bit
    raw["rawBytes"] = b64(bytes(turned))
    assert judged(found(json.dumps(document).encode())).error is not None
    turned = bytearray(x509.load_pem_x509_certificate(one.annotations[NAME].encode()).public_bytes(serialization.Encoding.DER))
    turned[place] ^= 1 << bit
    pem = f"-----BEGIN CERTIFICATE-----\n{b64(bytes(turned))}\n-----END CERTIFICATE-----\n"
    assert judged(replace(one, annotations={**one.annotations, NAME: pem})).error is not None


@pytest.mark.claim("trust:keyless")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(b'09azAZ"{}[]:,+/= -'))
def test_whatever_stands_in_a_bundle_nothing_but_a_verdict_comes_of_it(place: int, character: int) -> None:
    changed = bytearray(GOOD)
    changed[place] = character
    [finding] = judged(found(bytes(changed))).findings
    # What is not signed may say anything, such as the name before a signature of the log.
    assert finding.problem is not None or finding.signers[0].id == f"keyless:{ISSUER}#{IDENTITY}"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("06072a8648ce3d0201", "06072a8648ce3d0209", "of a kind that is not read"),  # an algorithm that there is not
        ("06082a8648ce3d030107", "06082a8648ce3d030109", "of a kind that is not read"),  # and a curve
    ],
)
def test_a_key_of_an_unknown_kind_is_told(old: str, new: str, says: str) -> None:
    one, name = legacy(LAB, Flaws()), "dev.sigstore.cosign/certificate"
    der = x509.load_pem_x509_certificate(one.annotations[name].encode()).public_bytes(serialization.Encoding.DER)
    assert bytes.fromhex(old) in der
    text = b64(der.replace(bytes.fromhex(old), bytes.fromhex(new)))
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    assert says in problem(judged(replace(one, annotations={**one.annotations, name: pem})))


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_told(text: str) -> None:
    one = legacy(LAB, Flaws())
    annotations = {
        **one.annotations,
        "dev.sigstore.cosign/certificate": text or f"{one.annotations['dev.sigstore.cosign/certificate']}" * 2,
    }
    assert "its certificate cannot be read" in problem(judged(replace(one, annotations=annotations)))
    # And where no root is asked, too: nothing but the certificate's own words are missing then.
    under = policy("all: [{key: release}]", keys={"release": signer().pem})
    assert "made with a certificate), and" in problem(judged(replace(one, annotations=annotations), under=under))


@pytest.mark.claim("trust:keyless")
def test_sigstore_is_imported_for_keyless_rules_only(tmp_path: Path) -> None:
    root = LAB.root()
    (tmp_path / "lab.json").write_bytes(root)
    (tmp_path / "bundle.json").write_bytes(LAB.bundle(str(PIN)))
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), hashlib.sha256(root).hexdigest()], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert json.loads(ran.stdout) == [False, True, True]


_CHILD = f"""
import json, pathlib, sys
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.document import parse_trust_policy
from wassette_py.trust.evidence import BUNDLE, Evidence, SignatureObject
from wassette_py.trust.verifier import judge
folder, pin = pathlib.Path(sys.argv[1]), sys.argv[2]
text = '''
version: 1
keys:
  release: {{pem: {json.dumps(signer().pem)}}}
roots:
  lab: {{file: lab.json, sha256: PIN}}
scopes:
- match: ghcr.io/acme/keyed
  all: [{{key: release}}]
- match: ghcr.io/acme/keyless
  all: [{{keyless: {{root: lab, issuer: "{ISSUER}", identity: "{IDENTITY}"}}}}]
'''.replace("PIN", pin)
policy = parse_trust_policy(text, "t", lambda name: (folder / name).read_bytes())
evidence = Evidence({MANIFEST!r}, (SignatureObject("x", BUNDLE, (folder / "bundle.json").read_bytes()),))
manifest = Digest.of(evidence.manifest)
said = []
for scope in policy.scopes:
    reference = parse_reference(f"oci://{{scope.match}}:1")
    judgement = judge(reference=reference, digest=manifest, manifest=manifest, rule=scope, evidence=evidence)
    said.append("sigstore" in sys.modules)
said.append(judgement.error is None)
print(json.dumps(said))
"""


@pytest.mark.claim("trust:keyless")
def test_without_the_package_the_refusal_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    judgement = judged(bundle(LAB, Flaws()))
    assert "needs the package sigstore, which is not installed" in problem(judgement)
    assert judgement.error is not None
    assert judgement.error.hint == f"{sys.executable} -m pip install 'sigstore >= 4.5, < 5'"
    # What another reader can verify is verified.
    assert judged(legacy(LAB, Flaws())).error is None


def test_a_predicate_of_an_attestation_does_not_sign(tmp_path: Path) -> None:
    assert judged(found(LAB.dsse(statement(str(PIN), "https://example/other")))).error is not None
    assert judged(found(LAB.dsse(statement(str(PIN), SIGN)))).error is None
