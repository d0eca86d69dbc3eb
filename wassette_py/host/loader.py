"""From a reference to an installed component. `load` is the sequence to read: nothing parses a component before it is verified.

An installed component is replaced only after the new one is fetched, verified, compiled and described; a failure at any line leaves what
was installed as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wassette_py.errors import DigestMismatch, InvalidComponent, StoreError
from wassette_py.host.difference import Difference, replaced_by
from wassette_py.host.tools import check_names
from wassette_py.host.trusting import TrustFile, verdict_of
from wassette_py.store import Record

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.fetch import Fetched
    from wassette_py.host.policies import Policies
    from wassette_py.oci.access import Access
    from wassette_py.oci.cache import DownloadCache
    from wassette_py.reference import Digest, Reference
    from wassette_py.sandbox.engine import CompiledComponent, Engine
    from wassette_py.settings import Settings
    from wassette_py.store import ComponentStore
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.verifier import Judgement, VerifiedSigner
    from wassette_py.wit.describe import Description

    Consent = Callable[[Fetched], None]
    """Asks a person about bytes that no trust scope names, and sees to it that what they accept is trusted. Raises Refused."""

ACCEPTED = "accepted by a person for one session"


@dataclass(frozen=True)
class Loaded:
    """A finished load; `changed` False: the same component was installed before, and nothing was compiled."""

    record: Record
    changed: bool


@dataclass(frozen=True)
class Inspection:
    """What a reference holds, before anything is trusted."""

    source: str
    digest: Digest
    manifest: Digest | None
    size: int
    description: Description
    policy: str | None
    """The policy its artifact carries; never applied by itself."""


@dataclass(frozen=True)
class Verified:
    """Fetched bytes and who vouches for them, under which trust policy."""

    fetched: Fetched
    signer: VerifiedSigner
    trust: TrustPolicy
    session: bool = False
    """A person accepted them for this process: nothing that is written down may say that they are trusted."""


@dataclass(frozen=True)
class Prepared:
    """A load up to the installing; `difference` to what it replaces, None when it replaces nothing or nothing has changed."""

    record: Record
    verified: Verified
    kept: bytes | None
    policy: str | None
    difference: Difference | None
    is_new: bool = True


@dataclass(frozen=True)
class Judged:
    """Fetched bytes and the decision about them, whatever it is."""

    fetched: Fetched
    judgement: Judgement


class Loader:
    """Loads into one store, under one trust policy. `engine` makes the engine when it is first needed."""

    def __init__(
        self, settings: Settings, store: ComponentStore, policies: Policies, *, trust: TrustFile, engine: Callable[[], Engine]
    ) -> None:
        self._settings = settings
        self._store = store
        self._policies = policies
        self._trust = trust
        self._engine = engine
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
        return Judged(fetched, judgement)

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

    def load(
        self,
        reference: Reference,
        *,
        component_id: str | None,
        prefix: str,
        policy: str | None,
        control: Control,
        consent: Consent | None = None,
    ) -> Loaded:
        """Fetches, verifies, compiles, describes and installs, with the policy text `policy` if given. Raises WassetteError; Drift when
        what it would replace had another signer, other imports or tools, or is newer: that is for a person to see (`component upgrade`)."""
        prepared = self.prepared(reference, component_id=component_id, prefix=prefix, policy=policy, control=control, consent=consent)
        if prepared.difference is not None:
            prepared.difference.check()
        return self.installed(prepared, control)

    def prepared(
        self,
        reference: Reference,
        *,
        component_id: str | None,
        prefix: str,
        policy: str | None = None,
        control: Control,
        consent: Consent | None = None,
    ) -> Prepared:
        """All of a load but the installing. Raises WassetteError."""
        from wassette_py.wit.describe import MAPPING_VERSION

        component_id = _id_for(reference, component_id)
        if policy is not None:
            self._policies.parse(policy, "policy")
        installed = self._replaced(component_id, reference)
        verified = self.verified(reference, control, consent)
        fetched = verified.fetched
        if (
            installed is not None
            and policy is None
            and _unchanged(installed, verified, prefix, MAPPING_VERSION)
            and self._is_whole(installed)
        ):
            return Prepared(installed, verified, None, None, None, is_new=False)
        _, description = self.compiled(fetched, prefix, control)
        _check_callable(reference, description)
        record = Record(
            id=component_id,
            reference=str(reference),
            source=reference.source,
            digest=fetched.digest,
            size=len(fetched.wasm),
            manifest=fetched.manifest,
            signer=verified.signer,
            prefix=prefix,
            imports=description.imports,
            tools=description.tools,
            not_tools=description.not_tools,
            mapping_version=MAPPING_VERSION,
            loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            created=fetched.created,
            replaced=replaced_by(installed, fetched.digest),
        )
        kept = _kept(fetched)
        record = replace(record, verdict=None if verified.session else verdict_of(record, kept, verified.trust))
        return Prepared(record, verified, kept, policy, None if installed is None else Difference(installed, record))

    def installed(self, prepared: Prepared, control: Control) -> Loaded:
        """Installs what was prepared. Raises StoreError, Cancelled; Drift when something else was installed meanwhile."""
        record, fetched = prepared.record, prepared.verified.fetched
        if not prepared.is_new:
            return Loaded(self._confirmed(record, prepared.verified), changed=False)
        control.step("install")
        with self._store.locked():
            found = self._replaced(record.id, fetched.reference)
            if found is not None and (prepared.difference is None or prepared.difference.was.digest != found.digest):
                Difference(found, record).check()
            check_names(record, [entry.record for entry in self._store.entries() if entry.record is not None])
            self._store.add(record, fetched.wasm, policy=prepared.policy, signatures=prepared.kept)
        return Loaded(record, changed=True)

    def _confirmed(self, installed: Record, verified: Verified) -> Record:
        """The record of what is installed already, with the signatures and the verdict of today."""
        kept = _kept(verified.fetched)
        verdict = None if verified.session else verdict_of(installed, kept, verified.trust)
        if installed.verdict == verdict:
            return installed
        record = replace(installed, verdict=verdict)
        self._store.add(record, verified.fetched.wasm, signatures=kept)
        return record

    def inspect(self, reference: Reference, control: Control) -> Inspection:
        """Compiles (and neither runs, keeps nor installs) what `reference` holds, so that a person can look before trusting it."""
        fetched = self._fetched(reference, self.trust().rule_for(reference), control)
        _, description = self.compiled(fetched, "", control, keep=False)
        return Inspection(reference.source, fetched.digest, fetched.manifest, len(fetched.wasm), description, fetched.policy)

    def compiled(self, fetched: Fetched, prefix: str, control: Control, *, keep: bool = True) -> tuple[CompiledComponent, Description]:
        """The compiled component and its tools; `keep` False leaves nothing in the AOT cache. Raises InvalidComponent, Cancelled."""
        from wassette_py.wit.describe import describe
        from wassette_py.wit.docs import read_docs

        component = self._engine().compile(fetched.wasm, fetched.digest, control, keep=keep)
        return component, describe(component.type, read_docs(fetched.wasm), prefix=prefix)

    def _is_whole(self, record: Record) -> bool:
        """Whether the installed bytes are those of `record`; what was damaged on disk is mended by loading it again."""
        try:
            self._store.wasm(record)
        except (StoreError, DigestMismatch):
            return False
        return True

    def _replaced(self, component_id: str, reference: Reference) -> Record | None:
        """The record that a load of `reference` replaces. Raises StoreError when that id came from somewhere else."""
        entry = next((entry for entry in self._store.entries() if entry.id == component_id), None)
        if entry is None or entry.record is None:
            return None
        if entry.record.source != reference.source:
            raise StoreError(
                f"{component_id!r} is already installed from {entry.record.source}",
                f"wassette component load {reference} --name OTHER-NAME",
            )
        return entry.record


def _id_for(reference: Reference, component_id: str | None) -> str:
    from wassette_py.reference import valid_id

    chosen = component_id or reference.default_id
    if chosen is None or not valid_id(chosen):
        raise StoreError(
            f"{component_id or reference} makes no component id; an id is made of a-z, 0-9, '.', '_' and '-'",
            f"wassette component load {reference} --name NAME",
        )
    return chosen


def _kept(fetched: Fetched) -> bytes | None:
    """The signatures found, as they are kept; None when none were looked for."""
    from wassette_py.trust.kept import to_bytes

    return None if fetched.evidence is None else to_bytes(fetched.evidence)


def _unchanged(installed: Record, verified: Verified, prefix: str, mapping_version: int) -> bool:
    was = (installed.digest, installed.manifest, installed.signer, installed.prefix, installed.mapping_version)
    return was == (verified.fetched.digest, verified.fetched.manifest, verified.signer, prefix, mapping_version)


def _check_callable(reference: Reference, description: Description) -> None:
    if not description.tools:
        reasons = "; ".join(f"{no.export}: {no.reason}" for no in description.not_tools) or "it exports no function"
        raise InvalidComponent(f"{reference} has no tool that can be called ({reasons})")
