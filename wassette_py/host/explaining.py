"""From the sandbox's report of a call to what its caller is told: the result, or the guest's own error, what was denied, what would help.

`docs`: a denied request is told even when the guest swallowed the error; for storage the host sees no path, so what is known is said
(which directories are granted) and no more. This file only phrases; nothing here decides. The words of denials are imported with the first.
"""

from __future__ import annotations

from wassette_py.dataclass import replace
from wassette_py.errors import LimitExceeded, Trap, WassetteError
from wassette_py.host.outcome import CallResult, DeniedLine, Kind, kind_of
from wassette_py.limits import format_limit
from wassette_py.wire import parse
from wassette_py.wit.content import content_blocks, returns_content
from wassette_py.wit.values import write_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.policy.document import PolicyDocument
    from wassette_py.sandbox.call import CallReport, Denial
    from wassette_py.wit.types import FunctionType


def explained(component_id: str, function: FunctionType, policy: PolicyDocument, report: CallReport, output: int) -> CallResult:
    """The caller's view of a report; a result that with what was printed is more than `output` bytes is an error of its own."""
    try:
        if report.error is not None:
            raise report.error
        side, text = _written(function, report, output)
        if side == "ok":
            return _told(component_id, report, text, content_blocks(parse(text)) if returns_content(function) else None)
        told = replace(_told(component_id, report), error=_own_words(text), kind="tool-error")
    except WassetteError as error:
        notes = (*report.notes, *_last_words(error, report))
        told = replace(_told(component_id, report), error=str(error), kind=kind_of(error), hint=error.hint, notes=notes)
    notes, hint = _known(component_id, policy, report)
    kind: Kind | None = "denied" if told.denied else told.kind
    return replace(told, kind=kind, notes=(*told.notes, *notes), hint=told.hint or hint)


def _told(component_id: str, report: CallReport, value_text: str = "null", content: tuple[dict[str, Any], ...] | None = None) -> CallResult:
    return CallResult(
        value_text=value_text,
        content=content,
        error=None,
        kind=None,
        denied=tuple([_line(component_id, denial) for denial in report.denied]),
        notes=report.notes,
        hint=None,
        stdout=report.stdout.decode(errors="replace"),
        stderr=report.stderr.decode(errors="replace"),
        seconds=report.seconds,
    )


def _written(function: FunctionType, report: CallReport, output: int) -> tuple[str, str]:
    """("ok", the JSON text of the value) or ("err", that of the guest's own error). Raises LimitExceeded."""
    side, text = write_result(function, report.value)
    size = (len(text) if text.isascii() else len(text.encode())) + len(report.stdout) + len(report.stderr)
    if size > output:
        most = format_limit("output", output)
        raise LimitExceeded(f"its result and what it printed are {size} bytes, larger than {most} of output", limit="output")
    return side, text


def _own_words(text: str) -> str:
    """What a guest's own error says."""
    value = parse(text)
    said = value if isinstance(value, str) else "" if value is None else text
    return said or "the tool failed and did not say why"


def _last_words(error: WassetteError, report: CallReport) -> tuple[str, ...]:
    """The guest's last line on stderr: often the reason of a trap, which itself only says `unreachable`."""
    if not isinstance(error, Trap) or not report.stderr.strip():
        return ()
    return (f"its last line on stderr: {_last_line(report.stderr)}",)


def _last_line(stderr: bytes) -> str:
    """A stranger's text, made harmless and short."""
    from wassette_py.wit.docs import sanitised

    return (sanitised(stderr.decode(errors="replace")).splitlines() or [""])[-1][:200]


def _line(component_id: str, denial: Denial) -> DeniedLine:
    from wassette_py.policy.words import command_for, command_for_denial

    if denial.grant is not None:
        return DeniedLine(denial.target, denial.reason, command_for(component_id, denial.grant), denial.grant.cidr)
    grant = None if denial.is_final else command_for_denial(component_id, denial.capability, denial.target)
    return DeniedLine(denial.target, denial.reason, grant)


def _known(component_id: str, policy: PolicyDocument, report: CallReport) -> tuple[tuple[str, ...], str | None]:
    """What can be said about files and variables: the guest's own libc refused, and the host saw no path."""
    notes: list[str] = []
    hint = None
    if report.asked_for_directories:
        from wassette_py.policy.words import storage_words

        notes.append(f"storage granted to {component_id}: {storage_words(policy)}")
        access = "read,write" if policy.storage and not any(grant.write for grant in policy.storage) else "read"
        hint = f"wassette policy grant {component_id} storage PATH --access {access}"
    if report.asked_for_variables:
        keys = ", ".join(policy.keys) or "none"
        notes.append(f"variables granted to {component_id}: {keys}")
    return tuple(notes), hint
