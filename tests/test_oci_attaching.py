"""Signing: what is put beside an artifact is found there by digest, also beside others' signatures and other writers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.layout_writer import INDEX, Artifact, digest, dump, index_of, write_layout
from tests.pulling import GOOD, settings_for, with_component
from tests.registry import Handler, Registry, body, running, status
from tests.signatures import referrer, referrers_index, signer
from wassette_py.control import Control
from wassette_py.errors import FetchError, InvalidReference, RegistryError
from wassette_py.host import ComponentHost
from wassette_py.host.signing import SignedReference, sign
from wassette_py.reference import LayoutReference, OciReference, parse_reference
from wassette_py.trust import private_keys
from wassette_py.trust.evidence import Evidence, Format
from wassette_py.trust.private_keys import PrivateKey, generate

KEY = generate()
HEX = GOOD.digest[7:]
REPOSITORY = "acme/fetch"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as registry:
        yield registry


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wassette_py.oci.attaching.RegistryPlace.settle", 0.0)


def signed(registry: Registry, form: Format = "bundle", *, key: PrivateKey = KEY, rest: str = "acme/fetch:1.0") -> SignedReference:
    host = ComponentHost(settings_for(registry))
    return sign(host, parse_reference(f"oci://{registry.host}/{rest}"), key, form=form, control=Control())


def document(registry: Registry, name: str) -> Any:
    return json.loads(registry.manifests[REPOSITORY, name][1])


def api(handler: Handler) -> None:
    """The referrers API."""
    known = {data: media_type for media_type, data in handler.registry.manifests.values()}
    subject = handler.path.rpartition("/")[2]
    found = []
    for data, media_type in known.items():
        fields = json.loads(data)
        if fields.get("subject", {}).get("digest") == subject:
            entry = {"mediaType": media_type, "digest": digest(data), "size": len(data), "artifactType": fields["artifactType"]}
            found.append(entry)
    handler.answer(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}), INDEX)


def test_a_bundle_is_a_referrer_and_stands_under_the_fallback_tag_of_a_registry_without_the_api(registry: Registry) -> None:
    result = signed(registry)
    assert str(result.reference) == f"oci://{registry.host}/acme/fetch:1.0@{GOOD.digest}"
    [entry] = document(registry, f"sha256-{HEX}")["manifests"]
    assert result.where == f"referrer {entry['digest']}"
    manifest = document(registry, entry["digest"])
    assert manifest["subject"] == {key: GOOD.descriptor[key] for key in ("mediaType", "digest", "size")}
    assert manifest["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"


def test_with_the_api_no_tag_is_written(registry: Registry) -> None:
    registry.fault(r"/referrers/", api)
    signed(registry)
    assert not [name for _, name in registry.manifests if name.startswith("sha256-")]


def test_a_registry_that_takes_a_signature_and_does_not_list_it_is_told(registry: Registry) -> None:
    registry.fault(r"/referrers/", body(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}), INDEX))
    with pytest.raises(FetchError, match="does not list it"):
        signed(registry)


def test_the_older_format_is_a_layer_under_cosigns_tag(registry: Registry) -> None:
    assert signed(registry, "cosign-legacy").where == f"tag sha256-{HEX}.sig"
    signed(registry, "cosign-legacy", key=generate())
    manifest = document(registry, f"sha256-{HEX}.sig")
    layers = manifest["layers"]
    assert isinstance(layers, list)
    assert len(layers) == 2
    # One payload, two signatures: two layers of one digest, both in the config.
    assert layers[0]["digest"] == layers[1]["digest"]
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in layers]
    payload = json.loads(registry.blobs[layers[0]["digest"]])
    assert payload["critical"]["identity"] == {"docker-reference": f"{registry.host}/acme/fetch"}


def test_the_same_signature_again_changes_nothing(registry: Registry) -> None:
    key = private_keys._of(signer("Ed25519").key)
    for _ in range(2):
        signed(registry, "cosign-legacy", key=key)
    assert len(document(registry, f"sha256-{HEX}.sig")["layers"]) == 1


def test_what_others_listed_stays(registry: Registry) -> None:
    other = referrer(GOOD, b"somebody's")
    registry.put(REPOSITORY, other.digest, other)
    registry.put(REPOSITORY, f"sha256-{HEX}", Artifact(referrers_index(other), {}, INDEX))
    signed(registry)
    entries = document(registry, f"sha256-{HEX}")["manifests"]
    assert isinstance(entries, list)
    assert (len(entries), entries[0]["digest"]) == (2, other.digest)


def test_many_at_once_all_survive(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wassette_py.oci.attaching.RegistryPlace.settle", 0.3)
    keys = [generate() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: signed(registry, key=key), keys))
    entries = document(registry, f"sha256-{HEX}")["manifests"]
    assert isinstance(entries, list)
    assert len(entries) == 4


def test_a_list_that_others_keep_replacing_is_an_error_and_not_a_success(registry: Registry) -> None:
    registry.fault(rf"/manifests/sha256-{HEX}$", body(referrers_index(), INDEX))
    registry.faults[-1].reply = lambda handler: (
        handler.answer(b"", "text/plain", {}, 201) if handler.command == "PUT" else body(referrers_index(), INDEX)(handler)
    )
    with pytest.raises(FetchError, match="others keep replacing"):
        signed(registry)


@pytest.mark.parametrize("data", [b"{}", b'{"manifests": [5]}', b'{"manifests": [{}]}', b"["])
def test_a_tag_that_is_no_list_is_left_alone(registry: Registry, data: bytes) -> None:
    registry.manifests[REPOSITORY, f"sha256-{HEX}"] = (INDEX, data)
    with pytest.raises(FetchError, match=r"not a list of signatures|not JSON"):
        signed(registry)
    assert registry.manifests[REPOSITORY, f"sha256-{HEX}"] == (INDEX, data)


def test_a_registry_that_refuses_is_told(registry: Registry) -> None:
    registry.fault(r"/blobs/uploads/", status(403))
    with pytest.raises(RegistryError):
        signed(registry)


def test_a_signature_that_is_not_found_afterwards_is_no_success(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wassette_py.oci.referrers.discover", lambda place, data, control: Evidence(data))
    with pytest.raises(FetchError, match="the signature is not found beside it"):
        signed(registry)


def test_an_index_is_signed_as_what_it_is(registry: Registry) -> None:
    index = index_of(GOOD)
    registry.put(REPOSITORY, "all", index)
    result = signed(registry, rest="acme/fetch:all")
    assert result.reference.digest is not None
    assert str(result.reference.digest) == index.digest
    manifest = document(registry, result.where.removeprefix("referrer "))
    assert manifest["subject"]["mediaType"] == INDEX


def test_a_server_that_does_not_say_what_it_sends_is_asked_the_document(registry: Registry) -> None:
    registry.manifests[REPOSITORY, "1.0"] = ("", GOOD.manifest)
    assert isinstance(signed(registry).reference, OciReference)


def test_in_a_layout_the_list_stands_under_the_fallback_tag_and_the_component_is_still_the_only_one(tmp_path: Path) -> None:
    write_layout(tmp_path, {"fetch": GOOD})
    host = ComponentHost(settings_for(Registry()))
    reference = parse_reference(f"oci-layout://{tmp_path}")
    result = sign(host, reference, KEY, form="bundle", control=Control())
    assert isinstance(result.reference, LayoutReference)
    tags = [
        entry["annotations"]["org.opencontainers.image.ref.name"]
        for entry in json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    ]
    assert tags == ["fetch", f"sha256-{HEX}"]
    assert sign(host, reference, generate(), form="bundle", control=Control()).where != result.where
    with pytest.raises(InvalidReference, match="a layout is none"):
        sign(host, reference, KEY, form="cosign-legacy", control=Control())


@pytest.mark.parametrize("text", ["/x.wasm", "https://example.com/x.wasm"])
def test_a_file_has_no_place_for_signatures(text: str) -> None:
    with pytest.raises(InvalidReference, match="kept in registries and OCI layouts"):
        sign(ComponentHost(settings_for(Registry())), parse_reference(text), KEY, form="bundle", control=Control())
