"""Real cosign verifies what we sign and we verify what it signs, with keys, in both formats, with and without the referrers API."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette, components, wassette
from tests.interop.programs import run
from tests.interop.registries import RealRegistry

pytestmark = pytest.mark.interop
__all__ = ["components", "wassette"]

PASSWORD = "a password"
COMMON = ("--allow-http-registry", "--allow-insecure-registry")
UNLOGGED = ("--tlog-upload=false", "--yes")
COSIGNS = ["cosign", "cosign-v2"]


@pytest.fixture(autouse=True)
def _password(components: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (components / "password").write_text(PASSWORD)
    monkeypatch.setenv("COSIGN_PASSWORD", PASSWORD)


def cosign(*words: str | Path, folder: Path, name: str = "cosign", good: bool = True) -> str:
    return run(name, *words, folder=folder, good=good)


def formats(name: str, form: str) -> tuple[str, ...]:
    """What that cosign needs to be told for a format: v3 makes and reads bundles, v2 the older form, unless they are told."""
    if form == "bundle":
        return ("--new-bundle-format",)
    return ("--new-bundle-format=false",) if name == "cosign" else ()


@pytest.mark.parametrize("form", ["bundle", "cosign-legacy"])
@pytest.mark.parametrize("name", COSIGNS)
def test_cosign_verifies_what_we_sign(registry: RealRegistry, wassette: Wassette, components: Path, name: str, form: str) -> None:
    assert wassette("trust", "generate-key", "ours", "--password-file", "password").code == 0
    image = f"{registry.host}/acme/text:1.0"
    assert wassette("registry", "push", f"oci://{image}", "text.wasm").code == 0
    signed = wassette("component", "sign", f"oci://{image}", "--key", "ours.key", "--password-file", "password", "--format", form)
    assert signed.code == 0, signed.err
    # For a bundle cosign 2 wants to know roots, also where none is needed; it would ask the network.
    (components / "root.json").write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    rooted = ("--trusted-root", "root.json") if (name, form) == ("cosign-v2", "bundle") else ()
    check = ("verify", *formats(name, form), *rooted, "--insecure-ignore-tlog", *COMMON)
    assert "docker-manifest-digest" in cosign(*check, "--key", "ours.pub", image, folder=components, name=name)
    cosign("generate-key-pair", folder=components, name=name)
    cosign(*check, "--key", "cosign.pub", image, folder=components, name=name, good=False)
    # And cosign opens our key file.
    assert (components / "ours.pub").read_text() in cosign("public-key", "--key", "ours.key", folder=components, name=name)


# Bundles of cosign 2 are for files, not for artifacts in registries.
@pytest.mark.parametrize(("name", "form"), [("cosign", "bundle"), ("cosign", "cosign-legacy"), ("cosign-v2", "cosign-legacy")])
def test_we_verify_what_cosign_signs(registry: RealRegistry, wassette: Wassette, components: Path, name: str, form: str) -> None:
    image = f"{registry.host}/acme/text"
    pushed = wassette("registry", "push", f"oci://{image}:1.0", "text.wasm", "-o", "json").json["reference"]
    digest = pushed.rpartition("@")[2]
    cosign("generate-key-pair", folder=components, name=name)
    told = (*formats(name, form), "--use-signing-config=false") if name == "cosign" else ()
    cosign("sign", *told, *UNLOGGED, *COMMON, "--key", "cosign.key", f"{image}@{digest}", folder=components, name=name)
    assert wassette("trust", "generate-key", "ours", "--password-file", "password").code == 0
    assert wassette("trust", "add", f"{registry.host}/acme", "--key", "ours.pub").code == 0
    refused = wassette("component", "load", f"oci://{image}:1.0")
    assert (refused.code, "no key of the trust policy made it" in refused.err) == (3, True)
    assert wassette("trust", "remove", f"{registry.host}/acme").code == 0
    assert wassette("trust", "add", f"{registry.host}/acme", "--key", "cosign.pub").code == 0
    verified = wassette("component", "verify", f"oci://{image}:1.0", "-o", "json").json
    assert verified["verified"]["kind"] == "signed", verified
    assert [one["format"] for one in verified["signatures"]] == [form]
    assert wassette("component", "load", f"oci://{image}:1.0").code == 0
    # With cosign's key we sign beside it: both count, as one signer.
    ours = wassette("component", "sign", f"oci://{image}:1.0", "--key", "cosign.key", "--password-file", "password", "--format", form)
    assert ours.code == 0, ours.err
    after = wassette("component", "verify", f"oci://{image}:1.0", "-o", "json").json
    assert len(after["verified"]["signers"]) == 1
    assert [one["problem"] for one in after["signatures"]] == [None, None]


@pytest.mark.parametrize("kind", ["ec-p384", "ec-p521", "rsa", "ed25519"])
def test_keys_of_other_kinds_go_both_ways(registry: RealRegistry, wassette: Wassette, components: Path, kind: str) -> None:
    from tests.signatures import signer

    names = {"ec-p384": "P-384", "ec-p521": "P-521", "rsa": "RSA", "ed25519": "Ed25519"}
    (components / "plain.pem").write_bytes(private_pem(signer(names[kind]).key))
    cosign("import-key-pair", "--key", "plain.pem", "--output-key-prefix", "other", folder=components)
    os.unlink(components / "plain.pem")
    image = f"{registry.host}/acme/text"
    pushed = wassette("registry", "push", f"oci://{image}:1.0", "text.wasm", "-o", "json").json["reference"]
    digest = pushed.rpartition("@")[2]
    assert wassette("trust", "add", f"{registry.host}/acme", "--key", "other.pub").code == 0
    for form in ("bundle", "cosign-legacy"):
        told = (*formats("cosign", form), "--use-signing-config=false")
        cosign("sign", *told, *UNLOGGED, *COMMON, "--key", "other.key", f"{image}@{digest}", folder=components)
    document = wassette("component", "verify", f"oci://{image}:1.0", "-o", "json").json
    assert [one["format"] for one in document["signatures"]] == ["bundle", "cosign-legacy"]
    # cosign 3 hashes first when an Ed25519 key signs, which cryptography does not have; it verifies the plain form, which we make.
    assert ["Ed25519ph" in (one["problem"] or "") for one in document["signatures"]] == [kind == "ed25519"] * 2
    assert [one["problem"] is None for one in document["signatures"]] == [kind != "ed25519"] * 2
    other = wassette("registry", "push", f"oci://{image}:2.0", "one.wasm", "--sign", "other.key", "--password-file", "password")
    assert other.code == 0, other.err
    older = wassette(
        "component", "sign", f"oci://{image}:2.0", "--key", "other.key", "--password-file", "password", "--format", "cosign-legacy"
    )
    assert older.code == 0, older.err
    for form in ("bundle", "cosign-legacy"):
        check = ("verify", *formats("cosign", form), "--insecure-ignore-tlog", *COMMON, "--key", "other.pub")
        cosign(*check, f"{image}:2.0", folder=components)


def private_pem(key: object) -> bytes:
    """A key as openssl writes it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return pem


