"""What one running call knows about itself: limits, deadline, what it said and asked for, and why it was stopped.

Host functions and the epoch callback find it by the address of their store's context, `CALLS[address]`: thread-locals would be
wrong for an instance made on another thread. Nothing here touches wasmtime.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from wassette_py.dataclass import dataclass
from wassette_py.limits import Limits
from wassette_py.policy.document import NetworkCidr, PolicyDocument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from wassette_py.policy.targets import Request
    from wassette_py.sandbox.egress.egress import Egress
    from wassette_py.sandbox.egress.session import Session

    Asker = Callable[[Request, PolicyDocument], PolicyDocument | None]
    """Whether a request that the policy does not grant may be sent after all: under which policy, or None. It may take minutes."""

Headers = Mapping[tuple[str, int], tuple[tuple[str, str], ...]]
"""Canonical host and port -> names and values of headers."""
Capability: TypeAlias = 'Literal["network", "storage", "environment", "sockets"]'
Verdict: TypeAlias = 'Literal["timeout", "cancelled", "output", "process-memory"]'

DENIALS = 100
"""As many denials are kept a call: a guest that retries for ever must not fill the host's memory."""


_STOPPED = 1e6
"""Seconds that a deadline is put off while a person thinks: longer than anybody waits, and added and taken away exactly."""

LONGEST = 300
"""Characters of a denial's texts."""


def printable(text: str) -> str:
    """`text` with everything that a terminal may act on replaced."""
    return "".join([character if character.isprintable() else "\ufffd" for character in text])


def one_line(text: str) -> str:
    """wasmtime's chain of causes on one line, bounded; names in it may be a component's."""
    lines = [line.strip() for line in text.splitlines()]
    return printable("; ".join([line for line in lines if line and line != "Caused by:"]))[:500]


@dataclass(frozen=True)
class Denial:
    """Something the guest asked for and was not given; `target` is as exact as the host can see it.

    `grant` is the entry that would allow it where the target does not tell: it is granted, but not the address it has. `is_final`: no
    grant would help, or none that is worth suggesting.
    """

    capability: Capability
    target: str
    reason: str
    grant: NetworkCidr | None = None
    is_final: bool = False


class CallState:
    """Mutable, owned by the thread the guest runs on; the watchdog only reads it, the egress proxy adds denials and notes."""

    def __init__(
        self,
        *,
        limits: Limits,
        policy: PolicyDocument,
        environment: Mapping[str, str],
        cancel: threading.Event,
        egress: Egress,
    ) -> None:
        self.limits = limits
        self.policy = policy
        self.variables = {key: environment[key] for key in policy.keys if key in environment} if environment else {}
        self.cancel = cancel
        self.started = time.monotonic()
        self.deadline = self.started + limits.timeout
        self.verdict: Verdict | None = None
        self.failure: BaseException | None = None
        self.denied: list[Denial] = []
        self.notes: list[str] = []  # why requests that were granted failed
        self.headers: Headers = {}  # what is put into https requests, and the guest never sees
        self.sent: dict[str, int] = {}  # granted requests: method and target -> how many
        self.egress = egress
        self.asker: Asker | None = None
        self.requests: Session | None = None  # made by `egress` for the first request
        self.is_ahead = False  # an instance is made, of which no call is known yet
        self.asked_for_directories = False
        self.asked_for_variables = False
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.instantiating = self.inside = 0.0  # seconds of making the instance, and of that and the call itself
        self.context = 0  # the address of the store's context
        self.pace: Any = None  # `pacing.Pace`
        self.gates: dict[str, Any] = {}  # instances of gates, made when a host function first needs one

    def stop(self, verdict: Verdict) -> None:
        """The first reason stands; the guest ends at the next tick."""
        self.verdict = self.verdict or verdict

    def deny(self, capability: Capability, target: str, reason: str, *, grant: NetworkCidr | None = None, is_final: bool = False) -> None:
        """Notes a denial, each one once. The texts may be the guest's."""
        denial = Denial(capability, printable(target)[:LONGEST], printable(reason)[:LONGEST], grant, is_final)
        if denial not in self.denied and len(self.denied) < DENIALS:
            self.denied.append(denial)

    def note(self, text: str) -> None:
        """Keeps what the caller should know of what the guest may not tell, each note once. The text may be a guest's or a server's."""
        text = printable(text)[:LONGEST]
        if text not in self.notes and len(self.notes) < DENIALS:
            self.notes.append(text)

    def count(self, name: str) -> None:
        """A granted request is sent; of guests that try everything, the first targets are kept."""
        if name in self.sent or len(self.sent) < DENIALS:
            self.sent[name] = self.sent.get(name, 0) + 1

    def capture(self, stream: bytearray, data: bytes) -> bool:
        """Keeps what the guest wrote to `stream` as far as `output` allows; False once it does not."""
        room = self.limits.output - len(self.stdout) - len(self.stderr)
        stream += data[: max(room, 0)]
        if len(data) > room:
            self.stop("output")
            return False
        return True

    def granted_meanwhile(self, request: Request) -> bool:
        """Asks whether `request` may be sent after all, on the guest's thread, with this call's clock stopped; the policy is new then."""
        if self.asker is None:
            return False
        began = time.monotonic()
        self.deadline += _STOPPED
        try:
            policy = self.asker(request, self.policy)
        finally:
            waited = time.monotonic() - began
            self.started += waited
            self.deadline += waited - _STOPPED
        self.policy = policy or self.policy
        return policy is not None

    def time_left(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - time.monotonic())


CALLS: dict[int, CallState] = {}
"""The calls under way, by the address of their store's context: set when a store is made, removed before it is dropped."""
