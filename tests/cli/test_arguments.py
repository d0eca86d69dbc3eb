from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from wassette_py.cli.arguments import MAX_FILE


def test_a_file_that_is_no_text_is_an_error(wassette: Wassette, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xff\xfe")
    ran = wassette("policy", "check", tmp_path / "p.yaml")
    assert (ran.code, ran.err) == (1, f"error: {tmp_path}/p.yaml: not a UTF-8 text\n")


def test_a_file_without_end_is_not_read_to_its_end(wassette: Wassette, tmp_path: Path) -> None:
    with (tmp_path / "p.yaml").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    assert "larger than" in wassette("policy", "check", tmp_path / "p.yaml").err


def test_a_folder_where_a_file_is_wanted_is_an_error(wassette: Wassette, tmp_path: Path) -> None:
    ran = wassette("policy", "check", tmp_path)
    assert (ran.code, ran.err) == (1, f"error: {tmp_path}: is a directory\n")


def test_a_dash_is_stdin(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'version: "1.0"\n')))
    ran = wassette("policy", "check", "-")
    assert (ran.code, ran.err) == (0, "-: can be enforced as it stands\n")
