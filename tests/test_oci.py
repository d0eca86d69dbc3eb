from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import registry as faults
from tests.layout_writer import (
    INDEX,
    MANIFEST,
    POLICY,
    WASM,
    Artifact,
    artifact,
    artifact_of,
    descriptor,
    digest,
    dump,
    index_of,
    write_layout,
)
from tests.registry import TOKEN, Registry, Reply, running
from wassette_py.control import Control, Progress
from wassette_py.errors import Cancelled, DigestMismatch, FetchError, NotFound, RegistryError, WassetteError
from wassette_py.fetch import Fetched, fetch
from wassette_py.oci.documents import MANIFEST_TYPES, WASM_TYPES
from wassette_py.oci.reading import MAX_COMPONENT, Patience
from wassette_py.oci.registry import RegistrySource
from wassette_py.reference import Digest, OciReference, parse_reference
from wassette_py.settings import RegistrySettings, Settings

BYTES = b"\0asm\x0d\0\1\0" + bytes(range(256)) * 40
GOOD = artifact(BYTES)
LAYER = digest(BYTES)
QUICK = Patience(connect=1.0, read=1.0, budget=1.5, body=1.5, tries=3)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(Registry()) as running_registry:
        running_registry.put("acme/fetch", "1.0", GOOD)
        yield running_registry


def settings_for(registry: Registry, **given: Any) -> Settings:
    return replace(Settings.load(), registries={registry.host: RegistrySettings(**({"insecure_http": True} | given))})


def pull(registry: Registry, rest: str = "acme/fetch:1.0", *, control: Control | None = None, patience: Patience = QUICK) -> Fetched:
    reference = parse_reference(f"oci://{registry.host}/{rest}")
    return fetch(reference, settings_for(registry), control or Control(), patience=patience)


# What works.


def test_a_component_is_pulled_by_tag(registry: Registry) -> None:
    fetched = pull(registry)
    assert fetched.wasm == BYTES
    assert str(fetched.digest) == LAYER
    assert str(fetched.manifest) == GOOD.digest
    assert fetched.policy is None


def test_a_tag_is_asked_for_once_and_everything_else_by_digest(registry: Registry) -> None:
    pull(registry)
    assert registry.paths() == ["/v2/acme/fetch/manifests/1.0", f"/v2/acme/fetch/blobs/{LAYER}"]
    assert {request.headers["Accept-Encoding"] for request in registry.requests} == {"identity"}
    assert {request.headers["User-Agent"] for request in registry.requests} == {"wassette-py"}
    assert all("Authorization" not in request.headers for request in registry.requests)


def test_a_digest_leads_even_beside_a_tag(registry: Registry) -> None:
    assert pull(registry, f"acme/fetch:gone@{GOOD.digest}").wasm == BYTES
    assert registry.paths()[0] == f"/v2/acme/fetch/manifests/{GOOD.digest}"


def test_a_policy_layer_is_returned_as_text(registry: Registry) -> None:
    registry.put("acme/fetch", "policy", artifact(BYTES, policy="version: '1.0'\n# ü\n"))
    assert pull(registry, "acme/fetch:policy").policy == "version: '1.0'\n# ü\n"


@pytest.mark.parametrize("media_type", WASM_TYPES)
def test_older_media_types_of_a_component_are_known(registry: Registry, media_type: str) -> None:
    registry.put("acme/fetch", "old", artifact(BYTES, media_type=media_type, config_type="application/vnd.oci.image.config.v1+json"))
    assert pull(registry, "acme/fetch:old").wasm == BYTES


def test_layers_that_are_nothing_to_us_are_never_asked_for(registry: Registry) -> None:
    registry.put("acme/fetch", "more", artifact_of([("text/markdown", b"# hi", "README.md"), (WASM, BYTES, "../../evil.wasm")]))
    assert pull(registry, "acme/fetch:more").wasm == BYTES
    assert len(registry.requests) == 2


