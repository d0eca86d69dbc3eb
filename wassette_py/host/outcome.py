"""What a call came to, in words for the caller: the guest's own error, what was denied, and the one command that would allow it.

`docs`: a denied request is told even when the guest swallowed the error; for storage the host sees no path, so what is known is said
(which directories are granted) and no more. This file only phrases; nothing here decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wassette_py.errors import Cancelled, InvalidArguments, InvalidPolicy, LimitExceeded, Refused, Trap, WassetteError
from wassette_py.limits import format_limit
from wassette_py.policy.words import command_for_denial, storage_words

if TYPE_CHECKING:
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import CallReport, Denial

Kind = Literal["tool-error", "denied", "timeout", "trap", "limit", "invalid-arguments", "cancelled", "broken"]


@dataclass(frozen=True)
class DeniedLine:
    """One refused request: what was asked, why not, and the command line that would allow it (None: nothing can)."""

    target: str
    reason: str
    grant: str | None

    def __str__(self) -> str:
        return f"denied: {self.target} ({self.reason})"


@dataclass(frozen=True)
class CallResult:
    """One finished call. `error` None means `value` is its JSON result and `value_text` the same as JSON text."""

    value: object = None
    value_text: str = "null"
    error: str | None = None
    kind: Kind | None = None
    denied: tuple[DeniedLine, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything a caller should read about a failed call: the error, the denials, what is granted, the commands that would help."""
        hints = dict.fromkeys([*(line.grant for line in self.denied if line.grant), *([self.hint] if self.hint else [])])
        return (
            *([self.error] if self.error else []),
            *dict.fromkeys(str(line) for line in self.denied),
            *self.notes,
            *(f"hint: {hint}" for hint in hints),
        )

    @property
    def message(self) -> str:
        """`lines`, as one text for a model."""
        return "\n".join(self.lines)


def failed(error: WassetteError) -> CallResult:
    """A call that never reached the guest."""
    return CallResult(error=str(error), kind=kind_of(error), hint=error.hint)


def kind_of(error: WassetteError) -> Kind:
    """The word scripts read for `error`."""
    match error:
        case InvalidArguments():
            return "invalid-arguments"
        case LimitExceeded(limit="timeout"):
            return "timeout"
        case LimitExceeded():
            return "limit"
        case Trap():
            return "trap"
        case Cancelled():
            return "cancelled"
        case Refused():
            return "denied"
        case InvalidPolicy():
            return "broken"
        case _:
            return "tool-error"


def explained(
    component_id: str, policy: PolicyDocument, report: CallReport, write: Callable[[object], tuple[str, object]], output: int
) -> CallResult:
    """The caller's view of `report`; `write` turns its value into JSON, and more than `output` bytes in all is an error of its own."""
    error, value, text = report.error, None, "null"
    failure: str | None = None
    if error is None:
        side, value = write(report.value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode()) + len(report.stdout) + len(report.stderr)
        if size > output:
            most = format_limit("output", output)
            error = LimitExceeded(f"its result and what it printed are {size} bytes, larger than {most} of output", limit="output")
        elif side == "err":
            failure = value if isinstance(value, str) else text
    if error is not None:
        failure = str(error)
    denied = tuple(DeniedLine(d.target, d.reason, _grant_for(component_id, d)) for d in report.denied)
    kind: Kind | None = None
    if failure is not None:
        kind = "denied" if denied else kind_of(error) if error else "tool-error"
    notes, hint = _known(component_id, policy, report) if failure is not None else ((), None)
    if isinstance(error, Trap) and report.stderr.strip():
        notes = (f"its last line on stderr: {_last_line(report.stderr)}", *notes)
    return CallResult(
        value=None if failure is not None else value,
        value_text="null" if failure is not None else text,
        error=failure,
        kind=kind,
        denied=denied,
        notes=notes,
        hint=(error.hint if error else None) or hint,
        stdout=report.stdout.decode(errors="replace"),
        stderr=report.stderr.decode(errors="replace"),
        seconds=report.seconds,
    )


def _last_line(stderr: bytes) -> str:
    """Often the reason of a trap, which itself only says `unreachable`; a stranger's text, so made harmless and short."""
    from wassette_py.wit.docs import sanitised

    return (sanitised(stderr.decode(errors="replace")).splitlines() or [""])[-1][:200]


def _grant_for(component_id: str, denial: Denial) -> str | None:
    from wassette_py.sandbox.gates.http import NOT_SERVED

    # What is granted already and refused all the same is not helped by a grant.
    return None if denial.reason == NOT_SERVED else command_for_denial(component_id, denial.capability, denial.target)


def _known(component_id: str, policy: PolicyDocument, report: CallReport) -> tuple[tuple[str, ...], str | None]:
    """What can be said about files and variables: the guest's own libc refused, and the host saw no path."""
    notes: list[str] = []
    hint = None
    if report.asked_for_directories:
        notes.append(f"storage granted to {component_id}: {storage_words(policy)}")
        access = "read,write" if policy.storage and not any(grant.write for grant in policy.storage) else "read"
        hint = f"wassette policy grant {component_id} storage PATH --access {access}"
    if report.asked_for_variables:
        keys = ", ".join(variable.key for variable in policy.variables) or "none"
        notes.append(f"variables granted to {component_id}: {keys}")
    return tuple(notes), hint
