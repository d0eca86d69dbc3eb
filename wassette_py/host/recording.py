"""What the audit log is told of each operation: one event for one operation, in one place.

Of arguments their shape, never a name or a value, unless the operator asked for values: an argument may be somebody's password, and so may
the text of a guest's error, which is not kept at all. What is refused is recorded on its way out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from wassette_py.audit import Actor, AuditLog, actor, decision
from wassette_py.errors import Cancelled, Refused, WassetteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.host.outcome import CallResult
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import CallReport
    from wassette_py.secrets import Redactor

_OUTCOMES = {None: "ok", "broken": "denied", "invalid-arguments": "tool-error"}
MOST = 32
"""Arguments whose shape is told, and denials that are."""
LONGEST = 300
"""Characters of a text of ours."""
LONGEST_VALUES = 4096
"""Characters of the arguments, where the operator wants their values."""


def shape(value: object) -> str:
    """What kind of JSON value, and how large: `string(41)`, `array(3)`, `number`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str() | bytes():
            return f"string({len(value)})"
        case Mapping():
            return f"object({len(value)})"
        case Sequence():
            return f"array({len(value)})"
        case _:
            return type(value).__name__


class Recorder:
    """Tells `log` what this host does, without the secrets `redactor` knows; with `values`, also the arguments of calls."""

    def __init__(self, log: AuditLog, redactor: Redactor, *, values: bool) -> None:
        self.log = log
        self._redactor = redactor
        self._values = values

    @contextlib.contextmanager
    def operation(self, name: str, component: str | None, **facts: object) -> Iterator[dict[str, object]]:
        """Records what is done inside, and how it ended; what is learnt meanwhile is put into the dict. Raises what happens inside."""
        began = time.monotonic()
        with self.attempt(name, component, **facts) as learnt:
            yield learnt
        self._ended(name, learnt, began, None)

    @contextlib.contextmanager
    def attempt(self, name: str, component: str | None, **facts: object) -> Iterator[dict[str, object]]:
        """`operation`, recorded only where it fails: for the first part of one that is recorded when it ends."""
        began, learnt = time.monotonic(), {"component": component, **facts}
        try:
            yield learnt
        except WassetteError as error:
            self._ended(name, learnt, began, error)
            raise

    def _ended(self, name: str, learnt: Mapping[str, object], began: float, error: WassetteError | None) -> None:
        milliseconds = round((time.monotonic() - began) * 1000, 3)
        facts = {key: self._redactor.value(value) for key, value in learnt.items()}
        known = {"event": name, **_who(actor()), **facts, **_decided()}
        outcome: dict[str, object] = {**known, "outcome": learnt.get("outcome", "ok"), "ms": milliseconds}
        if error is not None:
            outcome["outcome"] = "cancelled" if isinstance(error, Cancelled) else "refused" if isinstance(error, Refused) else "failed"
            outcome["error"] = self._redactor.text(str(error))[:LONGEST]
        if isinstance(error, Refused):
            outcome |= {"event": "refusal", "of": name}
        self.log.record({key: _without_query(value) if isinstance(value, str) else value for key, value in outcome.items()})

    def refused(self, name: str, component: str | None, error: Refused) -> None:
        """Records what was asked for and not even begun."""
        self._ended(name, {"component": component}, time.monotonic(), error)

    def call(
        self,
        result: CallResult,
        arguments: Mapping[str, object],
        *,
        who: Actor,
        component: str,
        digest: str,
        policy: str | None,
        tool: str,
        size: int | None = None,
        names: Sequence[str] = (),
        seen: tuple[PolicyDocument, CallReport] | None = None,
    ) -> None:
        """Records one call. `names`: the parameters in their order; `policy`: its digest; `seen`: policy and report, once it ran.

        `size`: how many bytes the arguments came in; None: they are written to know it.
        """
        given = [arguments[name] for name in names if name in arguments] if names else list(arguments.values())
        text = _json(arguments) if size is None or self._values else ""
        event: dict[str, object] = {
            "event": "call",
            **_who(who),
            "component": component,
            "digest": digest,
            "policy": policy,
            "tool": tool,
            "outcome": _OUTCOMES.get(result.kind, result.kind),
            "ms": round(result.seconds * 1000, 3),
            "bytes_in": len(text) if size is None else size,
            "bytes_out": 0 if result.error is not None else len(result.value_text),
            "printed": len(result.stdout) + len(result.stderr),
            "arguments": [shape(value) for value in given[:MOST]],
        }
        if seen is None and result.error is not None and result.kind != "invalid-arguments":  # which would tell their values
            event["error"] = self._redactor.text(result.error)[:LONGEST]
        if seen is not None and (reached := _reached(*seen)):
            event |= self._redactor.value(reached)
        if self._values:
            event["values"] = self._redactor.text(text)[:LONGEST_VALUES]
        self.log.record(event)


def _json(arguments: Mapping[str, object]) -> str:
    import json

    try:
        return json.dumps(arguments, separators=(",", ":"), default=str)
    except (ValueError, RecursionError):
        return ""


def _without_query(text: str) -> str:
    """`text`, where what follows the ? of a URL may be a token."""
    if "?" not in text:
        return text
    import re

    return re.sub(r"(https?://[^\s?#]+)\?[^\s#]*", r"\1?…", text)


def _who(who: Actor) -> dict[str, object]:
    return {"session": who.session, "via": who.via, **({"client": who.client} if who.client else {})}


def _decided() -> dict[str, object]:
    """Who said yes or no to it, where somebody was to be asked."""
    known = decision()
    return {} if known is None else {"decided": vars(known)}


def _reached(policy: PolicyDocument, report: CallReport) -> dict[str, object]:
    """What the guest reached for, as far as the host sees it (of files: which directories it was given), and what it did not get."""
    used: dict[str, object] = {}
    if report.sent:
        used["network"] = [{"target": target, "count": count} for target, count in list(report.sent.items())[:MOST]]
    if report.asked_for_directories and policy.storage:
        used["storage"] = [f"{'write' if grant.write else 'read'} {grant.path}" for grant in policy.storage]
    if report.asked_for_variables and policy.keys:
        used["environment"] = list(policy.keys)
    denied = [{"capability": denial.capability, "target": denial.target, "reason": denial.reason} for denial in report.denied[:MOST]]
    return {**({"used": used} if used else {}), **({"denied": denied} if denied else {})}
