"""`wassette secret`: values go in by a prompt or stdin, and come out nowhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import write_component
from tests.sandbox.guests import ENVIRONMENT
from wassette_py.cli.secret import known_names

VALUE = "tok-4711-geheim"


class Stdin(io.TextIOWrapper):
    """What a command reads."""

    def __init__(self, data: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_value_is_read_from_stdin_listed_without_it_and_deleted(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    typed(monkeypatch, f"{VALUE}\n".encode())
    ran = wassette("secret", "set", "TOKEN")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"TOKEN is kept in {home / '.config/wassette/secrets'}\n"
    listed = wassette("secret", "list")
    assert listed.out.split() == ["NAME", "FROM", "TOKEN", "stored"]
    assert wassette("secret", "list", "-o", "json").json == {"secrets": [{"name": "TOKEN", "from": "stored"}]}
    assert known_names() == ["TOKEN"]
    assert VALUE.encode() not in everything(home)
    assert wassette("secret", "delete", "TOKEN").err == "TOKEN is forgotten\n"
    assert wassette("secret", "list").err.startswith("no secret is kept in ")
    assert wassette("secret", "delete", "TOKEN").code == 1


def test_a_value_is_never_an_argument(wassette: Wassette) -> None:
    assert wassette("secret", "set", "TOKEN", VALUE).code == 2
    assert wassette("secret", "list", "-o", "json").json == {"secrets": []}


def test_a_person_types_it_unseen(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    asked: list[str] = []

    def prompt(text: str, stream: object) -> str:
        asked.append(text)
        return VALUE

    monkeypatch.setattr(getpass, "getpass", prompt)
    monkeypatch.setattr(sys, "stdin", Stdin(b"", terminal=True))
    assert wassette("secret", "set", "TOKEN").code == 0
    assert asked == ["value of TOKEN: "]


@pytest.mark.parametrize(("data", "says"), [(b"", "less than 4 characters"), (b"\xff\xfe\xff\xfe", "is no UTF-8 text")])
def test_what_can_be_no_value_is_refused(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, data: bytes, says: str) -> None:
    typed(monkeypatch, data)
    ran = wassette("secret", "set", "TOKEN")
    assert ran.code == 1
    assert says in ran.err


def test_a_secret_may_be_kept_elsewhere(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_TOKEN", VALUE)
    assert wassette("secret", "set", "A", "--from", "env:MY_TOKEN").err == "A is env:MY_TOKEN\n"
    path = tmp_path / "token"
    assert wassette("secret", "set", "B", "--from", f"file:{path}").err == f"B is file:{path}, which has no value now\n"
    assert wassette("secret", "list", "-o", "json").json["secrets"][0] == {"name": "A", "from": "env:MY_TOKEN"}
    ran = wassette("secret", "set", "C", "--from", "keyring:x")
    assert ran.code == 2
    assert "expected keyring:SERVICE/NAME" in ran.err


def test_completion_of_names_is_silent_about_what_is_wrong(home: Path) -> None:
    (home / ".config/wassette/secrets").mkdir(parents=True)
    (home / ".config/wassette/secrets/secrets.json").write_text("{")
    assert known_names() == []


def test_a_secret_is_granted_shown_tested_and_used(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, components: Path) -> None:
    write_component(components, "env", ENVIRONMENT)
    assert wassette("component", "load", "env.wasm").code == 0
    ran = wassette("policy", "grant", "env", "secret", "TOKEN", "--env", "API_TOKEN")
    assert (ran.code, ran.err) == (1, "error: the secret TOKEN has no value\nhint: wassette secret set TOKEN\n")
    typed(monkeypatch, VALUE.encode())
    assert wassette("secret", "set", "TOKEN").code == 0
    shown = wassette("policy", "grant", "env", "secret", "TOKEN", "--env", "API_TOKEN", "-o", "json").json
    assert shown["permissions"] == {"secrets": [{"name": "TOKEN", "env": "API_TOKEN"}]}
    assert shown["imports_without_grant"] == []
    assert "secret TOKEN as env API_TOKEN (the component sees its value)" in wassette("policy", "show", "env").out
    assert wassette("policy", "test", "env", "env API_TOKEN").code == 0
    assert wassette("tool", "call", "variables", "-o", "json").json == {"result": [["API_TOKEN", "[redacted]"]]}
    assert wassette("policy", "revoke", "env", "secret", "TOKEN", "--env", "API_TOKEN").code == 0
    assert wassette("policy", "test", "env", "env API_TOKEN").code == 3


def test_a_missing_secret_stops_the_server_before_it_begins(
    wassette: Wassette, monkeypatch: pytest.MonkeyPatch, components: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("version: '1.0'\npermissions:\n  secrets: [{name: A, env: A}, {name: B, env: B}]\n")
    assert wassette("component", "load", "one.wasm", "--policy", policy).code == 0
    assert wassette("component", "load", "text.wasm").code == 0
    program = [sys.executable, "-m", "wassette_py", "serve", "--stdio"]

    def served(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    ran = served()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: the secrets A (of one), B (of one) have no value\nhint: wassette secret set A\n")
    assert served("text").returncode == 0
    monkeypatch.setenv("A", "value-of-a")
    for name in ("A", "B"):
        assert wassette("secret", "set", name, "--from", "env:A").code == 0
    assert served().returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_secrets_are_private(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    typed(monkeypatch, VALUE.encode())
    wassette("secret", "set", "TOKEN")
    assert {oct(path.stat().st_mode & 0o777) for path in (home / ".config/wassette/secrets").iterdir()} == {"0o600"}


def test_a_secret_is_granted_as_a_header_for_a_host_that_may_be_reached(
    wassette: Wassette, monkeypatch: pytest.MonkeyPatch, loaded: Path
) -> None:
    monkeypatch.setenv("MINE", VALUE)
    assert wassette("secret", "set", "TOKEN", "--from", "env:MINE").code == 0
    words = ("policy", "grant", "text", "secret", "TOKEN", "--inject", "api.example.com")
    ran = wassette(*words)
    assert ran.code == 1
    assert ran.err == (
        "error: the secret TOKEN is for api.example.com, to which no request is granted\n"
        "hint: wassette policy grant text network https://api.example.com\n"
    )
    assert wassette(*ran.err.split()[-5:]).code == 0
    shown = wassette(*words, "-o", "json").json
    inject = {"host": "api.example.com", "header": "Authorization", "format": "Bearer {}"}
    assert shown["permissions"]["secrets"] == [{"name": "TOKEN", "inject": inject}]
    line = "secret TOKEN as Authorization: Bearer … to https://api.example.com (the component never sees it)"
    assert line in wassette("policy", "show", "text").out
    assert wassette("policy", "test", "text", "env TOKEN").code == 3
    ran = wassette("policy", "revoke", "text", "network", "https://api.example.com")
    assert ran.code == 1
    assert ran.err == (
        "error: the secret TOKEN would be for api.example.com, to which no request is granted\n"
        "hint: wassette policy revoke text secret TOKEN --inject api.example.com --header Authorization --format 'Bearer {}'\n"
    )
    other = ("policy", "grant", "text", "secret", "TOKEN", "--inject", "api.example.com", "--header", "X-Key", "--format", "k={}")
    assert wassette(*other).code == 0
    assert wassette("policy", "revoke", "text", "secret", "TOKEN", "--inject", "api.example.com").code == 0
    assert wassette("policy", "revoke", *other[2:]).code == 0
    assert wassette("policy", "grant", "text", "secret", "TOKEN").code == 2
