"""Each signature object looked at: whose it is, what it is about, and why it does not count if it does not. Pure; decides nothing alone.

`problem` None and a signer: the signature is that key's, over exactly the manifest that was resolved, and says what the rule asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import assert_never

from wassette_py.dataclass import dataclass
from wassette_py.names import Digest
from wassette_py.reference import Reference
from wassette_py.trust.evidence import COSIGN_SIGN, Evidence, SignatureObject, Signed, Simple, Statement, Whole, read_signed
from wassette_py.trust.identities import Certified, Proven
from wassette_py.trust.keys import PublicKey, made_by
from wassette_py.trust.rekor import logged_at
from wassette_py.trust.rules import SignatureRule

MAX_OBJECTS = 64
SHOWN = 100
MAX_CHECKS = 4096
"""Signatures times keys in one decision: whoever can put signatures beside an artifact must not decide how long it takes."""


@dataclass(frozen=True)
class Finding:
    """One signature object and what became of it; `signed` None: it could not be read."""

    where: str
    media_type: str
    signed: Signed | None
    signers: tuple[Proven, ...]
    problem: str | None
    logged_at: int | None = None
    """When it was there for sure: by the clock of a transparency log that the scope or its trust root names, or of a timestamp."""
    clock: str | None = None
    """Whose clock that was."""

    @property
    def what(self) -> str:
        """`signature`, or the type of what is attested, as far as it can be shown."""
        if self.attested is None:
            return "signature"
        return self.attested if len(self.attested) <= SHOWN and self.attested.isprintable() else f"{self.attested[:SHOWN]!r}…"

    @property
    def attested(self) -> str | None:
        """The predicate type, None for what is no attestation."""
        about = self.signed.about if self.signed else None
        return about.predicate_type if isinstance(about, Statement) and about.predicate_type != COSIGN_SIGN else None

    @property
    def counts(self) -> bool:
        """Whether it is a signature (no attestation) that nothing speaks against."""
        return self.problem is None and self.signed is not None and not self.signed.is_attestation

    def __str__(self) -> str:
        by = f"by {' and '.join(map(str, self.signers))}" if self.signers else "by nobody the trust policy names"
        return f"{self.where}: {self.what} {by}" + (f"; {self.problem}" if self.problem else "")


def findings(
    evidence: Evidence,
    manifest: Digest,
    reference: Reference,
    rule: SignatureRule,
    keys: Iterable[PublicKey],
    *,
    now: float,
) -> tuple[Finding, ...]:
    """Every signature object of `evidence` under `rule`, at `now` (seconds since 1970); `keys` are tried besides those of the rule, to
    name whose a signature is."""
    named = (*rule.keys, *keys)
    tried = tuple({key.fingerprint: key for key in reversed(named)}.values())
    found, checks = list[Finding](), 0
    for one in evidence.objects[:MAX_OBJECTS]:
        with_keys = tried if checks < MAX_CHECKS else ()
        finding = _finding(one, evidence.manifest, manifest=manifest, reference=reference, rule=rule, keys=with_keys, now=now)
        checks += len(tried) * len(finding.signed.signatures) if finding.signed else 0
        found.append(finding)
    return tuple(found)


def _finding(
    found: SignatureObject,
    data: bytes,
    *,
    manifest: Digest,
    reference: Reference,
    rule: SignatureRule,
    keys: tuple[PublicKey, ...],
    now: float,
) -> Finding:
    try:
        signed = read_signed(found)
    except ValueError as error:
        return Finding(found.where, found.media_type, None, (), str(error))
    message = data if signed.message is None else signed.message
    # 1. Whose it is: the signature over the bytes as they are, never over anything written again.
    made = tuple(key for key in keys if any(made_by(key, signature, message) for signature in signed.signatures))
    proven, unproven = _certified(found, signed, message, rule, now)
    signers: tuple[Proven, ...] = (*made, *proven)
    time, clock = (int(proven[0].time.timestamp()), proven[0].clock) if proven else (None, None)
    # 2. What it says: about this manifest, for this repository, in a form that is accepted.
    try:
        _check_claims(signed, manifest, reference, rule)
        if not signers:
            raise ValueError(unproven or _nobody(signed, keys))
        # 3. When a log took it in, where the scope asks: a promise that is there and not true is worse than none.
        if made and (rule.log_required or (rule.logs and signed.log_entry is not None)):
            time, clock = logged_at(signed, message, {key.fingerprint for key in made}, rule.logs), "a log that the scope names"
        # 4. How long ago that was, where the scope asks.
        if rule.max_age is not None:
            _check_age(time, now, rule.max_age)
    except ValueError as error:
        return Finding(found.where, found.media_type, signed, signers, str(error), time, clock)
    return Finding(found.where, found.media_type, signed, signers, None, time, clock)


def _check_age(time: int | None, now: float, most: timedelta) -> None:
    if time is None:
        raise ValueError("nothing proves when it was made, and the scope asks how old it is")
    if time + most.total_seconds() <= now:
        raise ValueError(f"it was made on {datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}Z, longer ago than the scope allows")


def _certified(
    found: SignatureObject, signed: Signed, message: bytes, rule: SignatureRule, now: float
) -> tuple[tuple[Certified, ...], str | None]:
    """Whom its certificate proves to have made it, or why it proves nobody."""
    if signed.certificate is None or not rule.roots:
        return (), None
    from wassette_py.trust.keyless import certified

    try:
        return certified(found, signed, message, rule.roots, datetime.fromtimestamp(now, UTC)), None
    except ValueError as error:
        return (), f"it is keyless, and {error}"


def _check_claims(signed: Signed, manifest: Digest, reference: Reference, rule: SignatureRule) -> None:
    if signed.format not in rule.formats:
        raise ValueError(f"its format {signed.format} is not accepted by the scope")
    match signed.about:
        case Simple() as simple:
            if simple.digest != str(manifest):
                raise ValueError(f"it is about {simple.digest!r}, not about {manifest}"[:300])
            rule.repository.check(simple.repository, reference)
            unmet = rule.unmet_annotations(simple.annotations)
        case Statement() as statement:
            about = [annotations for digest, annotations in statement.subjects if digest == manifest.hex]
            if not about:
                raise ValueError(f"it is not about {manifest}")
            unmet = None if signed.is_attestation else rule.unmet_annotations(about[0])
        case Whole():
            unmet = rule.unmet_annotations({})
        case _:
            assert_never(signed.about)
    if unmet is not None:
        raise ValueError(unmet)


def _nobody(signed: Signed, keys: tuple[PublicKey, ...]) -> str:
    if signed.certificate is not None:
        return f"it is keyless (made with a certificate{_claims(signed.certificate)}), and no keyless signer is asked for"
    if any(key.kind == "Ed25519" for key in keys):
        return "no key of the trust policy made it (Ed25519ph, as cosign 3 signs with Ed25519 keys, is not verified)"
    return "no key of the trust policy made it" if keys else "the trust policy names no key"


def _claims(certificate: bytes) -> str:
    """Whom a certificate names that nobody verified."""
    from wassette_py.trust.fulcio import load_certificate, named_in

    try:
        issuer, identity = named_in(load_certificate(certificate))
    except ValueError:
        return ""
    return f" that says {identity}, issuer {issuer}: not verified"
