from __future__ import annotations

import os
from pathlib import Path

import pytest

from wassette_py.files import opened_regular, read_regular, stamp_of


def test_a_file_is_read_whole_and_no_larger_than_allowed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_regular(tmp_path / "f", limit=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "f", limit=4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_what_could_hold_its_reader_is_refused_and_leaves_nothing_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = os.listdir("/dev/fd")
    for path, why in ((tmp_path / "fifo", "is not a file"), (Path("/dev/zero"), "is not a file"), (tmp_path, "Is a directory")):
        with pytest.raises(OSError, match=why), opened_regular(path):
            pass
    assert os.listdir("/dev/fd") == before


def test_a_stamp_sees_a_change_that_hides_behind_its_old_time_and_size(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_text("allow")
    before, was = stamp_of(file), file.stat()
    while stamp_of(file) == before:  # until the clock of the file system has moved
        file.write_text("never")
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (file.stat().st_mtime_ns, file.stat().st_size, file.stat().st_ino) == (was.st_mtime_ns, was.st_size, was.st_ino)
