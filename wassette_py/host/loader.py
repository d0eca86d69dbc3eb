"""From a reference to an installed component. `load` is the sequence to read: nothing parses a component before it is verified.

An installed component is replaced only after the new one is fetched, verified, compiled and described; a failure at any line leaves what
was installed as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import DigestMismatch, InvalidComponent, StoreError
from wassette_py.host.difference import Difference, replaced_by
from wassette_py.host.tools import check_names
from wassette_py.store import Record

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.fetch import Fetched
    from wassette_py.host.policies import Policies
    from wassette_py.host.verdicts import Verdicts
    from wassette_py.host.verifying import Consent, Verified, Verifier
    from wassette_py.reference import Digest, Reference
    from wassette_py.sandbox.engine import CompiledComponent, Engine
    from wassette_py.store import ComponentStore
    from wassette_py.wit.describe import Description


@dataclass(frozen=True)
class Loaded:
    """A finished load; `changed` False: the same component was installed before, and nothing was compiled. `difference` to what it
    replaced, if it replaced anything."""

    record: Record
    changed: bool
    difference: Difference | None = None


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
class Prepared:
    """A load up to the installing; `difference` to what it replaces, None when it replaces nothing or nothing has changed."""

    record: Record
    verified: Verified
    kept: bytes | None
    policy: str | None
    difference: Difference | None
    is_new: bool = True


class Loader:
    """Loads what `verifier` accepts into one store. `engine` makes the engine when it is first needed."""

    def __init__(
        self, store: ComponentStore, policies: Policies, *, verifier: Verifier, verdicts: Verdicts, engine: Callable[[], Engine]
    ) -> None:
        self._store = store
        self._policies = policies
        self._verifier = verifier
        self._verdicts = verdicts
        self._engine = engine

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
        verified = self._verifier.verified(reference, control, consent)
        fetched = verified.fetched
        if (
            installed is not None
            and policy is None
            and _unchanged(installed, verified, prefix, MAPPING_VERSION)
            and self._is_whole(installed, fetched.wasm)
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
            version=fetched.version,
            replaced=replaced_by(installed, fetched.digest),
        )
        kept = _kept(fetched)
        record = replace(record, verdict=self._verdict(record, kept, verified))
        return Prepared(record, verified, kept, policy, None if installed is None else Difference(installed, record))

    def installed(self, prepared: Prepared, control: Control) -> Loaded:
        """Installs what was prepared. Raises StoreError, Cancelled; Drift when something else was installed meanwhile."""
        record, fetched = prepared.record, prepared.verified.fetched
        if not prepared.is_new:
            self._store.clean_up()  # a load that was killed may have got as far as this one
            return Loaded(self._confirmed(record, prepared.verified), changed=False)
        control.step("install")
        with self._store.locked():
            found = self._replaced(record.id, fetched.reference)
            if found is not None and (prepared.difference is None or prepared.difference.was.digest != found.digest):
                Difference(found, record).check()
            check_names(record, [entry.record for entry in self._store.entries() if entry.record is not None])
            self._store.add(record, fetched.wasm, policy=prepared.policy, signatures=prepared.kept)
        return Loaded(record, changed=True, difference=prepared.difference)

    def _confirmed(self, installed: Record, verified: Verified) -> Record:
        """The record of what is installed already, with the signatures and the verdict of today."""
        kept = _kept(verified.fetched)
        verdict = self._verdict(installed, kept, verified)
        if installed.verdict == verdict:
            return installed
        record = replace(installed, verdict=verdict)
        self._store.add(record, verified.fetched.wasm, signatures=kept)
        return record

    def _verdict(self, record: Record, kept: bytes | None, verified: Verified) -> str | None:
        return None if verified.session else self._verdicts.of(record, kept, verified.trust)

    def inspect(self, reference: Reference, control: Control) -> Inspection:
        """Compiles (and neither runs, keeps nor installs) what `reference` holds, so that a person can look before trusting it."""
        fetched = self._verifier.unverified(reference, control)
        _, description = self.compiled(fetched, "", control, keep=False)
        return Inspection(reference.source, fetched.digest, fetched.manifest, len(fetched.wasm), description, fetched.policy)

    def compiled(self, fetched: Fetched, prefix: str, control: Control, *, keep: bool = True) -> tuple[CompiledComponent, Description]:
        """The compiled component and its tools; `keep` False leaves nothing in the AOT cache. Raises InvalidComponent, Cancelled."""
        from wassette_py.wit.describe import describe
        from wassette_py.wit.docs import read_docs

        component = self._engine().compile(fetched.wasm, fetched.digest, control, keep=keep)
        return component, describe(component.type, read_docs(fetched.wasm), prefix=prefix)

    def _is_whole(self, record: Record, wasm: bytes) -> bool:
        """Whether the installed bytes are `wasm`, those of `record`; what was damaged on disk is mended by loading it again."""
        try:
            self._store.wasm(record, known=wasm)
        except (StoreError, DigestMismatch):
            return False
        return True

    def _replaced(self, component_id: str, reference: Reference) -> Record | None:
        """The record that a load of `reference` replaces. Raises StoreError when that id came from somewhere else."""
        entry = self._store.entry(component_id)
        if entry is None or entry.record is None:
            return None
        if entry.record.source != reference.source:
            raise StoreError(
                f"{component_id!r} is already installed from {entry.record.source}",
                f"wassette component load {reference} --name OTHER-NAME\nwassette component unload {component_id}",
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
