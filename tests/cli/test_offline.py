"""`--offline`: what was fetched before is loaded without asking anybody, and is judged anew."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.layout_writer import INDEX, artifact
from tests.registry import Registry, running
from tests.signatures import dsse_bundle, referrer, referrers_index, signer

RELEASE = signer()


@pytest.fixture
def registry(home: Path, components: Path) -> Iterator[Registry]:
    """A registry that holds `acme/one:1`, signed by RELEASE; its fallback tag says so."""
    made = artifact((components / "one.wasm").read_bytes())
    signature = referrer(made, dsse_bundle(made.digest, RELEASE))
    with running(Registry()) as running_registry:
        running_registry.put("acme/one", "1", made)
        running_registry.put("acme/one", "signature", signature)
        running_registry.manifests["acme/one", made.digest.replace(":", "-")] = (INDEX, referrers_index(signature))
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running_registry.host}: {{insecure_http: true}}\n")
        yield running_registry


def trust(wassette: Wassette, registry: Registry, components: Path) -> str:
    (components / "release.pub").write_text(RELEASE.pem)
    ran = wassette("trust", "add", registry.host, "--key", "release.pub")
    assert ran.code == 0, ran.err
    return f"oci://{registry.host}/acme/one:1"


def test_a_signed_component_is_verified_again_from_the_cache(wassette: Wassette, registry: Registry, components: Path) -> None:
    reference = trust(wassette, registry, components)
    assert wassette("component", "load", reference).code == 0
    assert wassette("component", "unload", "one").code == 0
    registry.requests.clear()
    for words in (("component", "load"), ("component", "verify"), ("component", "inspect")):
        ran = wassette(*words, reference, "--offline")
        assert ran.code == 0, ran.err
    assert registry.requests == []
    assert wassette("trust", "remove", registry.host).code == 0
    ran = wassette("run", reference, "--offline")
    assert ran.code == 3
    assert registry.requests == []


def test_signatures_that_were_never_looked_for_are_missed(
    wassette: Wassette, registry: Registry, components: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = trust(wassette, registry, components)
    assert wassette("component", "inspect", reference).code == 0
    monkeypatch.setenv("WASSETTE_OFFLINE", "true")
    ran = wassette("component", "load", reference)
    assert ran.code == 1
    assert "error: signatures of oci://" in ran.err
    assert "was not fetched before, and offline nothing is fetched" in ran.err


def test_a_layout_and_a_file_are_there_offline_too(wassette: Wassette, components: Path) -> None:
    assert wassette("registry", "push", f"oci-layout://{components}/layout:one", "one.wasm").code == 0
    assert wassette("component", "load", f"oci-layout://{components}/layout:one", "--offline").code == 0
    assert wassette("component", "load", "text.wasm", "--offline").code == 0


def test_what_was_never_fetched_is_an_error_that_says_so(wassette: Wassette, registry: Registry, components: Path) -> None:
    ran = wassette("component", "load", trust(wassette, registry, components), "--offline")
    assert ran.code == 1
    assert "hint: do it once without --offline" in ran.err
    assert registry.requests == []


@pytest.mark.parametrize("words", [("registry", "push", "{}", "one.wasm"), ("registry", "login", "{host}", "-u", "u", "--password-stdin")])
def test_offline_nobody_is_asked_whatever_the_command(
    wassette: Wassette, registry: Registry, components: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    reference = trust(wassette, registry, components)
    monkeypatch.setenv("WASSETTE_OFFLINE", "true")
    monkeypatch.setattr("sys.stdin", io.StringIO("secret"))
    ran = wassette(*(word.format(reference, host=registry.host) for word in words))
    assert ran.code == 1
    assert f"{registry.host} is not asked: this is offline" in ran.err
    assert registry.requests == []
