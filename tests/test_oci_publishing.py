from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import registry as faults
from tests.layout_writer import artifact
from tests.pulling import BYTES, QUICK, settings_for
from tests.registry import Registry, running
from wassette_py.control import Control, Progress
from wassette_py.errors import DigestMismatch, FetchError, RegistryError
from wassette_py.oci import pull
from wassette_py.oci.layout import LayoutSource
from wassette_py.oci.layout_target import LayoutTarget
from wassette_py.oci.publishing import Artifact, make_artifact, publish
from wassette_py.oci.reading import MAX_COMPONENT, MAX_POLICY
from wassette_py.oci.registry_target import RegistryTarget
from wassette_py.reference import Digest, LayoutReference, OciReference, parse_reference

CREATED = "2026-01-02T03:04:05Z"


def made(wasm: bytes = BYTES, policy: str | None = None) -> Artifact:
    return make_artifact(
        wasm, title="fetch.wasm", policy=policy, imports=("wasi:cli/environment@0.2.3",), exports=("acme:x/y",), created=CREATED
    )


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(Registry()) as running_registry:
        yield running_registry


def target(registry: Registry, rest: str = "acme/fetch:1.0") -> RegistryTarget:
    reference = parse_reference(f"oci://{registry.host}/{rest}")
    assert isinstance(reference, OciReference)
    return RegistryTarget(reference, settings_for(registry), Control(), insecure_http=True, patience=QUICK)


def pushed(registry: Registry, what: Artifact | None = None, control: Control | None = None) -> str:
    goal = target(registry)
    return str(publish(what or made(), goal.reference, goal, control or Control()))


# The artifact.


def test_the_artifact_is_as_the_cncf_lays_it_out() -> None:
    new = made(policy="version: '1.0'\n")
    manifest = json.loads(new.manifest)
    wasm, policy, config = new.blobs
    assert manifest["config"] == {
        "mediaType": "application/vnd.wasm.config.v0+json",
        "digest": str(Digest.of(config)),
        "size": len(config),
    }
    assert [
        (layer["mediaType"], layer["digest"], layer["annotations"]["org.opencontainers.image.title"]) for layer in manifest["layers"]
    ] == [
        ("application/wasm", str(Digest.of(wasm)), "fetch.wasm"),
        ("application/vnd.wasm.policy.v1+yaml", str(Digest.of(policy)), "policy.yaml"),
    ]
    assert json.loads(config) == {
        "created": CREATED,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [str(Digest.of(wasm)), str(Digest.of(policy))],
        "component": {"exports": ["acme:x/y"], "imports": ["wasi:cli/environment@0.2.3"]},
    }


def test_the_same_component_makes_the_same_artifact() -> None:
    assert made().manifest == made().manifest
    assert len(made().blobs) == 2


def test_what_nobody_would_read_back_is_not_made() -> None:
    with pytest.raises(FetchError, match=r"fetch\.wasm: 134217729 bytes are more than the 134217728 that are read back"):
        made(b"\0" * (MAX_COMPONENT + 1))
    with pytest.raises(FetchError, match="are more than"):
        made(policy="#" * (MAX_POLICY + 1))


# A registry.


def test_what_is_pushed_is_read_back_by_tag_and_digest(registry: Registry) -> None:
    reference = pushed(registry)
    assert reference == f"oci://{registry.host}/acme/fetch:1.0@{made().digest}"
    goal = target(registry)
    assert pull(goal.reference, goal, Control()).wasm == BYTES
    methods = [(request.method, request.path.rpartition("/")[2][:12]) for request in registry.requests[:7]]
    assert [method for method, _ in methods] == ["HEAD", "POST", "PUT", "HEAD", "POST", "PUT", "PUT"]


def test_blobs_that_are_there_are_not_sent_again(registry: Registry) -> None:
    pushed(registry)
    registry.requests.clear()
    pushed(registry)
    assert [request.method for request in registry.requests] == ["HEAD", "HEAD", "PUT", "GET", "GET", "GET"]


def test_a_push_asks_for_the_right_to_push_and_no_more_than_once(registry: Registry) -> None:
    registry.token_realm = f"{registry.url}/token"
    pushed(registry)
    scopes = [request.path.rpartition("scope=")[2] for request in registry.requests if request.path.startswith("/token")]
    assert scopes == ["repository%3Aacme%2Ffetch%3Apull", "repository%3Aacme%2Ffetch%3Apull%2Cpush"]


@pytest.mark.parametrize("place", ["http://example.com/upload", "https://{host}/upload", "//evil.example/upload", "ftp://{host}/x"])
def test_an_upload_goes_nowhere_else(registry: Registry, place: str) -> None:
    location = {"Location": place.format(host=registry.host)}
    registry.fault("/uploads/$", lambda handler: handler.answer(b"", "text/plain", location, 202))
    with pytest.raises(FetchError, match="refused to upload to"):
        pushed(registry)
    assert [request.method for request in registry.requests] == ["HEAD", "POST"]


def test_an_upload_without_a_query_of_its_own_gets_one(registry: Registry) -> None:
    location = {"Location": "/v2/acme/fetch/blobs/uploads/7"}
    registry.fault("/uploads/$", lambda handler: handler.answer(b"", "text/plain", location, 202))
    assert pushed(registry)
    assert f"uploads/7?digest=sha256%3A{Digest.of(BYTES).hex}" in registry.paths()[2]


