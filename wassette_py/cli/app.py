"""The command tree, and the one place where errors end.

What a command raises becomes `error:` and `hint:` lines and an exit code. A traceback is shown for a fault of ours alone, and only with -v.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from wassette_py import __version__
from wassette_py.cli import (
    audit,
    bench,
    bundle,
    component,
    config,
    lock,
    permission,
    policy,
    registry,
    run,
    secret,
    serve,
    tool,
    trust,
    upgrading,
)
from wassette_py.cli.options import Command, FetchCommand, Group, Session
from wassette_py.cli.render import complain
from wassette_py.errors import WassetteError

INTERRUPTED = 130  # 128 + the signal's number, as a shell says it

app = typer.Typer(
    cls=Group,
    help="Untrusted WebAssembly components as tools for AI agents: verified, sandboxed, under a deny-by-default policy, over MCP.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 refused. Everything is denied until a policy grants it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve", cls=Command, epilog=serve.EPILOG)(serve.serve)
app.command("run", cls=FetchCommand, options_metavar="[OPTIONS]")(run.run)
app.command("lock", cls=FetchCommand)(lock.lock)
app.command("sync", cls=FetchCommand)(lock.sync)
app.add_typer(bundle.app, name="bundle")
app.add_typer(component.app, name="component")
component.app.command("upgrade", cls=FetchCommand)(upgrading.upgrade)
component.app.command("rollback", cls=FetchCommand)(upgrading.rollback)
app.add_typer(tool.app, name="tool")
app.add_typer(policy.app, name="policy")
app.add_typer(permission.app, name="permission", hidden=True)
app.add_typer(trust.app, name="trust")
app.add_typer(registry.app, name="registry")
app.add_typer(secret.app, name="secret")
app.add_typer(audit.app, name="audit")
app.command("stats", cls=Command)(audit.stats)
app.command("monitor", cls=Command)(audit.monitor)
app.command("bench", cls=FetchCommand)(bench.bench)
app.add_typer(config.app, name="config")


def _print_version(value: bool) -> None:
    if value:
        print(f"wassette {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Takes the options that stand before the first command word."""


def run_command_line(argv: Sequence[str]) -> int:
    """What `main` promises."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whoever runs us in his own process may have put anything here
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character is no reason to fail
    session = Session()
    try:
        code = _invoked(argv, session)
        sys.stdout.flush()
    except WassetteError as error:
        complain(str(error), [error.hint])
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_what_cannot_be_written()
        return 1
    except OSError as error:
        complain(f"{error.filename or _unnamed()}: {(error.strerror or str(error)).lower()}", [])
        _drop_what_cannot_be_written()
        return 1
    except Exception as error:
        return _fault(error, session)
    return code


def _open_what_is_closed() -> None:
    """A standard stream that whoever started us closed is empty, or takes everything; the next file that is opened would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as this process lives


def _unnamed() -> str:
    """What an error is about that names no file."""
    try:
        os.getcwd()
    except OSError:
        return "the working directory"
    return "input or output"


def _drop_what_cannot_be_written() -> None:
    # NOTE: the interpreter flushes stdout once more as it ends; that must not fail a second time.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _invoked(argv: Sequence[str], session: Session) -> int:
    code: object = 0
    try:
        typer.main.get_command(app).main(args=list(argv), prog_name="wassette", obj=session)
    except SystemExit as ended:
        code = ended.code
    return code if isinstance(code, int) else 1


def _fault(error: Exception, session: Session) -> int:
    if session.verbose:
        import traceback

        traceback.print_exception(error)
    complain(
        f"a fault in wassette itself: {type(error).__name__}: {error}", [None if session.verbose else "run it again with -v to see where"]
    )
    return 1
