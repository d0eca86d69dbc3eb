"""Keyless signatures: whom a certificate proves to have signed, and when. Offline, against a root that the trust policy pins.

Sigstore bundles are verified by the library of that name (extra `keyless`, imported here and nowhere else, for rules that ask for it).
Legacy annotations need `cryptography` only: chain, certificate log and the transparency log's promise, as cosign 2 has them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.trust.evidence import BUNDLE, SignatureObject, Signed, read_signed
from wassette_py.trust.fulcio import check_certificate, key_of, load_certificate, logs_of, named_in
from wassette_py.trust.identities import MISSING, Certified
from wassette_py.trust.keys import made_by
from wassette_py.trust.rekor import logged_at
from wassette_py.trust.roots import TrustRoot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sigstore.models import Bundle
    from sigstore.verify import Verifier


def certified(found: SignatureObject, signed: Signed, message: bytes, roots: Iterable[TrustRoot], now: datetime) -> tuple[Certified, ...]:
    """Who made `signed` (as `found` holds it) over `message`, under each of `roots` that proves it. Raises ValueError with the reason
    why none does."""
    proven, problems = list[Certified](), list[str]()
    for root in roots:
        try:
            expires = root.expires()
            if expires is not None and now >= expires:
                raise ValueError(f"{root} was updated on {root.updated}, too long ago: wassette trust update-root {root.name}")
            proven.append(_bundle(found, signed, message, root) if signed.format == "bundle" else _legacy(signed, message, root))
        except (ValueError, InvalidTrustPolicy) as error:  # InvalidTrustPolicy: the key in its certificate is too weak
            problems.append(str(error) if not problems else f"{root}: {error}")
    if not proven:
        raise ValueError("; ".join(problems))
    return tuple(proven)


def _legacy(signed: Signed, message: bytes, root: TrustRoot) -> Certified:
    from cryptography.hazmat.primitives.serialization import Encoding

    assert signed.certificate is not None
    certificate = load_certificate(signed.certificate)
    # 1. The key in the certificate made the signature over exactly these bytes.
    key = key_of(certificate)
    if not any(made_by(key, signature, message) for signature in signed.signatures):
        raise ValueError("the key in its certificate did not make it")
    # 2. When: by the promise of a log of the root, about this signature and this certificate.
    logs = logs_of(root.document["tlogs"])
    seconds = logged_at(signed, message, {hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()}, logs)
    when = _instant(seconds)
    # 3. What the root held then, and whether the certificate is one of its own, valid then and published.
    valid = root.at(when, certificate.not_valid_before_utc)
    entry = signed.log_entry or {}
    if not any(log.fingerprint == entry["Payload"]["logID"] for log in logs_of(valid["tlogs"])):
        raise ValueError(f"its transparency log was not valid on {when:%Y-%m-%d %H:%M}Z")
    check_certificate(certificate, valid, when)
    # 4. Whom it names.
    issuer, identity = named_in(certificate)
    return Certified(issuer, identity, root.fingerprint, when, root.log_name(_log_id(entry)), root.expires())


def _bundle(found: SignatureObject, signed: Signed, message: bytes, root: TrustRoot) -> Certified:
    try:
        from sigstore.models import Bundle
    except ImportError:
        raise ValueError(MISSING) from None
    # 1. Read by the library as it is read here: a text that two readers take for two things proves nothing.
    try:
        bundle = Bundle.from_json(found.data)
        again = read_signed(SignatureObject(found.where, BUNDLE, bundle.to_json().encode()))
    except Exception as error:  # whatever the library makes of a stranger's bytes: they prove nothing, and others may
        raise ValueError(f"not a bundle with certificate, log entry and inclusion proof: {_line(error)}") from None
    read = (again.message, again.signatures, again.certificate)
    if read != (signed.message, signed.signatures, signed.certificate):  # pragma: no cover - the library is as strict; a later may not be
        raise ValueError("its bundle can be read in two ways")
    kind = key_of(bundle.signing_certificate).kind
    if kind != "P-256":
        raise ValueError(f"its certificate has a key of kind {kind}; the library verifies P-256 only")
    # 2. When, as it says; what of the root was valid then is all that may prove it.
    when, clock = _claimed_time(bundle, again.log_entry or {}, root)
    valid = root.at(when, bundle.signing_certificate.not_valid_before_utc)
    # 3. Chain, certificate log, inclusion proof, checkpoint, promise or timestamp, validity at that time, and the signature itself.
    try:
        _verify(_verifier(valid), bundle, signed, message)
    except Exception as error:  # as above
        known = _log_id(again.log_entry or {}) in root.log_ids
        old = f"; its transparency log is not in {root}, which may be too old: wassette trust update-root {root.name}"
        raise ValueError(_line(error) + ("" if known else old)) from None
    # 4. Whom it names.
    issuer, identity = named_in(bundle.signing_certificate)
    return Certified(issuer, identity, root.fingerprint, when, clock, root.expires())


def _claimed_time(bundle: Bundle, entry: Mapping[str, Any], root: TrustRoot) -> tuple[datetime, str]:
    """The one time that verifying will have proven, and whose clock it is by. Raises ValueError."""
    seconds = int(entry.get("integratedTime", 0))
    if seconds and "inclusionPromise" in entry:
        return _instant(seconds), root.log_name(_log_id(entry))
    data = bundle.verification_material.timestamp_verification_data
    stamps = [] if data is None else data.rfc3161_timestamps
    if len(stamps) != 1:
        raise ValueError(f"neither a log's promise nor one timestamp says when it was made (it has {len(stamps)} timestamps)")
    return stamps[0].tst_info.gen_time, "timestamp authority"


def _verifier(root: Mapping[str, Any]) -> Verifier:
    from sigstore.models import ClientTrustConfig
    from sigstore.verify import Verifier

    config = {
        "mediaType": ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value,
        "trustedRoot": root,
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    }
    return Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(config)).trusted_root)


def _verify(verifier: Verifier, bundle: Bundle, signed: Signed, message: bytes) -> None:
    if signed.payload is None:
        verifier.verify_artifact(message, bundle, _Anybody())
        return
    _, payload = verifier.verify_dsse(bundle, _Anybody())
    if payload != signed.payload:  # pragma: no cover - the bundle was read alike above; a later library must not change that unseen
        raise ValueError("what was verified is not what is read here")


class _Anybody:
    """The library's policy that lets anybody sign: who it was is compared with the rule afterwards, and told."""

    def verify(self, cert: object) -> None:
        """Accepts."""


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("its log entry has a time that is none") from None


def _log_id(entry: Mapping[str, Any]) -> str:
    if "Payload" in entry:
        return base64.b64encode(bytes.fromhex(entry["Payload"]["logID"])).decode()
    return str(entry["logId"]["keyId"])


def _line(error: Exception) -> str:
    """The first line of a library's message, no longer than a line should be."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