def test_progress_is_told_on_the_calling_thread(registry: Registry) -> None:
    told: list[tuple[Progress, int]] = []
    pull(registry, control=Control(report=lambda progress: told.append((progress, threading.get_ident()))))
    assert told[-1][0] == Progress("fetch", len(BYTES), len(BYTES))
    assert {thread for _, thread in told} == {threading.get_ident()}


def test_a_blob_may_come_from_where_the_registry_redirects(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    with running(Registry()) as storage:
        storage.pages["/blob"] = BYTES
        registry.fault("/blobs/", faults.redirect(f"{storage.url}/blob"))
        assert pull(registry).wasm == BYTES
        assert "Authorization" not in storage.requests[0].headers


def test_a_redirect_within_the_registry_keeps_the_token(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    registry.fault("/blobs/[^?]*$", faults.redirect("?again", 302), times=1)
    assert pull(registry).wasm == BYTES
    assert registry.requests[-1].headers["Authorization"].startswith(f"Bearer {TOKEN}")


# Tokens.


def test_an_anonymous_token_is_fetched_once_for_a_repository(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    assert pull(registry).wasm == BYTES
    assert [path.partition("?")[0] for path in registry.paths()] == [
        "/v2/acme/fetch/manifests/1.0",
        "/token",
        "/v2/acme/fetch/manifests/1.0",
        f"/v2/acme/fetch/blobs/{LAYER}",
    ]
    assert registry.paths()[1] == "/token?service=tests&scope=repository%3Aacme%2Ffetch%3Apull"


def test_a_token_that_expired_meanwhile_is_replaced(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token?x=1"
    challenge = f'Bearer realm="{registry.url}/token",service="tests",scope="repository:acme/fetch:pull",error="invalid_token"'
    registry.fault("/blobs/", faults.status(401, {"WWW-Authenticate": challenge}), times=1)
    assert pull(registry).wasm == BYTES
    assert [path.partition("?")[0] for path in registry.paths()].count("/token") == 2


def test_a_token_that_is_still_good_is_not_fetched_again(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    challenge = f'Bearer realm="{registry.url}/token",service="tests",scope="repository:acme/fetch:pull"'
    registry.fault("/blobs/", faults.status(401, {"WWW-Authenticate": challenge}), times=1)
    assert pull(registry).wasm == BYTES
    assert [path.partition("?")[0] for path in registry.paths()].count("/token") == 1


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        (None, "lets nobody in without a login"),
        ('Basic realm="registry"', "lets nobody in without a login"),
        ('Bearer service="x"', "lets nobody in without a login"),
        ('Bearer realm="http://example.com/token"', "refused to go to http://example.com"),
        ('Bearer realm="file:///etc/passwd"', "refused to go to file://"),
        ('Bearer realm="https://user:secret@127.0.0.1:1/token"', "carries a user name"),
    ],
)
def test_a_challenge_that_cannot_be_met_is_an_error(registry: Registry, challenge: str | None, says: str) -> None:
    registry.fault("/manifests/", faults.status(401, {"WWW-Authenticate": challenge} if challenge else None))
    with pytest.raises(FetchError, match=says) as caught:
        pull(registry)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (faults.body(b"{}"), "gave none"),
        (faults.body(b'{"token": 5}'), "gave none"),
        (faults.body(b'{"token": "a\\r\\nX: y"}'), "gave none"),
        (faults.body(b"["), "is not JSON"),
        (faults.endless(), "is larger than"),
        (faults.status(403), "token for .* lets nobody in without a login"),
    ],
)
def test_a_token_server_that_misbehaves_is_an_error(registry: Registry, reply: Reply, says: str) -> None:
    registry.token_realm = f"{registry.url}/token"
    registry.fault("/token", reply)
    with pytest.raises(FetchError, match=says):
        pull(registry)


def test_what_stays_forbidden_with_a_token_is_refused_with_the_words_of_the_registry(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    registry.fault("/manifests/", faults.status(403, message="pull\x1b[2J denied"))
    with pytest.raises(RegistryError, match=r"lets nobody in without a login: pull\[2J denied") as caught:
        pull(registry)
    assert (caught.value.code, caught.value.status) == ("DENIED", 403)


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
    return sorted(path for folder in folders for path in folder.rglob("*") if not path.name.endswith(".coverage"))


@pytest.mark.parametrize("name", FAULTS)
def test_a_registry_that_misbehaves_is_refused_promptly_and_in_words(registry: Registry, name: str, home: Path, tmp_path: Path) -> None:
    path, reply, error, says = FAULTS[name]
    registry.fault(path, reply)
    before, begun = files_below(home, tmp_path), time.monotonic()
    with pytest.raises(error, match=says) as caught:
        pull(registry)
    assert time.monotonic() - begun < 4
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


# Retries.


@pytest.mark.parametrize("reply", [faults.status(503, {"Retry-After": "0"}), faults.status(429), faults.hang_up, faults.status(500)])
def test_what_may_pass_is_tried_again(registry: Registry, reply: Reply) -> None:
    registry.fault("", reply, times=1)
    assert pull(registry, patience=replace(QUICK, budget=5)).wasm == BYTES


def test_a_broken_body_is_asked_for_again(registry: Registry) -> None:
    registry.fault(BLOB_PATH, faults.cut, times=1)
    assert pull(registry, patience=replace(QUICK, budget=5)).wasm == BYTES


def test_retry_after_is_kept_and_its_date_understood(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, faults.status(503, {"Retry-After": "1"}), times=1)
    begun = time.monotonic()
    assert pull(registry, patience=replace(QUICK, budget=5)).wasm == BYTES
    assert 1 <= time.monotonic() - begun < 4
    for text, says in (
        ("Wed, 21 Oct 2065 07:28:00 GMT", "asks to wait"),
        ("soon", "HTTP 503$"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "wait 0 s"),
    ):
        registry.fault(MANIFEST_PATH, faults.status(503, {"Retry-After": text}))
        with pytest.raises(RegistryError, match=says):
            pull(registry)
        registry.faults.clear()


def test_what_will_not_pass_is_asked_once(registry: Registry) -> None:
    for reply in (faults.status(404), faults.status(403), faults.silent):
        registry.requests.clear()
        registry.faults.clear()
        registry.fault(MANIFEST_PATH, reply)
        with pytest.raises(FetchError):
            pull(registry)
        assert len(registry.requests) == 1


def test_trying_again_has_an_end(registry: Registry) -> None:
    registry.fault(MANIFEST_PATH, faults.status(500))
    with pytest.raises(RegistryError):
        pull(registry, patience=replace(QUICK, budget=60))
    assert len(registry.requests) == QUICK.tries


def test_a_registry_that_is_down_is_an_error_at_once() -> None:
    with running(Registry()) as gone:
        pass
    begun = time.monotonic()
    with pytest.raises(FetchError, match=f"{gone.host} cannot be reached: connection refused") as caught:
        pull(gone)
    assert caught.value.hint
    assert time.monotonic() - begun < 4


# Cancelling.


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (MANIFEST_PATH, faults.silent),
        (BLOB_PATH, faults.stalled),
        (BLOB_PATH, faults.dripping),
        (MANIFEST_PATH, faults.status(503, {"Retry-After": "5"})),
    ],
)
def test_a_fetch_is_cancelled_at_once_whatever_the_server_does(registry: Registry, path: str, reply: Reply) -> None:
    registry.fault(path, reply)
    control = Control()
    cancelled: list[float] = []

    def cancel() -> None:
        cancelled.append(time.monotonic())
        control.cancel.set()

    threading.Timer(0.3, cancel).start()
    with pytest.raises(Cancelled):
        pull(registry, control=control, patience=Patience())
    assert time.monotonic() - cancelled[0] < 0.4  # 0.2, and what a busy machine adds


