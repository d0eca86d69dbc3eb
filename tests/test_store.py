from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store_child import NEW, OLD, act
from tests.stored import make_record
from wassette_py import files
from wassette_py.errors import DigestMismatch, Locked, StoreError, UnknownComponent
from wassette_py.locking import release_lock, take_lock
from wassette_py.reference import Digest
from wassette_py.store import ComponentStore, Entry, journal
from wassette_py.store.records import MAX_RECORD, Record

WASM = b"\0asm one"
POLICY = "version: '1.0'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "components"


@pytest.fixture
def store(folder: Path) -> ComponentStore:
    return ComponentStore(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".wassette.lock")


def child(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "tests.store_child", str(folder), *arguments], stdout=subprocess.PIPE, text=True)


# What is kept, and how.


def test_a_folder_that_is_not_there_holds_nothing(store: ComponentStore) -> None:
    assert store.entries() == ()
    assert store.stamp() == ()
    assert store.policy_stamp("tool") == (None, None)
    assert store.read_policy("tool") is None
    with pytest.raises(UnknownComponent):
        store.record("tool")
    assert not store.folder.exists()


def test_what_is_added_can_be_read_again(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM, policy=POLICY)
    assert store.record("tool") == record
    assert store.wasm(record) == WASM
    assert store.read_policy("tool") == POLICY
    assert store.entries() == (Entry("tool", "ready", record, None),)
    assert names(store.folder) == ["tool.json", "tool.policy.yaml", "tool.wasm"]


def test_a_record_without_manifest_is_read_again() -> None:
    record = replace(make_record("tool", WASM), manifest=None)
    assert Record.from_json(record.to_json()) == record


def test_everything_kept_is_private(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM, policy=POLICY)
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


def test_a_replacement_keeps_the_policy_unless_it_brings_one(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM, policy=POLICY)
    store.add(make_record("tool", NEW), NEW)
    assert store.wasm(store.record("tool")) == NEW
    assert store.read_policy("tool") == POLICY
    store.add(make_record("tool", NEW), NEW, policy="other")
    assert store.read_policy("tool") == "other"


def test_removing_returns_the_policy_and_leaves_nothing(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM, policy=POLICY)
    assert store.remove("tool", keep_policy=False) == POLICY
    assert names(store.folder) == []
    store.add(make_record("tool", WASM), WASM)
    assert store.remove("tool") is None
    with pytest.raises(UnknownComponent):
        store.remove("tool")


def test_a_policy_can_be_kept_for_the_next_of_that_name(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM, policy=POLICY)
    assert store.remove("tool", keep_policy=True) is None
    assert names(store.folder) == ["tool.policy.yaml"]
    assert store.entries() == ()


def test_a_policy_is_replaced_and_removed(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.write_policy("tool", POLICY)
    assert store.policy_path("tool").read_text() == POLICY
    store.write_policy("tool", None)
    assert store.read_policy("tool") is None


def test_a_record_that_does_not_describe_the_bytes_is_not_installed(store: ComponentStore) -> None:
    for record in (make_record("tool", NEW), replace(make_record("tool", WASM), size=1), make_record("../tool", WASM)):
        with pytest.raises(StoreError, match="does not describe these bytes"):
            store.add(record, WASM)
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["../victim", "a/b", "", ".hidden", "A", "a\0b"])
def test_no_id_leaves_the_folder(store: ComponentStore, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.record(name),
        lambda: store.policy_path(name),
        lambda: store.read_policy(name),
        lambda: store.policy_stamp(name),
        lambda: store.write_policy(name, POLICY),
        lambda: store.remove(name),
    ]
    for call in calls:
        with pytest.raises(UnknownComponent):
            call()


# What others leave there.


def test_a_wasm_file_without_record_is_foreign_and_never_touched(store: ComponentStore) -> None:
    store.folder.mkdir(parents=True)
    for name in ("other.wasm", "Old_Name.wasm", "Old_Name.json", "other.metadata.json", "other.cwasm", "other.policy.yaml", ".hidden.wasm"):
        (store.folder / name).write_bytes(b"theirs")
    entries = store.entries()
    assert [(entry.id, entry.status) for entry in entries] == [("Old_Name", "foreign"), ("other", "foreign")]
    assert entries[1].problem == f"not installed by this program: wassette component load {store.folder}/other.wasm"
    with pytest.raises(StoreError, match="was not installed by this program"):
        store.add(make_record("other", WASM), WASM)
    with pytest.raises(UnknownComponent):
        store.remove("other")
    assert (store.folder / "other.wasm").read_bytes() == b"theirs"
    assert store.read_policy("other") == "theirs"


