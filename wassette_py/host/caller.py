"""From a tool's name and JSON arguments to a result, through the sandbox.

Guests run on the thread that calls `start`, which is one of our daemon workers and never the main thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wassette_py.audit import actor
from wassette_py.control import Control
from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import InvalidComponent, WassetteError
from wassette_py.host.granted import granted_secrets
from wassette_py.host.outcome import CallResult, explained, failed, without_secrets
from wassette_py.host.wanting import Wanting

if TYPE_CHECKING:
    from wassette_py.audit import Actor
    from wassette_py.host.policies import Policies
    from wassette_py.host.recording import Recorder
    from wassette_py.host.tools import HostedTool
    from wassette_py.host.wanting import Decide
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import CallReport, Sandbox
    from wassette_py.sandbox.engine import CompiledComponent, Engine
    from wassette_py.secrets import SecretStore
    from wassette_py.settings import Settings
    from wassette_py.store import ComponentStore, Record
    from wassette_py.wit.types import FunctionType


@dataclass(frozen=True)
class Call:
    """One call to be made: of which export, with which arguments, under which policy.

    `environment` gives values for granted variables before the host's own. `claim` gives the policy anew when the call starts, and uses
    up what is granted to one call alone.
    """

    component_id: str
    component: CompiledComponent
    function: FunctionType
    arguments: Mapping[str, object]
    policy: PolicyDocument
    environment: Mapping[str, str]
    tool: str = ""
    claim: Callable[[], PolicyDocument] | None = None
    decide: Decide | None = None
    """Is asked about requests that the policy does not grant, while the guest waits."""
    size: int | None = None
    """How many bytes the arguments came in, where that is known."""


class Caller:
    """Calls tools of installed components, and of components that are not installed."""

    def __init__(
        self,
        settings: Settings,
        store: ComponentStore,
        policies: Policies,
        *,
        recorder: Recorder,
        secrets: SecretStore,
        vouch: Callable[[Record], None],
        sandbox: Callable[[], Sandbox],
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._secrets = secrets
        self._store = store
        self._policies = policies
        self._vouch = vouch
        self._sandbox = sandbox
        self._compiled: dict[str, CompiledComponent] = {}
        self._locks: dict[str, threading.Lock] = {}

    def start(self, call: Call, *, cancel: threading.Event, done: Callable[[CallResult], None]) -> None:
        """Makes `call` on this thread; `done` gets the result exactly once, here or from the watchdog of a guest that cannot be stopped."""
        from wassette_py.sandbox.call import CallSpec
        from wassette_py.wit.values import read_arguments

        function, who = call.function, actor()
        try:
            limits = self._policies.check(call.policy)
            values = read_arguments(function, call.arguments)
            policy = call.policy if call.claim is None else call.claim()
            if policy is not call.policy:
                call = replace(call, policy=policy)
                limits = self._policies.check(policy)
            granted = granted_secrets(policy, self._secrets)
        except WassetteError as error:
            result = failed(error)
            self._record(who, call, result, None)
            done(result)
            return
        known = {**self._settings.environ, **call.environment} if policy.variables else {}
        variables = {variable.key: known[variable.key] for variable in policy.variables if variable.key in known}
        asker = None
        if call.decide is not None:
            asker = Wanting(self._policies, self._recorder, call.component_id, str(call.component.digest), call.decide)
        variables |= granted.variables
        spec = CallSpec(call.component_id, function, values, policy, limits, variables, granted.headers, asker)

        def finish(report: CallReport) -> None:
            result = explained(call.component_id, function, policy, report, limits.output)
            result = without_secrets(result, self._secrets.redactor)
            self._record(who, call, result, report)
            done(result)

        self._sandbox().call(call.component, spec, cancel, finish)

    def prepared(
        self,
        hosted: HostedTool,
        arguments: Mapping[str, object],
        *,
        claim: Callable[[], PolicyDocument] | None = None,
        decide: Decide | None = None,
        size: int | None = None,
    ) -> Call:
        """The call of a served tool, under its component's policy as it is now. Raises WassetteError, and records such a call."""
        try:
            record = self._store.record(hosted.component)
            self._vouch(record)
            policy = self._policies.of(record.id)
            component = self.component(record)
            function = function_of(component, hosted)
            return Call(record.id, component, function, arguments, policy, {}, hosted.name, claim, decide, size)
        except WassetteError as error:
            self._recorder.call(
                failed(error),
                arguments,
                who=actor(),
                component=hosted.component,
                digest=hosted.digest,
                policy=None,
                tool=hosted.name,
            )
            raise

    def _record(self, who: Actor, call: Call, result: CallResult, report: CallReport | None) -> None:
        self._recorder.call(
            result,
            call.arguments,
            who=who,
            component=call.component_id,
            digest=str(call.component.digest),
            policy=self._policies.digest(call.component_id, call.policy),
            tool=call.tool,
            size=call.size,
            names=[name for name, _ in call.function.params],
            seen=None if report is None else (call.policy, report),
        )

    def component(self, record: Record) -> CompiledComponent:
        """The compiled component of `record`: from memory, restored, or compiled again when the cache was cleared. Raises WassetteError."""
        key = str(record.digest)
        with self._locks.setdefault(key, threading.Lock()):  # two components never wait for each other
            engine: Engine = self._sandbox().engine
            component = self._compiled.get(key)
            if component is None or engine.is_outdated(component):
                component = engine.restore(record.digest) or engine.compile(self._store.wasm(record), record.digest, Control())
                self._compiled[key] = component
            return component


def function_of(component: CompiledComponent, hosted: HostedTool) -> FunctionType:
    """The export behind a tool. Raises InvalidComponent when its record names one that is not there."""
    function = component.exports.get((hosted.definition.interface, hosted.definition.function))
    if function is not None:
        return function
    raise InvalidComponent(
        f"{hosted.component} has no export for its tool {hosted.name!r}", f"wassette component unload {hosted.component}"
    )


def waited(start: Callable[[Callable[[CallResult], None]], None]) -> CallResult:
    """Runs `start` on a worker and waits for its result, so that Ctrl-C reaches the waiting thread; its error is raised here."""
    from wassette_py.sandbox.workers import Workers

    answers: queue.SimpleQueue[CallResult | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            start(answers.put)
        except BaseException as error:  # it belongs to the one who waits, whatever it is
            answers.put(error)

    Workers(1).submit(run)
    answer = answers.get()
    if isinstance(answer, BaseException):
        raise answer
    return answer
