"""Decides whether fetched bytes may run: digests and signatures against the one trust scope that names their source. Pure.

Who fetched the bytes has hashed them; this says who vouches for that hash. `verify` raises, or returns evidence; `judge` is the same
decision with everything that was seen on the way, for whoever has to explain it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from wassette_py.dataclass import dataclass
from wassette_py.errors import DigestMismatch, Unsigned, UntrustedSigner, VerificationError
from wassette_py.names import Digest
from wassette_py.reference import HttpsReference, LayoutReference, OciReference, Reference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.evidence import Evidence
from wassette_py.trust.findings import Finding, findings
from wassette_py.trust.identities import INSTALL, MISSING, Certified, Named, Proven, distinct
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.rules import AttestationRule, SignatureRule
from wassette_py.trust.scopes import place_of
from wassette_py.trust.signer import VerifiedSigner
from wassette_py.trust.versions import Version, version_of

__all__ = ["Judgement", "Requirement", "VerifiedSigner", "judge", "verify"]
SHOWN = 5
NOT_LOOKED_FOR = "signatures were not looked for when it was loaded: nothing asked for them"


@dataclass(frozen=True)
class Requirement:
    """One thing the scope asks for; `by` says which of the objects that were found speak for it."""

    text: str
    met: bool
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """The decision and what led to it; one of `signer` and `error` is there."""

    pin: Digest
    scope: TrustScope | None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    signer: VerifiedSigner | None = None
    error: VerificationError | None = None


def verify(
    *,
    reference: Reference,
    digest: Digest,
    manifest: Digest | None,
    rule: TrustScope | None,
    evidence: Evidence | None = None,
    keys: Iterable[PublicKey] = (),
    now: float | None = None,
) -> VerifiedSigner:
    """Who vouches for these bytes (`digest` of the wasm, `manifest` of the artifact it is in). Raises VerificationError, DigestMismatch."""
    judgement = judge(reference=reference, digest=digest, manifest=manifest, rule=rule, evidence=evidence, keys=keys, now=now)
    if judgement.signer is None:
        assert judgement.error is not None
        raise judgement.error
    return judgement.signer


def needs_signatures(reference: Reference, rule: TrustScope | None) -> bool:
    """Whether the decision about `reference` has to see signatures: the rule asks for some, or a refusal should say what there is."""
    return isinstance(reference, OciReference) if rule is None else rule.signatures is not None


def judge(
    *,
    reference: Reference,
    digest: Digest,
    manifest: Digest | None,
    rule: TrustScope | None,
    evidence: Evidence | None = None,
    keys: Iterable[PublicKey] = (),
    now: float | None = None,
) -> Judgement:
    """The decision about these bytes at `now` (seconds since 1970; None: by this machine's clock). Raises DigestMismatch: broken promises
    about bytes are no matter of trust."""
    pin = manifest or digest
    now = time.time() if now is None else now
    # 1. A digest in the reference is a promise about the bytes, whoever is trusted.
    promised = getattr(reference, "digest", None)
    if promised is not None and promised != pin:
        raise DigestMismatch(str(pin), str(promised), what=str(reference))
    if evidence is not None and Digest.of(evidence.manifest) != pin:
        raise DigestMismatch(str(Digest.of(evidence.manifest)), str(pin), what=f"manifest of {reference}")
    # 2. What there is, each object opened and looked at.
    asked = (rule.signatures if rule else None) or SignatureRule()
    seen = () if evidence is None else findings(evidence, pin, reference, asked, keys, now=now)
    notes = () if evidence is None else evidence.notes
    # 3. Without a scope only this machine vouches, or the digest a person typed for a web page.
    if rule is None:
        return _without_scope(reference, pin, seen, notes)
    # 4. Anybody's bytes, since a person wrote down why.
    if rule.unsigned:
        signer = VerifiedSigner("unsigned", f"not signed, accepted by trust scope {rule.match}: {rule.reason}", rule.match)
        return Judgement(pin, rule, seen, notes, (), signer)
    # 5. Pins: exactly these bytes. No mode softens this.
    required: tuple[Requirement, ...] = ()
    if rule.digests:
        required = (Requirement(f"digest {pin} is pinned", pin in rule.digests),)
        if pin not in rule.digests:
            other = f"trust scope {rule.match} (line {rule.line}) pins other digests"
            hint = f"wassette trust add {rule.match} --digest {pin}" if rule.signatures is None else None
            return Judgement(pin, rule, seen, notes, required, error=_refused(reference, pin, other, hint))
    if rule.signatures is None:
        return Judgement(pin, rule, seen, notes, required, VerifiedSigner("digest", f"pinned by trust scope {rule.match}", rule.match))
    # 6. Signatures: distinct signers over this digest, and what else must be attested.
    required += _requirements(rule.signatures, seen)
    if rule.signatures.min_version is not None:
        required += (_recent(rule.signatures.min_version, evidence),)
    unmet = [requirement.text for requirement in required if not requirement.met]
    if not unmet:
        return Judgement(pin, rule, seen, notes, required, _signed(rule, rule.signatures, seen))
    there = _seen(seen, notes) if evidence is not None else NOT_LOOKED_FOR
    reason = f"trust scope {rule.match} (line {rule.line}) asks that it is {'; '.join(unmet)}; {there}"
    if rule.warn:
        warned = VerifiedSigner("warned", f"accepted with a warning (mode: warn): {reason}", rule.match)
        return Judgement(pin, rule, seen, notes, required, warned)
    hint = _missing(seen) or f"wassette component verify {reference} --explain"
    return Judgement(pin, rule, seen, notes, required, error=_refused(reference, pin, reason, hint, seen))


def _missing(seen: Iterable[Finding]) -> str | None:
    """How to get what would have verified one of `seen`."""
    if any(MISSING in (one.problem or "") for one in seen):
        return INSTALL
    return None


def _requirements(rule: SignatureRule, seen: Iterable[Finding]) -> tuple[Requirement, ...]:
    good = [one for one in seen if one.counts]
    required = [_met_by(f"signed by {entry}", _signed_by(good, entry)) for entry in rule.every]
    if rule.some:
        names, signed = ", ".join(map(str, rule.some)), [one for found in good for one in found.signers]
        met = distinct(rule.some, signed) >= rule.at_least
        required.append(Requirement(f"signed by at least {rule.at_least} of {names}", met, _signed_by(good, *rule.some)))
    return (*required, *(_attested(one, seen) for one in rule.attestations))


def _signed_by(good: Iterable[Finding], *entries: Named) -> tuple[str, ...]:
    return tuple(found.where for found in good if any(entry.names(one) for entry in entries for one in found.signers))


def _met_by(text: str, by: tuple[str, ...]) -> Requirement:
    return Requirement(text, bool(by), by)


def _recent(least: Version, evidence: Evidence | None) -> Requirement:
    # The version stands in the manifest whose digest is signed: nobody but the signer can raise it.
    try:
        found = None if evidence is None else version_of(evidence.manifest)
        return Requirement(f"of version {least} or later (it is {found})", found is not None and found >= least)
    except ValueError as error:
        return Requirement(f"of version {least} or later ({error})", False)


def _attested(rule: AttestationRule, seen: Iterable[Finding]) -> Requirement:
    text = f"attested ({rule.predicate_type}) by {' or '.join(map(str, rule.by))}"
    text += "".join(f", {path} = {value!r}" for path, value in rule.where)
    return _met_by(text, tuple(one.where for one in seen if _attests(one, rule)))


def _attests(found: Finding, rule: AttestationRule) -> bool:
    if found.problem is not None or found.signed is None or found.attested != rule.predicate_type:
        return False
    by = any(entry.names(one) for entry in rule.by for one in found.signers)
    return by and rule.unmet(getattr(found.signed.about, "predicate", None)) is None


def _signed(scope: TrustScope, rule: SignatureRule, seen: Iterable[Finding]) -> VerifiedSigner:
    pairs = [
        (found, one) for found in seen if found.problem is None for one in found.signers if any(entry.names(one) for entry in rule.named)
    ]
    counted = {one.id: one for _, one in pairs}
    # NOTE: who signed is recorded as the rule names them: a pattern stands for one signer, though each release has another identity.
    met = {entry.id for entry in rule.named if any(entry.names(one) for _, one in pairs)}
    text = f"signed by {', '.join(map(str, counted.values()))}, as trust scope {scope.match} asks"
    return VerifiedSigner("signed", text, scope.match, tuple(sorted(met)), _until(rule, pairs))


def _until(rule: SignatureRule, pairs: Iterable[tuple[Finding, Proven]]) -> int | None:
    """When the first of what counted is too old, if age matters."""
    ends = [int(one.until.timestamp()) for _, one in pairs if isinstance(one, Certified) and one.until is not None]
    if rule.max_age is not None:
        ends += [found.logged_at + int(rule.max_age.total_seconds()) for found, _ in pairs if found.logged_at is not None]
    return min(ends, default=None)


def _without_scope(reference: Reference, pin: Digest, seen: tuple[Finding, ...], notes: tuple[str, ...]) -> Judgement:
    if isinstance(reference, HttpsReference) and reference.digest is not None:
        return Judgement(pin, None, signer=VerifiedSigner("digest", "pinned in the reference"))
    if not isinstance(reference, HttpsReference | OciReference):
        return Judgement(pin, None, seen, notes, signer=VerifiedSigner("local", "a file on this machine"))
    scope = place_of(reference)
    hints = [f"wassette trust add {scope} --digest {pin}", f'wassette trust add {scope} --unsigned --reason "WHY"']
    reason = "no trust scope names it"
    if isinstance(reference, OciReference):
        reason = f"{reason}; {_seen(seen, notes)}"
        if any(one.signed is not None and one.signed.certificate is not None for one in seen):
            hints = [f"wassette trust add {scope} --identity IDENTITY --issuer ISSUER", *hints]
        hints = [f"wassette trust add {scope} --key FILE", *hints] if seen else hints
    return Judgement(pin, None, seen, notes, error=_refused(reference, pin, reason, "\n".join(hints), seen))


def _seen(seen: tuple[Finding, ...], notes: tuple[str, ...]) -> str:
    """What was found, in words."""
    if not seen:
        return "; ".join(("it has no signatures", *notes))
    listed = [f"{one}" for one in seen[:SHOWN]]
    more = [f"and {len(seen) - SHOWN} more"] if len(seen) > SHOWN else []
    return "; ".join((f"found {len(seen)}: {', '.join(listed)}", *more, *notes))


def _refused(reference: Reference, pin: Digest, reason: str, hint: str | None, seen: tuple[Finding, ...] = ()) -> VerificationError:
    kind = UntrustedSigner if seen else Unsigned
    return kind(f"{reference} with digest {pin} is not trusted: {reason}", hint)


def is_signable(reference: Reference) -> bool:
    """Whether signatures can be kept beside what `reference` names."""
    return isinstance(reference, OciReference | LayoutReference)
