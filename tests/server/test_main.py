from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.guests import PRINT
from tests.server.process import install, serving
from wassette_py.__main__ import Serve, main, serve_stdio_of


@pytest.mark.parametrize(
    ("line", "serve"),
    [
        ("serve --stdio", Serve((), None, True)),
        ("--stdio serve", Serve((), None, True)),
        ("serve a b --stdio", Serve(("a", "b"), None, True)),
        ("-v serve --stdio --disable-builtin-tools a", Serve(("a",), None, False, True)),
        ("--verbose --component-dir /x serve --stdio", Serve((), "/x", True, True)),
        ("serve --component-dir=/x --stdio", Serve((), "/x", True)),
        ("serve --component-dir /x --stdio --component-dir /y", Serve((), "/y", True)),
    ],
)
def test_serving_is_recognised_in_any_order(line: str, serve: Serve) -> None:
    found = serve_stdio_of(line.split())
    assert found is not None
    assert vars(found) == vars(serve)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "serve",
        "--stdio",
        "run serve --stdio",
        "serve --stdio --help",
        "serve --stdio --nope",
        "serve --stdio -x",
        "serve --stdio --component-dir",
        "serve --stdio --component-dir=",
        "serve --stdio --stdio=1",
    ],
)
def test_anything_else_is_for_the_command_tree(line: str) -> None:
    assert serve_stdio_of(line.split()) is None


def test_the_command_tree_says_what_is_wrong_with_a_serve(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["wassette", "serve", "--stdio", "--nope"])
    assert main() == 2
    assert "--nope" in capsys.readouterr().err


def test_a_setting_that_is_wrong_is_told_before_anything_is_served() -> None:
    command = [sys.executable, "-m", "wassette_py", "serve", "--stdio"]
    for variable, text in (
        ("WASSETTE_GRANTS", "error: WASSETTE_GRANTS: expected"),
        ("WASSETTE_NOPE", "error: WASSETTE_NOPE: not a setting\nhint: "),
    ):
        done = subprocess.run(command, env={**os.environ, variable: "maybe"}, input="", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(text)


@pytest.mark.parametrize(
    ("arguments", "level", "told"), [([], "warning", False), (["-v"], "warning", True), ([], "info", True), ([], "error", False)]
)
def test_what_a_guest_prints_goes_to_the_log_when_the_client_does_not_want_it(
    arguments: list[str], level: str, told: bool, tmp_path: Path
) -> None:
    install(tmp_path, "print", PRINT)
    with serving(*arguments, environment={**os.environ, "WASSETTE_LOG_LEVEL": level}) as client:
        client.ask("logging/setLevel", {"level": "error"})
        client.call("say", text="\x1b[31mred")
        assert client.end() == 0
        assert (b"'\\x1b[31mred'" in client.errors) is told
        assert client.sent == []
