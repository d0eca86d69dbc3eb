from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def trust_file(home: Path) -> Path:
    return home / ".config" / "wassette" / "trust.yaml"


def test_without_a_file_nothing_is_trusted(wassette: Wassette, trust_file: Path) -> None:
    ran = wassette("trust", "show")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"{trust_file} names no scope: nothing from a registry is trusted\n"
    assert wassette("trust", "show", "-o", "json").json == {"file": str(trust_file), "keys": [], "roots": [], "scopes": []}


def test_a_scope_is_added_shown_and_removed(wassette: Wassette, trust_file: Path) -> None:
    added = wassette("trust", "add", "ghcr.io/acme", "--unsigned", "--reason", "our own builds")
    assert (added.code, added.err) == (0, "ghcr.io/acme is trusted now\n")
    shown = wassette("trust", "show")
    assert shown.out.splitlines() == ["SCOPE         ACCEPTED  REASON", "ghcr.io/acme  unsigned  our own builds"]
    assert shown.err == f"{trust_file}: 1 scope\n"
    assert wassette("trust", "remove", "ghcr.io/acme").err == "ghcr.io/acme is not trusted any more\n"
    assert wassette("trust", "show", "-o", "json").json["scopes"] == []


def test_pins_are_added_one_to_the_other(wassette: Wassette) -> None:
    other = "sha256:" + "cd" * 32
    assert wassette("trust", "add", "ghcr.io/acme/fetch", "--digest", DIGEST).code == 0
    assert wassette("trust", "add", "ghcr.io/acme/fetch", "--digest", other).code == 0
    assert wassette("trust", "show", "-o", "json").json["scopes"] == [
        {
            "match": "ghcr.io/acme/fetch",
            "unsigned": False,
            "reason": None,
            "digests": [DIGEST, other],
            "insecure_http": False,
            "signatures": None,
            "mode": "enforce",
        }
    ]


def test_comments_survive_an_edit(wassette: Wassette, trust_file: Path) -> None:
    trust_file.parent.mkdir(parents=True)
    trust_file.write_text("version: 1\n# why we do this\nscopes:\n  - match: a.example # mine\n    unsigned: allow\n    reason: x\n")
    assert wassette("trust", "add", "b.example", "--unsigned", "--reason", "y").code == 0
    assert "# why we do this" in trust_file.read_text()
    assert "# mine" in trust_file.read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("trust", "add", "ghcr.io/acme"),
        ("trust", "add", "ghcr.io/acme", "--unsigned"),
        ("trust", "add", "ghcr.io/acme", "--unsigned", "--reason", "x", "--digest", DIGEST),
        ("trust", "add", "ghcr.io/acme", "--digest", "sha256:12"),
        ("trust", "add", "acme", "--unsigned", "--reason", "x"),
        ("trust", "remove", "ghcr.io/acme"),
    ],
)
def test_what_cannot_be_trusted_changes_nothing(wassette: Wassette, trust_file: Path, words: tuple[str, ...]) -> None:
    ran = wassette(*words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert not trust_file.exists()


def test_check_explains_a_file_and_names_the_line_of_a_fault(wassette: Wassette, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("version: 1\nscopes:\n  - {match: ghcr.io/acme, insecure_http: false, unsigned: allow, reason: x}\n")
    bad.write_text("version: 1\nscopes:\n  - match: ghcr.io/acme\n    keys: [a.pub]\n")
    assert wassette("trust", "check", good).err == f"{good}: 1 scope\n"
    ran = wassette("trust", "check", bad)
    assert ran.code == 1
    assert ran.err.startswith(f"error: {bad}:4: ")
    assert wassette("trust", "check", tmp_path / "missing.yaml").err == f"error: {tmp_path}/missing.yaml: no such file\n"


def test_a_trust_file_that_is_a_link_stays_one(wassette: Wassette, trust_file: Path, tmp_path: Path) -> None:
    trust_file.parent.mkdir(parents=True)
    kept = tmp_path / "mine.yaml"
    kept.write_text("# mine\nversion: 1\n")
    trust_file.symlink_to(kept)
    assert wassette("trust", "add", "ghcr.io/acme", "--digest", DIGEST).code == 0
    assert trust_file.is_symlink()
    assert kept.read_text().startswith("# mine\n")
    assert "ghcr.io/acme" in kept.read_text()


def test_nothing_is_made_where_a_trust_file_leads_nowhere(wassette: Wassette, trust_file: Path, tmp_path: Path) -> None:
    trust_file.parent.mkdir(parents=True)
    trust_file.symlink_to(tmp_path / "gone/mine.yaml")
    ran = wassette("trust", "add", "ghcr.io/acme", "--digest", DIGEST)
    assert (ran.code, ran.err) == (1, f"error: {trust_file}: the link leads nowhere\nhint: ls -l {trust_file}\n")
    assert trust_file.is_symlink()
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_a_trust_file_that_cannot_be_read_is_not_written_over(wassette: Wassette, trust_file: Path) -> None:
    trust_file.parent.mkdir(parents=True)
    os.mkfifo(trust_file)
    ran = wassette("trust", "add", "ghcr.io/acme", "--digest", DIGEST)
    assert (ran.code, ran.err) == (1, f"error: {trust_file}: cannot be read: it is not a file\n")
    assert trust_file.is_fifo()
