"""Decides whether fetched bytes may run: digests against the one trust scope that names their source. Pure; raises, or returns evidence.

Who fetched the bytes has hashed them; this says who vouches for that hash. Signatures are not served yet.
"""

from __future__ import annotations

from wassette_py.errors import DigestMismatch, Unsigned
from wassette_py.names import Digest
from wassette_py.reference import HttpsReference, OciReference, Reference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.scopes import place_of
from wassette_py.trust.signer import VerifiedSigner

__all__ = ["VerifiedSigner", "verify"]


def verify(*, reference: Reference, digest: Digest, manifest: Digest | None, rule: TrustScope | None) -> VerifiedSigner:
    """Who vouches for these bytes (`digest` of the wasm, `manifest` of the artifact it is in). Raises Unsigned, DigestMismatch."""
    pin = manifest or digest
    # 1. A digest in the reference is a promise about the bytes, whoever is trusted.
    promised = getattr(reference, "digest", None)
    if promised is not None and promised != pin:
        raise DigestMismatch(str(pin), str(promised), what=str(reference))
    # 2. Without a scope only this machine vouches, or the digest a person typed for a web page.
    if rule is None:
        return _without_scope(reference, pin)
    # 3. Pins: exactly these bytes.
    if pin in rule.digests:
        return VerifiedSigner("digest", f"pinned by trust scope {rule.match}", rule.match)
    # 4. Anybody's bytes, since a person wrote down why.
    if rule.unsigned:
        return VerifiedSigner("unsigned", f"not signed, accepted by trust scope {rule.match}: {rule.reason}", rule.match)
    other = f"trust scope {rule.match} (line {rule.line}) pins other digests"
    raise _refused(reference, pin, other, f"wassette trust add {rule.match} --digest {pin}")


def _without_scope(reference: Reference, pin: Digest) -> VerifiedSigner:
    if isinstance(reference, HttpsReference) and reference.digest is not None:
        return VerifiedSigner("digest", "pinned in the reference")
    if not isinstance(reference, HttpsReference | OciReference):
        return VerifiedSigner("local", "a file on this machine")
    scope = place_of(reference)
    unsigned = f'wassette trust add {scope} --unsigned --reason "WHY"'
    raise _refused(reference, pin, "no trust scope names it", f"wassette trust add {scope} --digest {pin}\n{unsigned}")


def _refused(reference: Reference, pin: Digest, reason: str, hint: str) -> Unsigned:
    return Unsigned(f"{reference} with digest {pin} is not trusted: {reason}", hint)
