"""Signature objects, made as cosign makes them, so that cosign verifies them. Bytes in, bytes out; where they are kept is `oci`'s business.

Formats: https://github.com/sigstore/protobuf-specs (bundle v0.3) and cosign's SIGNATURE_SPEC.md (simple signing). No transparency log.
"""

from __future__ import annotations

import base64
import hashlib
import json

from wassette_py.names import Digest
from wassette_py.trust.evidence import BUNDLE, COSIGN_SIGN, IN_TOTO, SIMPLE_TYPE, STATEMENTS, pae
from wassette_py.trust.private_keys import PrivateKey


def sign_bundle(key: PrivateKey, manifest: Digest) -> bytes:
    """A Sigstore bundle that says `manifest` is signed."""
    statement = {
        "_type": STATEMENTS[0],
        "subject": [{"digest": {"sha256": manifest.hex}, "annotations": {}}],
        "predicateType": COSIGN_SIGN,
        "predicate": {},
    }
    payload = _dump(statement)
    return _dump(
        {
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": _b64(hashlib.sha256(key.public.der).digest())}},
            "dsseEnvelope": {
                "payload": _b64(payload),
                "payloadType": IN_TOTO,
                "signatures": [{"sig": _b64(key.sign(pae(IN_TOTO, payload)))}],
            },
        }
    )


def sign_simple(key: PrivateKey, manifest: Digest, repository: str) -> tuple[bytes, str]:
    """A simple signing payload about `manifest` in `repository`, and its signature in base64."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": str(manifest)},
        "type": SIMPLE_TYPE,
    }
    payload = _dump({"critical": critical, "optional": None})
    return payload, _b64(key.sign(payload))


def _dump(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
