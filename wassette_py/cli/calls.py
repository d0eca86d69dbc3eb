"""One call from the command line: arguments in, result on stdout, everything else on stderr, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from wassette_py.cli.arguments import read_json_object
from wassette_py.cli.options import Session
from wassette_py.cli.render import guest_output, show, show_value, talk
from wassette_py.cli.text import seconds_text
from wassette_py.dataclass import replace
from wassette_py.errors import Cancelled, InvalidArguments, InvalidPolicy

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host import CallResult
    from wassette_py.host.caller import Call


def make_call(session: Session, opened: Callable[[Control], Call], words: Sequence[str], json_text: str | None) -> CallResult:
    """Opens a call, gives it the arguments `words` (or `json_text`) and makes it, while Ctrl-C is heard. Raises WassetteError."""
    from wassette_py.host.outcome import failed
    from wassette_py.wit.assignments import read_assignments

    try:
        given = None if json_text is None else read_json_object(json_text)
        call = session.wait_for(opened, label="opening")
        call = replace(call, arguments=read_assignments(call.function, words) if given is None else given)
    except (InvalidArguments, InvalidPolicy) as error:
        return failed(error)
    return session.wait_for(lambda control: session.host.call(call, cancel=control.cancel), label="running")


def finish(session: Session, result: CallResult) -> None:
    """Shows `result`. Raises typer.Exit with the exit code of a failed call."""
    guest_output(result.stdout, result.stderr)
    if session.verbose and result.seconds:
        talk(f"run: {seconds_text(result.seconds)}")
    if result.kind == "cancelled":
        raise Cancelled(result.error or "cancelled")
    if result.error is None:
        talk(*result.lines)
        show(session, {"result": result.value}, []) if session.json else show_value(result.value)
        return
    first, *more = result.lines
    talk(f"error: {first}", *more)
    if session.json:
        denied = [{"target": line.target, "grant": line.grant} for line in result.denied]
        show(session, {"error": result.error, "kind": result.kind, "denied": denied}, [])
    raise typer.Exit(3 if result.denied or result.kind == "denied" else 1)
