"""The claims manifest: each promise of README's security table has an id that tests carry (`@pytest.mark.claim("storage:granted-only")`).

`python -m tests.claims [ID]` lists the tests that would fail if a promise were broken. Nothing here runs a test: the files are read.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
_ROW = re.compile(r"^\| `([a-z]+:[a-z-]+)` \| (.+?) \|", re.MULTILINE)


@dataclass(frozen=True)
class Claimed:
    """A function of a test file that carries a claim; `id` is None where the mark names none that can be read."""

    id: str | None
    file: str
    function: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


def promised() -> dict[str, str]:
    """id -> promise, of the README's security model. Raises ValueError when an id stands there twice."""
    rows = _ROW.findall(security_model())
    promises = dict(rows)
    if len(promises) != len(rows):
        raise ValueError("an id stands twice in the security table")
    return promises


def security_model() -> str:
    """The README's section of that name."""
    return README.read_text(encoding="utf-8").partition("\n## Security model\n")[2].partition("\n## ")[0]


def carried() -> Iterator[Claimed]:
    """Every mark of a claim in the tests, right or wrong."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path == Path(__file__).resolve():
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _of(node, path.relative_to(ROOT).as_posix())


def _of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, file: str) -> Iterator[Claimed]:
    for decorator in node.decorator_list:
        if ast.unparse(decorator).startswith("pytest.mark.claim"):
            given = decorator.args if isinstance(decorator, ast.Call) else []
            for value in given or [decorator]:
                name = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
                yield Claimed(name, file, node.name, node.lineno)


def main(words: Sequence[str]) -> int:
    """Prints each promise (or those named) with its tests."""
    tests = list(carried())
    for claim, promise in promised().items():
        if not words or claim in words:
            print(f"{claim}: {promise}")
            for test in tests:
                if test.id == claim:
                    print(f"  {test}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
