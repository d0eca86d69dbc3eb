from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import registry as faults
from tests.layout_writer import (
    INDEX,
    MANIFEST,
    POLICY,
    WASM,
    artifact,
    artifact_of,
    descriptor,
    digest,
    dump,
)
from tests.patience import LONG
from tests.pulling import BYTES, GOOD, LAYER, QUICK, pull, with_component
from tests.registry import Registry, Reply, running
from wassette_py.errors import DigestMismatch, FetchError, NotFound, RegistryError, WassetteError


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as running_registry:
        yield running_registry


# Faults: each ends promptly, in words, with nothing left behind.

TAMPERED = bytes([BYTES[0] ^ 1]) + BYTES[1:]
MANIFEST_PATH = "/manifests/"
BLOB_PATH = "/blobs/"


def manifest(**changes: object) -> bytes:
    return dump({**json.loads(GOOD.manifest), **changes})


def sent(data: bytes, media_type: str = MANIFEST, **headers: str) -> Reply:
    return faults.body(data, media_type, {"Docker-Content-Digest": digest(data), **headers})


LAYERS = json.loads(GOOD.manifest)["layers"]
FAULTS: dict[str, tuple[str, Reply, type[WassetteError], str]] = {
    "blob tampered": (BLOB_PATH, faults.body(TAMPERED), DigestMismatch, "digest mismatch after 10248 bytes: got sha256:.*, want sha256:"),
    "blob truncated": (BLOB_PATH, faults.body(BYTES[:-5]), FetchError, "has 10243 of the 10248 bytes"),
    "blob longer": (BLOB_PATH, faults.body(BYTES + b"x"), FetchError, "has more than the 10248 bytes"),
    "blob empty": (BLOB_PATH, faults.body(b""), FetchError, "has 0 of the 10248 bytes"),
    "blob endless": (BLOB_PATH, faults.endless(), FetchError, "has more than the 10248 bytes"),
    "length too long": (
        BLOB_PATH,
        faults.body(BYTES, headers={"Content-Length": "20000", "Connection": "close"}),
        FetchError,
        "silent|broke off",
    ),
    "length too short": (BLOB_PATH, faults.body(BYTES, headers={"Content-Length": "50", "Connection": "close"}), FetchError, "has 50 of"),
    "blob gzip": (
        BLOB_PATH,
        faults.body(gzip.compress(BYTES), headers={"Content-Encoding": "gzip"}),
        FetchError,
        "Content-Encoding 'gzip'",
    ),
    "blob cut": (BLOB_PATH, faults.cut, FetchError, "broke off: .*10 bytes read"),
    "chunks cut": (BLOB_PATH, faults.cut_chunked, FetchError, "broke off"),
    "blob gone": (BLOB_PATH, faults.status(404, error="BLOB_UNKNOWN"), NotFound, "has no such repository, tag or digest"),
    "blob dripping": (BLOB_PATH, faults.dripping, FetchError, "has not arrived after 1.5 s"),
    "blob stalled": (BLOB_PATH, faults.stalled, FetchError, "was silent for more than 1 s"),
    "server silent": (MANIFEST_PATH, faults.silent, FetchError, "was silent for more than 1 s"),
    "hung up": (MANIFEST_PATH, faults.hang_up, FetchError, "cannot be reached"),
    "manifest of 200 MB": (MANIFEST_PATH, faults.endless(MANIFEST, 200 << 20), FetchError, "is larger than 4194304 bytes"),
    "manifest header lies": (MANIFEST_PATH, sent(GOOD.manifest, **{"Docker-Content-Digest": LAYER}), DigestMismatch, "by its own header"),
    "manifest gzip": (MANIFEST_PATH, sent(gzip.compress(GOOD.manifest), **{"Content-Encoding": "gzip"}), FetchError, "Content-Encoding"),
    "redirect loop": (MANIFEST_PATH, faults.redirect("/v2/acme/fetch/manifests/1.0"), FetchError, "redirects more than 5 times"),
    "redirect to http": (BLOB_PATH, faults.redirect("http://example.com/blob"), FetchError, "refused to go to http://example.com"),
    "redirect to file": (BLOB_PATH, faults.redirect("file:///etc/passwd"), FetchError, "refused to go to file://"),
    "redirect with user": (BLOB_PATH, faults.redirect("https://u:p@example.com/"), FetchError, "carries a user name"),
    "redirect nowhere": (BLOB_PATH, faults.redirect("https://[bad/"), FetchError, "cannot be asked: "),
    "status 500": (MANIFEST_PATH, faults.status(500), RegistryError, "answered HTTP 500"),
    "status 503": (MANIFEST_PATH, faults.status(503, {"Retry-After": "100"}), RegistryError, "answered HTTP 503 and asks to wait 100 s"),
    "status 418": (MANIFEST_PATH, faults.status(418), RegistryError, "answered HTTP 418"),
    "nothing": (MANIFEST_PATH, faults.body(b"", MANIFEST), FetchError, "is not JSON"),
    "not JSON": (MANIFEST_PATH, sent(b"<html>"), FetchError, "is not JSON"),
    "not UTF-8": (MANIFEST_PATH, sent(b"\xff\xfe"), FetchError, "is not JSON"),
    "nested without end": (MANIFEST_PATH, sent(b"[" * 100_000), FetchError, "is not JSON"),
    "a list": (MANIFEST_PATH, sent(b"[]"), FetchError, "is not a JSON object"),
    "duplicate keys": (MANIFEST_PATH, sent(GOOD.manifest[:-1] + b', "layers": []}'), FetchError, "a key stands twice"),
    "other media type": (MANIFEST_PATH, sent(GOOD.manifest, INDEX), FetchError, "sent as .*index.* and calls itself"),
    "unknown media type": (MANIFEST_PATH, sent(manifest(mediaType="text/x"), "text/x"), FetchError, "neither a manifest nor an index"),
    "schema version": (MANIFEST_PATH, sent(manifest(schemaVersion=1)), FetchError, "schemaVersion 1, not 2"),
    "both at once": (MANIFEST_PATH, sent(manifest(manifests=[])), FetchError, "a manifest and an index at once"),
    "no layers": (MANIFEST_PATH, sent(manifest(layers=None)), FetchError, "has no list of layers"),
    "empty layers": (MANIFEST_PATH, sent(manifest(layers=[])), FetchError, "has no layer that is a component .its layers: none."),
    "no wasm layer": (
        MANIFEST_PATH,
        sent(manifest(layers=[{**LAYERS[0], "mediaType": "image/png"}])),
        FetchError,
        "its layers: 'image/png'",
    ),
    "two wasm layers": (MANIFEST_PATH, sent(manifest(layers=LAYERS * 2)), FetchError, "more than one layer that is a component"),
    "layer no object": (MANIFEST_PATH, sent(manifest(layers=["x"])), FetchError, r"layers\[0\] is not a descriptor"),
    "layer without size": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "size": True}])), FetchError, "has no size"),
    "layer negative": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "size": -1}])), FetchError, "has no size"),
    "layer annotated": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "annotations": [1]}])), FetchError, "is not a descriptor"),
    "layer path": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "digest": "sha256:../../x"}])), FetchError, "not a digest"),
    "layer of 1 GiB": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "size": 1 << 30}])), FetchError, "more than the 134217728"),
    "blob of 1 GiB": (BLOB_PATH, faults.endless(length=1 << 30), FetchError, "has more than the 10248 bytes"),
    "layer of 2 GiB": (MANIFEST_PATH, sent(manifest(layers=[{**LAYERS[0], "size": 2 << 30}])), FetchError, "more than the 134217728"),
    "two policies": (
        MANIFEST_PATH,
        sent(manifest(layers=[*LAYERS, *[descriptor(POLICY, b"x")] * 2])),
        FetchError,
        "more than one policy layer",
    ),
    "large policy": (
        MANIFEST_PATH,
        sent(manifest(layers=[*LAYERS, {**descriptor(POLICY, b"x"), "size": 2 << 20}])),
        FetchError,
        "the policy of .* has 2097152 bytes",
    ),
}


