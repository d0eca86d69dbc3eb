"""`wassette bench`: what a component costs on this machine, for its author; kept in a file, and compared with one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.arguments import JsonArguments, is_installed, read_json_object, read_text
from wassette_py.cli.columns import columns
from wassette_py.cli.options import session_of
from wassette_py.cli.render import show
from wassette_py.cli.run import CallWords, read_policy, split_words
from wassette_py.cli.text import size_text
from wassette_py.errors import InvalidArguments
from wassette_py.files import write_atomic

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.sandbox.measuring import Measured

WORDS = {
    "ready": "compile until it can be called",
    "compile": "compile, optimised",
    "restore": "restore what was compiled",
    "instantiate": "instantiate",
    "bare": "instance and call, bare wasmtime",
    "call": "call, p50",
    "call_p95": "call, p95",
    "overhead": "call in proportion to bare wasmtime",
    "memory": "memory the calls left behind",
}


def bench(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="REF|ID", help="A reference, or an installed component.")],
    words: CallWords = None,
    *,
    json_arguments: JsonArguments = None,
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="What it may do while it is measured.")] = None,
    calls: Annotated[int, typer.Option("--calls", metavar="N", min=1, max=100_000, help="How many calls.")] = 200,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the numbers.")] = None,
    compare: Annotated[Path | None, typer.Option("--compare", metavar="FILE", help="Show kept numbers and the ratio to them.")] = None,
) -> None:
    """Measure compiling, restoring and calling one tool of a component."""
    tool, assignments = split_words(words or ())
    if assignments and json_arguments is not None:
        context.fail("give NAME=VALUE arguments or --json, not both")
    session = session_of(context)
    session.settings = replace(session.settings, compile="optimized")  # calls are measured of the build that stays
    installed, before = is_installed(session, target), None if compare is None else _kept(compare)
    base = read_policy(session, policy)

    def work(control: Control) -> Measured:
        from wassette_py.host.opening import measured, opened_installed, opened_with_bytes
        from wassette_py.reference import parse_reference
        from wassette_py.wit.assignments import read_assignments

        host = session.host
        if installed:
            call, wasm = opened_installed(host, target, tool), host.store.wasm(host.store.record(target))
        else:
            call, wasm = opened_with_bytes(host, parse_reference(target), tool, control)
        given = read_assignments(call.function, assignments) if json_arguments is None else read_json_object(json_arguments)
        return measured(host, replace(call, arguments=given, policy=base or call.policy), wasm, calls=calls, control=control)

    measured = session.wait_for(work, label="measuring")
    document = {**asdict(measured), "overhead": measured.overhead}
    if save is not None:
        write_atomic(save, json.dumps(document, indent=2).encode() + b"\n")
    show(session, document if before is None else {**document, "compared": before}, _lines(document, before))


def _kept(path: Path) -> dict[str, float]:
    try:
        document = json.loads(read_text(path))
        return {name: float(document[name]) for name in WORDS}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArguments(
            f"{path} holds no numbers that --save kept: {type(error).__name__}", f"wassette bench … --save {path}"
        ) from None


def _lines(document: dict[str, Any], before: dict[str, float] | None) -> list[str]:
    rows = [["build that is measured", document["tier"], *(("", "") if before is not None else ())]]
    for name, words in WORDS.items():
        row = [words, _text(name, document[name])]
        if before is not None:
            ratio = f"× {document[name] / before[name]:.2f}" if before[name] else ""
            row += [_text(name, before[name]), ratio]
        rows.append(row)
    return columns(rows)


def _text(name: str, value: float) -> str:
    if name == "memory":
        return size_text(value)
    if name == "overhead":
        return f"{value:.2f}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.2f} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"
