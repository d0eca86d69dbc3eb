"""The folder of native code: only what this program wrote is restored, for one component and one engine."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from wassette_py.reference import Digest
from wassette_py.sandbox.cache import Cache

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")


def keep(cache: Cache, digest: Digest, content: bytes) -> Path:
    temporary = cache.temporary()
    temporary.write_bytes(content)
    cache.keep(digest, temporary)
    return Path(cache._file(digest))


def found(cache: Cache, digest: Digest) -> Path:
    file = cache.find(digest)
    assert file is not None
    return Path(file)


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "engine")
    assert cache.find(ONE) is None
    file = keep(cache, ONE, b"code")
    assert found(cache, ONE) == file
    assert found(Cache(tmp_path / "c", "engine"), ONE) == file
    assert cache.find(TWO) is None
    assert file.read_bytes() == b"code"


def test_folder_files_and_key_are_private(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "engine")
    file = keep(cache, ONE, b"code")
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c").iterdir()} == {0o600}
    assert {path.suffix for path in (tmp_path / "c").iterdir()} == {"", ".cwasm", ".json"}
    assert file.suffix == ".cwasm"


def changed_content(file: Path, _record: Path) -> None:
    file.write_bytes(b"c0de")


def changed_content_with_the_old_times(file: Path, _record: Path) -> None:
    status = file.stat()
    file.write_bytes(b"c0de")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def changed_record(_file: Path, record: Path) -> None:
    known = json.loads(record.read_text())
    record.write_text(json.dumps(known | {"content": "0" * 64, "mac": "0" * 64}))


def broken_record(_file: Path, record: Path) -> None:
    record.write_text("{")


def record_of_another_shape(_file: Path, record: Path) -> None:
    record.write_text("[1]")


def fifo_for_a_record(_file: Path, record: Path) -> None:
    record.unlink()
    os.mkfifo(record)


def fifo_for_code(file: Path, _record: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def missing_file(file: Path, _record: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    "tamper",
    [
        changed_content,
        changed_content_with_the_old_times,
        changed_record,
        broken_record,
        record_of_another_shape,
        fifo_for_a_record,
        fifo_for_code,
        missing_file,
    ],
)
def test_what_was_tampered_with_is_not_found_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, tamper: object) -> None:
    cache = Cache(tmp_path / "c", "engine")
    file = keep(cache, ONE, b"code")
    assert callable(tamper)
    tamper(file, file.with_suffix(".json"))
    assert cache.find(ONE) is None
    assert "was changed on disk" in caplog.text
    assert not cache.is_cached(ONE)
    caplog.clear()
    assert cache.find(ONE) is None
    assert not caplog.text


def test_what_another_process_drops_meanwhile_is_not_found_and_nobody_is_alarmed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Cache(tmp_path / "c", "engine")

    class Slow(Cache):
        def _is_good(self, digest: Digest, file: str, record: str) -> bool:
            other.drop(digest)
            return super()._is_good(digest, file, record)

    cache = Slow(tmp_path / "c", "engine")
    keep(cache, ONE, b"code")
    assert cache.find(ONE) is None
    assert not caplog.text


def test_one_component_does_not_pass_for_another(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", "engine")
    one, two = keep(cache, ONE, b"code of one"), keep(cache, TWO, b"code of two")
    for suffix in (".cwasm", ".json"):
        one.with_suffix(suffix).replace(two.with_suffix(suffix))
    assert cache.find(TWO) is None


def test_a_copy_with_other_times_is_recognised_by_its_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(tmp_path / "c", "engine")
    file = keep(cache, ONE, b"code")
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    os.utime(file, (1, 1))
    assert found(cache, ONE) == file
    assert found(cache, ONE) == file
    assert not caplog.text


def test_a_key_of_another_folder_opens_nothing(tmp_path: Path) -> None:
    keep(Cache(tmp_path / "c", "engine"), ONE, b"code")
    (tmp_path / "c" / "key").write_bytes(bytes(32))
    assert Cache(tmp_path / "c", "engine").find(ONE) is None


def test_what_another_engine_left_is_removed_when_something_is_kept(tmp_path: Path) -> None:
    old = keep(Cache(tmp_path / "c", "engine 1"), ONE, b"code")
    cache = Cache(tmp_path / "c", "engine 2")
    assert not cache.is_cached(ONE)
    old_one, running = cache.temporary(), cache.temporary()
    os.utime(old_one, (time.time() - 7200, time.time() - 7200))
    killed = tmp_path / "c" / "new-99999999-x"
    killed.touch()
    file = keep(cache, TWO, b"code")
    assert found(cache, TWO) == file
    assert not old.exists()
    assert not old.with_suffix(".json").exists()
    assert not old_one.exists()
    assert not killed.exists()
    assert running.exists()


def loose_folder(folder: Path) -> None:
    folder.chmod(0o755)


def loose_key(folder: Path) -> None:
    (folder / "key").chmod(0o644)


def short_key(folder: Path) -> None:
    (folder / "key").write_bytes(b"short")


@pytest.mark.parametrize(("change", "says"), [(loose_folder, "mode 755"), (loose_key, "mode 644"), (short_key, "key is broken")])
def test_a_folder_others_may_have_touched_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture, change: object, says: str) -> None:
    keep(Cache(tmp_path / "c", "engine"), ONE, b"code")
    assert callable(change)
    change(tmp_path / "c")
    cache = Cache(tmp_path / "c", "engine")
    assert not cache.is_usable
    assert not cache.is_cached(ONE)
    assert cache.find(ONE) is None
    assert says in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Cache(tmp_path / "c", "engine")
    os.chown(tmp_path / "c", 12345, 12345)
    assert not Cache(tmp_path / "c", "engine").is_usable
    assert "belongs to another user" in caplog.text


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    caches: list[Cache] = []
    threads = [threading.Thread(target=lambda: caches.append(Cache(tmp_path / "c", "engine"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file = keep(caches[0], ONE, b"code")
    assert {found(cache, ONE) for cache in caches} == {file}
    assert sorted(path.name for path in (tmp_path / "c").iterdir() if path.name.startswith("new-")) == []


def test_a_folder_that_is_gone_or_full_is_not_a_crash(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "c").write_text("a file in the way")
    cache = Cache(tmp_path / "c", "engine")
    assert not cache.is_usable
    assert "File exists" in caplog.text
    cache.drop(ONE)
    with pytest.raises(OSError, match="Not a directory"):
        cache.temporary()


def test_two_engines_keep_beside_each_other_and_neither_finds_what_the_other_kept(tmp_path: Path) -> None:
    one = Cache(tmp_path / "c", "engine 1")
    two = one.beside("engine 2")
    files = {keep(one, ONE, b"code"), keep(two, TWO, b"other code")}
    job = one.job(TWO)
    job.write_bytes(b"wasm")
    assert {keep(one, ONE, b"code"), keep(two, TWO, b"other code")} == files
    assert {found(one, ONE), found(two, TWO)} == files
    assert (one.find(TWO), two.find(ONE)) == (None, None)
    assert (one.jobs(), two.jobs()) == ([TWO], [])
    keep(Cache(tmp_path / "c", "engine 3"), ONE, b"code")
    assert not any(file.exists() for file in (*files, job))
