"""install.sh as a person runs it: into a prefix, twice, and out again; nothing is written anywhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.checkout import copy_checkout, files_below
from tests.toolchain import ENVIRON, REPOSITORY, cache_dir
from wassette_py import __version__

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]

CATALOGUE = """
from pathlib import Path
from wassette_py.reference import parse_reference
from wassette_py.catalog import read_catalog
for component in read_catalog(Path("/nowhere")):
    print(parse_reference(component["uri"]).path.is_dir())
"""


def run(script: Path, *words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # pip asks rustc for its version, and rustup's answers only after it has written into the home it finds.
    environment = {"RUSTUP_HOME": str(cache_dir() / "rustup"), **environment}
    kept = {name: value for name, value in ENVIRON.items() if not name.startswith(("XDG_", "COVERAGE_"))}
    return subprocess.run([script, *words], env={**kept, "HOME": str(home), **environment}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("clone") / "check out")


def test_installing_writes_below_the_prefix_only_and_uninstalling_takes_it_away(checkout: Path, tmp_path: Path, home: Path) -> None:
    source, prefix, script = files_below(checkout), tmp_path / "pre fix", checkout / "install.sh"
    for _ in range(2):
        done = run(script, "--prefix", str(prefix), home=home)
        assert done.returncode == 0, done.stderr
        assert f"installed: wassette {__version__}" in done.stderr
        assert {path.relative_to(prefix).as_posix() for path in prefix.glob("*/*")} == {"bin/wassette", "lib/wassette"}
        assert files_below(checkout) == source
        assert files_below(home) == set()
    library = prefix / "lib" / "wassette"
    demo = [str(library / "venv" / "bin" / "python"), "-B", str(library / "examples" / "demo.py")]
    shown = subprocess.run(demo, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    listed = subprocess.run([demo[0], "-B", "-c", CATALOGUE], capture_output=True, text=True, check=False)
    assert listed.stdout.split() == ["True"] * 4, listed.stderr
    assert files_below(home) == set()
    assert (library / "policies").is_dir()
    done = run(script, "--uninstall", "--prefix", str(prefix), home=home)
    assert done.returncode == 0, done.stderr
    assert not prefix.exists()


@pytest.mark.parametrize("place", ["lib/wassette", "bin/wassette"])
def test_what_it_did_not_make_it_leaves_alone(place: str, checkout: Path, tmp_path: Path, home: Path) -> None:
    foreign = tmp_path / place
    foreign.mkdir(parents=True)
    for words in ([], ["--uninstall"]):
        done = run(checkout / "install.sh", *words, "--prefix", str(tmp_path), home=home)
        assert done.returncode == 1
        assert f"error: {foreign} was not made by this script" in done.stderr
    assert foreign.is_dir()


def test_a_machine_without_a_python_that_is_new_enough_is_told_so(checkout: Path, tmp_path: Path, home: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "mkdir", "cat", "rm"):
        (tools / name).symlink_to(shutil.which(name) or name)
    done = run(checkout / "install.sh", "--prefix", str(tmp_path / "prefix"), home=home, PATH=str(tools))
    assert done.returncode == 1
    assert "error: no Python 3.11 or newer" in done.stderr
    assert "hint: install one" in done.stderr


@pytest.mark.parametrize("words", [["--frobnicate"], ["--prefix"], ["--prefix", ""], ["--prefix="]])
def test_a_wrong_word_shows_the_usage(words: list[str], checkout: Path, home: Path) -> None:
    done = run(checkout / "install.sh", *words, home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")


@pytest.mark.parametrize("known", ["", "here"])
def test_without_a_home_it_asks_where_to(known: str, checkout: Path, tmp_path: Path) -> None:
    for words in ([], ["--uninstall"]):
        done = subprocess.run(
            [checkout / "install.sh", *words], env={**ENVIRON, "HOME": known}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "error: HOME names no directory to install into\nhint: ./install.sh --prefix DIR\n"
    assert files_below(tmp_path) == set()


def test_what_is_not_installed_is_not_said_to_be_removed(checkout: Path, tmp_path: Path, home: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = run(checkout / "install.sh", "--uninstall", "--prefix", str(tmp_path), home=home)
    assert (done.returncode, done.stderr) == (0, f"wassette is not installed in {tmp_path}\n")
    assert (tmp_path / "bin").is_dir()


def test_a_truncated_copy_does_nothing(tmp_path: Path, home: Path) -> None:
    lines = (REPOSITORY / "install.sh").read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[-1] == 'main "$@"\n'
    cut = tmp_path / "cut.sh"
    cut.write_text("".join(lines[:-1]), encoding="utf-8")
    cut.chmod(0o755)
    done = run(cut, "--prefix", str(tmp_path / "prefix"), home=home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files_below(tmp_path) == {"cut.sh"}
