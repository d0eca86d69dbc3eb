"""One call from the command line: arguments in, result on stdout, everything else on stderr, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from wassette_py.cli.arguments import read_json_object
from wassette_py.cli.options import Session
from wassette_py.cli.render import guest_output, show, show_value, talk
from wassette_py.cli.text import seconds_text
from wassette_py.cli.waiting import wait_for
from wassette_py.errors import Cancelled, InvalidArguments

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host import CallResult
    from wassette_py.host.caller import Call
    from wassette_py.wit.types import FunctionType


def make_call(session: Session, opened: Callable[[Control], Call], words: Sequence[str], json_text: str | None) -> None:
    """Opens a call, gives it the arguments `words` (or `json_text`), and shows what came of it. Raises typer.Exit unless it worked."""
    host = session.host

    def work(control: Control) -> CallResult:
        from wassette_py.host.outcome import failed

        try:
            call = opened(control)
            call = replace(call, arguments=read_call_arguments(call.function, words, json_text))
        except InvalidArguments as error:
            return failed(error)
        return host.call(call, cancel=control.cancel)

    finish(session, wait_for(work, label="running", verbose=session.verbose))


def read_call_arguments(function: FunctionType, words: Sequence[str], json_text: str | None) -> Mapping[str, object]:
    """The arguments of a call: `--json`, or NAME=VALUE words read by the parameters' types. Raises InvalidArguments."""
    from wassette_py.wit.values import read_assignments

    return read_assignments(function, words) if json_text is None else read_json_object(json_text)


def finish(session: Session, result: CallResult) -> None:
    """Shows `result`. Raises typer.Exit with the exit code of a failed call."""
    guest_output(result.stdout, result.stderr)
    if session.verbose:
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
