"""One tool call, from what is asked to what is reported: the only face of the sandbox that runs anything.

Values go in and come out as `wit/types.py` describes them. JSON, tool names, and telling people what to grant are other rooms' work.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import LimitExceeded, WassetteError
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument
from wassette_py.sandbox import failures, instance
from wassette_py.sandbox.ahead import Ahead
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.engine import CompiledComponent, Engine
from wassette_py.sandbox.memory import MemoryWatch, default_cap, reuse_buffers
from wassette_py.sandbox.state import CallState, Denial, Headers
from wassette_py.sandbox.watchdog import Running, Watchdog
from wassette_py.wit.types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.sandbox.state import Asker

__all__ = ["CallReport", "CallSpec", "Denial", "Sandbox"]

END = 0.5

_SANDBOXES: weakref.WeakSet[Sandbox] = weakref.WeakSet()


# NOTE: a guest that calls back into an interpreter that is shutting down aborts the process.
@atexit.register
def _end_all() -> None:
    for sandbox in list(_SANDBOXES):
        sandbox.end()


@dataclass(frozen=True)
class CallSpec:
    """What to call, under what. `environment` is what granted variables are looked up in; nothing else of it reaches the guest."""

    component_id: str
    function: FunctionType
    values: Sequence[object]
    policy: PolicyDocument
    limits: Limits
    environment: Mapping[str, str]
    headers: Headers = field(default_factory=dict, repr=False)
    """What is put into https requests to a host and port; the guest sees none of it."""
    asker: Asker | None = None
    """Is asked about each request that the policy does not grant, while the guest waits."""
    may_be_ahead: bool = True
    """Whether its instance may have been made before it (`ahead.py`)."""


@dataclass(frozen=True)
class CallReport:
    """How a call ended: `value` (None when there is an `error`), and what was seen of the guest in either case."""

    value: object
    error: WassetteError | None
    denied: tuple[Denial, ...]
    asked_for_directories: bool
    asked_for_variables: bool
    stdout: bytes
    stderr: bytes
    seconds: float
    notes: tuple[str, ...] = ()
    """Why requests that were granted failed."""
    sent: Mapping[str, int] = field(default_factory=dict)
    """The requests that were granted: method and target -> how many."""
    instantiating: float = 0.0
    """Of `seconds`, those in which the instance was made; `inside`: those and the call itself, without what is done around them."""
    inside: float = 0.0


class Sandbox:
    """Runs calls. Past `abandoned` threads of a component that could not be stopped, it gets no more.

    `memory` is how many bytes the whole process may hold while calls run; by default three quarters of the machine's. `egress` sends
    the HTTP requests that policies grant.
    """

    def __init__(self, engine: Engine, *, abandoned: int = 8, memory: int | None = None, egress: Egress | None = None) -> None:
        self.engine = engine
        self.egress = egress or Egress()
        self._abandoned = abandoned
        self._memory = MemoryWatch(memory if memory is not None else default_cap())
        reuse_buffers()
        self._watchdog = Watchdog(_given_up)
        self._ahead = Ahead(self.egress, self._memory)
        _SANDBOXES.add(self)

    def call(self, component: CompiledComponent, spec: CallSpec, cancel: threading.Event, done: Callable[[CallReport], None]) -> None:
        """Runs the guest on this thread, which must not be the main one; `done` gets the report, once.

        It gets it here, or on the watchdog's thread when the guest is past deadline (or `cancel`) and grace and does not come back.
        """
        call = CallState(limits=spec.limits, policy=spec.policy, environment=spec.environment, cancel=cancel, egress=self.egress)
        call.headers = spec.headers
        call.asker = spec.asker
        running = Running(spec.component_id, call, done)
        lost = self._watchdog.lost(spec.component_id)
        if lost >= self._abandoned:
            running.answer(_report(call, None, _busy(spec.component_id, lost)))
            return
        if not self._watchdog.add(running):
            call.stop("cancelled")
            running.answer(_report(call, None, failures.stopped(call)))
            return
        guest = (self._ahead.take(component, call) if spec.may_be_ahead else None) or instance.Guest(component, call, self._memory)
        value, error = _outcome(guest, spec)
        if guest.is_large:
            guest.drop()  # whoever reads the answer may rely on the room
        if self._watchdog.finish(running):
            running.answer(_report(call, value, error))
        # Behind the answer: it may take as long as the call.
        if spec.may_be_ahead:
            self._ahead.follow(component, call, guest)
        else:
            guest.drop()

    def end(self, seconds: float = END) -> bool:
        """Cancels every call, also those that begin from now on, and waits for them, at most so long; whether all of them ended (a blocked
        one does not)."""
        self._ahead.end(seconds)
        return self._watchdog.end(seconds)


def _outcome(guest: instance.Guest, spec: CallSpec) -> tuple[object, WassetteError | None]:
    try:
        return guest.run(spec.function, spec.values), None
    except WassetteError as error:
        return None, error.with_traceback(None)  # its frames would keep the component until Python looks for cycles
    except Exception as error:
        import logging

        logging.getLogger(__name__).exception("calling %s failed", spec.function.export)
        return None, WassetteError(f"the call failed inside this program: {type(error).__name__}: {error}")


def _given_up(call: CallState) -> CallReport:
    """The report of a call whose thread does not come back: its requests end here."""
    call.egress.end(call)
    return _report(call, None, failures.stopped(call))


def _busy(component_id: str, lost: int) -> LimitExceeded:
    return LimitExceeded(
        f"{lost} calls of {component_id!r} could not be stopped and still hold their threads"
        " (blocked on a file of a granted directory, or asleep)",
        "find what blocks (a FIFO, a dead mount), wait for their deadlines, or restart the server",
        limit="busy",
    )


def _report(call: CallState, value: object, error: WassetteError | None) -> CallReport:
    return CallReport(
        value=value,
        error=error,
        denied=tuple(call.denied),
        asked_for_directories=call.asked_for_directories,
        asked_for_variables=call.asked_for_variables,
        stdout=bytes(call.stdout),
        stderr=bytes(call.stderr),
        seconds=time.monotonic() - call.started,
        notes=tuple(call.notes),
        sent=dict(call.sent),
        instantiating=call.instantiating,
        inside=call.inside,
    )
