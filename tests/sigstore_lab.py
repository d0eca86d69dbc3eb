"""A Sigstore of our own: certificate authority, certificate log, transparency log and clock, made with `cryptography`, no network.

`Lab` signs as Fulcio, CT, Rekor and a timestamp authority would; `Flaws` says what it gets wrong, one fault at a time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.signatures import BUNDLE, Signer, b64, envelope, legacy, simple_payload, statement
from tests.timestamps import timestamp
from wassette_py.trust.evidence import SignatureObject, pae

ISSUER = "https://token.actions.example"
IDENTITY = "https://github.example/acme/weather/.github/workflows/release.yml@refs/tags/v1.2.3"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


@dataclass(frozen=True)
class Flaws:
    """What is wrong with one signature; nothing by default."""

    issuer: str | None = ISSUER
    issuer_v1: str | None = ISSUER
    names: tuple[x509.GeneralName, ...] | None = None
    signed_at: timedelta = timedelta(seconds=5)
    curve: ec.EllipticCurve = field(default_factory=ec.SECP256R1)
    usage: tuple[ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CODE_SIGNING,)
    digital_signature: bool = True
    scts: int = 1
    sct_key: Signer | None = None
    sct_claims: Signer | None = None
    log: Signer | None = None
    """The key the log signs with; the name it goes by stays."""
    log_id: Signer | None = None
    sibling: bytes = b"another entry"
    proof_sibling: bytes | None = None
    checkpoint_size: int = 2
    checkpoint_root: bytes | None = None
    promise_key: Signer | None = None
    promise: bool = True
    integrated_time: bool = True
    timestamps: int = 0
    timestamp_of: bytes | None = None
    timestamp_by: Signer | None = None
    rekor2: bool = False
    """No flaw: the entry is of the second generation of the log, which has no clock."""
    body: Mapping[str, Any] = field(default_factory=dict)
    signature_by: Signer | None = None
    """Another key than the one in the certificate."""


NONE = Flaws()


def key(number: int = 0) -> Signer:
    """A P-256 key; another for another number."""
    return _key(number)


@cache
def _key(number: int) -> Signer:
    return Signer(ec.generate_private_key(ec.SECP256R1()))


def spki(of: Signer) -> bytes:
    der: bytes = of.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def key_id(of: Signer) -> bytes:
    return hashlib.sha256(spki(of)).digest()


@dataclass(frozen=True)
class Lab:
    """One instance; another `number` is another one, with other keys."""

    number: int = 0

    @property
    def ca_key(self) -> Signer:
        return key(1000 + self.number)

    @property
    def ct_key(self) -> Signer:
        return key(2000 + self.number)

    @property
    def log_key(self) -> Signer:
        return key(3000 + self.number)

    @property
    def tsa_key(self) -> Signer:
        return key(4000 + self.number)

    @property
    def ca(self) -> x509.Certificate:
        return _ca(self)

    def root(self, **validity: tuple[datetime, datetime | None]) -> bytes:
        """The trusted root; `validity` of `ca`, `ct`, `log` or `tsa` other than from 2026 on."""
        periods = {name: _period(*validity.get(name, (datetime(2026, 1, 1, tzinfo=UTC), None))) for name in ("ca", "ct", "log", "tsa")}
        tsa = [_der(one) for one in timestamp_chain(self)]
        document = {
            "mediaType": ROOT_TYPE,
            "tlogs": [_log("https://rekor.lab.example", self.log_key, periods["log"])],
            "ctlogs": [_log("https://ct.lab.example", self.ct_key, periods["ct"])],
            "certificateAuthorities": [_authority("https://fulcio.lab.example", [_der(self.ca)], periods["ca"])],
            "timestampAuthorities": [_authority("https://tsa.lab.example", tsa, periods["tsa"])],
        }
        return json.dumps(document, indent=1).encode()

    def certificate(self, identity: str = IDENTITY, flaws: Flaws = NONE, at: datetime = NOW) -> tuple[Signer, x509.Certificate]:
        """A fresh key and its certificate, issued at `at` for ten minutes."""
        signer = Signer(ec.generate_private_key(flaws.curve))
        builder = self._unlogged(signer, identity, flaws, at)
        scts = [self._sct(builder.sign(self.ca_key.key, hashes.SHA256()), flaws, at) for _ in range(flaws.scts)]
        if scts:
            builder = builder.add_extension(_sct_list(scts), critical=False)
        return signer, builder.sign(self.ca_key.key, hashes.SHA256())

    def _unlogged(self, signer: Signer, identity: str, flaws: Flaws, at: datetime) -> x509.CertificateBuilder:
        names = flaws.names
        if names is None:
            names = (x509.RFC822Name(identity) if "://" not in identity else x509.UniformResourceIdentifier(identity),)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.ca.subject)
            .public_key(signer.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at)
            .not_valid_after(at + timedelta(minutes=10))
            .add_extension(_usage(flaws.digital_signature), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName(list(names)), critical=True)
        )
        if flaws.usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(flaws.usage)), critical=False)
        for oid, value in (("1", flaws.issuer_v1), ("8", flaws.issuer)):
            if value is not None:
                text = value.encode()
                data = bytes([0x0C, len(text)]) + text if oid == "8" else text
                extension = x509.UnrecognizedExtension(ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{oid}"), data)
                builder = builder.add_extension(extension, critical=False)
        return builder

    def _sct(self, unlogged: x509.Certificate, flaws: Flaws, at: datetime) -> bytes:
        milliseconds, tbs = int(at.timestamp() * 1000), unlogged.tbs_certificate_bytes
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + hashlib.sha256(spki(self.ca_key)).digest()
        signed += len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        signature = (flaws.sct_key or self.ct_key).sign(signed)
        name = key_id(flaws.sct_claims or self.ct_key)
        return struct.pack("!B32sQH", 0, name, milliseconds, 0) + b"\x04\x03" + struct.pack("!H", len(signature)) + signature

    def entry(self, body: Mapping[str, Any], flaws: Flaws = NONE, at: datetime = NOW) -> dict[str, Any]:
        """An entry of the transparency log with promise, inclusion proof and checkpoint, as a bundle has it."""
        canonical = json.dumps({**body, **flaws.body}, separators=(",", ":"), sort_keys=True).encode()
        leaf, sibling = _leaf(canonical), _leaf(flaws.sibling)
        root = hashlib.sha256(b"\1" + leaf + sibling).digest()
        log, name = flaws.log or self.log_key, key_id(flaws.log_id or self.log_key)
        note = f"rekor.lab.example - 1\n{flaws.checkpoint_size}\n{b64(flaws.checkpoint_root or root)}\n"
        checkpoint = f"{note}\n\u2014 rekor.lab.example {b64(name[:4] + log.sign(note.encode()))}\n"
        seconds = int((at + flaws.signed_at).timestamp())
        promised = {"body": b64(canonical), "integratedTime": seconds, "logID": name.hex(), "logIndex": 0}
        promise = (flaws.promise_key or log).sign(json.dumps(promised, separators=(",", ":"), sort_keys=True).encode())
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(name)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            **({"integratedTime": str(seconds)} if flaws.integrated_time else {}),
            **({"inclusionPromise": {"signedEntryTimestamp": b64(promise)}} if flaws.promise else {}),
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(root),
                "treeSize": "2",
                "hashes": [b64(sibling if flaws.proof_sibling is None else flaws.proof_sibling)],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": b64(canonical),
        }

    def dsse(self, payload: bytes, identity: str = IDENTITY, flaws: Flaws = NONE, at: datetime = NOW) -> bytes:
        """A bundle around an in-toto statement."""
        signer, certificate = self.certificate(identity, flaws, at)
        signed = envelope(payload, flaws.signature_by or signer)
        listed = [{"signature": one["sig"], "verifier": b64(_pem(certificate))} for one in signed["signatures"]]
        hashed = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        whole = {"algorithm": "sha256", "value": hashlib.sha256(json.dumps(signed).encode()).hexdigest()}
        body: dict[str, Any] = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {"envelopeHash": whole, "payloadHash": hashed, "signatures": listed},
        }
        signature = base64.b64decode(signed["signatures"][0]["sig"])
        if flaws.rekor2:
            body = _rekor2(pae("application/vnd.in-toto+json", payload), signature, certificate)
        return self._bundle({"dsseEnvelope": signed}, certificate, self.entry(body, flaws, at), self._stamps(signature, flaws, at))

    def bundle(self, manifest: str, identity: str = IDENTITY, flaws: Flaws = NONE, at: datetime = NOW) -> bytes:
        """A bundle that says `manifest` is signed, as cosign makes it."""
        return self.dsse(statement(manifest), identity, flaws, at)

    def message(self, message: bytes, identity: str = IDENTITY, flaws: Flaws = NONE, at: datetime = NOW) -> bytes:
        """A bundle with a signature over those bytes."""
        signer, certificate = self.certificate(identity, flaws, at)
        signature, digest = (flaws.signature_by or signer).sign(message), hashlib.sha256(message).digest()
        content = {"messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest)}, "signature": b64(signature)}}
        entry = self.entry(_hashedrekord(message, signature, certificate), flaws, at)
        return self._bundle(content, certificate, entry, self._stamps(signature, flaws, at))

    def legacy(self, manifest: str, repository: str, identity: str = IDENTITY, flaws: Flaws = NONE, at: datetime = NOW) -> SignatureObject:
        """A layer of a `.sig` tag with certificate and promise."""
        signer, certificate = self.certificate(identity, flaws, at)
        payload = simple_payload(manifest, repository)
        signature = (flaws.signature_by or signer).sign(payload)
        entry = self.entry(_hashedrekord(payload, signature, certificate), flaws, at)
        promise = {
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logIndex": 0,
                "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            },
        }
        annotations = {"dev.sigstore.cosign/certificate": _pem(certificate).decode(), "dev.sigstore.cosign/bundle": json.dumps(promise)}
        return legacy(payload, signature, **annotations)

    def _stamps(self, signature: bytes, flaws: Flaws, at: datetime) -> list[bytes]:
        by, chain = flaws.timestamp_by or self.tsa_key, timestamp_chain(self)
        about = signature if flaws.timestamp_of is None else flaws.timestamp_of
        return [timestamp(about, at + flaws.signed_at + timedelta(seconds=n), by, chain[0]) for n in range(flaws.timestamps)]

    def _bundle(self, content: Mapping[str, Any], certificate: x509.Certificate, entry: Mapping[str, Any], stamps: list[bytes]) -> bytes:
        material = {
            "certificate": {"rawBytes": b64(_der(certificate))},
            "tlogEntries": [entry],
            **({"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(one)} for one in stamps]}} if stamps else {}),
        }
        return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, **content}).encode()


def _hashedrekord(message: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    data = {"hash": {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}}
    public = {"content": b64(signature), "publicKey": {"content": b64(_pem(certificate))}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": data, "signature": public}}


def _rekor2(message: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    data = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(message).digest())}
    verifier = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(_der(certificate))}}
    spec = {"hashedRekordV002": {"data": data, "signature": {"content": b64(signature), "verifier": verifier}}}
    return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}


def flawed(**flaws: Any) -> Flaws:
    """`NONE`, but for these."""
    return replace(NONE, **flaws)


@cache
def _ca(lab: Lab) -> x509.Certificate:
    return _authority_certificate(f"lab {lab.number} fulcio", lab.ca_key)


def _authority_certificate(name: str, signer: Signer) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lab"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(signer.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.key.public_key()), critical=False)
        .sign(signer.key, hashes.SHA256())
    )


@cache
def timestamp_chain(lab: Lab) -> tuple[x509.Certificate, x509.Certificate]:
    """The certificate of the lab's timestamp authority, and the one that made it."""
    ca_key = key(5000 + lab.number)
    ca = _authority_certificate(f"lab {lab.number} tsa ca", ca_key)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"lab {lab.number} tsa")]))
        .issuer_name(ca.subject)
        .public_key(lab.tsa_key.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(lab.tsa_key.key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.key.public_key()), critical=False)
        .sign(ca_key.key, hashes.SHA256())
    )
    return leaf, ca


def _usage(digital_signature: bool = True, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature and not certificates,
        content_commitment=not digital_signature and not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _sct_list(scts: list[bytes]) -> x509.UnrecognizedExtension:
    listed = b"".join(struct.pack("!H", len(one)) + one for one in scts)
    inner = struct.pack("!H", len(listed)) + listed
    return x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), b"\x04" + _length(len(inner)) + inner)


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big") if size > 0xFF else bytes([0x81, size])


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _period(start: datetime, end: datetime | None) -> dict[str, str]:
    return {"start": _time(start), **({"end": _time(end)} if end else {})}


def _time(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _log(url: str, signer: Signer, period: Mapping[str, str]) -> dict[str, Any]:
    public = {"rawBytes": b64(spki(signer)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": dict(period)}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": {"keyId": b64(key_id(signer))}}


def _authority(uri: str, certificates: list[bytes], period: Mapping[str, str]) -> dict[str, Any]:
    chain = {"certificates": [{"rawBytes": b64(one)} for one in certificates]}
    return {"subject": {"organization": "lab", "commonName": "lab"}, "uri": uri, "certChain": chain, "validFor": dict(period)}


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
