"""What a call came to, in words for the caller: the guest's own error, what was denied, and the one command that would allow it.

`docs`: a denied request is told even when the guest swallowed the error; for storage the host sees no path, so what is known is said
(which directories are granted) and no more. This file only phrases; nothing here decides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import Cancelled, InvalidArguments, InvalidPolicy, LimitExceeded, Refused, SecretError, Trap, WassetteError
from wassette_py.host.voices import as_told
from wassette_py.limits import format_limit
from wassette_py.policy.words import command_for, command_for_denial, storage_words

if TYPE_CHECKING:
    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import CallReport, Denial
    from wassette_py.secrets import Redactor
    from wassette_py.wit.types import FunctionType

Kind = Literal["tool-error", "denied", "timeout", "trap", "limit", "invalid-arguments", "cancelled", "broken"]


@dataclass(frozen=True)
class DeniedLine:
    """One refused request: what was asked, why not, and the command line that would allow it (None: nothing can).

    `cidr` is the range that command grants, when it is one.
    """

    target: str
    reason: str
    grant: str | None
    cidr: str | None = None

    def __str__(self) -> str:
        return f"denied: {self.target} ({self.reason})"


@dataclass(frozen=True)
class CallResult:
    """One finished call. `error` None means `value_text` is its result as JSON text.

    `content`: the result as MCP content blocks, where the component's author asked for that (`wit/content.py`).
    """

    value_text: str = "null"
    content: tuple[dict[str, Any], ...] | None = None
    error: str | None = None
    kind: Kind | None = None
    denied: tuple[DeniedLine, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def value(self) -> Any:
        """The JSON value of the result. Who only passes it on need not ask."""
        return json.loads(self.value_text)

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
        return "\n".join(self.lines if self.error is None else (as_told(self.error), *self.lines[1:]))


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
        case InvalidPolicy() | SecretError():
            return "broken"
        case _:
            return "tool-error"


def explained(component_id: str, function: FunctionType, policy: PolicyDocument, report: CallReport, output: int) -> CallResult:
    """The caller's view of a report; a result that with what was printed is more than `output` bytes is an error of its own."""
    told = CallResult(
        denied=tuple(_line(component_id, denial) for denial in report.denied),
        notes=report.notes,
        stdout=report.stdout.decode(errors="replace"),
        stderr=report.stderr.decode(errors="replace"),
        seconds=report.seconds,
    )
    try:
        if report.error is not None:
            raise report.error
        side, returned = _returned(function, report, output, told)
    except WassetteError as error:
        side, returned = (
            "err",
            replace(told, error=str(error), kind=kind_of(error), hint=error.hint, notes=(*told.notes, *_last_words(error, report))),
        )
    if side == "ok":
        return returned
    notes, hint = _known(component_id, policy, report)
    kind: Kind | None = "denied" if told.denied else returned.kind
    return replace(returned, kind=kind, notes=(*returned.notes, *notes), hint=returned.hint or hint)


def _returned(function: FunctionType, report: CallReport, output: int, told: CallResult) -> tuple[str, CallResult]:
    """("ok", with the value) or ("err", with the guest's own error). Raises LimitExceeded, GuestError."""
    from wassette_py.wit.content import content_blocks, returns_content
    from wassette_py.wit.values import write_result

    side, text = write_result(function, report.value)
    size = (len(text) if text.isascii() else len(text.encode())) + len(report.stdout) + len(report.stderr)
    if size > output:
        most = format_limit("output", output)
        raise LimitExceeded(f"its result and what it printed are {size} bytes, larger than {most} of output", limit="output")
    if side == "err":
        value = json.loads(text)
        said = value if isinstance(value, str) else "" if value is None else text
        return side, replace(told, error=said or "the tool failed and did not say why", kind="tool-error")
    content = content_blocks(json.loads(text)) if returns_content(function) else None
    return side, replace(told, value_text=text, content=content)


def _last_words(error: WassetteError, report: CallReport) -> tuple[str, ...]:
    """The guest's last line on stderr: often the reason of a trap, which itself only says `unreachable`."""
    if not isinstance(error, Trap) or not report.stderr.strip():
        return ()
    return (f"its last line on stderr: {_last_line(report.stderr)}",)


def _last_line(stderr: bytes) -> str:
    """A stranger's text, made harmless and short."""
    from wassette_py.wit.docs import sanitised

    return (sanitised(stderr.decode(errors="replace")).splitlines() or [""])[-1][:200]


def without_secrets(result: CallResult, redactor: Redactor) -> CallResult:
    """`result` without the secrets that `redactor` knows, wherever they stand in it."""
    if redactor.is_ignorant:
        return result
    return replace(
        result,
        value_text=redactor.json_text(result.value_text),
        content=None if result.content is None else tuple(redactor.value(result.content)),
        notes=tuple(map(redactor.text, result.notes)),
        error=None if result.error is None else redactor.text(result.error),
        denied=tuple(
            replace(
                line,
                target=redactor.text(line.target),
                reason=redactor.text(line.reason),
                grant=line.grant and redactor.text(line.grant),
            )
            for line in result.denied
        ),
        stdout=redactor.text(result.stdout),
        stderr=redactor.text(result.stderr),
    )


def _line(component_id: str, denial: Denial) -> DeniedLine:
    if denial.grant is not None:
        return DeniedLine(denial.target, denial.reason, command_for(component_id, denial.grant), denial.grant.cidr)
    grant = None if denial.is_final else command_for_denial(component_id, denial.capability, denial.target)
    return DeniedLine(denial.target, denial.reason, grant)


def _known(component_id: str, policy: PolicyDocument, report: CallReport) -> tuple[tuple[str, ...], str | None]:
    """What can be said about files and variables: the guest's own libc refused, and the host saw no path."""
    notes: list[str] = []
    hint = None
    if report.asked_for_directories:
        notes.append(f"storage granted to {component_id}: {storage_words(policy)}")
        access = "read,write" if policy.storage and not any(grant.write for grant in policy.storage) else "read"
        hint = f"wassette policy grant {component_id} storage PATH --access {access}"
    if report.asked_for_variables:
        keys = ", ".join(policy.keys) or "none"
        notes.append(f"variables granted to {component_id}: {keys}")
    return tuple(notes), hint
