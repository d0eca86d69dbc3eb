"""An audit log of a test's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import LONG
from wassette_py.audit import AuditLog
from wassette_py.audit.segment import LONGEST_LINE

DAY = 86_400.0
Log = Callable[..., AuditLog]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit"


@pytest.fixture
def log(folder: Path) -> Log:
    """Makes logs in `folder`; what they tell goes to `tell`."""

    def make(*, retention: float = 90 * DAY, size: int = 1 << 30, tell: Callable[[str], None] = print) -> AuditLog:
        return AuditLog(folder, retention=retention, size=size, tell=tell)

    return make


def write(log: AuditLog, *tools: str) -> None:
    """Records one call of each tool."""
    for tool in tools:
        log.record({"event": "call", "component": "c", "tool": tool, "outcome": "ok", "ms": 1.5})
    assert log.flush(LONG)


def no_segments(folder: Path) -> None:
    """What may lie in the folder under a segment's name and is none, or has no end."""
    os.mkfifo(folder / "20260101T000000.000000Z-1-fifo.jsonl")
    (folder / "20260101T000000.000000Z-1-loop.jsonl").symlink_to("20260101T000000.000000Z-1-loop.jsonl")
    (folder / "20260101T000000.000000Z-1-zero.jsonl").symlink_to("/dev/zero")
    (folder / "20260101T000000.000000Z-1-folder.jsonl").mkdir()
    (folder / "20260101T000000.000000Z-1-long.jsonl").write_bytes(b"x" * (LONGEST_LINE + 1))
