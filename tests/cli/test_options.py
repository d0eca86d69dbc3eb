from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "json", "component", "list"),
        ("component", "-o", "json", "list"),
        ("component", "list", "-o", "json"),
        ("component", "list", "--output=json"),
        ("-o", "text", "component", "list", "-ojson"),
        ("component", "list", "-o", "text", "-o", "json"),
    ],
)
def test_output_is_accepted_before_and_after_the_words_and_the_last_one_wins(wassette: Wassette, words: tuple[str, ...]) -> None:
    assert wassette(*words).json == {"components": [], "total": 0}


def test_the_last_component_dir_wins(wassette: Wassette, tmp_path: Path) -> None:
    ran = wassette("--component-dir", tmp_path / "a", "config", "--component-dir", tmp_path / "b", "show", "-o", "json")
    assert ran.json["component_dir"] == {"value": str(tmp_path / "b"), "from": "flag"}


@pytest.mark.parametrize("words", [("component", "list", "--component-dir", ""), ("serve", "--stdio", "--component-dir=")])
def test_a_component_dir_without_a_name_is_a_usage_error(wassette: Wassette, words: tuple[str, ...]) -> None:
    ran = wassette(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "--component-dir': a directory has a name" in ran.err


def test_an_unknown_output_is_a_usage_error(wassette: Wassette) -> None:
    ran = wassette("component", "list", "-o", "yaml")
    assert ran.code == 2
    assert "'yaml' is neither text nor json" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("compnent",),
        ("component", "lst"),
        ("component", "list", "--nope"),
        ("component", "list", "too", "many"),
        ("component", "load"),
        ("policy", "test", "x"),
        ("permission", "grant", "storage"),
        ("serve", "--http"),
    ],
)
def test_unknown_commands_and_flags_are_usage_errors(wassette: Wassette, words: tuple[str, ...]) -> None:
    ran = wassette(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: wassette")


def test_a_misspelt_command_names_the_one_that_was_meant(wassette: Wassette) -> None:
    assert "Did you mean 'component'?" in wassette("compnent").err


def test_wassette_alone_prints_help_and_exits_2(wassette: Wassette) -> None:
    ran = wassette()
    assert ran.code == 2
    assert "Commands:" in ran.err


def test_serve_alone_says_which_front_it_needs(wassette: Wassette) -> None:
    ran = wassette("serve")
    assert ran.code == 2
    assert "serve needs to know its front: --stdio" in ran.err


def test_help_names_every_command_but_the_old_spelling(wassette: Wassette) -> None:
    ran = wassette("--help")
    assert ran.code == 0
    commands = [line.split()[0] for line in ran.out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()]
    nouns = ["component", "tool", "policy", "trust", "registry", "secret", "audit", "config"]
    assert commands == ["serve", "run", "lock", "sync", "stats", "monitor", "bench", "bundle", *nouns]


def test_a_required_argument_stands_without_braces(wassette: Wassette) -> None:
    assert wassette("policy", "grant", "--help").out.startswith("Usage: wassette policy grant [OPTIONS] ID KIND [VALUE]\n")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_is_one_line(wassette: Wassette, flag: str) -> None:
    from wassette_py import __version__

    assert wassette(flag).out == f"wassette {__version__}\n"


def test_completion_offers_commands_ids_and_formats(loaded: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - (0 if line.endswith(" ") else 1)))
        return wassette().out.split()

    monkeypatch.setenv("_WASSETTE_COMPLETE", "complete_bash")
    assert completed("wassette comp") == ["component"]
    assert completed("wassette policy show ") == ["text"]
    assert completed("wassette tool call a") == ["add"]
    assert completed("wassette -o ") == ["text", "json"]
    assert completed("wassette config client vs") == ["vscode"]
    assert "storage" in completed("wassette policy grant text ")


@pytest.mark.parametrize("words", ["wassette policy show ", "wassette tool call "])
def test_completion_without_readable_settings_offers_nothing(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    for name, value in (("_WASSETTE_COMPLETE", "complete_bash"), ("COMP_WORDS", words), ("COMP_CWORD", "3")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WASSETTE_NOPE", "1")
    assert wassette().out.strip() == ""


def test_completion_can_be_shown_for_a_shell(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_WASSETTE_COMPLETE=complete_bash" in wassette("--show-completion", "bash").out


def test_json_documents_are_one_document_however_long(wassette: Wassette) -> None:
    assert json.loads(wassette("-o", "json", "config", "show").out)["log_level"] == {"value": "warning", "from": "default"}
