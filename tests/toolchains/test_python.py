"""Components that componentize-py makes: CPython with what the policy grants."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.patience import LONG
from tests.toolchain import build_python

pytestmark = pytest.mark.toolchain

WIT = """
package test:python@1.0.0;

interface guest {
  variable: func(name: string) -> option<string>;
  all-variables: func() -> list<tuple<string, string>>;
  arguments: func() -> list<string>;
  text-of: func(path: string) -> result<string, string>;
  save-to: func(path: string, text: string) -> result<_, string>;
  wait-for: func(seconds: f64) -> f64;
  spin-forever: func();
  connect-to: func(host: string) -> result<_, string>;
  complain: func(text: string);
  fail-with: func(text: string);
}

world python { export guest; }
"""
APP = """
import os, socket, sys, time
from componentize_py_types import Err
from wit_world import exports


def attempt(action):
    try:
        return action()
    except OSError as error:
        raise Err(f"{type(error).__name__}: {error}")


class Guest(exports.Guest):
    def variable(self, name): return os.environ.get(name)
    def all_variables(self): return sorted(os.environ.items())
    def arguments(self): return sys.argv
    def text_of(self, path): return attempt(lambda: open(path).read())
    def save_to(self, path, text): attempt(lambda: open(path, "w").write(text))

    def wait_for(self, seconds):
        started = time.monotonic()
        time.sleep(seconds)
        return time.monotonic() - started

    def spin_forever(self):
        while True: pass

    def connect_to(self, host): attempt(lambda: socket.create_connection((host, 80), timeout=1))
    def complain(self, text): print(text); print(text, file=sys.stderr)
    def fail_with(self, text): raise ValueError(text)
"""


@pytest.fixture(scope="module")
def wasm() -> Path:
    return build_python("python", {"python.wit": WIT}, "python", {"app.py": APP})


def test_a_component_of_python_is_called(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py")
    assert "guest_text-of" in installed.tools()
    waited = installed.value("guest_wait-for", seconds=0.05)
    assert isinstance(waited, float)
    assert 0.04 < waited < 5


def test_nothing_of_the_host_is_inherited(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path, {"SECRET": "of the host"})
    installed.load(wasm, "py")
    assert installed.value("guest_variable", name="SECRET") is None
    assert installed.value("guest_all-variables") == []
    assert installed.value("guest_arguments") in ([], [""])


def test_a_granted_variable_is_seen_and_no_other(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path, {"LANGUAGE": "de", "SECRET": "of the host"})
    installed.load(wasm, "py", "  environment:\n    allow: [{key: LANGUAGE}]\n")
    assert installed.value("guest_variable", name="LANGUAGE") == "de"
    assert installed.value("guest_all-variables") == [["LANGUAGE", "de"]]


def test_a_file_is_reached_by_its_path_once_its_folder_is_granted(wasm: Path, tmp_path: Path) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    (granted / "a.txt").write_text("hello")
    (tmp_path / "outside.txt").write_text("secret")
    installed = Installed(tmp_path)
    installed.load(wasm, "py", f'  storage:\n    allow: [{{uri: "fs://{granted}", access: [read]}}]\n')
    assert installed.value("guest_text-of", path=str(granted / "a.txt")) == "hello"
    for path in (tmp_path / "outside.txt", granted / ".." / "outside.txt"):
        result = installed.call("guest_text-of", path=str(path))
        assert result.error is not None
        assert "secret" not in result.error
    assert installed.call("guest_save-to", path=str(granted / "a.txt"), text="changed").error is not None
    assert (granted / "a.txt").read_text() == "hello"


def test_without_a_grant_the_caller_is_told_what_would_help(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py")
    told = "\n".join(installed.call("guest_text-of", path="/etc/hostname").lines)
    assert "storage granted to py: none" in told
    assert "wassette policy grant py storage" in told


@pytest.mark.parametrize(("tool", "arguments"), [("guest_wait-for", {"seconds": 3600}), ("guest_spin-forever", {})])
def test_no_sleep_and_no_loop_outlasts_the_call(tool: str, arguments: dict[str, object], wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py", "  resources:\n    limits: {timeout: 1s}\n")
    started = time.monotonic()
    result = installed.call(tool, **arguments)
    assert result.kind == "timeout"
    assert time.monotonic() - started < LONG


def test_sockets_stay_refused(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py")
    assert installed.call("guest_connect-to", host="127.0.0.1").error is not None


def test_what_a_guest_prints_is_captured(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py")
    result = installed.call("guest_complain", text="oh dear")
    assert (result.stdout, result.stderr) == ("oh dear\n", "oh dear\n")


def test_an_exception_is_a_trap_and_its_traceback_is_kept(wasm: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.load(wasm, "py")
    result = installed.call("guest_fail-with", text="oh dear")
    assert result.kind == "trap"
    assert "ValueError: oh dear" in result.stderr
