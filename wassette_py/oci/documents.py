"""The JSON of OCI, read strictly: manifests, indexes, descriptors, and which layer is the component. Pure; bytes in, values out.

Specification: https://github.com/opencontainers/image-spec (manifest.md, image-index.md) and the CNCF's Wasm OCI artifact layout,
https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/. Nothing a document says is believed about bytes it does not hold:
a descriptor is a promise that whoever reads the blob has to check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import FetchError, InvalidReference
from wassette_py.names import Digest

MANIFEST_TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
WASM_TYPES = (
    "application/wasm",
    "application/vnd.wasm.component.v1",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
)
POLICY_TYPES = ("application/vnd.wasm.policy.v1+yaml", "application/vnd.wassette.policy+yaml", "application/x-yaml", "text/yaml")
CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
CREATED_ANNOTATION = "org.opencontainers.image.created"
SHOWN = 20
TAG_ANNOTATION = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Descriptor:
    """A promise about a blob: its media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    architecture: str | None = None
    artifact_type: str | None = None


@dataclass(frozen=True)
class Manifest:
    """One artifact."""

    layers: tuple[Descriptor, ...]


@dataclass(frozen=True)
class Index:
    """Several artifacts."""

    manifests: tuple[Descriptor, ...]


def parse_document(data: bytes, media_type: str | None, what: str) -> Manifest | Index:
    """The manifest or index in `data`; `media_type` is what its carrier called it. Raises FetchError, naming `what`."""
    document = parse_object(data, what)
    claimed = document.get("mediaType", media_type)
    if media_type is not None and claimed != media_type:
        raise FetchError(f"{what} was sent as {_shown(media_type)} and calls itself {_shown(claimed)}")
    if claimed not in MANIFEST_TYPES + INDEX_TYPES:
        raise FetchError(f"{what} is neither a manifest nor an index: {_shown(claimed)}")
    if document.get("schemaVersion") != 2:
        raise FetchError(f"{what} has schemaVersion {_shown(document.get('schemaVersion'))}, not 2")
    # A document with both lists means one thing to one reader and another to the next (CVE-2021-41190).
    if "layers" in document and "manifests" in document:
        raise FetchError(f"{what} is a manifest and an index at once")
    if claimed in INDEX_TYPES:
        return Index(_descriptors(document, "manifests", what))
    return Manifest(_descriptors(document, "layers", what))


def parse_object(data: bytes, what: str) -> Mapping[str, Any]:
    """The JSON object in `data`, no key twice. Raises FetchError."""
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{what} is not JSON as it should be: {error}") from None
    if not isinstance(document, dict):
        raise FetchError(f"{what} is not a JSON object")
    return document


def component_layers(manifest: Manifest, what: str) -> tuple[Descriptor, Descriptor | None]:
    """The one layer that is the component, and the policy layer if there is one. Raises FetchError."""
    wasm = [layer for layer in manifest.layers if layer.media_type in WASM_TYPES]
    if len(wasm) != 1:
        found = ", ".join(_shown(layer.media_type) for layer in manifest.layers) or "none"
        raise FetchError(f"{what} has {'no' if not wasm else 'more than one'} layer that is a component (its layers: {found})")
    policies = [layer for layer in manifest.layers if layer.media_type in POLICY_TYPES]
    if len(policies) > 1:
        raise FetchError(f"{what} has more than one policy layer")
    return wasm[0], policies[0] if policies else None


def component_entry(index: Index, what: str) -> Descriptor:
    """The one manifest of an index that is for WebAssembly: marked so, or else the only one for no other machine. Raises FetchError."""
    manifests = [entry for entry in index.manifests if entry.media_type in MANIFEST_TYPES]
    marked = [entry for entry in manifests if entry.architecture == "wasm" or entry.artifact_type in (CONFIG_TYPE, *WASM_TYPES)]
    found = marked or [entry for entry in manifests if entry.architecture is None and entry.artifact_type is None]
    if len(found) != 1:
        listed = some_of([str(entry.digest) for entry in found or manifests]) or "nothing"
        raise FetchError(f"{what} is an index with {len(found)} components in it, not one", f"choose one by its digest: {listed}")
    return found[0]


def created_of(document: bytes) -> str | None:
    """When a manifest or index says it was made, in RFC 3339 with a time zone."""
    annotations = parse_object(document, "manifest").get("annotations")
    text = annotations.get(CREATED_ANNOTATION) if isinstance(annotations, dict) else None
    try:
        return text if isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None else None
    except ValueError:
        return None


def some_of(names: Sequence[str]) -> str:
    """The first of many names, for a message."""
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*(name[:128] for name in names[:SHOWN]), *more])


def _descriptors(document: Mapping[str, Any], key: str, what: str) -> tuple[Descriptor, ...]:
    entries = document.get(key)
    if not isinstance(entries, list):
        raise FetchError(f"{what} has no list of {key}")
    return tuple(_descriptor(entry, f"{what}: {key}[{index}]") for index, entry in enumerate(entries))


def _descriptor(entry: object, what: str) -> Descriptor:
    if not isinstance(entry, dict) or not isinstance(entry.get("mediaType"), str):
        raise FetchError(f"{what} is not a descriptor")
    size, annotations, platform = entry.get("size"), entry.get("annotations") or {}, entry.get("platform") or {}
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise FetchError(f"{what} has no size")
    if not isinstance(annotations, dict) or not isinstance(platform, dict):
        raise FetchError(f"{what} is not a descriptor")
    try:
        digest = Digest.parse(str(entry.get("digest")))
    except InvalidReference as error:
        raise FetchError(f"{what}: {error}") from None
    return Descriptor(entry["mediaType"], digest, size, annotations, platform.get("architecture"), entry.get("artifactType"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _shown(value: object) -> str:
    """A stranger's text, short enough and plain enough for a message."""
    return repr(value)[:100]
