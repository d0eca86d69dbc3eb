"""`component upgrade`: nothing a person agreed to changes without a yes, and nothing goes back unasked."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.layout_writer import artifact
from tests.registry import Registry, running
from tests.server.process import serving
from wassette_py.cli import upgrading
from wassette_py.control import Control
from wassette_py.errors import Drift
from wassette_py.host import ComponentHost
from wassette_py.reference import Digest, parse_reference
from wassette_py.settings import Settings

TWO = ONE_TOOL.replace('(export "answer") (result u32)', '(export "reply") (result u32)')
READER = ONE_TOOL.replace("(component\n", '(component\n  (import "wasi:filesystem/preopens@0.2.0" (instance))\n', 1)
VERSION = "org.opencontainers.image.version"
CREATED = "org.opencontainers.image.created"


@pytest.fixture
def registry(home: Path, wassette: Wassette, tmp_path: Path) -> Iterator[Registry]:
    """A registry whose `acme/one:1` is installed as `one`."""
    with running(Registry()) as running_registry:
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running_registry.host}: {{insecure_http: true}}\n")
        assert wassette("trust", "add", running_registry.host, "--unsigned", "--reason", "tests").code == 0
        put(running_registry, tmp_path, ONE_TOOL)
        assert wassette("component", "load", f"oci://{running_registry.host}/acme/one:1").code == 0
        yield running_registry


def put(registry: Registry, folder: Path, text: str, tag: str = "1", *, created: str | None = None, version: str | None = None) -> None:
    wasm = write_component(folder, "made", text).read_bytes()
    annotations = {name: value for name, value in ((CREATED, created), (VERSION, version)) if value}
    registry.put("acme/one", tag, artifact(wasm, annotations=annotations or None))


def same(number: int) -> str:
    """A component like ONE_TOOL, of other bytes."""
    return ONE_TOOL.replace("(core module $m", f'(core module $m (memory (export "unused{number}") 1)').replace(
        "(core module\n", f'(core module (memory (export "unused{number}") 1)\n'
    )


def digest(wassette: Wassette) -> str:
    return str(wassette("component", "list", "-o", "json").json["components"][0]["digest"])


def test_what_did_not_change_is_unchanged(wassette: Wassette, registry: Registry) -> None:
    ran = wassette("component", "upgrade", "one", "-o", "json")
    assert (ran.code, ran.json) == (0, {"id": "one", "changed": False, "installed": True})


def test_other_tools_need_a_yes_wherever_they_come_from(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    before = digest(wassette)
    put(registry, tmp_path, TWO)
    loaded = wassette("component", "load", f"oci://{registry.host}/acme/one:1")
    assert loaded.code == 3
    assert "'one' is not what it was when it was loaded: added: reply; removed: answer" in loaded.err
    assert "hint: wassette component upgrade one\n" in loaded.err
    asked = wassette("component", "upgrade", "one")
    assert asked.code == 3
    assert "hint: look at it, then add --yes" in asked.err
    assert digest(wassette) == before
    dry = wassette("component", "upgrade", "one", "--dry-run", "-o", "json")
    assert dry.json["tools"] == [{"name": "reply", "change": "added", "parts": []}, {"name": "answer", "change": "removed", "parts": []}]
    assert (dry.json["needs_yes"], dry.json["installed"]) == (True, False)
    assert digest(wassette) == before
    done = wassette("component", "upgrade", "one", "--yes")
    assert (done.code, done.out) == (0, "upgraded: one\n")
    assert "  reply says now: " in done.err
    assert digest(wassette) != before
    assert wassette("tool", "call", "reply").code == 0


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 3)])
def test_a_person_at_a_terminal_is_asked(
    wassette: Wassette, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bool, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    put(registry, tmp_path, TWO)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(typer, "confirm", lambda text, *, err: answer)
    assert wassette("component", "upgrade", "one").code == code


def test_the_difference_fits_the_terminal_that_shows_it(
    wassette: Wassette, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(registry, tmp_path, TWO)
    monkeypatch.setattr(upgrading, "screen", lambda: 90)
    was, now, ran = digest(wassette), Digest.of((tmp_path / "made.wasm").read_bytes()), wassette("component", "upgrade", "one", "--yes")
    assert ran.err.startswith(f"one: oci://{registry.host}/acme/one:1\n  digest: {was} ->\n    {now}\n")


def test_other_bytes_that_offer_the_same_need_none(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    before = digest(wassette)
    put(registry, tmp_path, same(1))
    ran = wassette("component", "upgrade", "one")
    assert (ran.code, ran.out) == (0, "upgraded: one\n")
    assert "signer, imports and tools are as they were" in ran.err
    assert digest(wassette) != before


@pytest.mark.claim("upgrade:never-back-unasked")
def test_an_older_version_under_the_same_tag_is_refused_unless_asked_for(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    put(registry, tmp_path, same(1), created="2026-02-01T00:00:00Z")
    assert wassette("component", "upgrade", "one").code == 0
    for text, created in ((ONE_TOOL, None), (same(2), "2026-01-01T00:00:00Z")):
        put(registry, tmp_path, text, created=created)
        for words in (("load", f"oci://{registry.host}/acme/one:1"), ("upgrade", "one", "--yes")):
            ran = wassette("component", *words)
            assert ran.code == 3
            assert "is older now than what is installed as 'one'" in ran.err
            assert "hint: wassette component upgrade one --older" in ran.err
    ran = wassette("component", "upgrade", "one", "--older")
    assert ran.code == 0
    assert "this is older than what is installed" in ran.err


@pytest.mark.claim("upgrade:never-back-unasked")
def test_an_older_version_is_known_by_its_number_also_where_it_never_stood_here(
    wassette: Wassette, registry: Registry, tmp_path: Path
) -> None:
    put(registry, tmp_path, same(1), version="1.2.0")
    assert wassette("component", "upgrade", "one").code == 0
    put(registry, tmp_path, same(2), version="1.1.9")
    refused = wassette("component", "load", f"oci://{registry.host}/acme/one:1")
    assert (refused.code, "is older now than what is installed as 'one'" in refused.err) == (3, True)
    shown = wassette("component", "upgrade", "one", "--dry-run", "-o", "json")
    assert (shown.json["version"], shown.json["older"]) == ({"was": "1.2.0", "now": "1.1.9"}, True)
    put(registry, tmp_path, same(3), version="1.10.0")
    done = wassette("component", "upgrade", "one")
    assert (done.code, "  version: 1.2.0 -> 1.10.0" in done.err) == (0, True)


def test_a_rollback_puts_back_what_stood_there_offline_and_keeps_it(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    first = digest(wassette)
    assert "nothing stood there before" in wassette("component", "rollback", "one").err
    put(registry, tmp_path, TWO)
    assert wassette("component", "upgrade", "one", "--yes").code == 0
    second = digest(wassette)
    shown = wassette("component", "rollback", "one", "--dry-run", "-o", "json")
    assert (shown.json["older"], shown.json["installed"], digest(wassette)) == (True, False, second)
    # What a person agreed to is not what comes back: the same yes.
    asked = wassette("component", "rollback", "one")
    assert (asked.code, "hint: look at it, then add --yes" in asked.err) == (3, True)
    done = wassette("component", "rollback", "one", "--yes", "--offline")
    assert (done.code, done.out, digest(wassette)) == (0, "rolled back: one\n", first)
    assert wassette("tool", "call", "answer").out == "42\n"
    stays = wassette("component", "upgrade", "one")
    assert (stays.code, "hint: wassette component upgrade one --to 1" in stays.err) == (1, True)
    assert "nothing stood there before" in wassette("component", "rollback", "one").err
    # Forward again: that was never older.
    assert wassette("component", "upgrade", "one", "--to", "1", "--yes").code == 0
    assert digest(wassette) == second


def test_a_rollback_in_a_layout_finds_what_its_tag_does_not_mean_any_more(wassette: Wassette, components: Path, tmp_path: Path) -> None:
    reference = f"oci-layout://{tmp_path}/layout:1"
    for number in (1, 2):
        file = write_component(components, "made", same(number))
        assert wassette("registry", "push", reference, file).code == 0
        assert wassette("component", "load", reference, "--name", "laid").code == 0
    second = digest(wassette)
    assert wassette("component", "rollback", "laid").code == 0
    assert digest(wassette) != second
    assert wassette("tool", "call", "answer").out == "42\n"


@pytest.mark.claim("upgrade:never-back-unasked")
def test_a_rollback_is_no_way_around_the_trust_policy(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    put(registry, tmp_path, same(1))
    assert wassette("component", "upgrade", "one").code == 0
    assert wassette("trust", "remove", registry.host).code == 0
    made = artifact(write_component(tmp_path, "made", same(1)).read_bytes()).digest
    assert wassette("trust", "add", registry.host, "--digest", made).code == 0
    refused = wassette("component", "rollback", "one", "--yes")
    assert (refused.code, "pins other digests" in refused.err) == (3, True)


def test_the_difference_says_what_the_policy_does_not_grant(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    put(registry, tmp_path, READER)
    dry = wassette("component", "upgrade", "one", "--dry-run", "-o", "json")
    assert dry.json["imports_without_grant"] == ["wasi:filesystem/preopens@0.2.0"]
    assert "  its policy grants nothing of: wasi:filesystem/preopens@0.2.0" in dry.err
    assert wassette("policy", "grant", "one", "storage", tmp_path, "--access", "read").code == 0
    assert wassette("component", "upgrade", "one", "--dry-run", "-o", "json").json["imports_without_grant"] == []
    (ComponentHost(Settings.load()).store.folder / "one.policy.yaml").write_text("nonsense: 1\n")
    broken = wassette("component", "upgrade", "one", "--yes", "-o", "json")
    assert (broken.code, broken.json["imports_without_grant"]) == (0, ["wasi:filesystem/preopens@0.2.0"])


def test_another_tag_is_upgraded_to_by_name(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    put(registry, tmp_path, TWO, "2")
    assert wassette("component", "upgrade", "one", "--to", "2", "--yes").code == 0
    assert wassette("component", "upgrade", "one", "--to", f"oci://{registry.host}/acme/one:1", "--yes").code == 0
    pinned = f"oci://{registry.host}/acme/one@{artifact(write_component(tmp_path, 'made', TWO).read_bytes()).digest}"
    assert wassette("component", "upgrade", "one", "--to", pinned, "--yes").code == 0
    ran = wassette("component", "upgrade", "one")
    assert ran.code == 1
    assert "is pinned by its digest" in ran.err
    assert wassette("component", "upgrade", "one", "--to", "oci://127.0.0.1:1/acme/other:1").code == 1
    assert wassette("component", "upgrade", "gone").code == 1


def test_a_file_of_ones_own_is_replaced_at_once(wassette: Wassette, components: Path) -> None:
    assert wassette("component", "load", "one.wasm").code == 0
    write_component(components, "one", TWO)
    assert wassette("component", "load", "one.wasm").code == 0
    write_component(components, "one", ONE_TOOL)
    assert wassette("component", "upgrade", "one").code == 0


def test_a_load_says_what_is_not_as_it_was_where_that_needs_no_yes(wassette: Wassette, registry: Registry, components: Path) -> None:
    assert wassette("component", "load", "one.wasm", "--name", "own", "--prefix", "p").code == 0
    write_component(components, "one", TWO)
    again = wassette("component", "load", "one.wasm", "--name", "own", "--prefix", "p")
    assert (again.code, "own: added: p_reply\nown: removed: p_answer\n" in again.err) == (0, True)
    # Described again by another mapping: the same bytes are what they were.
    record = ComponentHost(Settings.load()).store.folder / "one.json"
    document = json.loads(record.read_text())
    document["mapping_version"] -= 1
    document["tools"][0]["description"] = "as it was described before"
    record.write_text(json.dumps(document))
    described = wassette("component", "load", f"oci://{registry.host}/acme/one:1")
    assert (described.code, "one: changed: answer (description)\n" in described.err) == (0, True)


def test_what_was_installed_meanwhile_is_compared_too(wassette: Wassette, registry: Registry, tmp_path: Path) -> None:
    host, reference = ComponentHost(Settings.load()), parse_reference(f"oci://{registry.host}/acme/one:1")
    put(registry, tmp_path, same(1))
    prepared = host.loader.prepared(reference, component_id="one", prefix="", control=Control())
    put(registry, tmp_path, TWO)
    assert wassette("component", "upgrade", "one", "--yes").code == 0
    with pytest.raises(Drift, match="added: answer; removed: reply"):
        host.install(prepared, Control())


def test_a_model_cannot_say_that_yes(registry: Registry, wassette: Wassette, tmp_path: Path) -> None:
    before = digest(wassette)
    put(registry, tmp_path, TWO)
    with serving() as client:
        result = client.call("load-component", path=f"oci://{registry.host}/acme/one:1")
    assert result["isError"]
    said = result["content"][0]["text"]
    assert "'one' is not what it was when it was loaded: added: reply; removed: answer" in said
    assert "wassette component upgrade one" in said
    assert digest(wassette) == before
