from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette

POLICY = """# what notes may do
version: "1.0"
permissions:
  network:
    allow:
      - host: api.example.com # the service
    deny:
      - host: admin.example.com
  environment: {allow: [{key: LANG}]}
  tools: {allow: [add, "e*"]}
  resources: {limits: {timeout: 5s}}
"""


@pytest.fixture
def policy_file(loaded: Path, home: Path) -> Path:
    """Where the policy of `text` stands."""
    return home / ".local/share/wassette/components/text.policy.yaml"


def test_without_a_policy_nothing_is_granted_and_the_default_limits_hold(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("policy", "show", "text")
    assert ran.code == 0
    assert ran.out.splitlines() == ["text", "  may     nothing", "  limits  memory 512Mi, cpu 1, timeout 30s, output 4Mi"]
    assert wassette("policy", "show", "text", "-o", "json").json == {
        "id": "text",
        "permissions": {},
        "limits": {"memory": "512Mi", "cpu": "1", "timeout": "30s", "output": "4Mi"},
        "imports_without_grant": [],
    }


def test_a_policy_is_set_from_a_checked_file_and_shown_in_words(policy_file: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text(POLICY)
    ran = wassette("policy", "set", "text", "p.yaml")
    assert ran.code == 0
    assert policy_file.read_text() == POLICY
    assert ran.out.splitlines() == [
        "text",
        "  may     network api.example.com",
        "  may     env LANG",
        "  never   network admin.example.com",
        "  tools   add, e*",
        "  limits  memory 512Mi, cpu 1, timeout 5s, output 4Mi",
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("storage", "FOLDER", "--access", "read,write", "--guest", "/out"), "read and write FOLDER as /out"),
        (("storage", ".", "--access", "read"), "read FOLDER"),
        (("network", "api.example.com", "--method", "get", "--path", "/v1/**"), "network GET api.example.com /v1/**"),
        (("network", "--cidr", "10.1.0.0/16"), "network 10.1.0.0/16"),
        (("env", "LANG"), "env LANG"),
    ],
)
def test_what_is_granted_is_shown_and_can_be_revoked_by_the_same_words(
    loaded: Path, wassette: Wassette, words: tuple[str, ...], shown: str
) -> None:
    real = [str(loaded) if word == "FOLDER" else word for word in words]
    assert f"  may     {shown.replace('FOLDER', str(loaded))}" in wassette("policy", "grant", "text", *real).out.splitlines()
    assert "  may     nothing" in wassette("policy", "revoke", "text", *real).out.splitlines()


@pytest.mark.parametrize(("kind", "value"), [("memory", "64Mi"), ("cpu", "500m"), ("timeout", "2s"), ("output", "1Ki")])
def test_limits_are_granted_and_revoked(loaded: Path, wassette: Wassette, kind: str, value: str) -> None:
    assert wassette("policy", "grant", "text", kind, value, "-o", "json").json["limits"][kind] == value
    assert wassette("policy", "revoke", "text", kind, "-o", "json").json["permissions"] == {}


def test_revoking_a_path_without_access_takes_back_all_of_it(loaded: Path, wassette: Wassette) -> None:
    wassette("policy", "grant", "text", "storage", loaded, "--access", "read")
    wassette("policy", "grant", "text", "storage", loaded, "--access", "read,write", "--guest", "/x")
    assert "may     nothing" in wassette("policy", "revoke", "text", "storage", loaded).out


def test_revoking_what_is_not_granted_says_so(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("policy", "revoke", "text", "env", "LANG")
    assert (ran.code, ran.out) == (1, "")
    assert "env LANG is not granted" in ran.err


def test_reset_leaves_nothing(policy_file: Path, wassette: Wassette) -> None:
    wassette("policy", "grant", "text", "env", "LANG")
    assert policy_file.exists()
    assert "may     nothing" in wassette("policy", "reset", "text").out
    assert not policy_file.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("storage",), "storage needs a value"),
        (("storage", "/x"), "storage needs --access"),
        (("storage", "/x", "--access", "append"), "access is read or read,write"),
        (("network",), "network needs either a host or --cidr"),
        (("env", "A", "--access", "read"), "env does not take the options of storage"),
        (("ipc", "x"), "'ipc' is not a kind of permission"),
    ],
)
def test_wrong_words_are_usage_errors(loaded: Path, wassette: Wassette, words: tuple[str, ...], said: str) -> None:
    ran = wassette("policy", "grant", "text", *words)
    assert ran.code == 2
    assert said in ran.err
    if words[1:] and words[0] == "ipc":
        assert wassette("policy", "revoke", "text", *words).code == 2


