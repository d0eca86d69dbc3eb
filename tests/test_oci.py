from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests import registry as faults
from tests.layout_writer import (
    MANIFEST,
    WASM,
    Artifact,
    artifact,
    artifact_of,
    index_of,
)
from tests.pulling import BYTES, GOOD, LAYER, QUICK, pull, with_component
from tests.registry import TOKEN, Registry, Reply, running
from wassette_py.control import Control, Progress
from wassette_py.errors import DigestMismatch, FetchError, RegistryError
from wassette_py.fetch import fetch
from wassette_py.oci.documents import MANIFEST_TYPES, WASM_TYPES
from wassette_py.oci.reading import MAX_COMPONENT, Patience
from wassette_py.oci.registry import RegistrySource
from wassette_py.reference import Digest, OciReference, parse_reference
from wassette_py.settings import Settings


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as running_registry:
        yield running_registry


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


def test_a_repository_of_ten_thousand_tags_is_never_listed(registry: Registry) -> None:
    for number in range(10_000):
        registry.manifests["acme/fetch", f"v{number}"] = registry.manifests["acme/fetch", "1.0"]
    assert pull(registry, "acme/fetch:v9999").wasm == BYTES
    assert len(registry.requests) == 2


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


@pytest.mark.parametrize(
    ("annotations", "created"),
    [
        (None, None),
        ({"org.opencontainers.image.created": "2026-01-02T03:04:05Z"}, "2026-01-02T03:04:05Z"),
        ({"org.opencontainers.image.created": "2026-01-02T03:04:05"}, None),
        ({"org.opencontainers.image.created": "yesterday"}, None),
    ],
)
def test_when_an_artifact_was_made_is_what_it_says_in_a_form_one_can_compare(
    registry: Registry, annotations: dict[str, str] | None, created: str | None
) -> None:
    registry.put("acme/fetch", "1.0", artifact(BYTES, annotations=annotations))
    assert pull(registry).created == created


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


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        (None, "does not let us in"),
        ('Basic realm="registry"', "does not let us in"),
        ('Bearer service="x"', "does not let us in"),
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
        (faults.status(403), "acme/fetch: 127.0.0.1:[0-9]+ does not let us in"),
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
    with pytest.raises(RegistryError, match=r"does not let us in: pull\[2J denied") as caught:
        pull(registry)
    assert (caught.value.code, caught.value.status) == ("DENIED", 403)


# Plain HTTP.


def test_plain_http_needs_to_be_allowed(registry: Registry) -> None:
    reference = parse_reference(f"oci://{registry.host}/acme/fetch:1.0")
    with pytest.raises(FetchError, match=r"did not prove who it is|cannot be reached") as caught:
        fetch(reference, Settings.load(), Control(), patience=QUICK)
    assert "certificate" not in str(caught.value)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith((f"{{{registry.host}: {{insecure_http: true}}}}", "check the address and the network"))
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
    registry.fault(f"manifests/{GOOD.digest}", faults.body(artifact(b"other").manifest, MANIFEST))
    with pytest.raises(DigestMismatch):
        pull(registry, "acme/fetch:index")


def test_the_media_types_we_accept_are_those_we_ask_for() -> None:
    assert MANIFEST in MANIFEST_TYPES
    assert MAX_COMPONENT == 128 << 20
    assert Digest.parse(LAYER) == Digest.of(BYTES)
