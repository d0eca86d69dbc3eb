"""Keys and signatures from the command line: generated, used, and never with a password on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.layout_writer import write_layout
from tests.registry import Registry, running

REFERENCE = "oci-layout://{folder}/layout:one"


@pytest.fixture
def folder(components: Path) -> Path:
    """A layout of one component, and the file of a password."""
    (components / "pw").write_text("secret\n")
    write_layout(components / "layout", {"one": (components / "one.wasm").read_bytes()})
    return components


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    with running(Registry()) as running_registry:
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running_registry.host}: {{insecure_http: true}}\n")
        yield running_registry


def test_from_a_new_key_to_a_trusted_component(wassette: Wassette, folder: Path) -> None:
    made = wassette("trust", "generate-key", "release", "--password-file", "pw")
    assert made.code == 0
    assert made.out == (folder / "release.pub").read_text()
    assert "hint" not in made.err
    assert [(folder / name).stat().st_mode & 0o777 for name in ("release.key", "release.pub")] == [0o600, 0o644]
    reference = REFERENCE.format(folder=folder)
    assert wassette("trust", "add", reference.rpartition(":")[0], "--key", "release.pub").code == 0
    assert wassette("component", "load", reference).code == 3
    signed = wassette("component", "sign", reference, "--key", "release.key", "--password-file", "pw")
    assert signed.code == 0
    assert signed.out.startswith(f"signed {reference}@sha256:")
    assert wassette("component", "load", reference).code == 0


def test_a_push_is_signed_by_the_digest_that_was_pushed(wassette: Wassette, folder: Path, registry: Registry) -> None:
    assert wassette("trust", "generate-key", "--password-file", "pw", "-o", "json").json["public_key"] == "cosign.pub"
    reference = f"oci://{registry.host}/acme/one:1.0"
    pushed = wassette("registry", "push", reference, "one.wasm", "--sign", "cosign.key", "--password-file", "pw", "-o", "json")
    assert pushed.json["signature"].startswith("referrer sha256:")
    assert wassette("trust", "add", f"{registry.host}/acme", "--key", "cosign.pub").code == 0
    assert wassette("component", "verify", reference).code == 0
    legacy = wassette(
        "component", "sign", reference, "--key", "cosign.key", "--password-file", "pw", "--format", "cosign-legacy", "-o", "json"
    )
    assert legacy.json["signature"].endswith(".sig")
    assert len(wassette("component", "verify", reference, "-o", "json").json["signatures"]) == 2


@pytest.mark.claim("keys:sealed")
def test_a_key_is_never_overwritten_and_an_empty_password_seals_nothing(wassette: Wassette, folder: Path) -> None:
    (folder / "empty").write_text("\n")
    ran = wassette("trust", "generate-key", "--password-file", "empty")
    assert (ran.code, "an empty password seals nothing" in ran.err) == (1, True)
    (folder / "mine.pub").write_text("mine")
    ran = wassette("trust", "generate-key", "mine", "--password-file", "pw")
    assert (ran.code, "is there already" in ran.err) == (1, True)
    assert ((folder / "mine.pub").read_text(), (folder / "mine.key").exists()) == ("mine", False)


@pytest.mark.claim("keys:sealed")
def test_a_password_comes_from_a_person_a_file_or_stdin(wassette: Wassette, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = wassette("trust", "generate-key", "one")
    assert (ran.code, "there is no terminal to ask for the password" in ran.err) == (1, True)
    assert "hint: --password-file FILE" in ran.err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool, err: bool, confirmation_prompt: bool) -> str:
        assert hide_input
        assert err
        asked.append((text, confirmation_prompt))
        return "typed"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("typer.prompt", prompt)
    assert wassette("trust", "generate-key", "two").code == 0
    reference = REFERENCE.format(folder=folder)
    assert wassette("component", "sign", reference, "--key", "two.key").code == 0
    assert asked == [("Password for two.key", True), ("Password of two.key", False)]


def test_a_wrong_password_another_format_and_a_missing_key_are_told(wassette: Wassette, folder: Path) -> None:
    assert wassette("trust", "generate-key", "--password-file", "pw").code == 0
    (folder / "wrong").write_text("wrong")
    reference = REFERENCE.format(folder=folder)
    for words, code, says in (
        (("--key", "cosign.key", "--password-file", "wrong"), 1, "the password does not open this key"),
        (("--key", "cosign.pub", "--password-file", "pw"), 1, "not a private key as cosign writes it"),
        (("--key", "missing.key", "--password-file", "pw"), 1, "no such file"),
        (("--key", "cosign.key", "--password-file", "pw", "--format", "notation"), 2, "neither bundle nor cosign-legacy"),
    ):
        ran = wassette("component", "sign", reference, *words)
        assert (ran.code, says in ran.err) == (code, True), ran.err
    assert "hint" in wassette("component", "sign", "one.wasm", "--key", "cosign.key", "--password-file", "pw").err