def test_what_cannot_be_enforced_is_refused_with_the_nearest_form(loaded: Path, wassette: Wassette) -> None:
    for words in (("network", "*"), ("network", "https://a.example/x"), ("env", "A*"), ("timeout", "2h"), ("memory", "much")):
        ran = wassette("policy", "grant", "text", *words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("error: ")


def test_a_directory_is_looked_at_when_it_is_granted(loaded: Path, wassette: Wassette) -> None:
    ran = wassette("policy", "grant", "text", "storage", loaded / "no pe", "--access", "read")
    assert ran.code == 1
    assert "does not exist" in ran.err
    assert shlex.split(ran.err.splitlines()[-1]) == ["hint:", "mkdir", "-p", f"{loaded}/no pe"]
    assert "not a directory" in wassette("policy", "grant", "text", "storage", loaded / "text.wasm", "--access", "read").err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no FIFOs")
def test_a_directory_with_a_fifo_is_refused(loaded: Path, wassette: Wassette) -> None:
    os.mkfifo(loaded / "pipe")
    ran = wassette("policy", "grant", "text", "storage", loaded, "--access", "read")
    assert ran.code == 1
    assert "is a FIFO or a device" in ran.err
    hint = ran.err.splitlines()[-1].removeprefix("hint: ")
    assert subprocess.run(shlex.split(hint), capture_output=True, text=True, check=True).stdout == f"{loaded}/pipe\n"
    assert (loaded / "pipe").exists()


def test_check_explains_a_file(wassette: Wassette, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(POLICY)
    ran = wassette("policy", "check", tmp_path / "p.yaml")
    assert (ran.code, ran.err) == (0, f"{tmp_path}/p.yaml: can be enforced as it stands\n")
    assert "  never   network admin.example.com" in ran.out.splitlines()
    document = wassette("policy", "check", tmp_path / "p.yaml", "-o", "json").json
    assert document["permissions"]["environment"] == {"allow": [{"key": "LANG"}]}
    assert document["limits"]["timeout"] == "5s"


def test_a_policy_without_tools_says_none(wassette: Wassette, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('version: "1.0"\npermissions: {tools: {allow: []}}\n')
    assert "  tools   none" in wassette("policy", "check", tmp_path / "p.yaml").out.splitlines()


def test_check_names_file_line_and_key_of_a_fault(wassette: Wassette, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('version: "1.0"\npermissions:\n  ipc: {allow: []}\n')
    ran = wassette("policy", "check", tmp_path / "p.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {tmp_path}/p.yaml:3: permissions.ipc: ")


@pytest.mark.parametrize(
    ("target", "code", "word"),
    [
        ("GET https://api.example.com/x", 0, "allowed"),
        ("GET https://admin.example.com/", 3, "denied"),
        ("GET https://other.example/", 3, "denied"),
        ("read /etc", 3, "denied"),
        ("env LANG", 0, "allowed"),
    ],
)
def test_a_target_is_tested_and_the_line_named(policy_file: Path, wassette: Wassette, target: str, code: int, word: str) -> None:
    policy_file.write_text(POLICY)
    ran = wassette("policy", "test", "text", target)
    assert ran.code == code
    assert ran.out.startswith(f"{word}: {target}")
    document = wassette("policy", "test", "text", target, "-o", "json").json
    assert document["target"] == target
    assert document["allowed"] == (code == 0)
    assert document["by"] == (f"{policy_file}:6" if target.startswith("GET https://api") else document["by"])


@pytest.mark.parametrize("target", ["nonsense", "GET", "DELETE nowhere", "env A B"])
def test_a_target_that_does_not_parse_is_a_usage_error(loaded: Path, wassette: Wassette, target: str) -> None:
    assert wassette("policy", "test", "text", target).code == 2


@pytest.mark.parametrize("command", ["show", "reset"])
def test_an_unknown_component_is_an_error(wassette: Wassette, command: str) -> None:
    ran = wassette("policy", command, "nope")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: no component 'nope' is installed\nhint: wassette component list\n"


def test_a_corrupt_policy_stops_show_with_file_and_line(policy_file: Path, wassette: Wassette) -> None:
    policy_file.write_text("version: 1.0\npermissions: {ipc: {allow: []}}\n")
    ran = wassette("policy", "show", "text")
    assert ran.code == 1
    assert f"{policy_file}:2: permissions.ipc" in ran.err


def test_the_old_spelling_grants_and_revokes(loaded: Path, wassette: Wassette) -> None:
    granted = wassette("permission", "grant", "storage", "text", f"fs://{loaded}", "--access", "read,write")
    assert f"  may     read and write {loaded}" in granted.out.splitlines()
    assert "env HOME" in wassette("permission", "grant", "environment-variable", "text", "HOME").out
    assert "network a.example" in wassette("permission", "grant", "network", "text", "a.example").out
    assert "memory 64Mi" in wassette("permission", "grant", "memory", "text", "64Mi").out
    assert "storage" not in wassette("permission", "revoke", "storage", "text", f"fs://{loaded}").out
    assert "may     nothing" in wassette("permission", "reset", "text").out
