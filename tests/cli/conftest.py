"""The command line run in this process, and components to run it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import NO_TOOL, ONE_TOOL, TEXT_TOOLS, write_component
from wassette_py.cli import main


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Wassette = Callable[..., Ran]


@pytest.fixture
def wassette(capsys: pytest.CaptureFixture[str]) -> Wassette:
    """Runs `wassette WORDS...` in this process."""

    def run(*words: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ran(code, out, err)

    return run


@pytest.fixture
def components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with text.wasm (five tools), one.wasm (one tool) and none.wasm (no tool), which is the working directory."""
    folder = tmp_path / "components"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, text in (("text", TEXT_TOOLS), ("one", ONE_TOOL), ("none", NO_TOOL)):
        write_component(folder, name, text)
    return folder


@pytest.fixture
def loaded(components: Path, wassette: Wassette) -> Path:
    """`components`, with text.wasm installed as `text`."""
    assert wassette("component", "load", "text.wasm").code == 0
    return components