def test_nothing_is_asked_once_it_is_cancelled(registry: Registry) -> None:
    control = Control()
    control.cancel.set()
    with pytest.raises(Cancelled):
        pull(registry, control=control)


# Plain HTTP.


def test_plain_http_needs_to_be_allowed(registry: Registry) -> None:
    reference = parse_reference(f"oci://{registry.host}/acme/fetch:1.0")
    with pytest.raises(FetchError, match=r"did not prove who it is|cannot be reached"):
        fetch(reference, Settings.load(), Control(), patience=QUICK)
    assert registry.requests == []
    assert fetch(reference, Settings.load(), Control(), insecure_http=True, patience=QUICK).wasm == BYTES


def test_plain_http_is_never_spoken_to_another_machine() -> None:
    settings = replace(Settings.load(), environ={"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"})
    with pytest.raises(FetchError, match=r"registry\.example\.com cannot be reached: connection refused"):
        fetch(parse_reference("oci://registry.example.com/a/b:1"), settings, Control(), insecure_http=True, patience=QUICK)


def test_docker_hub_is_asked_where_it_answers() -> None:
    reference = parse_reference("oci://docker.io/redis:7")
    assert isinstance(reference, OciReference)
    source = RegistrySource(reference, Settings.load(), Control(), insecure_http=True, patience=QUICK)
    assert source.root == "https://registry-1.docker.io/v2/library/redis"


