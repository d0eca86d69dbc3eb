"""What a call came to, in words for the caller: its result, or the guest's own error, what was denied, and what would allow it.

`explaining.py` makes it of the sandbox's report.
"""

from __future__ import annotations

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import Cancelled, InvalidArguments, InvalidPolicy, LimitExceeded, Refused, SecretError, Trap, WassetteError
from wassette_py.wire import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from wassette_py.secrets import Redactor

Kind: TypeAlias = 'Literal["tool-error", "denied", "timeout", "trap", "limit", "invalid-arguments", "cancelled", "broken"]'


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
        return parse(self.value_text)

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
        if self.error is None:
            return "\n".join(self.lines)
        from wassette_py.host.voices import as_told

        return "\n".join((as_told(self.error), *self.lines[1:]))


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
