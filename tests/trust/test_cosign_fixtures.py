"""Signatures of real cosign verify, or fail for the reason they were made for. Source and licence: tests/data/cosign-fixtures/NOTICE."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from pathlib import Path

import pytest

from wassette_py.errors import UntrustedSigner
from wassette_py.names import Digest
from wassette_py.reference import OciReference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.evidence import Evidence, SignatureObject
from wassette_py.trust.identities import Keyless, Named
from wassette_py.trust.keys import PublicKey, parse_public_key
from wassette_py.trust.roots import TrustRoot
from wassette_py.trust.rules import SignatureRule
from wassette_py.trust.verifier import Judgement, judge, verify

DATA = Path(__file__).parents[1] / "data" / "cosign-fixtures"
SAMPLE = "192.168.64.2:5000/cosign-signed-single-sample"


def key(name: str = "cosign") -> PublicKey:
    return parse_public_key(name, (DATA / f"{name}.pub").read_text())


def read(path: Path) -> SignatureObject:
    magic, _, document = path.read_bytes().partition(b"\n")
    assert magic == b"\0sigstore-json"
    fields = json.loads(document)
    return SignatureObject(path.name, fields["mimeType"], base64.b64decode(fields["payload"]), fields["annotations"])


def judged(
    folder: str,
    *,
    repository: str = SAMPLE,
    tag: str | None = None,
    by: Named | None = None,
    manifest: str = "",
    logs: tuple[PublicKey, ...] = (),
) -> Judgement:
    data = (DATA / (manifest or folder) / "manifest.json").read_bytes()
    objects = tuple(read(path) for path in sorted((DATA / folder).glob("signature-*")))
    registry, _, name = repository.partition("/")
    digest = Digest.of(data)
    rule = SignatureRule(every=(by or key(),), logs=logs, log_required=bool(logs))
    return judge(
        reference=OciReference(registry, name, tag, digest),
        digest=digest,
        manifest=digest,
        rule=TrustScope(registry, signatures=rule),
        evidence=Evidence(data, objects),
    )


def problems(judgement: Judgement) -> str:
    assert isinstance(judgement.error, UntrustedSigner)
    return "; ".join(finding.problem or "" for finding in judgement.findings)


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize(
    ("folder", "repository", "name"),
    [
        ("dir-img-cosign-valid", SAMPLE, "cosign"),
        ("dir-img-cosign-valid-2", SAMPLE, "cosign"),
        ("dir-img-cosign-mixed", SAMPLE, "cosign"),
        ("dir-img-cosign-key-rekor-valid", "192.168.64.2:5000/cosign-signed/key-1", "cosign2"),
    ],
)
def test_what_cosign_signed_is_accepted(folder: str, repository: str, name: str) -> None:
    signer = judged(folder, repository=repository, by=key(name)).signer
    assert signer is not None
    assert (signer.kind, signer.signers) == ("signed", (f"key:sha256:{key(name).fingerprint}",))


def test_a_signature_by_an_unknown_key_counts_for_nothing_beside_a_good_one() -> None:
    first, second = judged("dir-img-cosign-mixed").findings
    assert [first.problem, second.problem] == ["no key of the trust policy made it", None]


@pytest.mark.claim("trust:signed")
def test_the_unknown_key_alone_is_refused() -> None:
    data = (DATA / "dir-img-cosign-valid" / "manifest.json").read_bytes()
    evidence = Evidence(data, (read(DATA / "unknown-cosign-key.signature"),))
    digest = Digest.of(data)
    with pytest.raises(UntrustedSigner, match="no key of the trust policy made it") as caught:
        verify(
            reference=OciReference("192.168.64.2:5000", "cosign-signed-single-sample", None, digest),
            digest=digest,
            manifest=digest,
            rule=TrustScope("192.168.64.2:5000", signatures=SignatureRule(every=(key(),))),
            evidence=evidence,
        )
    assert caught.value.exit_code == 3


@pytest.mark.claim("trust:signed")
def test_two_signatures_of_one_key_are_one_signer() -> None:
    data = (DATA / "dir-img-cosign-valid-2" / "manifest.json").read_bytes()
    objects = tuple(read(DATA / "dir-img-cosign-valid-2" / f"signature-{number}") for number in (1, 2))
    digest = Digest.of(data)
    rule = SignatureRule(some=(key("cosign"), key("cosign2")), at_least=2)
    judgement = judge(
        reference=OciReference("192.168.64.2:5000", "cosign-signed-single-sample", None, digest),
        digest=digest,
        manifest=digest,
        rule=TrustScope("192.168.64.2:5000", signatures=rule),
        evidence=Evidence(data, objects),
    )
    assert [requirement.met for requirement in judgement.requirements] == [False]


def test_another_key_than_the_one_asked_for_is_refused() -> None:
    assert "no key of the trust policy made it" in problems(judged("dir-img-cosign-valid", by=key("cosign2")))


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize("folder", ["dir-img-cosign-modified-manifest", "dir-img-cosign-manifest-digest-error"])
def test_a_genuine_signature_of_another_manifest_is_refused(folder: str) -> None:
    assert "it is about 'sha256:634a8f35" in problems(judged(folder))


def test_a_signature_without_its_manifest_is_about_nothing_else() -> None:
    assert "it is about 'sha256:634a8f35" in problems(judged("dir-img-cosign-no-manifest", manifest="dir-img-cosign-pki-valid"))


@pytest.mark.claim("trust:signed")
def test_an_attachment_that_is_no_signature_is_not_taken_for_one() -> None:
    assert "'text/plain' is not a signature that is read here" in problems(judged("dir-img-cosign-other-attachment"))


@pytest.mark.claim("trust:signed")
def test_a_signature_for_another_repository_is_refused() -> None:
    said = problems(judged("dir-img-cosign-valid", repository="192.168.64.2:5000/other"))
    assert said == f"it was made for {SAMPLE}, not for 192.168.64.2:5000/other"


def test_a_signature_for_a_tag_is_for_no_other_tag() -> None:
    folder, repository = "dir-img-cosign-valid-with-tag", "192.168.64.2:5000/skopeo-signed"
    assert judged(folder, repository=repository, tag="tag").error is None
    assert judged(folder, repository=repository).error is None
    assert "it was made for the tag tag, not for other" in problems(judged(folder, repository=repository, tag="other"))


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize(
    ("folder", "repository"),
    [
        ("dir-img-cosign-fulcio-rekor-valid", "192.168.64.2:5000/cosign-signed/fulcio-rekor-1"),
        ("dir-img-cosign-pki-valid", "localhost:5000/test"),
    ],
)
def test_a_keyless_signature_is_recognised_and_not_taken_for_a_keyed_one(folder: str, repository: str) -> None:
    assert "it is keyless (made with a certificate" in problems(judged(folder, repository=repository))


PUBLIC = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev" / "trusted_root.json"


@pytest.mark.claim("trust:keyless")
def test_a_signature_of_the_public_instance_is_accepted_for_its_identity_and_issuer_only() -> None:
    def under(identity: str = "mitr@redhat.com", issuer: str = "https://github.com/login/oauth") -> Judgement:
        root = TrustRoot("public", PUBLIC.read_bytes())
        folder, place = "dir-img-cosign-fulcio-rekor-valid", "192.168.64.2:5000/cosign-signed/fulcio-rekor-1"
        return judged(folder, repository=place, by=Keyless(root, issuer, identity))

    good = under()
    assert good.signer is not None
    assert good.signer.signers == ("keyless:https://github.com/login/oauth#mitr@redhat.com",)
    [finding] = good.findings
    assert (finding.logged_at, finding.clock) == (1674247893, "https://rekor.sigstore.dev")
    assert under(identity="someone@redhat.com").error is not None
    assert under(issuer="https://accounts.google.com").error is not None


def test_the_key_in_a_certificate_is_a_key_like_any_other_when_the_policy_names_it() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    public = x509.load_pem_x509_certificate((DATA / "pki-cert").read_bytes()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    named = parse_public_key("pki", pem.decode())
    assert named.kind == "RSA"
    assert judged("dir-img-cosign-pki-valid", repository="localhost:5000/test", by=named).error is None
