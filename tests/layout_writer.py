"""Writes WebAssembly artifacts in the CNCF layout, as an OCI image layout on disk or as blobs for the tests' registry.

Format: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/. The same input makes the same bytes, so that a committed
layout changes only when a component does. It knows nothing of the package: reading what it wrote is a test of the reader.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.wasm.config.v0+json"
WASM = "application/wasm"
POLICY = "application/vnd.wasm.policy.v1+yaml"


@dataclass(frozen=True)
class Artifact:
    """One manifest and the blobs it names, by digest text."""

    manifest: bytes
    blobs: Mapping[str, bytes]
    media_type: str = MANIFEST

    @property
    def digest(self) -> str:
        return digest(self.manifest)

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest)}


def digest(data: bytes) -> str:
    """`sha256:…` of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def dump(document: object) -> bytes:
    """The bytes a document is stored as."""
    return json.dumps(document, indent=2, sort_keys=True).encode()


def descriptor(media_type: str, data: bytes, title: str | None = None) -> dict[str, object]:
    """What a manifest says about a blob."""
    annotations = {"annotations": {"org.opencontainers.image.title": title}} if title else {}
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **annotations}


def artifact(
    wasm: bytes,
    *,
    title: str = "component.wasm",
    policy: str | None = None,
    media_type: str = WASM,
    config_type: str = CONFIG,
    annotations: Mapping[str, str] | None = None,
) -> Artifact:
    """One component as an artifact, with a policy layer when `policy` is given."""
    layers = [(media_type, wasm, title)] + ([(POLICY, policy.encode(), "policy.yaml")] if policy is not None else [])
    return artifact_of(layers, config_type=config_type, annotations=annotations)


def artifact_of(
    layers: list[tuple[str, bytes, str]], *, config_type: str = CONFIG, annotations: Mapping[str, str] | None = None
) -> Artifact:
    """An artifact of these layers (media type, bytes, title), whatever they are."""
    config = dump(
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [digest(data) for _, data, _ in layers],
            "component": {"exports": [], "imports": []},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config_type, config),
        "layers": [descriptor(kind, data, title) for kind, data, title in layers],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return Artifact(dump(manifest), {digest(config): config, **{digest(data): data for _, data, _ in layers}})


def index_of(*members: Artifact, platforms: tuple[dict[str, str] | None, ...] = ()) -> Artifact:
    """An image index that lists these artifacts (with a platform each, when given)."""
    entries = []
    for number, member in enumerate(members):
        platform = platforms[number] if number < len(platforms) else None
        entries.append({**member.descriptor, **({"platform": platform} if platform else {})})
    document = dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    blobs: dict[str, bytes] = {}
    for member in members:
        blobs |= {member.digest: member.manifest, **member.blobs}
    return Artifact(document, blobs, INDEX)


def write_layout(folder: Path, components: Mapping[str, bytes | Artifact]) -> None:
    """Makes `folder` an OCI image layout that holds these components by tag; what the folder held of another layout stays as blobs."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    entries = []
    for tag, given in sorted(components.items()):
        made = given if isinstance(given, Artifact) else artifact(given, title=f"{tag}.wasm")
        for name, data in {made.digest: made.manifest, **made.blobs}.items():
            (blobs / name.removeprefix("sha256:")).write_bytes(data)
        entries.append({**made.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}})
    (folder / "oci-layout").write_bytes(dump({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
