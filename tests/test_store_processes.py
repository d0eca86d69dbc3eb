from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from tests.patience import FOREVER, LONG
from tests.stored import child, make_record, names
from wassette_py import files
from wassette_py.errors import Locked
from wassette_py.locking import release_lock, take_lock
from wassette_py.reference import Digest
from wassette_py.store import ComponentStore, journal

WASM = b"\0asm one"
POLICY = "version: '1.0'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "components"


@pytest.fixture
def store(folder: Path) -> ComponentStore:
    return ComponentStore(folder, patience=LONG)


# Several at once.


def test_every_grant_of_many_processes_and_threads_lands(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    processes = [child(store.folder, "grant", "tool", f"process{number}", "15") for number in range(3)]

    def grant(name: str) -> None:
        for number in range(15):
            with store.locked():
                store.write_policy("tool", (store.read_policy("tool") or "") + f"{name}-{number}\n")

    threads = [threading.Thread(target=grant, args=(f"thread{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(FOREVER) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    lines = (store.read_policy("tool") or "").splitlines()
    assert sorted(lines) == sorted(f"{kind}{who}-{number}" for kind in ("process", "thread") for who in range(3) for number in range(15))


def test_processes_that_load_and_unload_leave_a_consistent_store_and_never_a_mix(store: ComponentStore) -> None:
    store.add(make_record("shared", WASM), WASM)
    processes = [child(store.folder, "churn", f"own{number}", "12") for number in range(3)]
    try:
        while any(process.poll() is None for process in processes):
            for entry in store.entries():
                assert entry.status == "ready", entry
    finally:
        codes = [process.wait(FOREVER) for process in processes]
        for process in processes:
            process.communicate()
    assert codes == [0, 0, 0]
    (entry,) = store.entries()
    assert entry.record is not None
    assert Digest.of(store.wasm(entry.record)) == entry.record.digest
    assert names(store.folder) == ["shared.json", "shared.wasm"]


def test_a_reader_that_others_never_leave_in_peace_waits_for_them_once(store: ComponentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(make_record("tool", WASM), WASM)
    ticks = iter(range(1000))
    monkeypatch.setattr(store, "stamp", lambda: next(ticks))
    assert [entry.id for entry in store.entries()] == ["tool"]
    assert next(ticks) == 20


def test_a_lock_that_is_held_too_long_is_an_error_in_words(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    impatient = ComponentStore(store.folder, patience=0.05)
    with store.locked(), pytest.raises(Locked, match=r"has held .*\.wassette\.lock for more than 0.05 s"):
        impatient.write_policy("tool", POLICY)
    impatient.write_policy("tool", POLICY)


def test_a_thread_that_holds_the_lock_takes_it_again(store: ComponentStore) -> None:
    with store.locked(), store.locked():
        store.add(make_record("tool", WASM), WASM)
    with store.locked():
        assert store.remove("tool") is None


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock")
    begun = time.monotonic()
    threading.Timer(0.1, release_lock, (lock,)).start()
    release_lock(take_lock(tmp_path / "lock", patience=LONG))
    assert time.monotonic() - begun >= 0.1


# Files.


def test_a_file_is_replaced_as_a_whole_and_with_a_later_time(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.write_atomic(path, b"one")
    os.utime(path, ns=(1 << 62, 1 << 62))
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mtime_ns == (1 << 62) + 1
    assert list(tmp_path.iterdir()) == [path]


def test_pending_changes_are_seen_by_readers(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").write_bytes(b"old")
    (tmp_path / ".wassette.tmp.0000000000000000").write_bytes(b"new")
    todo = journal.Pending({"a.wasm": ".wassette.tmp.0000000000000000", "b.wasm": None, "c.wasm": ".wassette.tmp.0000000000000001"})
    assert todo.read(tmp_path, "a.wasm") == b"new"
    assert todo.read(tmp_path, "b.wasm") is None
    assert todo.read(tmp_path, "c.wasm") is None
