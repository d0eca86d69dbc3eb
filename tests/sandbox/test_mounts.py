"""A directory is what it is, under whatever name it is mounted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wassette_py.errors import InvalidPolicy
from wassette_py.sandbox import folders, mounts


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of mounts that is read in the place of the system's, each time."""
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mountinfo"))
    monkeypatch.setattr(mounts, "FRESH", -1.0)
    return tmp_path / "mountinfo"


@pytest.mark.claim("storage:no-way-in")
def test_a_directory_that_holds_this_process_under_another_name_is_refused(tmp_path: Path, table: Path) -> None:
    (tmp_path / "host" / "my proc" / "1").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    mounted = str(tmp_path / "host" / "my proc").replace(" ", "\\040")
    table.write_text(
        f"21 20 0:20 / /proc rw,nosuid - proc proc rw\n"
        f"22 20 0:21 / {tmp_path}/other rw - tmpfs tmpfs rw\n"
        f"23 20 0:20 / {mounted} ro shared:1 master:2 - proc proc rw\n"
        "odd\n"
    )
    for path in (tmp_path / "host", tmp_path / "host" / "my proc", tmp_path / "host" / "my proc" / "1", tmp_path):
        with pytest.raises(InvalidPolicy, match=r"holds .*/my proc, where a guest would reach this program itself"):
            folders.resolved(str(path), "granted directory")
    assert folders.resolved(str(tmp_path / "other"), "granted directory") == str(tmp_path / "other")


def test_a_table_is_read_at_most_once_in_a_while_and_not_needed(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table.write_text("23 20 0:20 / /host/proc ro - proc proc rw\n")
    assert mounts.shows_processes("/host") == "/host/proc"
    table.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(mounts, "FRESH", 1000.0)
        assert mounts.shows_processes("/host") == "/host/proc"
        assert mounts.names_of("/host") == mounts.names_of("/host") == ("/host",)
    assert mounts.shows_processes("/host") is None
    assert mounts.shows_processes("/proc/1") == "/proc"
    assert mounts.names_of("/home/me") == ("/home/me",)


ROOT = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("lines", "path", "names"),
    [
        (ROOT, "/home/me/.config", {"/home/me/.config"}),
        (ROOT + "21 20 8:1 / /mnt/root rw - ext4 x rw\n", "/home/me", {"/home/me", "/mnt/root/home/me"}),
        (ROOT + "21 20 8:1 /home /work rw - ext4 x rw\n", "/home/me", {"/home/me", "/work/me"}),
        (ROOT + "21 20 8:1 /home/me/.config/wassette /share rw - ext4 x rw\n", "/home/me/.config", {"/home/me/.config", "/share"}),
        (ROOT + "21 20 8:1 /var /work rw - ext4 x rw\n", "/home/me", {"/home/me"}),
        (ROOT + "21 20 8:2 / /home rw - ext4 x rw\n22 20 8:2 /me /me rw - ext4 x rw\n", "/home/me/a", {"/home/me/a", "/me/a"}),
        (
            ROOT + "21 20 8:2 / /home rw - ext4 x rw\n22 21 8:3 / /home rw - ext4 x rw\n23 20 8:3 / /b rw - ext4 x rw\n",
            "/home/x",
            {"/home/x", "/b/x"},
        ),
        (ROOT + "21 20 8:1 /home/me /me rw - ext4 x rw\n", "/", {"/", "/me"}),
    ],
)
def test_a_directory_has_the_names_of_all_mounts_it_is_seen_through(table: Path, lines: str, path: str, names: set[str]) -> None:
    table.write_text(lines)
    assert set(mounts.names_of(path)) == names


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="not Linux")
def test_the_systems_own_table_is_read() -> None:
    assert "/proc" in [mount.point for mount in mounts._read(mounts.MOUNTS) if mount.kind == "proc"]
    assert "/" in [mount.point for mount in mounts._read(mounts.MOUNTS)]
