"""RFC 3161 timestamps, written byte by byte: what a timestamp authority answers, signed as CMS (RFC 5652)."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.signatures import Signer

SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


def timestamp(message: bytes, when: datetime, by: Signer, certificate: x509.Certificate) -> bytes:
    """A granted response that says `message` was there at `when`, signed by `by` in the name of `certificate`."""
    info = _info(message, when)
    attributes = _signed_attributes(info, certificate)
    signature = by.sign(_tag(0x31, attributes))  # signed as the SET it stands for
    who = _sequence(certificate.issuer.public_bytes(), _integer(certificate.serial_number))
    signer = _sequence(_integer(1), who, _algorithm(SHA256), _tag(0xA0, attributes), _algorithm(ECDSA_SHA256), _tag(0x04, signature))
    content = _sequence(_oid(TST_INFO), _tag(0xA0, _tag(0x04, info)))
    certificates = _tag(0xA0, certificate.public_bytes(serialization.Encoding.DER))
    signed = _sequence(_integer(3), _tag(0x31, _algorithm(SHA256)), content, certificates, _tag(0x31, signer))
    return _sequence(_sequence(_integer(0)), _sequence(_oid(SIGNED_DATA), _tag(0xA0, signed)))


def _info(message: bytes, when: datetime) -> bytes:
    imprint = _sequence(_algorithm(SHA256), _tag(0x04, hashlib.sha256(message).digest()))
    time = _tag(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())
    return _sequence(_integer(1), _oid("1.3.6.1.4.1.57264.2"), imprint, _integer(7), time)


def _signed_attributes(info: bytes, certificate: x509.Certificate) -> bytes:
    about = _sequence(_sequence(_sequence(_tag(0x04, certificate.fingerprint(hashes.SHA256())))))
    attributes = [
        _sequence(_oid(CONTENT_TYPE), _tag(0x31, _oid(TST_INFO))),
        _sequence(_oid(MESSAGE_DIGEST), _tag(0x31, _tag(0x04, hashlib.sha256(info).digest()))),
        _sequence(_oid(SIGNING_CERTIFICATE_V2), _tag(0x31, about)),
    ]
    return b"".join(sorted(attributes))  # DER orders the members of a SET


def _tag(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x80 + (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + length + content


def _sequence(*members: bytes) -> bytes:
    return _tag(0x30, b"".join(members))


def _integer(value: int) -> bytes:
    return _tag(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for number in (first * 40 + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return _tag(0x06, content)


def _algorithm(dotted: str) -> bytes:
    return _sequence(_oid(dotted), b"" if dotted == ECDSA_SHA256 else b"\x05\x00")
