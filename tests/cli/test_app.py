from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from wassette_py import __main__
from wassette_py.cli import app, main
from wassette_py.cli.render import tell_log
from wassette_py.errors import Refused

PROGRAM = [sys.executable, "-m", "wassette_py"]


def test_the_words_of_the_process_are_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["wassette", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("wassette ")


def test_a_refusal_ends_with_3_an_error_and_a_hint(monkeypatch: pytest.MonkeyPatch, wassette: Wassette) -> None:
    def refuse(*_: object) -> int:
        raise Refused("no \x1b[31m", "ask")

    monkeypatch.setattr(app, "_invoked", refuse)
    ran = wassette("x")
    assert (ran.code, ran.out, ran.err) == (3, "", "error: no \\x1b[31m\nhint: ask\n")


def test_a_fault_of_ours_is_one_line_and_its_trace_is_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: object, session: object) -> int:
        session.verbose = argv == ["-v"]  # type: ignore[attr-defined]
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(app, "_invoked", fail)
    assert main(["x"]) == 1
    assert capsys.readouterr().err == (
        "error: a fault in wassette itself: ZeroDivisionError: by zero\nhint: run it again with -v to see where\n"
    )
    assert main(["-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_before_a_command_begins_is_quiet(monkeypatch: pytest.MonkeyPatch, wassette: Wassette) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_invoked", interrupt)
    assert wassette("x").code == 130


def test_ctrl_c_before_there_is_a_command_tree_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "wassette_py.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "wassette_py.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["wassette", "config", "show"])
    assert __main__.main() == 130
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_after_a_command_is_quiet_and_takes_nothing_of_what_is_left() -> None:
    code = (
        "import atexit, os, signal, sys; from wassette_py.__main__ import main; sys.argv = ['wassette', '--version'];"
        "atexit.register(print, 'the end'); atexit.register(os.kill, os.getpid(), signal.SIGINT); sys.exit(main())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("\nthe end\n")


@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_reader_that_leaves_is_told_nothing(buffering: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": buffering}
    read, write = os.pipe()
    os.close(read)  # before it starts, however slow this machine is
    with open(write, "wb") as left:
        ran = subprocess.run([*PROGRAM, "config", "show"], stdout=left, stderr=subprocess.PIPE, env=environment, timeout=120, check=False)
    assert (ran.stderr, ran.returncode) == (b"", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_full_disk_is_an_error_and_no_trace(buffering: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": buffering}
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([*PROGRAM, "config", "show"], stdout=full, stderr=subprocess.PIPE, timeout=120, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (1, b"error: input or output: no space left on device\n")


def test_a_terminal_that_cannot_show_a_character_is_no_reason_to_fail() -> None:
    command = [*PROGRAM, "trust", "check", "-"]
    policy = "version: 1\nscopes: [{match: ghcr.io/acme, unsigned: allow, reason: naïve 日本}]\n"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(command, input=policy.encode(), env=environment, capture_output=True, timeout=120, check=False)
    assert ran.returncode == 0
    assert b"na\\xefve \\u65e5\\u672c" in ran.stdout


def test_what_the_rooms_below_log_is_a_line_on_stderr(loaded: Path, home: Path, wassette: Wassette) -> None:
    for compiled in (home / ".cache/wassette/compiled").rglob("*.cwasm"):
        compiled.write_bytes(b"something else")
    ran = wassette("tool", "call", "add", "left=1", "right=2")
    assert (ran.code, ran.out) == (0, "3\n")
    assert ran.err.startswith("warning: ")
    assert "was changed on disk" in ran.err


def test_a_logged_fault_shows_its_trace_to_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("wassette_py.test")
    for traces in (False, True):
        tell_log("info", traces=traces)
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError:
            logger.exception("it \x1b failed")
        logger.info("said")
        logger.debug("not said")
        err = capsys.readouterr().err
        assert err.startswith("error: it \\x1b failed\n")
        assert ("Traceback" in err) == traces
        assert err.endswith("info: said\n")
    logging.getLogger("wassette_py").handlers = []
    logging.getLogger("wassette_py").setLevel(logging.NOTSET)


HEAVY = ("rich", "pydantic", "wasmtime", "mcp", "oras", "requests", "asyncio", "cryptography", "sigstore", "wassette_py.server.stdio")


def _imported(words: list[str], folder: Path) -> str:
    """The heavy modules that a command imports."""
    code = f"import sys; from wassette_py.cli import main; main({words!r}); print(sorted(sys.modules.keys() & set({HEAVY!r})))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=120, check=True)
    return ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["config", "show"], ["component", "list"], ["policy", "check", "p.yaml"], ["trust", "show"]])
def test_a_command_imports_only_what_it_uses(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('version: "1.0"\npermissions: {}\n')
    assert _imported(words, tmp_path) == "[]"


@pytest.mark.parametrize("words", [["policy", "show", "text"], ["component", "inspect", "text"], ["tool", "list"]])
def test_what_is_installed_is_shown_without_an_engine(loaded: Path, words: list[str]) -> None:
    assert _imported(words, loaded) == "[]"


def test_another_stdout_than_ours_is_written_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    assert main(["--version"]) == 0
    assert written.getvalue().startswith("wassette ")


@pytest.mark.parametrize(
    ("streams", "words", "code", "err"),
    [
        ("<&- >&-", ["config", "show"], 0, ""),
        (
            "<&-",
            ["secret", "set", "NAME"],
            1,
            "error: the value of NAME has less than 4 characters: it could not be kept out of logs and errors\n",
        ),
        ("<&- >&- 2>&-", ["tool", "call", "nope"], 1, ""),
    ],
)
def test_closed_streams_are_empty_and_take_everything(streams: str, words: list[str], code: int, err: str) -> None:
    command = ["sh", "-c", f'exec "$@" {streams}', "sh", *PROGRAM, *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", err)


def test_a_working_directory_that_is_gone_is_named(
    loaded: Path, wassette: Wassette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ran = wassette("policy", "grant", "text", "storage", "here", "--access", "read")
    assert (ran.code, ran.out, ran.err) == (1, "", "error: the working directory: no such file or directory\n")
