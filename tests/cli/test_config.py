from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette


def test_show_names_every_setting_with_its_origin(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASSETTE_GRANTS", "deny")
    ran = wassette("config", "show")
    assert ran.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines()}
    assert rows["KEY"] == ["VALUE", "FROM"]
    assert rows["grants"] == ["deny", "env"]
    assert rows["limits.memory"] == ["512Mi", "default"]


def test_a_setting_without_value_is_a_dash(wassette: Wassette, home: Path) -> None:
    config = home / ".config" / "wassette"
    config.mkdir(parents=True)
    (config / "config.yaml").write_text("registries:\n  localhost:5000: {insecure_http: true}\n")
    rows = [line.split() for line in wassette("config", "show").out.splitlines()]
    assert ["registries.localhost:5000.ca_file", "-", "file"] in rows
    assert ["registries.localhost:5000.insecure_http", "true", "file"] in rows


def test_an_unknown_setting_is_an_error_with_a_hint(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASSETTE_GRANT", "deny")
    ran = wassette("config", "show")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: WASSETTE_GRANT: not a setting\nhint: ")


def test_a_client_snippet_is_data_and_its_place_is_talk(wassette: Wassette, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "wassette"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    ran = wassette("config", "client", "claude-desktop", "--component-dir", "here")
    assert json.loads(ran.out) == {
        "mcpServers": {"wassette": {"command": str(program), "args": ["serve", "--stdio", "--component-dir", str(Path("here").absolute())]}}
    }
    assert ran.err.startswith("Claude Desktop: put this into claude_desktop_config.json")


def test_a_program_that_is_not_called_wassette_is_named_by_its_interpreter(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nowhere/__main__.py"])
    ran = wassette("config", "client", "codex", "-o", "json")
    assert ran.json["client"] == "codex"
    assert f'command = "{sys.executable}"\nargs = ["-m", "wassette_py", "serve", "--stdio"]' in ran.json["text"]


def test_an_unknown_client_is_a_usage_error_that_names_those_there_are(wassette: Wassette) -> None:
    ran = wassette("config", "client", "emacs")
    assert ran.code == 2
    assert "there are claude-desktop, claude-code, vscode, cursor, codex" in ran.err
