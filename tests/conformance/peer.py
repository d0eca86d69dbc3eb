"""Puts this program and Microsoft's wassette through the same cases and writes what each did into the README.

`WASSETTE_PEER=COMMAND python -m tests.conformance.peer [--write]`: prints the table, or puts it between its marks in README.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.peer_cases import CASES, Case
from tests.conformance.programs import OURS, Program, World, peer
from tests.toolchain import REPOSITORY

README = REPOSITORY / "README.md"
BEGIN, END = "<!-- peer:begin -->", "<!-- peer:end -->"


@dataclass(frozen=True)
class Row:
    """What both programs did in one case."""

    case: Case
    ours: str
    theirs: str


def observe(case: Case, program: Program) -> str:
    """What `program` did, in a home of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return case.observe(World(program, Path(folder).resolve()))


def table(rows: Sequence[Row]) -> str:
    """The block of the README: the cases in which the two differ as a table, the others in a line."""
    differ = [row for row in rows if row.ours != row.theirs]
    same = [row.case.title for row in rows if row.ours == row.theirs]
    return "\n".join(
        [
            BEGIN,
            f"The same {len(rows)} black-box cases against this program and Microsoft's wassette, version 0.8.0;"
            f" they differ in {len(differ)}:",
            "",
            "| case | here | there | why so |",
            "|---|---|---|---|",
            *(f"| {row.case.title} | {row.ours} | {row.theirs} | {row.case.because} |" for row in differ),
            "",
            f"Alike in both: {'; '.join(same)}.",
            END,
        ]
    )


def written() -> str:
    """The block that stands in the README."""
    return BEGIN + README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0] + END


def main(words: Sequence[str]) -> int:
    """Runs all cases on both."""
    other = peer()
    if other is None:
        print("error: WASSETTE_PEER names no command", file=sys.stderr)
        return 2
    rows = []
    for case in CASES:
        row = Row(case, observe(case, OURS), observe(case, other))
        print(f"{case.title}: {row.ours} / {row.theirs}", file=sys.stderr)
        rows.append(row)
    if "--write" in words:
        README.write_text(README.read_text(encoding="utf-8").replace(written(), table(rows)), encoding="utf-8")
    else:
        print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
