"""The `wassette` command. `serve --stdio` is recognised before the command tree is imported: a client waits for its first reply.

Everything else, also what is not quite right with a `serve --stdio`, goes to the command tree, which knows the usage.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # the first reply waits for all that is imported here
if TYPE_CHECKING:
    from collections.abc import Sequence

    from wassette_py.server.listing import Listing
    from wassette_py.server.opening import Connection


YOUNG = 20_000
"""Objects that are new before a server's collector looks at them: what is imported stays, and what calls make is no cycle."""


class Serve:
    """`wassette serve --stdio` with what stands around it."""

    def __init__(self, ids: tuple[str, ...], component_dir: str | None, builtin_tools: bool, verbose: bool = False) -> None:
        self.ids = ids
        self.component_dir = component_dir
        self.builtin_tools = builtin_tools
        self.verbose = verbose


def serve_stdio_of(arguments: Sequence[str]) -> Serve | None:
    """The `serve --stdio` that `arguments` ask for; None when they ask for something else, or not only for that."""
    words: list[str] = []
    flags: set[str] = set()
    component_dir: str | None = None
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument in ("--stdio", "--disable-builtin-tools", "-v", "--verbose"):
            flags.add(argument)
        elif name == "--component-dir":
            given = value if equals else next(rest, "")
            if not given:
                return None
            component_dir = given
        elif argument.startswith("-"):
            return None
        else:
            words.append(argument)
    if words[:1] != ["serve"] or "--stdio" not in flags:
        return None
    verbose = not flags.isdisjoint({"-v", "--verbose"})
    return Serve(tuple(words[1:]), component_dir, "--disable-builtin-tools" not in flags, verbose)


def main() -> int:
    """Runs the command line of this process; returns the exit code."""
    serve = serve_stdio_of(sys.argv[1:])
    if serve is None:
        try:
            from wassette_py import cli

            return cli.main(sys.argv[1:])
        except KeyboardInterrupt:  # before the command tree is there, which has a way of its own to end
            return 130
        finally:
            import atexit
            import signal

            # What is left is short: a guest is ended, the last lines of the audit log are written.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    import gc

    from wassette_py.server.opening import opened

    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    try:
        return _serve_stdio(serve, opened(None if serve.ids else _listing(serve)))
    except KeyboardInterrupt:  # before the server has a way of its own to end
        return 0


def _listing(serve: Serve) -> Listing | None:
    from wassette_py.settings.quick import quick_component_dir

    folder = quick_component_dir(serve.component_dir)
    if folder is None:
        return None
    from wassette_py.server.listing import Listing

    return Listing(folder, builtin_tools=serve.builtin_tools)


def _serve_stdio(serve: Serve, connection: Connection) -> int:
    from wassette_py.errors import WassetteError
    from wassette_py.server.stdio import serve_stdio
    from wassette_py.settings import Settings

    try:
        settings = Settings.load(component_dir=serve.component_dir)
        if serve.verbose or settings.log_level != "warning":
            import logging

            logging.basicConfig(level="DEBUG" if serve.verbose else settings.log_level.upper(), stream=sys.stderr)
        return serve_stdio(connection, settings, only=serve.ids, builtin_tools=serve.builtin_tools)
    except WassetteError as error:
        from wassette_py.cli.render import complain

        complain(str(error), [error.hint])
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
