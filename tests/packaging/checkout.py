"""A copy of the checkout as a fresh clone has it: what git would bring, and nothing that a run left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.toolchain import REPOSITORY

LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv", ".cache", ".*_cache", ".hypothesis", ".coverage*", "__pycache__", "dist", "*.egg-info", "query.wasm"
)


def copy_checkout(folder: Path) -> Path:
    """The copy, at `folder`."""
    shutil.copytree(REPOSITORY, folder, ignore=LEFT_BEHIND)
    return folder


def files_below(folder: Path) -> set[str]:
    """Every file and link below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
