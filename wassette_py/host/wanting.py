"""A request that a guest sends and its policy does not grant, while the call waits: what would grant it, decided by whoever can be asked.

Everything else about the call stays as it is. A "no" is kept for the call, and after a few nobody is asked again: a guest must not wear
a person down.
"""

from __future__ import annotations

from collections.abc import Callable

from wassette_py.dataclass import dataclass
from wassette_py.errors import WassetteError
from wassette_py.policy.document import NetworkHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.host.overlay import Lasting
    from wassette_py.host.policies import Policies
    from wassette_py.host.recording import Recorder
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.policy.targets import Request

NOS = 3
"""Refused requests of one call after which nobody is asked any more."""


@dataclass(frozen=True)
class Wanted:
    """What a running call asks for, and the narrowest permission that would grant it."""

    component: str
    digest: str
    request: str
    permission: NetworkHost


Decide = Callable[[Wanted], "Lasting | None"]
"""How long it is granted ("once": for the rest of this call), or None. Raises WassetteError for no."""


class Wanting:
    """The decisions of one call of `component` (the sandbox's Asker)."""

    def __init__(self, policies: Policies, recorder: Recorder, component: str, digest: str, decide: Decide) -> None:
        self._policies = policies
        self._recorder = recorder
        self._component = component
        self._digest = digest
        self._decide = decide
        self._refused: set[NetworkHost] = set()

    def __call__(self, request: Request, policy: PolicyDocument) -> PolicyDocument | None:
        """The policy under which `request` may be sent, or None."""
        from wassette_py.policy.grants import grant

        try:
            permission = _permission(request)
        except ValueError:
            return None
        if permission in self._refused or len(self._refused) >= NOS:
            return None
        try:
            granted = grant(policy, permission)
            self._policies.check(granted)
            lasting = self._decide(Wanted(self._component, self._digest, f"{request.method} {request.target}", permission))
            if lasting is not None:
                self._grant(permission, lasting)
                return granted
        except WassetteError:
            pass  # it is denied, and the caller reads so
        self._refused.add(permission)
        return None

    def _grant(self, permission: NetworkHost, lasting: Lasting) -> None:
        if lasting == "once":
            from wassette_py.policy.grants import describe

            with self._recorder.operation("grant", self._component, permission=describe(permission), lasts="call"):
                return
        self._policies.grant(self._component, permission, lasting=lasting)


def _permission(request: Request) -> NetworkHost:
    """That method to that scheme, host and port. Raises ValueError for what a policy cannot say."""
    from wassette_py.policy.network import parse_host_pattern
    from wassette_py.policy.terms import check_method

    at = request.target
    scheme, host, port = parse_host_pattern(NetworkHost(at.host, at.scheme, at.port).text())
    return NetworkHost(host, scheme, port, (check_method(request.method),))
