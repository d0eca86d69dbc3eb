"""From a served tool to a call that can be made: its component, compiled, under its policy as it is now. `running.py` makes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property

from wassette_py.audit import actor
from wassette_py.control import Control
from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidComponent, WassetteError
from wassette_py.files import once
from wassette_py.host.outcome import CallResult, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.host.policies import Policies
    from wassette_py.host.recording import Recorder
    from wassette_py.host.running import Runner
    from wassette_py.host.tools import HostedTool
    from wassette_py.host.wanting import Decide
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import Sandbox
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
        self._runner.start(call, cancel, done)

    def make_ready(self) -> None:
        """Makes ready for the first call what takes time, whatever it calls."""
        _ = self._runner

    @cached_property
    def _runner(self) -> Runner:
        from wassette_py.host.running import Runner

        return Runner(self._settings, self._policies, self._recorder, self._secrets, self._sandbox())

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
            component, function, policy = once((self, hosted.name, self._policies.version), lambda: self._ready(hosted))
            return Call(hosted.component, component, function, arguments, policy, {}, hosted.name, claim, decide, size)
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

    def _ready(self, hosted: HostedTool) -> tuple[CompiledComponent, FunctionType, PolicyDocument]:
        """All that stands on disk of a call. Raises WassetteError."""
        record = self._store.record(hosted.component)
        self._vouch(record)
        policy = self._policies.of(record.id)
        component = self.component(record)
        return component, function_of(component, hosted), policy

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
    import queue

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
