"""A layout of one component with signatures beside it, and a trust policy that asks for them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.layout_writer import Artifact, artifact, dump, write_layout
from tests.signatures import BUNDLE, SIGN, Signer, dsse_bundle, referrer


def write_signed(folder: Path, wasm: bytes, *signers: Signer, predicate_type: str = SIGN) -> str:
    """Makes the layout; returns the reference of its component."""
    component = artifact(wasm)
    write_layout(folder, {"one": component})
    for by in signers:
        add_referrer(folder, referrer(component, dsse_bundle(component.digest, by, predicate_type)))
    return f"oci-layout://{folder}:one"


def add_referrer(folder: Path, one: Artifact) -> None:
    """Lists a referrer in the layout."""
    for name, data in {one.digest: one.manifest, **one.blobs}.items():
        (folder / "blobs" / "sha256" / name.removeprefix("sha256:")).write_bytes(data)
    index = json.loads((folder / "index.json").read_bytes())
    index["manifests"].append({**one.descriptor, "artifactType": BUNDLE})
    (folder / "index.json").write_bytes(dump(index))


def write_trust(trust_file: Path, reference: str, *, mode: str = "enforce", **keys: Signer) -> None:
    """A trust policy under which all of `keys` must have signed what comes from the reference's source."""
    (trust_file.parent / "keys").mkdir(parents=True, exist_ok=True)
    for name, by in keys.items():
        (trust_file.parent / "keys" / f"{name}.pub").write_text(by.pem)
    named = "".join(f"  {name}: {{file: keys/{name}.pub}}\n" for name in keys)
    wanted = ", ".join(f"{{key: {name}}}" for name in keys)
    scope = f"  - match: {reference.rpartition(':')[0]}\n    mode: {mode}\n    all: [{wanted}]\n"
    trust_file.write_text(f"version: 1\nkeys:\n{named}scopes:\n{scope}")
