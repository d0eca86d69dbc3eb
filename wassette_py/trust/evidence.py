"""Signature objects as they were found, and their contents read strictly: what was signed, by whom it says, and what it claims.

Three containers: cosign's legacy layers (simple signing payloads, DSSE attestations) and Sigstore bundles (DSSE, message signatures).
Reading decides nothing: who made a signature and whether its claims fit is the verifier's business. Formats:
https://github.com/sigstore/cosign/blob/main/specs, https://github.com/sigstore/protobuf-specs, https://github.com/secure-systems-lab/dsse
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal

from wassette_py.dataclass import dataclass, field

Format = Literal["bundle", "cosign-legacy"]
FORMATS: tuple[Format, ...] = ("bundle", "cosign-legacy")

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE_LAYER = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLES = (BUNDLE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
SET_ANNOTATION = "dev.sigstore.cosign/bundle"
ANNOTATIONS = (SIGNATURE_ANNOTATION, CERTIFICATE_ANNOTATION, SET_ANNOTATION)
"""The annotations of a layer that mean something here."""
IN_TOTO = "application/vnd.in-toto+json"
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
SIMPLE_TYPE = "cosign container image signature"
MAX_PAYLOAD = 1 << 20
MAX_ENVELOPE_SIGNATURES = 16


@dataclass(frozen=True)
class SignatureObject:
    """Bytes found beside an artifact; `problem` says why they could not be had, if so."""

    where: str
    media_type: str
    data: bytes = b""
    annotations: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What was found beside an artifact: its manifest's own bytes, the signature objects, and `notes` on what was not looked at."""

    manifest: bytes
    objects: tuple[SignatureObject, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Simple:
    """A simple signing payload: `digest` of the manifest, the repository it was signed for, and the signer's annotations."""

    digest: str
    repository: str
    annotations: Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """An in-toto statement; `subjects` are the sha256 digests (hexadecimal) it is about, with the annotations each has."""

    predicate_type: str
    subjects: tuple[tuple[str, Mapping[str, Any]], ...]
    predicate: Any


@dataclass(frozen=True)
class Whole:
    """A signature over the manifest's own bytes."""


@dataclass(frozen=True)
class Signed:
    """One signed message: `signatures` are alternatives over `message` (None: over the manifest)."""

    where: str
    format: Format
    about: Simple | Statement | Whole
    message: bytes | None
    signatures: tuple[bytes, ...]
    certificate: bytes | None = None
    """DER or PEM, as it was found; nothing in it is proven."""
    log_entry: Mapping[str, Any] | None = None
    """The transparency log's entry, in the form of the container."""
    payload: bytes | None = None
    """For an envelope: what is in it, without DSSE's encoding."""

    @property
    def is_attestation(self) -> bool:
        return isinstance(self.about, Statement) and self.about.predicate_type != COSIGN_SIGN


def read_signed(found: SignatureObject) -> Signed:
    """What a signature object holds. Raises ValueError with the reason why it is not taken for one."""
    if found.problem is not None:
        raise ValueError(found.problem)
    if len(found.data) > MAX_PAYLOAD:
        raise ValueError(f"larger than {MAX_PAYLOAD} bytes")
    if found.media_type == SIMPLE_SIGNING:
        return _legacy(found)
    if found.media_type == DSSE_LAYER:
        signatures, about, payload = _envelope(read_json(found.data))
        certificate, entry = _certificate(found.annotations), _set(found.annotations)
        return Signed(found.where, "cosign-legacy", about, pae(IN_TOTO, payload), signatures, certificate, entry, payload)
    if found.media_type in BUNDLES:
        return _bundle(found)
    raise ValueError(f"{found.media_type[:100]!r} is not a signature that is read here")


def read_json(data: bytes) -> Mapping[str, Any]:
    """The JSON object in `data`, no key twice. Raises ValueError."""
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("not JSON as it should be: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON as it should be: {error}") from None
    return _object(document, "the document")


def decode(text: object, what: str) -> bytes:
    """The bytes of a base64 text: line ends are skipped, as Go does, nothing else is. Raises ValueError."""
    try:
        return base64.b64decode(_text(text, what).replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{what} is not base64: {error}") from None


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _legacy(found: SignatureObject) -> Signed:
    signature = decode(found.annotations.get(SIGNATURE_ANNOTATION), f"annotation {SIGNATURE_ANNOTATION}")
    document = read_json(found.data)
    critical = _object(document.get("critical"), "critical")
    kind = critical.get("type")
    if kind != SIMPLE_TYPE:
        raise ValueError(f"critical.type is {kind!r}, not {SIMPLE_TYPE!r}"[:200])
    digest = _text(_object(critical.get("image"), "critical.image").get("docker-manifest-digest"), "docker-manifest-digest")
    repository = _text(_object(critical.get("identity"), "critical.identity").get("docker-reference"), "docker-reference")
    about = Simple(digest, repository, _object(document.get("optional") or {}, "optional"))
    certificate = _certificate(found.annotations)
    return Signed(found.where, "cosign-legacy", about, found.data, (signature,), certificate, _set(found.annotations))


def _bundle(found: SignatureObject) -> Signed:
    document = read_json(found.data)
    if document.get("mediaType") not in BUNDLES:
        raise ValueError(f"the bundle calls itself {document.get('mediaType')!r}"[:200])
    material = _object(document.get("verificationMaterial"), "verificationMaterial")
    certificate = None
    if "certificate" in material:
        certificate = decode(_object(material["certificate"], "certificate").get("rawBytes"), "certificate")
    entries = material.get("tlogEntries") or []
    if not isinstance(entries, list) or len(entries) > 1:
        raise ValueError("tlogEntries is not a list of at most one entry")
    entry = _object(entries[0], "tlogEntries") if entries else None
    if ("dsseEnvelope" in document) == ("messageSignature" in document):
        raise ValueError("expected one of dsseEnvelope and messageSignature")
    if "dsseEnvelope" in document:
        signatures, about, payload = _envelope(_object(document["dsseEnvelope"], "dsseEnvelope"))
        if len(signatures) != 1:
            raise ValueError("the envelope of a bundle has one signature")
        return Signed(found.where, "bundle", about, pae(IN_TOTO, payload), signatures, certificate, entry, payload)
    signed = _object(document["messageSignature"], "messageSignature")
    return Signed(found.where, "bundle", Whole(), None, (decode(signed.get("signature"), "signature"),), certificate, entry)


def _envelope(envelope: Mapping[str, Any]) -> tuple[tuple[bytes, ...], Statement, bytes]:
    payload_type, payload = _text(envelope.get("payloadType"), "payloadType"), decode(envelope.get("payload"), "payload")
    if payload_type != IN_TOTO:
        raise ValueError(f"payloadType is {payload_type!r}, not {IN_TOTO!r}"[:200])
    listed = envelope.get("signatures")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_ENVELOPE_SIGNATURES:
        raise ValueError(f"expected 1 to {MAX_ENVELOPE_SIGNATURES} signatures")
    signatures = tuple(decode(_object(one, "signature").get("sig"), "sig") for one in listed)
    return signatures, _statement(read_json(payload)), payload


def _statement(document: Mapping[str, Any]) -> Statement:
    if document.get("_type") not in STATEMENTS:
        raise ValueError(f"_type is {document.get('_type')!r}, not an in-toto statement"[:200])
    listed = document.get("subject")
    if not isinstance(listed, list) or not listed:
        raise ValueError("the statement is about no subject")
    subjects: list[tuple[str, Mapping[str, Any]]] = []
    for subject in (_object(one, "subject") for one in listed):
        digests = _object(subject.get("digest"), "subject.digest")
        if "sha256" in digests:  # other subjects (a commit, another hash) are none of ours
            subjects.append((_text(digests["sha256"], "sha256"), _object(subject.get("annotations") or {}, "annotations")))
    return Statement(_text(document.get("predicateType"), "predicateType"), tuple(subjects), document.get("predicate"))


def _certificate(annotations: Mapping[str, str]) -> bytes | None:
    pem = annotations.get(CERTIFICATE_ANNOTATION)
    return None if not pem else _text(pem, "certificate").encode(errors="replace")


def _set(annotations: Mapping[str, str]) -> Mapping[str, Any] | None:
    text = annotations.get(SET_ANNOTATION)
    return None if not text else read_json(_text(text, "bundle").encode(errors="replace"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is not a text")
    return value
