from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests import registry as faults
from tests.layout_writer import artifact, index_of
from tests.pulling import BYTES, GOOD, LAYER, QUICK, settings_for, with_component
from tests.registry import Registry, running
from wassette_py.control import Control
from wassette_py.errors import Cancelled, FetchError
from wassette_py.fetch import Fetched, fetch
from wassette_py.oci.cache import DownloadCache
from wassette_py.oci.documents import Descriptor
from wassette_py.reference import Digest, parse_reference


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as running_registry:
        yield running_registry


def pull(registry: Registry, rest: str = "acme/fetch:1.0", *, offline: bool = False, host: str = "") -> Fetched:
    reference = parse_reference(f"oci://{host or registry.host}/{rest}")
    return fetch(reference, replace(settings_for(registry), offline=offline), Control(), patience=QUICK)


def folder(home: Path) -> Path:
    return home / ".cache/wassette/downloads"


# From registry and cache.


def test_a_blob_is_downloaded_once_and_a_tag_is_asked_for_each_time(registry: Registry) -> None:
    assert pull(registry).wasm == pull(registry).wasm == BYTES
    assert registry.paths() == ["/v2/acme/fetch/manifests/1.0", f"/v2/acme/fetch/blobs/{LAYER}", "/v2/acme/fetch/manifests/1.0"]


def test_a_digest_that_was_fetched_needs_no_registry(registry: Registry) -> None:
    pull(registry)
    registry.requests.clear()
    assert pull(registry, f"acme/fetch@{GOOD.digest}").wasm == BYTES
    assert pull(registry, f"acme/fetch:other@{GOOD.digest}").wasm == BYTES
    assert registry.requests == []


def test_a_digest_is_not_taken_from_another_repository(registry: Registry) -> None:
    pull(registry)
    with pytest.raises(FetchError, match="has no such"):
        pull(registry, f"acme/secret@{GOOD.digest}")


def test_a_tag_that_moved_is_followed(registry: Registry) -> None:
    pull(registry)
    registry.put("acme/fetch", "1.0", artifact(b"\0asm newer"))
    assert pull(registry).wasm == b"\0asm newer"
    assert pull(registry, offline=True).wasm == b"\0asm newer"


def test_the_cache_is_private(registry: Registry, home: Path) -> None:
    pull(registry)
    assert folder(home).stat().st_mode & 0o777 == 0o700
    files = [path for path in folder(home).rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize("damage", [b"", BYTES[:-1], b"x" + BYTES[1:], BYTES + b"x"])
def test_what_is_damaged_is_downloaded_again(registry: Registry, home: Path, damage: bytes) -> None:
    pull(registry)
    path = folder(home) / "sha256" / LAYER.removeprefix("sha256:")
    path.write_bytes(damage)
    assert pull(registry).wasm == BYTES
    assert path.read_bytes() == BYTES


def test_what_fails_leaves_nothing(registry: Registry, home: Path) -> None:
    registry.fault("/blobs/", faults.body(BYTES[::-1]))
    with pytest.raises(FetchError):
        pull(registry)
    assert not (folder(home) / "sha256" / LAYER.removeprefix("sha256:")).exists()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(registry: Registry, home: Path) -> None:
    folder(home).parent.mkdir(parents=True)
    folder(home).write_text("a file")
    assert pull(registry).wasm == BYTES


# Offline.


def test_offline_a_tag_means_what_it_meant_and_nobody_is_asked(registry: Registry) -> None:
    registry.put("acme/fetch", "index", index_of(GOOD))
    registry.put("acme/fetch", "policy", artifact(BYTES, policy="x: 1\n"))
    wanted = [pull(registry, f"acme/fetch:{tag}") for tag in ("1.0", "index", "policy")]
    registry.requests.clear()
    assert [pull(registry, f"acme/fetch:{tag}", offline=True) for tag in ("1.0", "index", "policy")] == wanted
    assert registry.requests == []


@pytest.mark.parametrize("rest", ["acme/fetch:2.0", f"acme/fetch@sha256:{'0' * 64}", "acme/other:1.0"])
def test_offline_what_was_never_fetched_is_an_error_that_says_so(registry: Registry, rest: str) -> None:
    pull(registry)
    registry.requests.clear()
    with pytest.raises(FetchError, match="was not fetched before, and offline nothing is fetched") as caught:
        pull(registry, rest, offline=True)
    assert caught.value.hint == "do it once without --offline"
    assert registry.requests == []


def test_offline_a_part_that_is_gone_is_an_error(registry: Registry, home: Path) -> None:
    pull(registry)
    (folder(home) / "sha256" / LAYER.removeprefix("sha256:")).unlink()
    with pytest.raises(FetchError, match=f"blob {LAYER} of oci://.* was not fetched before"):
        pull(registry, offline=True)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"digest": "sha256:1"}', f'{{"digest": "{GOOD.digest}", "name": "another"}}'])
