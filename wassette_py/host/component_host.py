"""ComponentHost: what a command or a server asks for. Safe to use from many threads.

Listing reads records only; the engine is made (and wasmtime loaded) when a component is first compiled or called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from functools import cached_property

from wassette_py.audit import AuditLog
from wassette_py.dataclass import replace
from wassette_py.errors import (
    InvalidArguments,
    InvalidPolicy,
    InvalidTrustPolicy,
    MissingSecret,
    StoreError,
    UnknownComponent,
    VerificationError,
    WassetteError,
)
from wassette_py.files import once
from wassette_py.host.caller import Call, Caller, waited
from wassette_py.host.outcome import CallResult, failed
from wassette_py.host.policies import Policies
from wassette_py.host.recording import Recorder
from wassette_py.host.shelf import Shelf
from wassette_py.host.tools import HostedTool
from wassette_py.host.trusting import TrustFile, Vouching
from wassette_py.host.verdicts import Verdicts
from wassette_py.host.verifying import Judged, Verifier
from wassette_py.names import Digest
from wassette_py.secrets import SecretStore
from wassette_py.store import ComponentStore, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from wassette_py.control import Control
    from wassette_py.host.loader import Inspection, Loaded, Loader, Prepared
    from wassette_py.host.verifying import Consent
    from wassette_py.host.wanting import Decide
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.reference import Reference
    from wassette_py.sandbox.call import Sandbox
    from wassette_py.settings import Settings

    _Made = TypeVar("_Made")


class ComponentHost:
    """The installed components of one component directory and everything one can do with them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = ComponentStore(settings.places["component_dir"])
        log = AuditLog(settings.audit.folder, retention=settings.audit.retention, size=settings.audit.size)
        self.secrets = SecretStore(settings.inside("config_dir", "secrets"), settings.environ, key_in=settings.secrets_key_in)
        self.recorder = Recorder(log, self.secrets.redactor, values=settings.audit.arguments == "values")
        self.policies = Policies(self.store, settings, self.recorder, self.secrets)
        self.trust = trust = TrustFile(settings.inside("config_dir", "trust.yaml"))
        self._verdicts = Verdicts(settings.inside("config_dir", "verdicts.key"))
        self.vouching = Vouching(trust, self.store, self._verdicts)
        self.verifier = Verifier(settings, trust)
        self.caller = Caller(
            settings,
            self.store,
            self.policies,
            recorder=self.recorder,
            secrets=self.secrets,
            vouch=self.vouching.check,
            sandbox=lambda: self.sandbox,
        )
        self._making = threading.Lock()
        self._sandbox: Sandbox | None = None
        self.shelf = Shelf(self.store, self.readable_policy, lambda: self.policies.version)

    @cached_property
    def loader(self) -> Loader:
        """What installs; imported when something is installed."""
        from wassette_py.host.loader import Loader

        return Loader(self.store, self.policies, verifier=self.verifier, verdicts=self._verdicts, engine=lambda: self.sandbox.engine)

    @property
    def sandbox(self) -> Sandbox:
        """Where guests run."""
        with self._making:
            if self._sandbox is None:
                from wassette_py.sandbox.call import Sandbox
                from wassette_py.sandbox.egress.egress import Egress
                from wassette_py.sandbox.engine import Engine

                settings = self.settings
                egress = Egress(environ=settings.environ, ca_file=settings.ca_file)
                self._sandbox = Sandbox(
                    Engine(settings.places["cache_dir"], first=settings.compile), abandoned=settings.abandoned, egress=egress
                )
            return self._sandbox

    # What is there.

    def entries(self) -> tuple[Entry, ...]:
        """Every component of the directory, ours or foreign, by id; `unverified` what the trust policy does not accept any more."""
        return tuple(self._vouched(entry) for entry in self.store.entries())

    def listed(self) -> tuple[Entry, ...]:
        """`entries`, for somebody to read: `broken` also where the policy cannot be enforced. Each policy is read."""
        return tuple(self._looked_into(entry) for entry in self.entries())

    def entry(self, component_id: str) -> Entry:
        """One installed component, `unverified` when the trust policy does not accept it any more. Raises UnknownComponent, StoreError."""
        entry = self._vouched(Entry(component_id, "ready", self.store.record(component_id), None))
        return replace(entry, record=self.store.record(component_id))  # looking may have put its signer right

    def _vouched(self, entry: Entry) -> Entry:
        if entry.record is None or entry.status != "ready":
            return entry
        try:
            self.vouching.check(entry.record)
        except (VerificationError, InvalidTrustPolicy, StoreError) as error:
            return replace(entry, status="unverified", problem=str(error))
        return entry

    def _looked_into(self, entry: Entry) -> Entry:
        if entry.status != "ready":
            return entry
        try:
            self.policies.of(entry.id)
        except InvalidPolicy as error:
            return replace(entry, status="broken", problem=str(error))
        return entry

    def stamp(self) -> object:
        """A value that changes whenever the store does, whoever changed it, or a permission that is not on disk."""
        return (self.store.stamp(), self.policies.version)

    def tools(self) -> tuple[HostedTool, ...]:
        """The tools that are served, by name."""
        return self.shelf.tools(lambda tool: tool)

    def each_tool(self, make: Callable[[HostedTool], _Made]) -> tuple[_Made, ...]:
        """What `make` makes of each of `tools`, which are not in memory all at once."""
        return self.shelf.tools(make)

    def lasting(self, make: Callable[[], _Made]) -> _Made | None:
        """What `make` makes of the tools, as it does in another process; None while a permission that is not on disk may be seen in it."""
        version = self.policies.version
        made = make()
        return None if self.policies.passing or self.policies.version != version else made

    def tool(self, name: str) -> HostedTool | None:
        """The served tool of that name."""
        return once((self, name, self.policies.version), lambda: self.shelf.tool(name))

    def readable_policy(self, component_id: str) -> PolicyDocument | None:
        """What the component may do; None where its policy cannot be read."""
        try:
            return self.policies.of(component_id)
        except (InvalidPolicy, StoreError):
            return None

    def check_secrets(self, only: Collection[str] = ()) -> None:
        """Raises MissingSecret with every secret that the components `only` (all, when empty) are granted and that has no value."""
        wanted: dict[str, str] = {}
        for entry in self.entries():
            policy = None if only and entry.id not in only else self.readable_policy(entry.id)
            for secret in policy.secrets if policy else ():
                wanted.setdefault(secret.name, entry.id)
        missing = self.secrets.missing(wanted)
        if missing:
            raise MissingSecret(missing, wanted)

    # What changes it.

    def load(
        self,
        reference: Reference,
        *,
        component_id: str | None = None,
        prefix: str = "",
        policy: str | None = None,
        control: Control,
        consent: Consent | None = None,
    ) -> Loaded:
        """Fetches, verifies, compiles, describes and installs. Raises any WassetteError; what was installed then stays as it was."""
        with self.recorder.operation("load", component_id or reference.default_id, reference=str(reference)) as learnt:
            loaded = self.loader.load(reference, component_id=component_id, prefix=prefix, policy=policy, control=control, consent=consent)
            record = loaded.record
            outcome = "ok" if loaded.changed else "unchanged"
            learnt |= {"digest": str(record.digest), "signer": record.signer.text, "outcome": outcome, **_policy_fact(policy)}
            return loaded

    def prepare(self, reference: Reference, *, component_id: str, prefix: str, policy: str | None = None, control: Control) -> Prepared:
        """All of a load but the installing, for somebody to look at. Raises any WassetteError."""
        with self.recorder.attempt("load", component_id, reference=str(reference)):
            return self.loader.prepared(reference, component_id=component_id, prefix=prefix, policy=policy, control=control)

    def install(self, prepared: Prepared, control: Control) -> Loaded:
        """The last step of a load that a person has looked at. Raises StoreError, Cancelled."""
        record = prepared.record
        facts = {"reference": str(prepared.verified.fetched.reference), "digest": str(record.digest), "signer": record.signer.text}
        with self.recorder.operation("load", record.id, **facts) as learnt:
            loaded = self.loader.installed(prepared, control)
            learnt |= {"outcome": "ok" if loaded.changed else "unchanged", **_policy_fact(prepared.policy)}
            return loaded

    def inspect(self, reference: Reference, control: Control) -> Inspection:
        """What `reference` holds, before anything is trusted; installs nothing."""
        return self.loader.inspect(reference, control)

    def judge(self, reference: Reference, control: Control) -> Judged:
        """Whether `reference` would be loaded, and why; loads nothing."""
        return self.verifier.judged(reference, control)

    def judge_installed(self, component_id: str) -> Judged:
        """Whether an installed component is accepted now, from its bytes and what is kept of it. Raises UnknownComponent, StoreError, …"""
        from wassette_py.reference import parse_reference

        record = self.store.record(component_id)
        self.store.wasm(record)
        return Judged(parse_reference(record.reference), record.digest, record.manifest, self.vouching.judged(record), component_id)

    def unload(self, component_id: str, *, keep_policy: bool = False) -> str | None:
        """Removes component, record and policy; returns the policy's text. Raises UnknownComponent."""
        with self.recorder.operation("unload", component_id), self.store.locked():
            policy = self.store.remove(component_id, keep_policy=keep_policy)
        self.policies.forget(component_id)
        return policy

    # What calls it.

    def make_ready(self) -> None:
        """Makes ready for the first call what takes time, whatever it calls."""
        self.caller.make_ready()

    def start_call(
        self,
        name: str,
        arguments: Mapping[str, object],
        *,
        cancel: threading.Event,
        done: Callable[[CallResult], None],
        decide: Decide | None = None,
        size: int | None = None,
    ) -> None:
        """Calls the served tool `name` on this thread, a daemon worker. `done` gets the result exactly once. Raises UnknownComponent.

        `size`: the bytes of the message that asks for it, where they are known.
        """
        hosted = self.tool(name)
        if hosted is None:
            raise UnknownComponent(name)
        try:
            # Where nothing lies over the file, what was read of it just now is claimed.
            claim = (lambda: self.policies.claimed(hosted.component)) if self.policies.changes(hosted.component) else None
            call = self.caller.prepared(hosted, arguments, claim=claim, decide=decide, size=size)
        except WassetteError as error:
            done(failed(error))
            return
        self.caller.start(call, cancel=cancel, done=done)

    def opened_tool(self, name: str) -> Call:
        """A call (without arguments) of the served tool `name`, under its component's policy. Raises WassetteError."""
        hosted = self.tool(name)
        if hosted is None:
            raise InvalidArguments(f"no tool {name!r} is served", "wassette tool list")
        return self.caller.prepared(hosted, {})

    def call(self, call: Call, *, cancel: threading.Event) -> CallResult:
        """Makes `call` and waits for its result; Ctrl-C ends the waiting at once."""
        return waited(lambda done: self.caller.start(call, cancel=cancel, done=done))


def _policy_fact(text: str | None) -> dict[str, object]:
    """For the audit log: the policy that was installed with a component, if one was."""
    return {} if text is None else {"policy": str(Digest.of(text.encode()))}
