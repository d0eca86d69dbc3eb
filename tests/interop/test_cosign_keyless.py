"""Real cosign takes the Sigstore that our tests are made with for one, and refuses of it what we refuse. No network."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette, components, wassette
from tests.interop.programs import run
from tests.interop.registries import RealRegistry
from tests.keyless_layout import SIGNED, lab_root
from tests.signatures import found
from tests.sigstore_lab import IDENTITY, ISSUER, NOW, Flaws, Lab, flawed, key
from tests.trust.test_keyless import MANIFEST, judged
from wassette_py.control import Control
from wassette_py.oci.attaching import RegistryPlace, Subject, attach_bundle
from wassette_py.oci.reading import Patience
from wassette_py.oci.registry_target import RegistryTarget
from wassette_py.reference import OciReference, parse_reference
from wassette_py.settings import Settings

pytestmark = pytest.mark.interop
__all__ = ["components", "wassette"]

LAB, OTHER = Lab(), Lab(1)
COSIGNS = ["cosign", "cosign-v2"]
NAMED = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER, "--trusted-root", "root.json")
STAMPED = flawed(promise=False, integrated_time=False, timestamps=1)


def verify_blob(name: str, folder: Path, bundle: bytes, *words: str, good: bool) -> None:
    """cosign on a bundle about MANIFEST."""
    (folder / "root.json").write_bytes(LAB.root())
    (folder / "manifest").write_bytes(MANIFEST)
    (folder / "bundle.json").write_bytes(bundle)
    told = ("--new-bundle-format",) if name == "cosign-v2" else ()
    run(name, "verify-blob", *told, "--bundle", "bundle.json", *NAMED, *words, "manifest", folder=folder, good=good)


@pytest.mark.parametrize("name", COSIGNS)
def test_cosign_accepts_what_the_lab_signs_as_we_do(name: str, tmp_path: Path) -> None:
    for flaws, words in ((Flaws(), ()), (STAMPED, ("--use-signed-timestamps",))):
        bundle = LAB.message(MANIFEST, flaws=flaws)
        assert judged(found(bundle)).error is None
        verify_blob(name, tmp_path, bundle, *words, good=True)


@pytest.mark.parametrize("name", COSIGNS)
@pytest.mark.parametrize(
    "flaws",
    [
        flawed(issuer="https://other.example", issuer_v1="https://other.example"),
        flawed(signed_at=timedelta(hours=1)),
        flawed(scts=0),
        flawed(sct_key=key(9)),
        flawed(log=key(9)),
        flawed(log=key(9), log_id=key(9)),
        flawed(proof_sibling=bytes(32)),
        flawed(checkpoint_root=bytes(32)),
        flawed(promise_key=key(9)),
        flawed(signature_by=key(9)),
        flawed(promise=False, integrated_time=False),
    ],
)
def test_each_fault_is_one_to_cosign_too(name: str, flaws: Flaws, tmp_path: Path) -> None:
    bundle = LAB.message(MANIFEST, flaws=flaws)
    assert judged(found(bundle)).error is not None
    verify_blob(name, tmp_path, bundle, good=False)


@pytest.mark.parametrize("name", COSIGNS)
def test_another_identity_bytes_or_instance_is_refused_by_both(name: str, tmp_path: Path) -> None:
    for bundle in (LAB.message(MANIFEST, "mallory@evil.example"), LAB.message(b"other"), OTHER.message(MANIFEST)):
        assert judged(found(bundle)).error is not None
        verify_blob(name, tmp_path, bundle, good=False)


@pytest.mark.parametrize(
    "period",
    [
        (NOW - timedelta(days=9), NOW - timedelta(days=1)),
        (NOW - timedelta(days=9), NOW + timedelta(seconds=4)),
        (NOW + timedelta(days=1), None),
    ],
)
@pytest.mark.parametrize("part", ["ca", "log"])
def test_what_a_root_held_at_another_time_is_nothing_to_cosign_too(part: str, period: tuple[object, object], tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(LAB.root(**{part: period}))  # type: ignore[arg-type]
    verify_blob("cosign", tmp_path, LAB.message(MANIFEST), "--trusted-root", "other.json", good=False)


def attach(image: str, bundle: bytes) -> None:
    """Puts a bundle beside what stands in a registry."""
    reference = parse_reference(image)
    assert isinstance(reference, OciReference)
    target = RegistryTarget(reference, Settings.load(), Control(), insecure_http=True, patience=Patience())
    with target.session:
        data, media_type, _ = target.resolve(Control())
        attach_bundle(RegistryPlace(target), Subject(data, media_type or ""), bundle, Control())


@pytest.mark.parametrize(("flaws", "words"), [(Flaws(), ()), (replace(STAMPED, rekor2=True), ("--use-signed-timestamps",))])
def test_a_keyless_signature_in_a_registry_is_one_to_both(
    registry: RealRegistry, wassette: Wassette, components: Path, flaws: Flaws, words: tuple[str, ...]
) -> None:
    image = f"{registry.host}/acme/text:1.0"
    pushed = wassette("registry", "push", f"oci://{image}", "text.wasm", "-o", "json").json["reference"]
    (components / "root.json").write_bytes(lab_root())
    check = ("verify", *NAMED, "--allow-http-registry", "--allow-insecure-registry", image)
    assert wassette("trust", "add", f"{registry.host}/acme", "--identity", IDENTITY, "--issuer", ISSUER, "--root", "root.json").code == 0
    for identity, good in (("mallory@evil.example", False), (IDENTITY, True)):
        attach(f"oci://{image}", LAB.bundle(pushed.rpartition("@")[2], identity, flaws, at=SIGNED))
        run("cosign", *check, *words, folder=components, good=good)
        assert wassette("component", "load", f"oci://{image}").code == (0 if good else 3)
