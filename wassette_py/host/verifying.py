"""Bytes that match their digest, and what the trust policy says of them: the part of a load before anything parses a component."""

from __future__ import annotations

from collections.abc import Callable

from wassette_py.dataclass import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.fetch import Fetched
    from wassette_py.host.trusting import TrustFile
    from wassette_py.oci.access import Access
    from wassette_py.oci.cache import DownloadCache
    from wassette_py.reference import Digest, Reference
    from wassette_py.settings import Settings
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.verifier import Judgement, VerifiedSigner

    Consent = Callable[[Fetched], None]
    """Asks a person about bytes that no trust scope names, and sees to it that what they accept is trusted. Raises Refused."""

ACCEPTED = "accepted by a person for one session"


@dataclass(frozen=True)
class Verified:
    """Fetched bytes and who vouches for them, under which trust policy."""

    fetched: Fetched
    signer: VerifiedSigner
    trust: TrustPolicy
    session: bool = False
    """A person accepted them for this process: nothing that is written down may say that they are trusted."""


@dataclass(frozen=True)
class Judged:
    """What was fetched, or is installed as `id`, and the decision about it, whatever it is."""

    reference: Reference
    digest: Digest
    manifest: Digest | None
    judgement: Judgement
    id: str | None = None


class Verifier:
    """Fetches, and decides under one trust policy; parses no component and installs nothing. Safe to use from many threads."""

    def __init__(self, settings: Settings, trust: TrustFile) -> None:
        self._settings = settings
        self._trust = trust
        self._access: Access | None = None

    def trust(self) -> TrustPolicy:
        """The trust policy as its file, and the key files it names, say now. Raises InvalidTrustPolicy."""
        return self._trust.policy()

    def verified(self, reference: Reference, control: Control, consent: Consent | None = None) -> Verified:
        """Bytes that match their digest and that the trust policy accepts; where no scope names them, `consent` was heard before.
        Raises FetchError, VerificationError, Cancelled, and what `consent` raises."""
        from wassette_py.trust.verifier import needs_signatures, verify

        policy = self.trust()
        rule = policy.rule_for(reference)
        fetched = self._fetched(reference, rule, control, signatures=needs_signatures(reference, rule))
        control.step("verify")
        accepted = None
        if rule is None and consent is not None:
            pin = fetched.manifest or fetched.digest
            if (str(reference), pin) not in self._trust.accepted:
                consent(fetched)
                policy = self.trust()
                rule = policy.rule_for(reference)
            accepted = self._trust.accepted.get((str(reference), pin))
        signer = verify(
            reference=reference,
            digest=fetched.digest,
            manifest=fetched.manifest,
            rule=rule or accepted,
            evidence=fetched.evidence,
            keys=policy.keys.values(),
        )
        session = rule is None and accepted is not None
        return Verified(fetched, replace(signer, text=ACCEPTED, scope=None) if session else signer, policy, session)

    def judged(self, reference: Reference, control: Control, *, cache: DownloadCache | None = None) -> Judged:
        """What `verified` would decide, with everything there is to say about it; `cache` is told what it needed. Raises FetchError,
        Cancelled."""
        from wassette_py.trust.verifier import is_signable, judge

        policy = self.trust()
        rule = policy.rule_for(reference)
        fetched = self._fetched(reference, rule, control, signatures=is_signable(reference), cache=cache)
        control.step("verify")
        judgement = judge(
            reference=reference,
            digest=fetched.digest,
            manifest=fetched.manifest,
            rule=rule,
            evidence=fetched.evidence,
            keys=policy.keys.values(),
        )
        return Judged(reference, fetched.digest, fetched.manifest, judgement)

    def unverified(self, reference: Reference, control: Control) -> Fetched:
        """Bytes that match their digest, and nothing said about who made them: to be looked at. Raises FetchError, Cancelled."""
        return self._fetched(reference, self.trust().rule_for(reference), control)

    def _fetched(
        self,
        reference: Reference,
        rule: TrustScope | None,
        control: Control,
        *,
        signatures: bool = False,
        cache: DownloadCache | None = None,
    ) -> Fetched:
        from wassette_py.fetch import fetch

        return fetch(
            reference,
            self._settings,
            control,
            insecure_http=rule is not None and rule.insecure_http,
            signatures=signatures,
            access=self._shared_access(reference),
            cache=cache,
        )

    def _shared_access(self, reference: Reference) -> Access | None:
        """The tokens of all loads of this process, which may run at once; only a registry needs them."""
        from wassette_py.reference import OciReference

        if self._access is None and isinstance(reference, OciReference):
            from wassette_py.oci.access import Access

            self._access = Access(self._settings)
        return self._access
