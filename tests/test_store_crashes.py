from __future__ import annotations

from pathlib import Path

import pytest

from tests.patience import LONG
from tests.store_child import NEW, OLD, act
from tests.stored import child, make_record, names
from wassette_py.errors import StoreError
from wassette_py.store import ComponentStore

WASM = b"\0asm one"
POLICY = "version: '1.0'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "components"


@pytest.fixture
def store(folder: Path) -> ComponentStore:
    return ComponentStore(folder)


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
        printed, _ = process.communicate(timeout=LONG)
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
    assert store.stamp() == ComponentStore(tmp_path / "gone").stamp()
    with pytest.raises(StoreError, match="cannot read"):
        store.record("tool")