def files_below(*folders: Path) -> list[Path]:
    """The files there, but for what the download cache holds whole and the notes on it."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".coverage"))
    return sorted(path for path in found if not is_cached(path))


def is_cached(path: Path) -> bool:
    whole = path.parent.name == "sha256" and digest(path.read_bytes()) == f"sha256:{path.name}"
    return "downloads" in path.parts and (whole or (path.parent.name == "notes" and path.suffix == ".json"))


IMPATIENT = {
    "length too long": replace(QUICK, read=1.0),
    "blob dripping": replace(QUICK, body=1.5),
    "blob stalled": replace(QUICK, read=1.0),
    "server silent": replace(QUICK, read=1.0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_registry_that_misbehaves_is_refused_promptly_and_in_words(registry: Registry, name: str, home: Path, tmp_path: Path) -> None:
    path, reply, error, says = FAULTS[name]
    registry.fault(path, reply)
    before, begun = files_below(home, tmp_path), time.monotonic()
    with pytest.raises(error, match=says) as caught:
        pull(registry, patience=IMPATIENT.get(name, QUICK))
    assert time.monotonic() - begun < LONG
    assert caught.value.exit_code == 1
    assert files_below(home, tmp_path) == before


def test_a_manifest_other_than_the_digest_asked_for_is_refused(registry: Registry) -> None:
    other = artifact(BYTES, title="other.wasm")
    registry.fault(MANIFEST_PATH, sent(other.manifest))
    with pytest.raises(DigestMismatch, match=f"got {other.digest}, want {GOOD.digest}"):
        pull(registry, f"acme/fetch@{GOOD.digest}")


def test_a_policy_layer_that_is_no_text_is_refused(registry: Registry) -> None:
    registry.put("acme/fetch", "bad", artifact_of([(WASM, BYTES, "a"), (POLICY, b"\xff", "b")]))
    with pytest.raises(FetchError, match="is not UTF-8 text"):
        pull(registry, "acme/fetch:bad")


def test_a_manifest_without_content_type_is_what_it_calls_itself(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, lambda handler: _without_type(handler, GOOD.manifest))
    assert pull(registry).wasm == BYTES


def _without_type(handler: faults.Handler, data: bytes) -> None:
    handler.begin({"Content-Length": str(len(data))})
    handler.wfile.write(data)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (faults.status(404, error="NAME_UNKNOWN"), "no such repository"),
        (faults.status(404, error="MANIFEST_UNKNOWN"), "no such tag or digest"),
        (lambda handler: handler.answer(b"<html>", "text/html", status=404), "no such repository, tag or digest"),
        (lambda handler: handler.answer(b'{"errors": []}', "text/html", status=404), "no such repository, tag or digest"),
        (lambda handler: handler.answer(b'{"errors": ["x"]}', "text/html", status=410), "no such repository, tag or digest"),
    ],
)
def test_what_is_not_there_is_named(registry: Registry, reply: Reply, says: str) -> None:
    registry.fault(MANIFEST_PATH, reply)
    with pytest.raises(FetchError, match=says):
        pull(registry)


def test_a_status_that_is_neither_good_nor_bad_is_an_error(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, lambda handler: handler.answer(b"", "text/plain", status=204))
    with pytest.raises(RegistryError, match="answered HTTP 204"):
        pull(registry)
