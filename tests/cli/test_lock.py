"""`lock`, `sync` and `serve --manifest`: a project is on every machine exactly what it was when it was locked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from tests.layout_writer import artifact, digest, index_of
from tests.registry import Registry, running
from tests.server.process import serving
from wassette_py.host.project import Locked, pinned
from wassette_py.reference import Digest, HttpsReference

POLICY = 'version: "1.0"\npermissions:\n  environment:\n    allow: [{key: LANG}]\n'
TWO = ONE_TOOL.replace('(export "answer") (result u32)', '(export "reply") (result u32)')


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    with running(Registry()) as running_registry:
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running_registry.host}: {{insecure_http: true}}\n")
        (config.parent / "trust.yaml").write_text(
            f"version: 1\ndefault: deny\nscopes:\n  - {{match: '{running_registry.host}', unsigned: allow, reason: tests}}\n"
        )
        yield running_registry


@pytest.fixture
def project(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one component from a registry, with a policy, and one from a file beside it; the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    put(registry, folder, ONE_TOOL)
    write_component(folder, "text", TEXT_TOOLS)
    (folder / "one.policy.yaml").write_text(POLICY)
    (folder / "wassette.yaml").write_text(
        "version: 1\ncomponents:\n"
        f"  one: {{reference: 'oci://{registry.host}/acme/one:1', policy: one.policy.yaml, prefix: p}}\n"
        "  text: {reference: text.wasm}\n"
    )
    return folder


def put(registry: Registry, folder: Path, text: str) -> str:
    made = artifact(write_component(folder, "made", text).read_bytes())
    registry.put("acme/one", "1", made)
    return made.digest


def locked(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "wassette.lock").read_text())["components"]
    return found


def test_a_lock_says_exactly_what_each_component_is_and_installs_none(wassette: Wassette, project: Path, registry: Registry) -> None:
    ran = wassette("lock", "-o", "json")
    assert ran.code == 0, ran.err
    lock = locked(project)
    assert ran.json == {"lock": "wassette.lock", "components": lock}
    assert lock["one"]["reference"] == f"oci://{registry.host}/acme/one:1"
    assert lock["one"]["manifest"] == registry_digest(registry)
    assert (lock["one"]["prefix"], lock["one"]["signer"]) == ("p", "unsigned")
    assert lock["text"]["reference"] == "text.wasm"
    assert (lock["text"]["manifest"], lock["text"]["policy"]) == (None, None)
    before = (project / "wassette.lock").read_bytes()
    assert wassette("lock").err == "wrote wassette.lock: 2 components\n"
    assert (project / "wassette.lock").read_bytes() == before
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def registry_digest(registry: Registry) -> str:
    return digest(registry.manifests["acme/one", "1"][1])


def test_a_project_is_installed_with_its_policies_and_is_unchanged_the_next_time(wassette: Wassette, project: Path) -> None:
    first = wassette("sync", "-o", "json")
    assert first.json == {"changed": ["one", "text"], "unchanged": [], "lock_written": True}
    assert wassette("policy", "show", "one", "-o", "json").json["permissions"] == {"environment": {"allow": [{"key": "LANG"}]}}
    again = wassette("sync", "--locked")
    assert (again.code, again.out) == (0, "unchanged: one\nunchanged: text\n")
    assert wassette("tool", "call", "p_answer").code == 0


def test_sync_takes_what_was_locked_though_the_tag_has_moved(wassette: Wassette, project: Path, registry: Registry) -> None:
    assert wassette("lock").code == 0
    before = locked(project)["one"]["digest"]
    put(registry, project, TWO)
    for words in (("sync",), ("sync", "--locked")):
        assert wassette(*words).code == 0
        assert wassette("component", "inspect", "one", "-o", "json").json["digest"] == before
    check = wassette("lock", "--check")
    assert check.code == 3
    assert "one: manifest is sha256:" in check.out
    assert "one: tools is sha256:" in check.out
    assert "hint: look at what changed, then: wassette lock" in check.err
    assert wassette("lock").code == 0
    assert wassette("lock", "--check").out == "wassette.lock fits\n"
    assert wassette("sync").out == "installed: one\nunchanged: text\n"
    assert wassette("tool", "call", "p_reply").code == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("prefix: p", "prefix: q"), "one: prefix is q, locked is p"),
        (lambda text: text.replace(", policy: one.policy.yaml", ""), "one: policy is None, locked is sha256:"),
        (lambda text: text.replace("acme/one:1", "acme/one:2"), "one: reference is oci://"),
        (lambda text: text.replace("  text:", "  other:"), "other: is not locked"),
    ],
)
def test_what_the_project_wants_and_the_lock_does_not_say_is_refused_when_locked(
    wassette: Wassette, project: Path, change: Callable[[str], str], says: str
) -> None:
    assert wassette("sync").code == 0
    path = project / "wassette.yaml"
    path.write_text(change(path.read_text()))
    for words in (("sync", "--locked"), ("serve", "--stdio", "--manifest", "wassette.yaml")):
        ran = wassette(*words)
        assert ran.code == 3, ran.err
        assert says in ran.err


def test_a_file_that_is_not_what_was_locked_is_refused(wassette: Wassette, project: Path) -> None:
    assert wassette("lock").code == 0
    write_component(project, "text", TWO)
    for words in (("sync",), ("sync", "--locked")):
        ran = wassette(*words)
        assert ran.code == 3
        assert "text: digest is sha256:" in ran.err
    lines = wassette("lock", "--check", "-o", "json").json["drift"]
    assert any(line.startswith("text: digest is") for line in lines)


def test_what_is_not_locked_any_more_or_not_wanted_is_drift(wassette: Wassette, project: Path) -> None:
    assert wassette("lock").code == 0
    path = project / "wassette.yaml"
    path.write_text(path.read_text().replace("  text:", "  other:"))
    lines = wassette("lock", "--check", "-o", "json").json["drift"]
    assert lines == ["other: is not locked", "text: is locked and not wanted any more"]


def test_what_is_installed_and_not_locked_needs_its_yes(wassette: Wassette, project: Path, registry: Registry) -> None:
    assert wassette("sync").code == 0
    (project / "wassette.lock").unlink()
    assert wassette("sync", "--locked").code == 3
    assert wassette("lock", "--check").code == 3
    put(registry, project, TWO)
    ran = wassette("sync")
    assert ran.code == 3
    assert "hint: wassette component upgrade one" in ran.err


def test_a_policy_that_is_not_wanted_any_more_is_taken_away(wassette: Wassette, project: Path) -> None:
    assert wassette("sync").code == 0
    path = project / "wassette.yaml"
    path.write_text(path.read_text().replace(", policy: one.policy.yaml", ""))
    assert wassette("sync").out == "installed: one\nunchanged: text\n"
    assert wassette("policy", "show", "one", "-o", "json").json["permissions"] == {}
    assert wassette("sync", "--locked").code == 0


def test_a_tool_name_that_is_taken_is_told_with_what_the_project_file_lacks(wassette: Wassette, project: Path) -> None:
    write_component(project, "other-text", TEXT_TOOLS)
    assert wassette("component", "load", "other-text.wasm").code == 0
    ran = wassette("sync")
    assert ran.code == 1
    assert ran.err.endswith(
        "error: text: the tool name 'add' is taken by other-text\nhint: prefix: text, beside the reference of text in the project file\n"
    )


def test_an_index_is_locked_too(wassette: Wassette, project: Path, registry: Registry) -> None:
    registry.put("acme/one", "1", index_of(artifact(write_component(project, "made", ONE_TOOL).read_bytes())))
    assert wassette("sync").code == 0
    assert wassette("sync", "--locked").code == 0


def test_a_project_is_served_exactly_as_locked(wassette: Wassette, project: Path) -> None:
    assert wassette("sync").code == 0
    assert wassette("component", "load", "made.wasm", "--name", "stranger", "--prefix", "s").code == 0
    with serving("--manifest", "wassette.yaml", "--disable-builtin-tools") as client:
        names = {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
    assert names == {"p_answer", "add", "echo", "refuse", "break", "spin"}
    assert wassette("policy", "grant", "text", "environment-variable", "HOME").code == 0
    ran = wassette("serve", "--stdio", "--manifest", "wassette.yaml")
    assert ran.code == 3
    assert "text: policy is sha256:" in ran.err
    assert "hint: wassette sync --locked --manifest wassette.yaml" in ran.err
    assert wassette("component", "unload", "text").code == 0
    assert "text: is not installed" in wassette("serve", "--stdio", "--manifest", "wassette.yaml").err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "wassette.yaml:1: expected keys with values\nhint: version: 1\n"),
        ("version: 1\ncomponents: a", ":2: components: expected keys with values\nhint: components: {NAME: {reference: oci://REG"),
        ("version: 1\ncomponents: {a: './ä, b.wasm'}", 'expected keys with values\nhint: a: {reference: "./ä, b.wasm"}\n'),
        (
            "version: 1\ncomponents:\n  a: [x]",
            ':3: components.a: expected keys with values\nhint: a: {reference: "oci://REGISTRY/a:TAG"}\n',
        ),
        ("version: 2", "expected version: 1"),
        ("components: {}", "expected version: 1"),
        ("version: 1\nother: 2", ":2: other: not known here"),
        ("version: 1\ncomponents: {A: {reference: x}}", "components.A: not a component id"),
        ("version: 1\ncomponents: {a: {}}", "components.a: it has no reference"),
        ("version: 1\ncomponents: {a: {reference: 5}}", "components.a.reference: expected text"),
        ("version: 1\ncomponents: {a: {reference: 'oci://x'}}", "components.a.reference: oci://x: not a registry reference"),
        ("version: 1\ncomponents: {a: {reference: x, policy: gone.yaml}}", "wassette.yaml:2: components.a.policy: there is no "),
        ("version: 1\ncomponents: {a: {reference: x, policy: .}}", "cannot be read: Is a directory"),
        ("version: 1\ncomponents: {a: {reference: x, policy: bad.yaml}}", "cannot be read: it is not UTF-8 text"),
        ("version: 1\ncomponents: {a: {reference: x, policy: large.yaml}}", "large.yaml cannot be read: it is larger than 1048576 bytes"),
        ("version: 1\ncomponents: {a: {reference: x, policy: pipe.yaml}}", "pipe.yaml cannot be read: it is not a file"),
        ("version: 1\ncomponents: {a: {reference: x, policy: wassette.yaml}}", "policy of a:2"),
    ],
)
def test_a_project_file_that_says_nothing_is_an_error(wassette: Wassette, project: Path, text: str, says: str) -> None:
    (project / "bad.yaml").write_bytes(b"\xff")
    os.mkfifo(project / "pipe.yaml")
    (project / "large.yaml").write_bytes(b" " * (1 << 20) + b" ")
    (project / "wassette.yaml").write_text(text)
    ran = wassette("lock")
    assert ran.code == 1
    assert says in ran.err


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "components": {"a": {}}}', '{"version": 1, "components": []}']
)
def test_a_lock_that_is_none_is_an_error(wassette: Wassette, project: Path, text: str) -> None:
    (project / "wassette.lock").write_text(text)
    ran = wassette("sync", "--locked")
    assert ran.code == 1
    assert "wassette.lock is no lock" in ran.err


def test_a_lock_with_something_else_than_text_is_an_error(wassette: Wassette, project: Path) -> None:
    assert wassette("lock").code == 0
    whole = json.loads((project / "wassette.lock").read_text())
    name = next(iter(whole["components"]))
    for key, value, says in (
        ("prefix", 5, "TypeError: expected text"),
        ("policy", [], "TypeError: expected text"),
        ("prefix", "\ud800", "UnicodeEncodeError"),
        ("size", float("inf"), "TypeError: expected a size"),
        ("size", True, "TypeError: expected a size"),
        ("size", -1, "TypeError: expected a size"),
    ):
        changed = {**whole, "components": {name: {**whole["components"][name], key: value}}}
        (project / "wassette.lock").write_text(json.dumps(changed))
        assert says in wassette("sync").err
    (project / "wassette.lock").write_text(json.dumps({**whole, "components": {"../x": whole["components"][name]}}))
    assert "a component id that is none" in wassette("sync").err


def test_an_empty_project_is_locked_and_synced_and_serves_nothing(wassette: Wassette, project: Path) -> None:
    (project / "wassette.yaml").write_text("version: 1\ncomponents:\n")
    assert wassette("sync").out == "the project has no components\n"
    assert wassette("lock").code == 0
    assert wassette("serve", "--stdio", "--manifest", "wassette.yaml").code == 2
    assert wassette("serve", "--stdio", "one", "--manifest", "wassette.yaml").code == 2
    assert wassette("lock", "--manifest", "gone.yaml").code == 1


def test_a_web_page_is_pinned_by_its_own_digest() -> None:
    page = Digest.of(b"x")
    lock = Locked("https://a.io/x.wasm", None, page, 1, "digest", (), (), "t", None, "")
    assert pinned(HttpsReference("https://a.io/x.wasm"), lock) == HttpsReference("https://a.io/x.wasm", page)