def test_a_note_of_a_tag_that_is_damaged_is_not_believed(registry: Registry, home: Path, text: str) -> None:
    pull(registry)
    for path in (folder(home) / "notes").iterdir():
        path.write_text(text)
    with pytest.raises(FetchError, match="was not fetched before"):
        pull(registry, offline=True)


def test_a_web_page_with_a_digest_is_kept_and_without_one_is_not_had_offline(registry: Registry, home: Path) -> None:
    settings = replace(settings_for(registry), offline=True)
    with pytest.raises(FetchError, match=r"https://127.0.0.1:1/x.wasm was not fetched before"):
        fetch(parse_reference("https://127.0.0.1:1/x.wasm"), settings, Control(), patience=QUICK)
    pinned = parse_reference(f"https://127.0.0.1:1/x.wasm#sha256={Digest.of(BYTES).hex}")
    with pytest.raises(FetchError, match="was not fetched before"):
        fetch(pinned, settings, Control(), patience=QUICK)
    DownloadCache(folder(home)).keep(BYTES)
    assert fetch(pinned, settings, Control(), patience=QUICK).wasm == BYTES
    assert fetch(pinned, settings_for(registry), Control(), patience=QUICK).wasm == BYTES


def test_a_note_that_leads_from_a_digest_elsewhere_is_not_followed(registry: Registry, home: Path) -> None:
    other = artifact(b"\0asm other")
    registry.put("acme/fetch", "other", other)
    pull(registry, "acme/fetch:other")
    cache = DownloadCache(folder(home))
    cache.remember(f"oci://{registry.host}/acme/fetch@{GOOD.digest}", Digest.parse(other.digest), other.media_type)
    with pytest.raises(FetchError, match="was not fetched before"):
        pull(registry, f"acme/fetch@{GOOD.digest}", offline=True)
    assert pull(registry, f"acme/fetch@{GOOD.digest}").wasm == BYTES


# The cache alone.


def descriptor(data: bytes) -> Descriptor:
    return Descriptor("x", Digest.of(data), len(data))


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, limit=100)
    blobs = [bytes([number]) * 30 for number in range(4)]
    for age, blob in zip((40, 30, 20), blobs, strict=False):
        cache.keep(blob)
        os.utime(tmp_path / "sha256" / Digest.of(blob).hex, (time.time() - age, time.time() - age))
    assert cache.blob(descriptor(blobs[0]), limit=100, control=Control()) == blobs[0]
    cache.keep(blobs[3])
    left = [blob for blob in blobs if cache.blob(descriptor(blob), limit=100, control=Control())]
    assert left == [blobs[0], blobs[2], blobs[3]]


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, limit=10)
    cache.keep(b"x" * 11)
    assert not (tmp_path / "sha256").exists()


def test_what_a_killed_process_left_goes_after_an_hour(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path)
    (tmp_path / "sha256").mkdir()
    for name, age in ((".old.tmp", 4000), (".new.tmp", 10)):
        (tmp_path / "sha256" / name).write_bytes(b"part")
        os.utime(tmp_path / "sha256" / name, (time.time() - age, time.time() - age))
    cache.keep(b"x")
    assert {path.name for path in (tmp_path / "sha256").iterdir()} == {".new.tmp", Digest.of(b"x").hex}


def test_many_threads_share_a_cache(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path, limit=200_000)
    blobs = [bytes([number]) * 10_000 for number in range(40)]

    def use(number: int) -> bool:
        cache.keep(blobs[number % 40])
        return cache.blob(descriptor(blobs[number % 40]), limit=20_000, control=Control()) in (None, blobs[number % 40])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    assert sum(path.stat().st_size for path in (tmp_path / "sha256").iterdir()) <= 200_000


def test_a_file_that_another_process_removes_meanwhile_does_not_end_making_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for letter in "abcdef":
        DownloadCache(tmp_path).keep(letter.encode() * 10)
    scandir = os.scandir

    @contextmanager
    def racing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(folder) as listing:
            entries = [*listing]
        Path(entries[0].path).unlink()
        yield iter(entries)

    monkeypatch.setattr(os, "scandir", racing)
    DownloadCache(tmp_path, limit=30).keep(b"g" * 10)
    assert sum(path.stat().st_size for path in (tmp_path / "sha256").iterdir()) <= 30


def test_reading_the_cache_is_cancelled(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path)
    cache.keep(BYTES)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        cache.blob(descriptor(BYTES), limit=1 << 20, control=Control(stop))
    assert (tmp_path / "sha256" / Digest.of(BYTES).hex).exists()


def test_a_name_holds_no_more_than_a_document(tmp_path: Path) -> None:
    cache = DownloadCache(tmp_path)
    cache.remember("oci://a.io/b:1", cache.keep(b"{}"), None)
    assert cache.remembered("oci://a.io/b:1", Control()) == (b"{}", None, Digest.of(b"{}"))
    assert cache.remembered("oci://a.io/b:2", Control()) is None
    name = next((tmp_path / "notes").iterdir())
    name.write_text(json.dumps({**json.loads(name.read_text()), "mediaType": 5}))
    assert cache.remembered("oci://a.io/b:1", Control()) is None