def test_a_foreign_file_is_adopted_by_loading_the_same_bytes(store: ComponentStore) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / "other.wasm").write_bytes(WASM)
    store.add(make_record("other", WASM), WASM)
    assert store.entries()[0].status == "ready"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda value: b"{", "cannot be read: JSONDecodeError"),
        (lambda value: b"[]", "cannot be read: TypeError"),
        (lambda value: b"[" * 100_000, "cannot be read: RecursionError"),
        (lambda value: b" " * (MAX_RECORD + 1), "larger than"),
        (lambda value: json.dumps(value | {"format": 2}).encode(), "format 2 is not 1"),
        (lambda value: json.dumps(value | {"id": "else"}).encode(), "is that of 'else'"),
        (lambda value: json.dumps(value | {"digest": "sha256:../../x"}).encode(), "not a digest"),
        (lambda value: json.dumps(value | {"prefix": 5}).encode(), "expected text, got int"),
        (lambda value: json.dumps(value | {"tools": [{"name": 1}]}).encode(), "cannot be read: KeyError"),
        (lambda value: json.dumps(value | {"signer": "me"}).encode(), "cannot be read: TypeError"),
    ],
)
def test_a_record_that_cannot_be_read_breaks_that_component_alone(
    store: ComponentStore, change: Callable[[dict[str, object]], bytes], says: str
) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.add(make_record("good", WASM), WASM)
    (store.folder / "tool.json").write_bytes(change(make_record("tool", WASM).to_json()))
    good, broken = store.entries()
    assert (good.status, broken.status, broken.record) == ("ready", "broken", None)
    assert broken.problem is not None
    assert says in broken.problem
    with pytest.raises(StoreError, match="record of 'tool'"):
        store.record("tool")
    store.remove("tool")
    assert [entry.id for entry in store.entries()] == ["good"]


