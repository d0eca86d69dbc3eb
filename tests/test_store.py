from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store_child import NEW
from tests.stored import make_record, names
from wassette_py.errors import DigestMismatch, StoreError, UnknownComponent
from wassette_py.store import ComponentStore, Entry, looking
from wassette_py.store.journal import Pending
from wassette_py.store.records import MAX_RECORD, Record

WASM = b"\0asm one"
POLICY = "version: '1.0'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "components"


@pytest.fixture
def store(folder: Path) -> ComponentStore:
    return ComponentStore(folder)


# What is kept, and how.


def test_a_folder_that_is_not_there_holds_nothing(store: ComponentStore) -> None:
    assert store.entries() == ()
    assert store.stamp() == ComponentStore(store.folder / "gone").stamp()
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
        (lambda value: json.dumps(value | {"prefix": "\ud800"}).encode(), "half a character"),
        (lambda value: json.dumps(value | {"signer": "me"}).encode(), "cannot be read: TypeError"),
        (lambda value: json.dumps(value).encode().replace(b'"size": ', b'"size": 1e999, "was": '), "cannot be read: OverflowError"),
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_a_record_that_is_no_file_holds_nobody_and_breaks_that_component_alone(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.add(make_record("good", WASM), WASM)
    (store.folder / "tool.json").unlink()
    os.mkfifo(store.folder / "tool.json")
    good, broken = store.entries()
    assert (good.status, broken.status) == ("ready", "broken")
    assert broken.problem == f"cannot read {store.folder / 'tool.json'}: it is not a file"
    os.mkfifo(store.folder / "tool.policy.yaml")
    os.mkfifo(store.folder / "tool.sigs")
    assert store.remove("tool") is None
    assert sorted(path.name for path in store.folder.iterdir()) == [".wassette.lock", "good.json", "good.wasm"]


def test_links_to_themselves_hide_nothing_and_can_be_removed(store: ComponentStore) -> None:
    store.add(make_record("good", WASM), WASM)
    store.add(make_record("tool", WASM), WASM, policy="version: '1.0'\n")
    stamp = store.policy_stamp("tool")
    for name in ("tool.policy.yaml", "tool.json", "tool.wasm"):
        (store.folder / name).unlink()
        (store.folder / name).symlink_to(name)
    good, broken = store.entries()
    assert (good.status, broken.status, broken.id) == ("ready", "broken", "tool")
    assert store.policy_stamp("tool") != stamp
    with pytest.raises(StoreError, match="cannot read"):
        store.read_policy("tool")
    with pytest.raises(StoreError, match="leads to no file"):
        store.write_policy("tool", POLICY)
    store.write_policy("tool", None)
    store.write_policy("tool", POLICY)
    assert store.read_policy("tool") == POLICY
    store.remove("tool")
    assert [entry.id for entry in store.entries()] == ["good"]


def test_a_policy_that_is_a_link_stays_one(store: ComponentStore, tmp_path: Path) -> None:
    store.add(make_record("tool", WASM), WASM)
    kept = tmp_path / "dotfiles" / "tool.yaml"
    kept.parent.mkdir()
    kept.write_text("# mine\n")
    store.policy_path("tool").symlink_to(kept)
    stamp = store.policy_stamp("tool")
    store.write_policy("tool", POLICY)
    assert store.policy_path("tool").is_symlink()
    assert kept.read_text() == store.read_policy("tool") == POLICY
    assert os.listdir(kept.parent) == ["tool.yaml"]
    assert store.policy_stamp("tool") != stamp
    store.write_policy("tool", None)
    assert not store.policy_path("tool").is_symlink()
    assert kept.read_text() == POLICY


def test_a_policy_that_leads_nowhere_is_missing_and_is_not_made_there(store: ComponentStore, tmp_path: Path) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.policy_path("tool").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(StoreError, match=r"tool\.policy\.yaml: the link leads nowhere"):
        store.read_policy("tool")
    with pytest.raises(StoreError, match="leads to no file"):
        store.write_policy("tool", POLICY)
    assert not (tmp_path / "gone.yaml").exists()


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_changed(store: ComponentStore) -> None:
    store.add(make_record("tool", WASM), WASM)
    store.policy_path("tool").mkdir()
    for text in ("version: '1.0'\n", None):
        with pytest.raises(StoreError, match=r"tool\.policy\.yaml: Is a directory"):
            store.write_policy("tool", text)
    with pytest.raises(StoreError, match=r"tool\.policy\.yaml: Is a directory"):
        store.remove("tool")
    store.add(make_record("good", WASM), WASM)
    assert [entry.status for entry in store.entries()] == ["ready", "ready"]


def test_a_component_whose_file_is_gone_or_cut_is_broken(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    (store.folder / "tool.wasm").write_bytes(WASM[:-1])
    assert store.entries()[0].problem == f"tool.wasm has {len(WASM) - 1} bytes, not {len(WASM)} as recorded"
    (store.folder / "tool.wasm").unlink()
    (store.folder / "tool.wasm").symlink_to("tool.wasm")
    assert store.entries()[0].problem == "tool.wasm cannot be read"
    (store.folder / "tool.wasm").unlink()
    assert store.entries()[0].problem == "tool.wasm is missing"
    with pytest.raises(StoreError, match="the file of 'tool' is missing"):
        store.wasm(record)


def test_bytes_that_changed_on_disk_are_not_returned(store: ComponentStore) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    (store.folder / "tool.wasm").write_bytes(WASM[:-1] + b"X")
    for known in (None, WASM):
        with pytest.raises(DigestMismatch, match=r"tool.wasm: digest mismatch: got sha256:.*, want sha256:"):
            store.wasm(record, known=known)
    (store.folder / "tool.wasm").write_bytes(WASM)
    assert store.wasm(record) == store.wasm(record, known=WASM) == store.wasm(record, known=NEW) == WASM


def test_bytes_that_another_process_is_just_putting_in_place_are_returned(store: ComponentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record = make_record("tool", WASM)
    store.add(record, WASM)
    found = [WASM, NEW, WASM, None]
    monkeypatch.setattr(store, "_read", lambda name: found.pop())
    assert [store.wasm(record), store.wasm(record)] == [WASM, WASM]
    assert found == []


def test_one_component_is_looked_up_without_reading_the_record_of_another(store: ComponentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for component_id in ("one", "two"):
        store.add(make_record(component_id, WASM), WASM)
    (store.folder / "three.wasm").write_bytes(WASM)
    entries = {entry.id: entry for entry in store.entries()}
    read, real = [], looking.recorded

    def reading(root: str, component_id: str, todo: Pending) -> Record:
        read.append(component_id)
        return real(root, component_id, todo)

    monkeypatch.setattr(looking, "recorded", reading)
    assert [store.entry(component_id) for component_id in ("one", "three", "four", "")] == [entries["one"], entries["three"], None, None]
    assert read == ["one"]


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
