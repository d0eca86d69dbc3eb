"""Certificates of a Sigstore certificate authority: whom they name, and whether they are genuine. On `cryptography` alone, offline.

A certificate lives for minutes, so it is judged at the time of the signature, which something else has to prove. Profile:
https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md; SCTs: RFC 6962, section 3.2.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wassette_py.trust.identities import check_text
from wassette_py.trust.keys import PublicKey, made_by, parse_public_key

if TYPE_CHECKING:
    from cryptography import x509

ISSUER, ISSUER_V1 = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"
PRECERTIFICATE, SIGNED_BY_SHA256 = 1, 4
_EPOCH = datetime(1970, 1, 1)  # SCT times are naive UTC in the library


def load_certificate(data: bytes) -> x509.Certificate:
    """The one certificate in `data`, DER or PEM. Raises ValueError."""
    from cryptography import x509

    try:
        if b"-----BEGIN" not in data:
            return x509.load_der_x509_certificate(data)
        [found] = x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError(f"its certificate cannot be read: {error}"[:200]) from None
    return found


def key_of(certificate: x509.Certificate) -> PublicKey:
    """The key in a certificate. Raises ValueError for a kind that is not verified."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        public = certificate.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(f"the key in its certificate is of a kind that is not read: {error}") from None
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return parse_public_key("certificate", pem.decode())


def named_in(certificate: x509.Certificate) -> tuple[str, str]:
    """The issuer and the identity that a certificate names, exactly one of each. Raises ValueError."""
    from cryptography import x509

    try:
        extensions = list(certificate.extensions)
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        values = [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier | x509.RFC822Name)]
        [identity] = values if len(names) == 1 else []
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(f"its certificate does not name one identity: {error}"[:200]) from None
    issuers = {_issuer(one) for one in extensions if one.oid.dotted_string in (ISSUER, ISSUER_V1)}
    if len(issuers) != 1:
        raise ValueError(f"its certificate names {len(issuers)} issuers")
    return check_text(issuers.pop(), "an issuer in its certificate"), check_text(identity, "an identity in its certificate")


def _issuer(extension: x509.Extension[Any]) -> str:
    value: bytes = extension.value.value
    if extension.oid.dotted_string == ISSUER:  # DER, a UTF8String; the older extension is the bare text
        if len(value) < 2 or value[0] != 0x0C or value[1] > 0x7F or len(value) != 2 + value[1]:
            raise ValueError("its certificate's issuer is not a text that is read here")
        value = value[2:]
    return value.decode()


def check_certificate(certificate: x509.Certificate, root: Mapping[str, Any], when: datetime) -> None:
    """Returns when an authority of `root` made `certificate` for signing code, it was valid at `when`, and a log of `root` had seen it.
    Raises ValueError."""
    # 1. The chain, at that time. Authorities are those of the root; nothing that comes with a signature is one.
    issuer = _chain(certificate, root, when)[1]
    # 2. What it is for.
    _check_usage(certificate)
    # 3. The promise of a certificate log that it was published.
    _check_sct(certificate, issuer, root)


def _chain(certificate: x509.Certificate, root: Mapping[str, Any], when: datetime) -> list[x509.Certificate]:
    from cryptography import x509
    from cryptography.x509 import verification

    authorities = [
        x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"]))
        for authority in root["certificateAuthorities"]
        for one in authority["certChain"]["certificates"]
    ]
    # A verifier of clients wants another extended key usage; which one it is, is checked besides.
    usage, optional = x509.ExtendedKeyUsage, verification.Criticality.NON_CRITICAL
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(authorities))
        .time(when)
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(usage, optional, None),
            ee_policy=verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(usage, optional, None),
        )
        .build_client_verifier()
    )
    try:
        return verifier.verify(certificate, []).chain
    except (verification.VerificationError, x509.UnsupportedGeneralNameType) as error:
        reason = "its certificate is of no authority of the trust root, or was not valid then"
        raise ValueError(f"{reason} ({when:%Y-%m-%d %H:%M}Z): {error}"[:300]) from None


def _check_usage(certificate: x509.Certificate) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise ValueError(f"its certificate does not say what it is for: {error}") from None
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise ValueError("its certificate is not for signing code")


def _check_sct(certificate: x509.Certificate, issuer: x509.Certificate, root: Mapping[str, Any]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        scts = list(certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    except x509.ExtensionNotFound:
        scts = []
    if len(scts) != 1:
        raise ValueError(f"its certificate has {len(scts)} signed certificate timestamps, not one")
    [sct] = scts
    spki = issuer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    tbs, milliseconds = certificate.tbs_precertificate_bytes, (sct.timestamp - _EPOCH) // timedelta(milliseconds=1)
    signed = struct.pack("!BBQH", 0, 0, milliseconds, PRECERTIFICATE) + hashlib.sha256(spki).digest()
    signed += len(tbs).to_bytes(3) + tbs + struct.pack("!H", len(sct.extension_bytes)) + sct.extension_bytes
    logs = logs_of(root["ctlogs"])
    log = next((log for log in logs if log.fingerprint == sct.log_id.hex()), None)
    if log is None:
        raise ValueError("its certificate's timestamp is of a certificate log that the trust root does not name")
    if not made_by(log, sct.signature, signed):
        raise ValueError("its certificate's timestamp was not made by that certificate log")


def logs_of(listed: list[Mapping[str, Any]]) -> list[PublicKey]:
    """The keys of logs of a trust root, as far as they are of kinds that are verified here."""
    found = []
    for one in listed:
        pem = f"-----BEGIN PUBLIC KEY-----\n{one['publicKey']['rawBytes']}\n-----END PUBLIC KEY-----\n"
        try:
            found.append(parse_public_key("log", pem))
        except ValueError:  # a kind that signs nothing of what is read here
            continue
    return found
