"""A call that is prepared, made: values, secrets, the sandbox, what its caller is told, the audit log. Imported with the first one.

Guests run on the thread that calls `start`, which is one of our daemon workers and never the main thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from wassette_py.audit import actor
from wassette_py.dataclass import replace
from wassette_py.errors import WassetteError
from wassette_py.host.explaining import explained
from wassette_py.host.granted import granted_secrets
from wassette_py.host.outcome import CallResult, failed, without_secrets
from wassette_py.host.wanting import Wanting
from wassette_py.sandbox.call import CallReport, CallSpec, Sandbox
from wassette_py.wit.values import read_arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.audit import Actor
    from wassette_py.host.caller import Call
    from wassette_py.host.policies import Policies
    from wassette_py.host.recording import Recorder
    from wassette_py.secrets import SecretStore
    from wassette_py.settings import Settings


class Runner:
    """Makes calls in `sandbox`."""

    def __init__(self, settings: Settings, policies: Policies, recorder: Recorder, secrets: SecretStore, sandbox: Sandbox) -> None:
        self._settings = settings
        self._policies = policies
        self._recorder = recorder
        self._secrets = secrets
        self._sandbox = sandbox

    def start(self, call: Call, cancel: threading.Event, done: Callable[[CallResult], None]) -> None:
        """Makes `call` on this thread; `done` gets the result exactly once, here or from the watchdog of a guest that cannot be stopped."""
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
        variables: dict[str, str] = {}
        if policy.variables:
            known = {**self._settings.environ, **call.environment}
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

        self._sandbox.call(call.component, spec, cancel, finish)

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
