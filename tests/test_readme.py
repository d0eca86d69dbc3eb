"""What the README shows is what happens: its session, its commands, its policy and trust files, its exit codes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from tests.keyless_layout import lab_root
from wassette_py.cli.app import app
from wassette_py.policy.document import parse_policy
from wassette_py.trust.document import parse_trust_policy

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = README.split("```")[1::2]
    return [block.removeprefix(f"{language}\n") for block in fenced if block.startswith(f"{language}\n")]


def steps(block: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    return [(match[1], match[2]) for match in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE)]


def test_the_session_prints_what_the_readme_shows(home: Path) -> None:
    (home / "notes").mkdir()
    (home / "notes" / "today.txt").write_text("Milk, bread, and the slides for Friday\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    session = steps(blocks("console")[0])
    assert len(session) == 5
    for command, shown in session:
        ran = subprocess.run(["sh", "-c", command], cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
        printed = (ran.stdout + ran.stderr).replace(str(home), "/home/me").rstrip("\n") + "\n"
        pattern = "(?:.*\n)*?".join(re.escape(part) for part in shown.split("…\n"))
        assert re.fullmatch(pattern, printed), f"$ {command}\n{printed}"


def commands() -> set[str]:
    """Every command of the tree that help shows, as one types it."""
    found = set[str]()
    root = typer.main.get_command(app)
    for name, command in getattr(root, "commands", {}).items():
        inner = getattr(command, "commands", None)
        if not command.hidden:
            found.update({f"{name} {word}" for word in inner} if inner else {name})
    return found


def test_the_commands_of_the_readme_are_the_commands_there_are() -> None:
    block = next(block for block in blocks("") if "wassette serve --stdio" in block)
    listed = set[str]()
    for line in block.splitlines():
        noun, _, rest = line.split("   ")[0].removeprefix("wassette ").partition(" ")
        groups = {command.split()[0] for command in commands() if " " in command}
        listed.update({f"{noun} {words.split()[0]}" for words in rest.split(" | ")} if noun in groups else {noun})
    assert listed == commands()


def test_the_flags_that_the_readme_names_exist() -> None:
    inline = re.findall(r"`([^`]+)`", "".join(README.split("```")[::2]))
    named = {text for text in inline if text.startswith("wassette ")} | set(re.findall(r"^wassette .*$", README, flags=re.MULTILINE))
    helped = "".join(
        subprocess.run([sys.executable, "-m", "wassette_py", *words.split(), "--help"], capture_output=True, text=True, check=True).stdout
        for words in ["", *sorted(commands())]
    )
    for flag in {flag for text in named for flag in re.findall(r"(?<![\w-])--[a-z-]+", text)}:
        assert flag in helped, flag


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "permissions:" in block])
def test_the_policy_of_the_readme_parses(block: str) -> None:
    assert parse_policy(block, "README.md", home=None).storage


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "scopes:" in block])
def test_the_trust_file_of_the_readme_parses(block: str) -> None:
    root = lab_root()
    text = block.replace("sha256:…", f"sha256:{'0' * 64}").replace('sha256: "…"', f"sha256: {hashlib.sha256(root).hexdigest()}")
    assert len(parse_trust_policy(text, "README.md", {"roots/sigstore-6494e21e.json": root}.__getitem__).scopes) == 3


def test_the_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:sandbox|host|server|policy|trust|wit|oci|store|cli|tests|examples|policies)/[\w/.-]*|fetch\.py)`", README)
    assert named
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "wassette_py" / name).exists(), name
