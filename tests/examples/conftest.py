"""Each example loaded as its README says, into a component directory that lasts for a test file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.build import LAYOUT
from tests.installed import Installed


@pytest.fixture(scope="module")
def load_example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Installed]:
    """Loads an example of the layout by its tag, without a policy."""

    def load(name: str) -> Installed:
        installed = Installed(tmp_path_factory.mktemp(name))
        installed.load(f"oci-layout://{LAYOUT}:{name}", name)
        return installed

    return load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with some files, to be granted."""
    made = tmp_path / "files"
    (made / "deep" / "er").mkdir(parents=True)
    (made / "a.txt").write_text("first line\nTODO: grün 😀\n", encoding="utf-8")
    (made / "deep" / "er" / "b.txt").write_text("nothing\nand a todo\n", encoding="utf-8")
    (made / "picture").write_bytes(b"\x89PNG\0todo")
    return made
