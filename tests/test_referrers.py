"""Signatures are looked for everywhere they may be, each candidate is opened, and a place that cannot be asked is no place without any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.layout_writer import INDEX, Artifact, artifact, descriptor, dump, write_layout
from tests.pulling import BYTES, GOOD, QUICK, settings_for, with_component
from tests.registry import Registry, body, redirect, running, silent, status
from tests.signatures import (
    BUNDLE,
    SLSA,
    carrier,
    dsse_bundle,
    legacy,
    legacy_carrier,
    referrer,
    referrers_index,
    sig_tag,
    signer,
    simple_payload,
)
from wassette_py.control import Control
from wassette_py.errors import FetchError, RegistryError
from wassette_py.fetch import fetch
from wassette_py.oci.reading import Patience
from wassette_py.reference import parse_reference
from wassette_py.trust.evidence import Evidence, SignatureObject

BY = signer()
ONE = referrer(GOOD, dsse_bundle(GOOD.digest, BY))
REPOSITORY = "acme/fetch"
FALLBACK = f"sha256-{GOOD.digest[7:]}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as registry:
        yield registry


def found(registry: Registry, rest: str = "acme/fetch:1.0", *, patience: Patience = QUICK) -> Evidence:
    reference = parse_reference(f"oci://{registry.host}/{rest}")
    evidence = fetch(reference, settings_for(registry), Control(), signatures=True, patience=patience).evidence
    assert evidence is not None
    assert evidence.manifest == GOOD.manifest
    return evidence


def put(registry: Registry, *artifacts: Artifact) -> None:
    """Pushed by digest."""
    for one in artifacts:
        registry.put(REPOSITORY, one.digest, one)


def listed(registry: Registry, *artifacts: Artifact, claims: str | None = BUNDLE) -> None:
    """Pushed, and listed by the referrers API."""
    put(registry, *artifacts)
    registry.fault(r"/referrers/", body(referrers_index(*artifacts, claims=claims), INDEX))


def tagged(registry: Registry, tag: str, one: Artifact) -> None:
    registry.put(REPOSITORY, tag, one)


def index_artifact(*members: Artifact) -> Artifact:
    return Artifact(referrers_index(*members), {}, INDEX)


@pytest.mark.claim("trust:looked-for-everywhere")
def test_none_means_that_every_place_was_asked(registry: Registry) -> None:
    assert found(registry).objects == ()
    asked = [path.rpartition("/")[2] for path in registry.paths()[2:]]
    assert asked == [GOOD.digest, FALLBACK, f"{FALLBACK}.sig", f"{FALLBACK}.att"]


def test_the_referrers_api_is_asked_first_and_is_enough(registry: Registry) -> None:
    listed(registry, ONE)
    [bundle] = found(registry).objects
    assert (bundle.media_type, bundle.data, bundle.problem) == (BUNDLE, dsse_data(ONE), None)
    assert bundle.where == f"referrer {ONE.digest}"
    assert not [path for path in registry.paths() if path.endswith(FALLBACK)]


def dsse_data(one: Artifact) -> bytes:
    return one.blobs[json.loads(one.manifest)["layers"][0]["digest"]]


@pytest.mark.parametrize("answer", [status(404), status(400), status(405), status(501), body(b"<html>", "text/html")])
def test_a_registry_without_the_api_has_the_fallback_tag(registry: Registry, answer: object) -> None:
    registry.fault(r"/referrers/", answer)  # type: ignore[arg-type]
    put(registry, ONE)
    tagged(registry, FALLBACK, index_artifact(ONE))
    assert [one.problem for one in found(registry).objects] == [None]


@pytest.mark.claim("trust:looked-for-everywhere")
@pytest.mark.parametrize("place", [r"/referrers/", rf"/{FALLBACK}$", rf"/{FALLBACK}\.sig$", rf"/{FALLBACK}\.att$"])
@pytest.mark.parametrize("answer", [status(401), status(403), status(500), status(503), silent])
def test_a_place_that_cannot_be_asked_is_an_error_and_not_unsigned(registry: Registry, place: str, answer: object) -> None:
    registry.fault(place, answer)  # type: ignore[arg-type]
    with pytest.raises(FetchError):
        found(registry, patience=replace(QUICK, read=1.0) if answer is silent else QUICK)


def test_a_signature_that_is_listed_and_cannot_be_fetched_just_now_is_an_error(registry: Registry) -> None:
    listed(registry, ONE)
    registry.fault(rf"/manifests/{ONE.digest}", status(503))
    with pytest.raises(RegistryError):
        found(registry)


def test_cosigns_own_tags_are_read_layer_by_layer(registry: Registry) -> None:
    payload = simple_payload(GOOD.digest, "x/y")
    tagged(registry, sig_tag(GOOD), legacy_carrier([legacy(payload, BY.sign(payload)), legacy(payload, b"other")]))
    tagged(registry, sig_tag(GOOD, ".att"), carrier([("application/vnd.dsse.envelope.v1+json", b"{}", {})]))
    first, second, attestation = found(registry).objects
    assert first.where.endswith(".sig, layer 1")
    assert second.where.endswith(".sig, layer 2")
    assert first.annotations["dev.cosignproject.cosign/signature"]
    assert attestation.media_type == "application/vnd.dsse.envelope.v1+json"


@pytest.mark.claim("trust:looked-for-everywhere")
def test_candidates_are_opened_whatever_the_list_says_about_them(registry: Registry) -> None:
    attested = referrer(GOOD, dsse_bundle(GOOD.digest, BY, SLSA), claims=None)
    other = referrer(artifact(b"other"), dsse_bundle(GOOD.digest, BY))
    sbom = carrier([("application/spdx+json", b"{}", {})], GOOD, "application/spdx+json")
    index = index_artifact(ONE)
    listed(registry, sbom, other, ONE, attested, index, claims="application/nonsense")
    objects = {one.where: one for one in found(registry).objects}
    assert objects[f"referrer {ONE.digest}"].problem is None
    assert objects[f"referrer {attested.digest}"].problem is None
    assert "refers to something else" in str(objects[f"referrer {other.digest}"].problem)
    # What is no signature is said to be there, and not downloaded.
    assert objects[f"referrer {sbom.digest}"] == SignatureObject(f"referrer {sbom.digest}", "application/spdx+json")
    assert not [path for path in registry.paths() if path.endswith(json.loads(sbom.manifest)["layers"][0]["digest"])]
    assert "is no manifest" in str(objects[f"referrer {index.digest}"].problem) or "and calls itself" in str(objects)


def test_a_candidate_that_is_gone_or_broken_is_said_and_passed_over(registry: Registry) -> None:
    gone = referrer(GOOD, b"gone")
    without_blob, wrong_blob = referrer(GOOD, b"a blob that is not there"), referrer(GOOD, b"flipped on the disk")
    garbled = Artifact(b'{"schemaVersion":2', {})
    listed(registry, gone, without_blob, wrong_blob, garbled, ONE)
    del registry.manifests[REPOSITORY, gone.digest]
    for one, data in ((without_blob, None), (wrong_blob, b"Flipped on the disk")):
        name = json.loads(one.manifest)["layers"][0]["digest"]
        if data is None:
            del registry.blobs[name]
        else:
            registry.blobs[name] = data
    problems = {one.where.removeprefix("referrer "): one.problem for one in found(registry).objects}
    assert problems.pop(ONE.digest) is None
    assert len(problems) == 4
    assert "digest mismatch" in str(problems[wrong_blob.digest])
    assert "not JSON" in str(problems[garbled.digest])


@pytest.mark.claim("trust:looked-for-everywhere")
def test_a_list_in_pages_is_followed_within_its_repository_only(registry: Registry) -> None:
    two = referrer(GOOD, dsse_bundle(GOOD.digest, signer("Ed25519")))
    put(registry, ONE, two)
    link = f'</v2/{REPOSITORY}/referrers/{GOOD.digest}?last=1>; rel="next"'
    registry.fault(r"/referrers/[^?]*$", body(referrers_index(ONE), INDEX, {"Link": link}))
    registry.fault(r"/referrers/.*last=1$", body(referrers_index(two), INDEX))
    assert len(found(registry).objects) == 2
    for target in ("https://evil.example/x", "/v2/other/referrers/x?y", "http://127.0.0.1:1/"):
        registry.faults.clear()
        registry.fault(r"/referrers/", body(referrers_index(ONE), INDEX, {"Link": f'<{target}>; rel="next"'}))
        with pytest.raises(FetchError, match="outside of its repository"):
            found(registry)


def test_a_list_without_end_ends(registry: Registry) -> None:
    put(registry, ONE)
    link = f'</v2/{REPOSITORY}/referrers/{GOOD.digest}?again>; rel="next"'
    registry.fault(r"/referrers/", body(referrers_index(ONE), INDEX, {"Link": link}))
    evidence = found(registry)
    assert len(registry.paths()) < 100
    assert len(evidence.objects) == 16


@pytest.mark.claim("trust:looked-for-everywhere")
def test_a_thousand_referrers_are_bounded_and_bundles_come_first(registry: Registry) -> None:
    junk = [{**carrier([], GOOD).descriptor, "digest": f"sha256:{number:064x}"} for number in range(2000)]
    entries = [*junk, {**ONE.descriptor, "artifactType": BUNDLE}]
    put(registry, ONE)
    registry.fault(r"/referrers/", body(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}), INDEX))
    evidence = found(registry)
    assert evidence.objects[0].problem is None
    assert len(evidence.objects) == 64
    assert evidence.notes == ("1937 more were not looked at: at most 64 objects and 4 MiB are",)
    assert len(registry.paths()) < 80


@pytest.mark.claim("trust:looked-for-everywhere")
def test_large_objects_are_not_read(registry: Registry) -> None:
    large = [referrer(GOOD, bytes([number]) * (1 << 20)) for number in range(6)]
    listed(registry, referrer(GOOD, b"x" * ((1 << 20) + 1)), *large)
    evidence = found(registry)
    assert [len(one.data) for one in evidence.objects] == [0] + [1 << 20] * 3
    assert "is larger than" in str(evidence.objects[0].problem)
    assert evidence.notes == ("3 more were not looked at: at most 64 objects and 4 MiB are",)


@pytest.mark.claim("trust:looked-for-everywhere")
def test_a_tag_that_moves_after_it_was_resolved_does_not_matter(registry: Registry) -> None:
    listed(registry, ONE)
    other = artifact(BYTES + b"\0")

    def moved(handler: object) -> None:
        registry.put(REPOSITORY, "1.0", other)
        registry.faults.pop()
        body(referrers_index(ONE), INDEX)(handler)  # type: ignore[arg-type]

    registry.faults.clear()
    registry.fault(r"/referrers/", moved)
    assert len(found(registry).objects) == 1
    assert len([path for path in registry.paths() if path.endswith("manifests/1.0")]) == 1


def test_where_a_list_is_an_artifact_of_another_kind_it_is_an_error(registry: Registry) -> None:
    tagged(registry, FALLBACK, GOOD)
    with pytest.raises(FetchError, match="expected an index"):
        found(registry)


def test_a_list_is_fetched_from_where_a_registry_redirects(registry: Registry) -> None:
    put(registry, ONE)
    registry.fault(r"/referrers/", redirect("/moved"))
    registry.fault(r"/moved", body(referrers_index(ONE), INDEX))
    assert len(found(registry).objects) == 1


# Layouts.


def layout_evidence(folder: Path, entries: list[dict[str, object]], *artifacts: Artifact, tag: str = ":fetch") -> Evidence:
    write_layout(folder, {"fetch": GOOD})
    for one in artifacts:
        for name, data in {one.digest: one.manifest, **one.blobs}.items():
            (folder / "blobs" / "sha256" / name.removeprefix("sha256:")).write_bytes(data)
    index = json.loads((folder / "index.json").read_bytes())
    index["manifests"] += entries
    (folder / "index.json").write_bytes(dump(index))
    evidence = fetch(parse_reference(f"oci-layout://{folder}{tag}"), settings_for(Registry()), Control(), signatures=True).evidence
    assert evidence is not None
    return evidence


def named(one: Artifact, tag: str) -> dict[str, object]:
    return {**one.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}


@pytest.mark.parametrize("tag", [":fetch", ""])
def test_a_layout_lists_referrers_and_is_still_a_layout_of_one_component(tmp_path: Path, tag: str) -> None:
    evidence = layout_evidence(tmp_path, [{**ONE.descriptor, "artifactType": BUNDLE}], ONE, tag=tag)
    assert [one.data for one in evidence.objects] == [dsse_data(ONE)]


def test_a_layout_may_have_the_tags_of_a_registry(tmp_path: Path) -> None:
    payload = simple_payload(GOOD.digest, "x/y")
    fallback, sig = index_artifact(ONE), legacy_carrier([legacy(payload, BY.sign(payload))])
    entries = [named(fallback, FALLBACK), named(sig, f"{FALLBACK}.sig"), dict(ONE.descriptor)]
    evidence = layout_evidence(tmp_path, entries, ONE, fallback, sig)
    assert [one.media_type for one in evidence.objects] == [BUNDLE, "application/vnd.dev.cosign.simplesigning.v1+json"]


def test_what_cosign_save_wrote_is_read(tmp_path: Path) -> None:
    payload = simple_payload(GOOD.digest, "x/y")
    sig = legacy_carrier([legacy(payload, BY.sign(payload))])
    entry = {**sig.descriptor, "annotations": {"kind": "dev.cosignproject.cosign/sigs"}}
    assert len(layout_evidence(tmp_path, [entry], sig, tag="").objects) == 1


def test_other_artifacts_of_a_layout_are_passed_over_even_broken_ones(tmp_path: Path) -> None:
    other = artifact(b"\0asm\x0d\0\x01\0other")
    missing = descriptor("application/vnd.oci.image.manifest.v1+json", b"missing")
    entries = [named(other, "other"), missing, {**ONE.descriptor, "artifactType": BUNDLE}]
    assert len(layout_evidence(tmp_path, entries, other, ONE).objects) == 1


def test_a_layout_of_very_many_manifests_is_refused(tmp_path: Path) -> None:
    entries = [{**ONE.descriptor, "digest": f"sha256:{number:064x}"} for number in range(1100)]
    with pytest.raises(FetchError, match="lists more than 1024 manifests"):
        layout_evidence(tmp_path, entries)


def test_manifests_and_annotations_count_as_bytes_and_only_known_annotations_are_kept(registry: Registry) -> None:
    name = "dev.cosignproject.cosign/signature"
    padded = carrier([("application/vnd.dev.cosign.simplesigning.v1+json", b"{}", {name: "A" * (3 << 20), "other": "B"})])
    tagged(registry, sig_tag(GOOD), padded)
    [kept] = found(registry).objects
    assert list(kept.annotations) == [name]
    again = carrier([("application/vnd.dev.cosign.simplesigning.v1+json", b"{}", {name: "A" * (2 << 20)})])
    tagged(registry, sig_tag(GOOD, ".att"), again)
    evidence = found(registry)
    assert (len(evidence.objects), len(evidence.notes)) == (1, 1)
    large = [carrier([("x/y", b"", {"padding": chr(65 + number) * (1 << 20)})], GOOD) for number in range(5)]
    listed(registry, *large)
    assert len(found(registry).objects) < 5
