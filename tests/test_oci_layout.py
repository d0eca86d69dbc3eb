from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.layout_writer import (
    INDEX,
    MANIFEST,
    artifact,
    dump,
    index_of,
    write_layout,
)
from tests.pulling import BYTES, GOOD, LAYER
from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, FetchError, NotFound, WassetteError
from wassette_py.fetch import Fetched, fetch
from wassette_py.oci.layout_target import LayoutTarget
from wassette_py.reference import LayoutReference, parse_reference
from wassette_py.settings import Settings

# Layouts on disk.


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "layout"
    write_layout(folder, {"fetch": BYTES, "policy": artifact(BYTES, policy="x: 1\n"), "index": index_of(GOOD)})
    return folder


def read(layout: Path, rest: str) -> Fetched:
    return fetch(parse_reference(f"oci-layout://{layout}{rest}"), Settings.load(), Control())


def test_a_layout_is_read_by_tag_and_by_digest(layout: Path) -> None:
    fetched = read(layout, ":fetch")
    assert fetched.wasm == BYTES
    assert str(fetched.digest) == LAYER
    assert read(layout, f"@{fetched.manifest}").wasm == BYTES
    assert read(layout, f":fetch@{fetched.manifest}").wasm == BYTES
    assert read(layout, ":policy").policy == "x: 1\n"
    assert read(layout, ":index").wasm == BYTES


def test_a_digest_leads_whatever_its_tag_means_now(layout: Path) -> None:
    old = read(layout, ":fetch").manifest
    goal = LayoutTarget(LayoutReference(layout, "fetch"))
    newer = artifact(b"\0asm newer")
    for data in (*newer.blobs.values(), newer.manifest):
        goal.put_blob(data, Control())
    goal.put_manifest(newer.manifest, MANIFEST, "fetch", Control())
    assert read(layout, ":fetch").wasm == b"\0asm newer"
    for rest in (f":fetch@{old}", f"@{old}", f":index@{newer.digest}"):
        assert read(layout, rest).wasm == (b"\0asm newer" if newer.digest in rest else BYTES)
    blob = layout / "blobs/sha256" / str(old).removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes() + b" ")
    with pytest.raises(DigestMismatch):
        read(layout, f":fetch@{old}")
    with pytest.raises(FetchError, match="neither a manifest nor an index"):
        read(layout, f"@{json.loads(newer.manifest)['config']['digest']}")


def test_a_layout_of_one_component_needs_no_tag(tmp_path: Path) -> None:
    write_layout(tmp_path, {"only": BYTES})
    assert read(tmp_path, "").wasm == BYTES


def test_ten_thousand_tags_are_no_reason_to_wait_or_to_tell_them_all(tmp_path: Path) -> None:
    write_layout(tmp_path, {"tag-0": GOOD})
    entries = [{**GOOD.descriptor, "annotations": {"org.opencontainers.image.ref.name": f"tag-{number}"}} for number in range(10_000)]
    (tmp_path / "index.json").write_bytes(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
    begun = time.process_time()
    assert read(tmp_path, ":tag-9999").wasm == BYTES
    with pytest.raises(NotFound) as caught:
        read(tmp_path, ":gone")
    assert time.process_time() - begun < 5
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("it has the tags tag-0, ")
    assert caught.value.hint.endswith(" and 9980 more")


def test_writing_a_layout_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_layout(tmp_path / name, {"x": BYTES, "y": b"other"})
    one, two = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.json")} for name in ("a", "b"))
    assert one == two


@pytest.mark.parametrize(
    ("rest", "error", "says"),
    [
        (":gone", NotFound, "has no such component"),
        (f"@sha256:{'0' * 64}", NotFound, "has no such component"),
        (f":fetch@sha256:{'0' * 64}", DigestMismatch, "want sha256:000"),
        ("", FetchError, "names 3 components, not one"),
        ("/nowhere:fetch", NotFound, "there is no OCI layout file"),
    ],
)
def test_what_a_layout_does_not_hold_is_an_error(layout: Path, rest: str, error: type[WassetteError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        read(layout, rest)
    assert isinstance(caught.value, DigestMismatch) or caught.value.hint


def test_an_empty_layout_says_that_it_has_no_tags(tmp_path: Path) -> None:
    write_layout(tmp_path, {})
    with pytest.raises(NotFound) as caught:
        read(tmp_path, ":x")
    assert caught.value.hint == "it has no tags"


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("which", ["wasm", "manifest"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]), "digest mismatch"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes its manifest says"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "more than the"),
        (lambda path: path.unlink(), "there is no blob"),
        (_directory, "is not a file|cannot be read"),
        (_fifo, "is not a file"),
    ],
)
def test_a_blob_of_a_layout_is_checked(layout: Path, which: str, change: Callable[[Path], object], says: str) -> None:
    name = LAYER if which == "wasm" else artifact(BYTES, title="fetch.wasm").digest
    change(layout / "blobs" / "sha256" / name.removeprefix("sha256:"))
    with pytest.raises(FetchError, match=says):
        read(layout, ":fetch")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("oci-layout", b"{}", "not an OCI image layout of version"),
        ("oci-layout", b"[]", "not a JSON object"),
        ("index.json", b"{", "is not JSON"),
        ("index.json", GOOD.manifest, "was sent as"),
        (
            "index.json",
            dump({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": "sha256:../x", "size": 1}]}),
            "not a digest",
        ),
        ("index.json", dump({"schemaVersion": 2, "manifests": [{**GOOD.descriptor, "size": 5 << 20}]}), "larger than|more than|of the"),
    ],
)
def test_the_documents_of_a_layout_are_checked(layout: Path, name: str, text: bytes, says: str) -> None:
    (layout / name).write_bytes(text)
    with pytest.raises(FetchError, match=says):
        read(layout, "")


def test_an_endless_document_is_not_read_to_its_end(layout: Path) -> None:
    (layout / "index.json").write_bytes(b" " * (5 << 20))
    with pytest.raises(FetchError, match="is larger than 4194304 bytes"):
        read(layout, ":fetch")
