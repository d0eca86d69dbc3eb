"""The options every command takes, named once, and the session they make.

`-o`, `--component-dir` and `-v` are accepted before and after the command words: every group and every command carries them, each
occurrence writes into the one `Session` of the program run, and so the last one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from wassette_py.cli.render import tell_log
from wassette_py.cli.waiting import wait_for
from wassette_py.errors import Cancelled

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host import ComponentHost
    from wassette_py.settings import Settings

FORMATS = ("text", "json")
T = TypeVar("T")


class Session:
    """What one program run was asked for, and the host it works on, made when first needed."""

    def __init__(self) -> None:
        self.output = "text"
        self.component_dir: Path | None = None
        self.verbose = False
        self.offline = False

    @property
    def json(self) -> bool:
        return self.output == "json"

    @cached_property
    def settings(self) -> Settings:
        """The settings of flags, environment and file. Raises InvalidSettings."""
        from wassette_py.settings import Settings

        return Settings.load(component_dir=self.component_dir, offline=self.offline)

    @cached_property
    def host(self) -> ComponentHost:
        """The component host; the first use reads the settings."""
        from wassette_py.host import ComponentHost

        return ComponentHost(self.settings)

    def wait_for(self, task: Callable[[Control], T], *, label: str) -> T:
        """Runs `task` while a person may watch, or stop it with Ctrl-C; what is logged meanwhile goes to stderr."""
        level = "info" if self.verbose and self.settings.log_level != "debug" else self.settings.log_level
        tell_log(level, traces=self.verbose)
        return wait_for(task, label=label, verbose=self.verbose)


def session_of(context: typer.Context) -> Session:
    """The session that `context` belongs to."""
    session = context.find_root().obj
    assert isinstance(session, Session)
    return session


def _set_output(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> None:
    if value is not None and value not in FORMATS:
        raise typer.BadParameter(f"{value!r} is neither text nor json", ctx=context, param=parameter)
    if value is not None:
        session_of(context).output = value


def _set_component_dir(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> None:
    if value == "":  # a shell's variable that is not set: nobody means the directory he stands in
        raise typer.BadParameter("a directory has a name", ctx=context, param=parameter)
    if value is not None:
        session_of(context).component_dir = Path(value)


def _set_verbose(context: typer.Context, _: typer.CallbackParam, value: bool) -> None:
    if value:
        session_of(context).verbose = True


def _set_offline(context: typer.Context, _: typer.CallbackParam, value: bool) -> None:
    if value:
        session_of(context).offline = True


def _shared() -> list[TyperOption]:
    return [
        _option(
            ["-o", "--output"], _set_output, metavar="text|json", help="How to print the result.", autocompletion=lambda *_: list(FORMATS)
        ),
        _option(["--component-dir"], _set_component_dir, metavar="DIR", help="Where components are installed."),
        _option(["-v", "--verbose"], _set_verbose, is_flag=True, help="Tell more on stderr."),
    ]


def _option(names: list[str], callback: Callable[..., None], **details: Any) -> TyperOption:
    return TyperOption(param_decls=names, callback=callback, expose_value=False, default=None, **details)


class Command(TyperCommand):
    """A command with the shared options."""

    def __init__(self, *arguments: Any, params: list[Any] | None = None, **details: Any) -> None:
        super().__init__(*arguments, params=[*(params or []), *_shared()], **details)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`wassette policy show [OPTIONS] ID`: an argument without brackets is required, as everywhere else in this field."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Runs it; who answers a question with Ctrl-C or Ctrl-D has interrupted it. Raises Cancelled, and what the command raises."""
        try:
            return super().invoke(ctx)
        except (typer.Abort, EOFError):
            raise Cancelled("interrupted") from None


class FetchCommand(Command):
    """A command that may fetch a component."""

    def __init__(self, *arguments: Any, params: list[Any] | None = None, **details: Any) -> None:
        offline = _option(["--offline"], _set_offline, is_flag=True, help="Use what was fetched before, and ask no registry.")
        super().__init__(*arguments, params=[*(params or []), offline], **details)


class Group(TyperGroup):
    """A noun with the shared options."""

    def __init__(self, *, params: list[Any] | None = None, **details: Any) -> None:
        super().__init__(params=[*(params or []), *_shared()], **details)


def noun(help_text: str) -> typer.Typer:
    """An empty group of commands, such as `wassette component`."""
    return typer.Typer(cls=Group, help=help_text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