@pytest.mark.parametrize(("pattern", "says"), [("/uploads/$", "HTTP 403|does not let us in"), ("/manifests/1.0$", "does not let us in")])
def test_a_registry_that_says_no_is_told(registry: Registry, pattern: str, says: str) -> None:
    registry.fault(pattern, faults.status(403))
    with pytest.raises(RegistryError, match=says):
        pushed(registry)


@pytest.mark.parametrize("pattern", ["/blobs/sha256", "/uploads/$", "/uploads/1", "/manifests/1.0$"])
def test_a_push_is_tried_again(registry: Registry, pattern: str) -> None:
    registry.fault(pattern, faults.status(503, {"Retry-After": "0"}), times=1)
    assert pushed(registry)


def test_a_redirect_takes_no_upload_along(registry: Registry) -> None:
    with running(Registry()) as elsewhere:
        registry.fault("/manifests/1.0$", faults.redirect(f"{elsewhere.url}/x", 308))
        with pytest.raises(RegistryError, match="answered HTTP 308"):
            pushed(registry)
        assert elsewhere.requests == []


def test_a_registry_that_keeps_something_else_is_found_out(registry: Registry) -> None:
    pushed(registry)
    registry.fault("/uploads/1", lambda handler: handler.answer(b"", "text/plain", status=201))
    other = make_artifact(b"\0asm other", title="x", policy=None, imports=(), exports=(), created=CREATED)
    with pytest.raises(FetchError, match="no such"):
        pushed(registry, other)
    registry.faults.clear()
    wrong = artifact(BYTES)
    for name, blob in wrong.blobs.items():
        registry.blobs[name] = blob
    count = iter(range(10))
    registry.fault(
        "/manifests/1.0$",
        lambda handler: (
            handler.answer(b"", "text/plain", status=201) if next(count) == 0 else handler.answer(wrong.manifest, wrong.media_type)
        ),
    )
    with pytest.raises(DigestMismatch, match="after it was pushed"):
        pushed(registry)


def test_progress_is_told(registry: Registry) -> None:
    told: list[Progress] = []
    pushed(registry, control=Control(report=told.append))
    assert Progress("push", len(BYTES), len(BYTES)) in told


# A layout.


def layout(folder: Path, tag: str = "fetch") -> LayoutTarget:
    reference = parse_reference(f"oci-layout://{folder}:{tag}")
    assert isinstance(reference, LayoutReference)
    return LayoutTarget(reference)


def test_a_layout_is_made_and_added_to(tmp_path: Path) -> None:
    first, second = layout(tmp_path / "new", "one"), layout(tmp_path / "new", "two")
    one = publish(made(), first.reference, first, Control())
    other = make_artifact(b"\0asm other", title="x", policy=None, imports=(), exports=(), created=CREATED)
    publish(other, second.reference, second, Control())
    assert str(one).endswith(f"new:one@{made().digest}")
    assert pull(first.reference, LayoutSource(first.reference), Control()).wasm == BYTES
    assert pull(second.reference, LayoutSource(second.reference), Control()).wasm == b"\0asm other"
    publish(other, first.reference, first, Control())
    assert pull(first.reference, LayoutSource(first.reference), Control()).wasm == b"\0asm other"
    assert len(json.loads((tmp_path / "new/index.json").read_text())["manifests"]) == 2


def test_what_else_a_layout_lists_stays(tmp_path: Path) -> None:
    goal = layout(tmp_path)
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "x": 1, "manifests": [{"annotations": 5}, {"k": 1}]}))
    goal.put_manifest(made().manifest, "application/vnd.oci.image.manifest.v1+json", "fetch", Control())
    index = json.loads((tmp_path / "index.json").read_text())
    assert index["x"] == 1
    assert index["manifests"][:2] == [{"annotations": 5}, {"k": 1}]
    assert (tmp_path / "oci-layout").exists()
    goal.put_manifest(made().manifest, "application/vnd.oci.image.manifest.v1+json", "fetch", Control())
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 3


def test_a_blob_that_is_damaged_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "blobs/sha256" / Digest.of(BYTES).hex
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    goal = layout(tmp_path)
    publish(made(), goal.reference, goal, Control())
    assert path.read_bytes() == BYTES
    path.unlink()
    os.mkfifo(path)
    goal.put_blob(BYTES, Control())
    assert path.read_bytes() == BYTES


def test_a_layout_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="cannot be written: Not a directory"):
        layout(tmp_path / "file").put_blob(BYTES, Control())
    (tmp_path / "index.json").write_text('{"manifests": 5}')
    with pytest.raises(FetchError, match="has no list of manifests"):
        layout(tmp_path).put_manifest(b"{}", "x", "t", Control())
    (tmp_path / "index.json").unlink()
    (tmp_path / "index.json").mkdir()
    with pytest.raises(FetchError, match=r"is not a file|cannot be"):
        layout(tmp_path).put_manifest(b"{}", "x", "t", Control())
    (tmp_path / ".wassette.lock").unlink()
    (tmp_path / ".wassette.lock").mkdir()
    with pytest.raises(FetchError, match="cannot be written: Is a directory"):
        layout(tmp_path).put_manifest(b"{}", "x", "t", Control())
