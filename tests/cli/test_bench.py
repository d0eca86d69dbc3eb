from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.layout_writer import artifact
from tests.registry import Registry, running

NUMBERS = {"ready", "compile", "restore", "instantiate", "call", "call_p95", "bare", "memory", "calls", "overhead", "tier"}


def test_a_reference_is_measured(components: Path, wassette: Wassette) -> None:
    ran = wassette("bench", "text.wasm", "add", "left=1", "right=2", "--calls", "20", "-o", "json")
    assert ran.code == 0
    assert set(ran.json) == NUMBERS
    assert 0 < ran.json["instantiate"] < ran.json["bare"] < ran.json["call"] <= ran.json["call_p95"]
    assert (ran.json["calls"], ran.json["tier"]) == (20, "optimized")
    assert wassette("component", "list", "-o", "json").json["components"] == []


def test_a_reference_is_fetched_once(home: Path, wassette: Wassette) -> None:
    with running(Registry()) as registry:
        registry.put("acme/one", "1", artifact(write_component(home, "one", ONE_TOOL).read_bytes()))
        config = home / ".config" / "wassette"
        config.mkdir(parents=True)
        (config / "config.yaml").write_text(f"registries: {{'{registry.host}': {{insecure_http: true}}}}\n")
        assert wassette("trust", "add", f"{registry.host}/acme", "--unsigned", "--reason", "test").code == 0
        assert wassette("bench", f"oci://{registry.host}/acme/one:1", "--calls", "2").code == 0
        assert len([path for path in registry.paths() if "/manifests/1" in path]) == 1


def test_an_installed_component_is_measured_kept_and_compared(loaded: Path, wassette: Wassette) -> None:
    words = ("bench", "text", "add", "--json", '{"left": 1, "right": 2}', "--calls", "5")
    ran = wassette(*words, "--save", "kept.json")
    lines = [line.split("  ")[0] for line in ran.out.splitlines()]
    assert lines[:3] == ["build that is measured", "compile until it can be called", "compile, optimised"]
    assert ran.out.splitlines()[0].split()[-1] == "optimized"
    kept = json.loads(Path("kept.json").read_text())
    kept["memory"] = 0
    kept["compile"] = 2.0
    Path("kept.json").write_text(json.dumps(kept))
    ran = wassette(*words, "--compare", "kept.json")
    assert "2.00 s" in ran.out
    assert ran.out.count("× ") == 8
    assert wassette(*words, "--compare", "kept.json", "-o", "json").json["compared"]["compile"] == 2.0


def test_what_fails_is_not_measured(loaded: Path, wassette: Wassette) -> None:
    assert wassette("bench", "text", "break", "--calls", "2").code == 1
    assert wassette("bench", "text", "add", "left=1", "--json", "{}").code == 2
    assert wassette("bench", "text", "add", "left=1").code == 1
    Path("kept.json").write_text("[]")
    ran = wassette("bench", "text", "add", "left=1", "right=2", "--compare", "kept.json")
    assert (ran.code, ran.out) == (1, "")
    assert "--save" in ran.err


def test_a_policy_may_stand_for_what_is_granted(components: Path, wassette: Wassette) -> None:
    Path("p.yaml").write_text('version: "1.0"\npermissions:\n  environment:\n    allow: [{key: HOME}, {key: NOT_THERE}]\n')
    assert wassette("bench", "one.wasm", "--policy", "p.yaml", "--calls", "2").code == 0


def test_native_code_of_a_measurement_is_not_put_where_a_guest_may_write(
    components: Path, home: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert wassette("bench", "one.wasm", "--calls", "2").code == 0
    shutil.rmtree(home / ".cache" / "wassette")
    (home / ".cache" / "wassette").write_text("a file in the way")
    ran = wassette("bench", "one.wasm", "--calls", "2")
    assert (ran.code, ran.out) == (1, "")
    assert "to be measured: Not a directory" in ran.err
