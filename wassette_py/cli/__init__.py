"""The command line: one file per noun, each command one call on `ComponentHost` and one thing shown.

Nothing of it is imported before `main` runs, so that `serve --stdio` never pays for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (the words after the program's name) and returns its exit code; errors become `error:` and `hint:` lines."""
    from wassette_py.cli.app import run_command_line

    return run_command_line(sys.argv[1:] if argv is None else argv)