def test_many_fetches_at_once_do_not_disturb_each_other(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    components = {f"acme/tool{number}": b"\0asm" + bytes([number]) * 5000 for number in range(4)}
    for name, wasm in components.items():
        registry.put(name, "1", artifact(wasm))
    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(lambda name: (name, pull(registry, f"{name}:1", patience=Patience()).wasm), [*components] * 4))
    assert all(components[name] == wasm for name, wasm in fetched)
    assert len(fetched) == 16


# Indexes.


def test_an_index_leads_to_the_one_component_in_it(registry: Registry) -> None:
    native = artifact_of([("application/x-tar", b"tar", "x")])
    attestation = artifact_of([("application/json", b"{}", "x")])
    platforms = (
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "wasm", "os": "wasip2"},
        {"architecture": "unknown", "os": "unknown"},
    )
    index = index_of(native, GOOD, attestation, platforms=platforms)
    registry.put("acme/fetch", "index", index)
    fetched = pull(registry, "acme/fetch:index")
    assert fetched.wasm == BYTES
    assert str(fetched.manifest) == index.digest
    assert pull(registry, f"acme/fetch@{index.digest}").manifest == fetched.manifest


def test_an_index_of_one_unmarked_manifest_means_that_one(registry: Registry) -> None:
    registry.put("acme/fetch", "index", index_of(GOOD))
    assert pull(registry, "acme/fetch:index").wasm == BYTES


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ((), "an index with 0 components in it"),
        ((GOOD, artifact(b"other")), "an index with 2 components in it"),
        ((index_of(GOOD),), "an index with 0 components in it"),
    ],
)
def test_an_index_that_leaves_a_choice_is_refused(registry: Registry, members: tuple[Artifact, ...], says: str) -> None:
    registry.put("acme/fetch", "index", index_of(*members))
    with pytest.raises(FetchError, match=says) as caught:
        pull(registry, "acme/fetch:index")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("choose one by its digest: ")


def test_an_index_that_calls_an_index_a_manifest_is_refused(registry: Registry) -> None:
    inner = index_of(GOOD)
    outer = index_of(Artifact(inner.manifest, inner.blobs, MANIFEST))
    registry.put("acme/fetch", "index", outer)
    with pytest.raises(FetchError, match="is an index within an index"):
        pull(registry, "acme/fetch:index")


def test_the_manifest_an_index_promises_is_checked(registry: Registry) -> None:
    registry.put("acme/fetch", "index", index_of(GOOD))
    registry.fault(f"manifests/{GOOD.digest}", sent(artifact(b"other").manifest))
    with pytest.raises(DigestMismatch):
        pull(registry, "acme/fetch:index")


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


def test_a_layout_of_one_component_needs_no_tag(tmp_path: Path) -> None:
    write_layout(tmp_path, {"only": BYTES})
    assert read(tmp_path, "").wasm == BYTES


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


def test_the_media_types_we_accept_are_those_we_ask_for() -> None:
    assert MANIFEST in MANIFEST_TYPES
    assert MAX_COMPONENT == 128 << 20
    assert Digest.parse(LAYER) == Digest.of(BYTES)