@pytest.mark.parametrize("name", COSIGNS)
def test_an_attestation_of_cosign_is_one_to_us_and_no_signature(
    registry: RealRegistry, wassette: Wassette, components: Path, home: Path, name: str
) -> None:
    image = f"{registry.host}/acme/text"
    pushed = wassette("registry", "push", f"oci://{image}:1.0", "text.wasm", "-o", "json").json["reference"]
    digest = pushed.rpartition("@")[2]
    cosign("generate-key-pair", folder=components)
    (components / "predicate.json").write_text('{"buildDefinition": {"buildType": "x"}, "runDetails": {"builder": {"id": "https://b"}}}')
    words = ("--predicate", "predicate.json", "--type", "slsaprovenance1", "--key", "cosign.key")
    told = ("--use-signing-config=false",) if name == "cosign" else ()
    cosign("attest", *told, *UNLOGGED, *COMMON, *words, f"{image}@{digest}", folder=components, name=name)
    assert wassette("trust", "add", f"{registry.host}/acme", "--key", "cosign.pub").code == 0
    only = wassette("component", "verify", f"oci://{image}:1.0", "--explain")
    assert (only.code, "https://slsa.dev/provenance/v1" in only.out) == (3, True)
    trust = home / ".config/wassette/trust.yaml"
    asked = 'attestations: [{type: "https://slsa.dev/provenance/v1", by: [{key: cosign}], where: {"runDetails.builder.id": "https://b"}}]'
    trust.write_text(trust.read_text().replace("all: [{key: cosign}]", asked))
    assert wassette("component", "verify", f"oci://{image}:1.0").code == 0
    trust.write_text(trust.read_text().replace("https://b", "https://evil"))
    assert wassette("component", "verify", f"oci://{image}:1.0").code == 3