def test_a_component_whose_file_is_gone_or_cut_is_broken(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    (store.folder / "tool.wasm").write_bytes(WASM[:-1])
    assert store.entries()[0].problem == f"tool.wasm has {len(WASM) - 1} bytes, not {len(WASM)} as recorded"
    (store.folder / "tool.wasm").unlink()
    assert store.entries()[0].problem == "tool.wasm is missing"
    with pytest.raises(StoreError, match="the file of 'tool' is missing"):
        store.wasm(record)


def test_bytes_that_changed_on_disk_are_not_returned(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    (store.folder / "tool.wasm").write_bytes(WASM[:-1] + b"X")
    with pytest.raises(DigestMismatch, match=r"tool.wasm: digest mismatch: got sha256:.*, want sha256:"):
        store.wasm(record)


def test_bytes_of_a_record_that_was_replaced_meanwhile_are_not_returned(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    store.add(make_record("tool", NEW), NEW)
    with pytest.raises(StoreError, match="replaced meanwhile"):
        store.wasm(record)


def test_a_policy_that_is_no_text_is_an_error(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.policy_path("tool").write_bytes(b"\xff")
    with pytest.raises(StoreError, match="is not UTF-8 text"):
        store.read_policy("tool")


# Stamps.


def test_the_stamp_differs_after_every_change(store: ComponentStore) -> None:
    seen = [store.stamp()]
    changes: list[Callable[[], object]] = [
        lambda: store.add(make_record("tool", WASM), WASM),
        lambda: store.write_policy("tool", "a"),
        lambda: store.write_policy("tool", "b"),
        lambda: store.add(make_record("tool", NEW), NEW),
        lambda: store.write_policy("tool", None),
        lambda: store.remove("tool"),
    ]
    for change in changes:
        change()
        assert store.stamp() == store.stamp()
        assert store.stamp() != seen[-1]
        seen.append(store.stamp())


def test_a_policy_stamp_differs_after_every_change_however_fast(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    stamps = []
    for number in range(50):
        store.write_policy("tool", str(number % 2))
        stamps.append(store.policy_stamp("tool"))
    assert len(set(stamps)) == 50


def test_a_stamp_costs_no_import_of_an_engine_or_yaml(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    code = (
        "import sys; from pathlib import Path; from wassette_py.store import ComponentStore\n"
        "store = ComponentStore(Path(sys.argv[1])); store.stamp(); store.entries()\n"
        "print(sorted({'yaml', 'wasmtime', 'requests', 'oras', 'asyncio', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.folder)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Crashes.


def prepared(folder: Path) -> ComponentStore:
    store = ComponentStore(folder)
    store.add(make_record("tool", OLD), OLD, policy="old: policy\n")
    return store


def seen(store: ComponentStore) -> object:
    """Everything a reader learns about the component."""
    entries = store.entries()
    if not entries:
        return None, store.read_policy("tool")
    assert [(entry.id, entry.status) for entry in entries] == [("tool", "ready")]
    record = store.record("tool")
    return store.wasm(record), store.read_policy("tool")


@pytest.mark.parametrize("action", ["add", "remove", "policy"])
def test_a_process_killed_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, action: str) -> None:
    steps: list[str] = []
    before = seen(prepared(tmp_path / "whole"))
    act(ComponentStore(tmp_path / "whole", step=steps.append), action)
    after = seen(ComponentStore(tmp_path / "whole"))
    assert len(steps) >= 5
    outcomes = []
    for number in range(1, len(steps) + 1):
        folder = tmp_path / str(number)
        store = prepared(folder)
        process = child(folder, "kill", str(number), action)
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == -9
        assert printed.splitlines() == steps[:number]
        # A reader without the lock, then what the next one to take it finds, then a whole store.
        outcomes.append(seen(store))
        assert outcomes[-1] in (before, after)
        with store.locked():
            pass
        assert seen(store) == outcomes[-1]
        assert all(name.startswith("tool.") for name in names(folder))
        store.add(make_record("tool", NEW), NEW)
        assert store.wasm(store.record("tool")) == NEW
    assert outcomes[0] == before
    assert outcomes[-1] == after


def test_what_a_killed_process_left_half_written_is_swept(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    (store.folder / ".wassette.tmp.0123456789abcdef").write_bytes(b"half")
    (store.folder / ".wassette.tmp.mine").write_bytes(b"not ours")
    store.write_policy("tool", POLICY)
    assert names(store.folder) == [".wassette.tmp.mine", "tool.json", "tool.policy.yaml", "tool.wasm"]


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"../x": null}', b'{"tool.wasm": "../../etc/passwd"}', b'{"tool.wasm": 5}'])
def test_a_journal_that_is_not_ours_stops_reading_and_writing(store: ComponentStore, text: bytes) -> None:
    store.add(make_record("tool", WASM), WASM)
    (store.folder / ".wassette.journal").write_bytes(text)
    for call in (store.entries, lambda: store.write_policy("tool", POLICY)):
        with pytest.raises(StoreError, match="is not a journal of this program"):
            call()


def test_a_full_disk_changes_nothing_and_leaves_nothing(store: ComponentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    store.add(make_record("tool", OLD), OLD, policy=POLICY)
    big = bytes(1 << 20)
    before = names(store.folder)
    import signal

    # No file of this process may grow past 64 KiB meanwhile: what a full disk looks like from inside.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
        with pytest.raises(StoreError, match=r"cannot write .*: File too large"):
            store.add(make_record("tool", big), big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert names(store.folder) == before
    assert store.wasm(store.record("tool")) == OLD


def test_a_change_that_fails_before_its_journal_never_happened(store: ComponentStore) -> None:
    store.add(make_record("tool", OLD), OLD)

    def interrupted(name: str) -> None:
        if name == "write journal":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ComponentStore(store.folder, step=interrupted).add(make_record("tool", NEW), NEW)
    assert names(store.folder) == ["tool.json", "tool.wasm"]
    assert store.wasm(store.record("tool")) == OLD


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = ComponentStore(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot read"):
        store.entries()
    with pytest.raises(StoreError, match="cannot lock"):
        store.add(make_record("tool", WASM), WASM)
    assert store.stamp() == ()
    with pytest.raises(StoreError, match="cannot read"):
        store.record("tool")


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
    assert [process.wait(60) for process in processes] == [0, 0, 0]
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
        codes = [process.wait(60) for process in processes]
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
    threading.Timer(0.1, release_lock, (lock,)).start()
    begun = time.monotonic()
    release_lock(take_lock(tmp_path / "lock", patience=10))
    assert 0.05 < time.monotonic() - begun < 5


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
