"""Signatures as cosign makes them, written without the package: each kind of key, legacy layers, bundles, and what carries them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.layout_writer import INDEX, MANIFEST, Artifact, digest, dump
from wassette_py.trust.evidence import SignatureObject

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
SLSA = "https://slsa.dev/provenance/v1"
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class Signer:
    """A private key."""

    key: Any

    @property
    def pem(self) -> str:
        public = self.key.public_key()
        pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    def sign(self, message: bytes, hash_name: str = "sha256") -> bytes:
        """The signature over `message`."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(HASHES[hash_name]))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), HASHES[hash_name])
        signature: bytes = self.key.sign(message)
        return signature


def signer(kind: str = "P-256", number: int = 0) -> Signer:
    """A signer of that kind; another for another number."""
    return _signer(kind, number)


@cache
def _signer(kind: str, number: int) -> Signer:
    if kind == "RSA":
        return Signer(rsa.generate_private_key(65537, 2048))
    if kind == "Ed25519":
        return Signer(ed25519.Ed25519PrivateKey.generate())
    return Signer(ec.generate_private_key(CURVES[kind]))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def simple_payload(manifest: str, repository: str, optional: Mapping[str, Any] | None = None, **critical: Any) -> bytes:
    """A simple signing payload; `critical` replaces members of it."""
    about = {"identity": {"docker-reference": repository}, "image": {"docker-manifest-digest": manifest}}
    return json.dumps({"critical": {**about, "type": "cosign container image signature", **critical}, "optional": optional}).encode()


def legacy(payload: bytes, signature: bytes, **annotations: str) -> SignatureObject:
    """A layer of a `.sig` tag."""
    return SignatureObject("tag x.sig", SIMPLE, payload, {"dev.cosignproject.cosign/signature": b64(signature), **annotations})


def statement(manifest: str, predicate_type: str = SIGN, predicate: Any = None, annotations: Any = None, **changed: Any) -> bytes:
    """An in-toto statement about a manifest."""
    subject = {"digest": {"sha256": manifest.removeprefix("sha256:")}, **({"annotations": annotations} if annotations else {})}
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": predicate_type,
        "predicate": predicate or {},
    }
    return json.dumps({**document, **changed}).encode()


def envelope(
    payload: bytes, by: Signer, *, payload_type: str = "application/vnd.in-toto+json", hash_name: str = "sha256"
) -> dict[str, Any]:
    """A DSSE envelope."""
    pae = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)
    return {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(by.sign(pae, hash_name))}]}


def bundle(content: Mapping[str, Any], **material: Any) -> bytes:
    """A Sigstore bundle around a `dsseEnvelope` or `messageSignature`."""
    inner = {"publicKey": {"hint": "aGludA=="}, "tlogEntries": [], **material}
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": inner, **content}).encode()


def dsse_bundle(manifest: str, by: Signer, predicate_type: str = SIGN, predicate: Any = None, annotations: Any = None) -> bytes:
    """A bundle with a statement about a manifest."""
    return bundle({"dsseEnvelope": envelope(statement(manifest, predicate_type, predicate, annotations), by)})


def message_bundle(message: bytes, by: Signer) -> bytes:
    """A bundle with a signature over those bytes."""
    hashed = {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(digest(message)[7:]))}
    return bundle({"messageSignature": {"messageDigest": hashed, "signature": b64(by.sign(message))}})


def found(data: bytes, media_type: str = BUNDLE) -> SignatureObject:
    """A bundle as discovery hands it on."""
    return SignatureObject("referrer sha256:…", media_type, data)


# What carries them in a registry or a layout.


def carrier(
    layers: list[tuple[str, bytes, Mapping[str, str]]], subject: Artifact | None = None, artifact_type: str | None = None
) -> Artifact:
    """A manifest with these layers, as cosign pushes it."""
    config = b"{}"
    described = [{"mediaType": kind, "digest": digest(data), "size": len(data), "annotations": dict(notes)} for kind, data, notes in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(config), "size": 2},
        "layers": described,
        **({"subject": subject.descriptor} if subject else {}),
        **({"artifactType": artifact_type} if artifact_type else {}),
    }
    return Artifact(dump(manifest), {digest(config): config, **{digest(data): data for _, data, _ in layers}})


def legacy_carrier(objects: list[SignatureObject]) -> Artifact:
    """What stands under a `.sig` tag."""
    return carrier([(one.media_type, one.data, one.annotations) for one in objects])


def referrer(subject: Artifact, data: bytes, media_type: str = BUNDLE, *, claims: str | None = BUNDLE) -> Artifact:
    """A referrer of `subject`."""
    return carrier([(media_type, data, {})], subject, claims)


def referrers_index(*members: Artifact, claims: str | None = BUNDLE) -> bytes:
    """What a registry lists, or a fallback tag holds."""
    entries = [{**one.descriptor, **({"artifactType": claims} if claims else {})} for one in members]
    return dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


def sig_tag(artifact: Artifact, suffix: str = ".sig") -> str:
    return f"sha256-{artifact.digest[7:]}{suffix}"
