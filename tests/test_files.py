from __future__ import annotations

import itertools
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import LONG
from wassette_py import files
from wassette_py.files import look_afresh, once, opened_regular, own_key, read_regular, stamp_of, write_atomic


def test_a_file_is_read_whole_and_no_larger_than_allowed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_regular(tmp_path / "f", limit=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "f", limit=4)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs a file whose size is not known before it is read")
def test_a_file_is_read_whole_also_where_its_size_says_nothing() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    assert len(read_regular(Path("/proc/self/maps"), limit=1 << 20)) > 1000
    with pytest.raises(OSError, match="it is larger than 100 bytes"):
        read_regular(Path("/proc/self/maps"), limit=100)


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


def test_a_thread_that_looks_afresh_sees_one_moment_and_no_other_thread_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOMENT", LONG)
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    with ThreadPoolExecutor(1) as thread, ThreadPoolExecutor(1) as bystander:
        thread.submit(look_afresh).result()
        before = thread.submit(stamp_of, one, other).result()
        assert before == bystander.submit(stamp_of, one, other).result()
        one.write_text("longer")
        other.write_text("new")
        assert thread.submit(stamp_of, other).result() == before[1:]
        thread.submit(look_afresh, at_once=False).result()  # it has looked already
        assert thread.submit(stamp_of, one, other).result() == before
        now = bystander.submit(stamp_of, one, other).result()
        assert now[0] != before[0]
        assert now[1] is not None
        thread.submit(look_afresh).result()
        assert thread.submit(stamp_of, one, other).result() == now
        one.write_text("longest")
        bystander.submit(look_afresh).result()  # what arrives here, the other thread may be left to look into
        assert thread.submit(stamp_of, one, other).result() == now
        thread.submit(look_afresh, at_once=False).result()
        assert thread.submit(stamp_of, one, other).result()[0] != now[0]


def test_what_was_found_out_is_found_once_a_moment_and_again_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOMENT", LONG)
    numbers = itertools.count()

    def found(key: str) -> int:
        return once(key, lambda: next(numbers))

    with ThreadPoolExecutor(1) as thread, ThreadPoolExecutor(1) as bystander:
        assert [thread.submit(found, "a").result() for _ in range(2)] == [0, 1]  # every look is its own
        thread.submit(look_afresh).result()
        assert [thread.submit(found, key).result() for key in ("a", "b", "a")] == [2, 3, 2]
        assert bystander.submit(found, "a").result() == 4
        with pytest.raises(ZeroDivisionError):
            thread.submit(once, "c", lambda: 1 // 0).result()
        assert thread.submit(found, "c").result() == 5
        thread.submit(look_afresh).result()
        assert thread.submit(found, "a").result() == 6
        thread.submit(lambda: monkeypatch.setattr(files._LOOK, "until", 0.0)).result()
        assert thread.submit(found, "a").result() == 7


def test_the_moment_ends_by_itself_and_when_this_thread_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOMENT", LONG)
    file = tmp_path / "file"
    with ThreadPoolExecutor(1) as thread:
        for end in (lambda: files.write_synced(file, b"x"), lambda: monkeypatch.setattr(files._LOOK, "until", 0.0)):
            file.unlink(missing_ok=True)
            thread.submit(look_afresh).result()
            assert thread.submit(stamp_of, file).result() == (None,)
            file.write_bytes(b"y")
            assert thread.submit(stamp_of, file).result() == (None,)
            thread.submit(end).result()
            assert thread.submit(stamp_of, file).result() != (None,)
            assert [thread.submit(once, "key", lambda value=value: value).result() for value in (1, 2)] == [1, 2]


def test_a_key_is_made_once_and_what_others_could_know_is_none(tmp_path: Path) -> None:
    path = tmp_path / "made" / "key"
    key = own_key(path)
    assert (len(key), own_key(path), [file.name for file in path.parent.iterdir()]) == (32, key, ["key"])
    path.chmod(0o640)
    with pytest.raises(OSError, match="others have access to it"):
        own_key(path)
    path.chmod(0o600)
    path.write_bytes(key[:-1])
    with pytest.raises(OSError, match="its key is broken"):
        own_key(path)


def test_a_key_that_others_make_at_the_same_time_is_one_key(tmp_path: Path) -> None:
    (tmp_path / "key.new-left").write_bytes(b"by a process that was killed")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(own_key, [tmp_path / "key"] * 32))
    assert (keys, [file.name for file in tmp_path.iterdir()]) == ({own_key(tmp_path / "key")}, ["key"])
    os.link(tmp_path / "key", tmp_path / "key.new-left")  # by a process that was killed a moment later
    own_key(tmp_path / "key")
    assert os.listdir(tmp_path) == ["key"]
    (tmp_path / "other").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        own_key(tmp_path / "other")


def test_threads_that_write_one_file_at_once_leave_what_one_of_them_wrote_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [bytes([number]) * 1000 * number for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            list(pool.map(write_atomic, [path] * 8, texts))
            assert path.read_bytes() in texts
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_that_refuses_is_told_with_the_file_that_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "trust.yaml"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))  # what a full disk looks like from inside
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_atomic(path, bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.filename, path.read_bytes(), os.listdir(tmp_path)) == (str(path), b"old", ["trust.yaml"])
