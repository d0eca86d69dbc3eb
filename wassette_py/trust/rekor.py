"""Whether a transparency log vouches, with its signed entry timestamp, that exactly this signature was in it, and when. Offline.

The promise is the log's signature over the entry (RFC 8785 JSON of body, time, id and index). A promise about some other entry says
nothing about this signature (CVE-2022-23649, CVE-2022-36056, CVE-2026-22703), so hash, signature and key in the entry are compared.
Inclusion proofs are not read. Format: https://docs.sigstore.dev/logging/verify-release/, Rekor's `hashedrekord` and `dsse` types 0.0.1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from wassette_py.dataclass import dataclass
from wassette_py.trust.evidence import Signed, decode, read_json
from wassette_py.trust.keys import PublicKey, made_by, parse_public_key

_CERTIFICATE = re.compile(rb"\s*-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


@dataclass(frozen=True)
class LogEntry:
    """An entry and the promise about it; `time` in seconds since 1970, by the log's clock."""

    body: str
    time: int
    index: int
    log_id: str
    promise: bytes


def logged_at(signed: Signed, message: bytes, signers: Container[str], logs: Iterable[PublicKey]) -> int:
    """When one of `logs` took in this signature of one of `signers` (fingerprints of keys or certificates). Raises ValueError with the
    reason why that is not proven."""
    if signed.log_entry is None:
        raise ValueError("it is in no transparency log, and the scope asks for one")
    entry = _entry(signed.log_entry)
    # 1. The promise is that of a log the policy names, by the name that is the digest of its key.
    log = next((log for log in logs if log.fingerprint == entry.log_id), None)
    if log is None:
        raise ValueError("its log entry is of a transparency log that the scope does not name")
    promised = {"body": entry.body, "integratedTime": entry.time, "logID": entry.log_id, "logIndex": entry.index}
    if not made_by(log, entry.promise, json.dumps(promised, separators=(",", ":"), sort_keys=True).encode()):
        raise ValueError("the transparency log did not promise this entry")
    # 2. The entry is about this message, this signature and this key.
    digest, pairs = _about(read_json(decode(entry.body, "the log entry's body")))
    signed_bytes = message if signed.payload is None else signed.payload
    if digest != hashlib.sha256(signed_bytes).hexdigest():
        raise ValueError("its log entry is about something else that was signed")
    if not any(signature in signed.signatures and _fingerprint(pem) in signers for signature, pem in pairs):
        raise ValueError("its log entry is about another signature or another key")
    return entry.time


def _entry(found: Mapping[str, Any]) -> LogEntry:
    """The entry of a legacy annotation or of a bundle."""
    try:
        if "Payload" in found:
            payload, promise = found["Payload"], found["SignedEntryTimestamp"]
            body, log_id = payload["body"], payload["logID"]
            numbers = (payload["integratedTime"], payload["logIndex"])
        else:
            body, promise = found["canonicalizedBody"], found["inclusionPromise"]["signedEntryTimestamp"]
            log_id = decode(found["logId"]["keyId"], "keyId").hex()
            numbers = (found["integratedTime"], found["logIndex"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"its log entry has no promise that is read here: {type(error).__name__} {error}") from None
    if not isinstance(body, str) or not isinstance(log_id, str):
        raise ValueError("its log entry is not one")
    return LogEntry(body, _number(numbers[0]), _number(numbers[1]), log_id, decode(promise, "the promise"))


def _number(value: object) -> int:
    if isinstance(value, bool) or re.fullmatch(r"[0-9]{1,18}", str(value)) is None:
        raise ValueError("its log entry has no time or no index")
    return int(str(value))


def _about(body: Mapping[str, Any]) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The digest of what an entry's signatures are over (of the payload, for an envelope), and each signature with its key in PEM."""
    try:
        kind, spec = (body["kind"], body["apiVersion"]), body["spec"]
        if kind == ("hashedrekord", "0.0.1"):
            hashed, signature = spec["data"]["hash"], spec["signature"]
            pairs = [(signature["content"], signature["publicKey"]["content"])]
        elif kind == ("dsse", "0.0.1"):
            hashed = spec["payloadHash"]
            pairs = [(one["signature"], one["verifier"]) for one in spec["signatures"]]
        else:
            raise ValueError(f"its log entry is of a kind that is not read here: {kind!r}"[:200])
        if hashed["algorithm"] != "sha256":
            raise ValueError(f"its log entry is by {hashed['algorithm']!r}"[:200])
        return str(hashed["value"]), [(decode(signature, "signature"), decode(pem, "publicKey")) for signature, pem in pairs]
    except (KeyError, TypeError) as error:
        raise ValueError(f"its log entry is not one: {type(error).__name__} {error}") from None


def _fingerprint(pem: bytes) -> str | None:
    """SHA-256 of the public key or the certificate in `pem`; None where it is neither (or a kind of key that signs nothing here)."""
    match = _CERTIFICATE.fullmatch(pem)
    try:
        if match is not None:
            return hashlib.sha256(base64.b64decode(b"".join(match[1].split()), validate=True)).hexdigest()
        return parse_public_key("logged", pem.decode()).fingerprint
    except ValueError:
        return None
