"""The command line as a person sees it: in a terminal, with a key to stop it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import slow_to_compile, write_component
from tests.cli.terminal import UNHURRIED, python, run_in_terminal
from tests.patience import FOREVER
from tests.sandbox.guests import PRINT

PROGRAM = [sys.executable, "-m", "wassette_py"]
LARGE = 2 << 20  # such a component is compiled in a child process


def _files(folder: Path) -> list[str]:
    """What stands in `folder`, but for the audit log."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.parent.name != "audit")


@pytest.mark.parametrize("padding", [0, LARGE])
def test_ctrl_c_stops_a_compile_and_leaves_nothing_behind(components: Path, home: Path, padding: int) -> None:
    slow = write_component(components, "slow", slow_to_compile(padding=padding))
    seen = run_in_terminal([*python(UNHURRIED), "component", "load", str(slow)], interrupt_at=["compiling"])
    assert seen.code == 130
    assert "0:00:00" in seen.text
    assert "Traceback" not in seen.text
    assert set(_files(home)) <= {".cache/wassette/compiled/key"}


def test_ctrl_c_stops_a_call(components: Path) -> None:
    seen = run_in_terminal([*python(UNHURRIED), "run", "text.wasm", "spin"], interrupt_at=["running"])
    assert seen.code == 130
    assert "Traceback" not in seen.text


@pytest.mark.parametrize("words", [["trust", "generate-key", "mine"], ["registry", "login", "ghcr.io", "-u", "me"]])
def test_ctrl_c_at_a_question_is_an_interruption(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    seen = run_in_terminal([*PROGRAM, *words], interrupt_at=["Password"])
    assert (seen.code, seen.text.replace("\r", "").endswith("\nerror: interrupted\n")) == (130, True), seen.text
    assert not list(tmp_path.glob("mine*"))


def test_a_load_ends_with_its_result_and_nothing_of_the_display(components: Path) -> None:
    seen = run_in_terminal([*PROGRAM, "component", "load", "text.wasm"])
    assert seen.code == 0
    assert seen.text.rpartition("\x1b[2K")[2].replace("\r", "").startswith("loaded text\n")


@pytest.mark.usefixtures("components")
def test_tools_are_listed_one_a_line_and_in_full_where_nobody_watches() -> None:
    loaded = run_in_terminal([*PROGRAM, "component", "load", "text.wasm", "--prefix", "p" * 20])
    assert loaded.code == 0
    watched = run_in_terminal([*PROGRAM, "tool", "list"], columns=24).text.replace("\r", "").splitlines()
    piped = subprocess.run([*PROGRAM, "tool", "list"], capture_output=True, text=True, check=True, timeout=FOREVER).stdout.splitlines()
    assert len(watched) == len(piped)
    assert [line for line in piped if len(line) > 24]
    assert watched == [line if len(line) <= 24 else f"{line[:23]}…" for line in piped]


def test_no_control_character_of_a_component_reaches_the_terminal(components: Path) -> None:
    write_component(components, "print", PRINT)
    for command in (["run", "text.wasm", "echo", "text=\x1b[2Jx"], ["run", "print.wasm", "say", "text=\x1b[2Jx"]):
        seen = run_in_terminal([*PROGRAM, *command])
        assert seen.code == 0
        assert "\\x1b[2Jx" in seen.text
        assert "\x1b[2Jx" not in seen.text


LONG_ID = "the-component-of-our-team-that-runs-in-production"


def test_in_a_narrow_terminal_every_table_is_readable(components: Path, wassette: Wassette) -> None:
    digests = [f"sha256:{digit * 64}" for digit in "ab"]
    assert wassette("component", "load", "text.wasm", "--name", LONG_ID).code == 0
    assert wassette("trust", "add", "ghcr.io/acme/weather", "--digest", digests[0], "--digest", digests[1]).code == 0
    for words in (["component", "list"], ["component", "inspect", LONG_ID], ["trust", "show"]):
        lines = run_in_terminal([*PROGRAM, *words], columns=60).text.replace("\r", "").splitlines()
        # A word that is longer than its room is not broken where it is to be copied.
        assert [line for line in lines if len(line) > 60 and max(map(len, line.split())) < 40] == []
        piped = wassette(*words)
        assert any(len(line) > 60 for line in piped.out.splitlines())
        assert "…" not in piped.out
    assert [line.split()[-1].rstrip(",") for line in lines[2:]] == [f"{digest[:23]}…" for digest in digests]
