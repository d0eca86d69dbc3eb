"""`python -m build` makes a wheel that works in an empty environment."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.checkout import copy_checkout
from tests.toolchain import ENVIRON, REPOSITORY
from wassette_py import __version__

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]

CONSTRAINED = {**ENVIRON, "PIP_CONSTRAINT": str(REPOSITORY / ".ci" / "constraints.txt")}
LAYOUT = f"oci-layout://{REPOSITORY}/examples/oci-layout"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_checkout(tmp_path_factory.mktemp("source") / "checkout")
    made = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", made, source], env=CONSTRAINED, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(made.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    package = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "wassette_py").rglob("*") if path.is_file()}
    shipped = {name for name in names if ".dist-info/" not in name}
    assert shipped == {name for name in package if "__pycache__" not in name}
    assert {"wassette_py/py.typed", "wassette_py/catalog.json"} <= shipped
    assert f"wassette-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path, home: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([environment / "bin" / "python", "-m", "pip", "install", "--quiet", wheel], env=CONSTRAINED, check=True)
    isolated = {"HOME": str(home), "PATH": "/usr/bin:/bin"}

    def wassette(*words: str) -> str:
        command = [str(environment / "bin" / "wassette"), *words]
        return subprocess.run(command, env=isolated, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert wassette("--version").split() == ["wassette", __version__]
    wassette("component", "load", f"{LAYOUT}:diff")
    assert '"added":1' in wassette("tool", "call", "diff_count", "before=a", "after=b", "-o", "json").replace(" ", "")
