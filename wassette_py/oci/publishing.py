"""A component as an artifact: the manifest and config of the CNCF's Wasm OCI artifact layout, put somewhere and read back.

Format: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/, as wkg, oras and Wassette read it. Nothing here signs, and
nothing is told to be published before it was fetched again, by tag and by digest, and was the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from wassette_py.control import Control
from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import DigestMismatch, FetchError
from wassette_py.names import Digest
from wassette_py.oci import Source, pull
from wassette_py.oci.documents import CONFIG_TYPE, CREATED_ANNOTATION, MANIFEST_TYPES, POLICY_TYPES, WASM_TYPES
from wassette_py.oci.reading import MAX_COMPONENT, MAX_POLICY
from wassette_py.reference import LayoutReference, OciReference

TITLE = "org.opencontainers.image.title"


class Target(Source, Protocol):
    """Where an artifact goes: a repository or a layout."""

    def put_blob(self, data: bytes, control: Control) -> None: ...

    def put_manifest(self, data: bytes, media_type: str, tag: str, control: Control) -> None: ...


@dataclass(frozen=True)
class Artifact:
    """One manifest and the blobs it names, in the order in which they go."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def make_artifact(wasm: bytes, *, title: str, policy: str | None, imports: Sequence[str], exports: Sequence[str], created: str) -> Artifact:
    """The artifact of one component; `policy` becomes a second layer, `created` is RFC 3339. Raises FetchError for what is too large."""
    layers = [(WASM_TYPES[0], wasm, title)]
    if policy is not None:
        layers.append((POLICY_TYPES[0], policy.encode(), "policy.yaml"))
    for data, limit in zip([data for _, data, _ in layers], (MAX_COMPONENT, MAX_POLICY), strict=False):
        if len(data) > limit:
            raise FetchError(f"{title}: {len(data)} bytes are more than the {limit} that are read back")
    config = _dump(
        {
            "created": created,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [str(Digest.of(data)) for _, data, _ in layers],
            "component": {"exports": list(exports), "imports": list(imports)},
        }
    )
    manifest = _dump(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPES[0],
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [{**_descriptor(kind, data), "annotations": {TITLE: name}} for kind, data, name in layers],
            "annotations": {CREATED_ANNOTATION: created},
        }
    )
    return Artifact(manifest, (*(data for _, data, _ in layers), config))


def publish(
    artifact: Artifact, reference: OciReference | LayoutReference, target: Target, control: Control
) -> OciReference | LayoutReference:
    """Puts `artifact` under the reference's tag; returns the reference by digest too. Raises FetchError, Cancelled."""
    assert reference.tag is not None
    # 1. Blobs before the manifest that names them: a registry refuses it otherwise.
    for blob in artifact.blobs:
        target.put_blob(blob, control)
    target.put_manifest(artifact.manifest, MANIFEST_TYPES[0], reference.tag, control)
    # 2. What the tag leads to now is what we sent, and all of it can be fetched.
    data, _, digest = target.resolve(control)
    if data != artifact.manifest:
        raise DigestMismatch(str(digest), str(artifact.digest), what=f"{reference} after it was pushed")
    pull(reference, target, control)
    return replace(reference, digest=digest)


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def _dump(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
