"""A certificate authority of the tests' own, and a server certificate for the names one asks for from it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_authority(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """The authority's certificate file, and what a server of these names and addresses (by default 127.0.0.1) needs."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(authority).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1))

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    root = (
        certificate(authority, authority_key.public_key()).add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
    )
    alternatives = x509.SubjectAlternativeName([_name(name) for name in names or ("127.0.0.1",)])
    server = certificate(x509.Name([]), key.public_key()).add_extension(alternatives, True)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + server.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
