"""Signatures put beside an artifact, where cosign and `referrers` look for them: as a referrer, or as a layer under cosign's own tag.

A registry without the referrers API keeps its list under a tag, which every writer replaces as a whole: what was written is read again, and
written again when somebody else's list has taken its place. Nothing here signs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from wassette_py.control import Control
from wassette_py.dataclass import dataclass
from wassette_py.errors import FetchError
from wassette_py.names import Digest
from wassette_py.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor, parse_object
from wassette_py.oci.layout_target import LayoutTarget
from wassette_py.oci.referrers import Document, LayoutShelf, RegistryShelf
from wassette_py.oci.registry_target import RegistryTarget
from wassette_py.trust.evidence import BUNDLE, COSIGN_SIGN, SIGNATURE_ANNOTATION, SIMPLE_SIGNING

EMPTY, EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
TRIES = 8


class Place(Protocol):
    """A repository or a layout that is written to; `settle` is how long somebody else's overlapping write may take, in seconds."""

    settle: float

    def put_blob(self, data: bytes, control: Control) -> None: ...

    def put_manifest(self, data: bytes, media_type: str, tag: str, control: Control) -> None: ...

    def put_untagged(self, data: bytes, media_type: str, control: Control) -> None: ...

    def tagged(self, tag: str, control: Control) -> Document | None: ...

    def listed(self, digest: Digest, control: Control) -> list[Descriptor] | None: ...


@dataclass(frozen=True)
class Subject:
    """What is signed: a manifest or an index, as its carrier called it."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> Digest:
        return Digest.of(self.data)


class RegistryPlace(RegistryShelf):
    """A repository."""

    settle = 0.2

    def __init__(self, target: RegistryTarget) -> None:
        super().__init__(target)
        self.put_blob = target.put_blob
        self.put_manifest = target.put_manifest

    def put_untagged(self, data: bytes, media_type: str, control: Control) -> None:
        """Uploads a manifest that only its digest names."""
        self.put_manifest(data, media_type, str(Digest.of(data)), control)


class LayoutPlace(LayoutShelf):
    """A layout."""

    settle = 0.0

    def __init__(self, target: LayoutTarget) -> None:
        super().__init__(target)
        self.put_blob = target.put_blob
        self.put_manifest = target.put_manifest

    def put_untagged(self, data: bytes, media_type: str, control: Control) -> None:
        """Writes a manifest that a list will name."""
        self.put_blob(data, control)

    def listed(self, digest: Digest, control: Control) -> None:
        """None: a layout has no interface, but a list under the fallback tag."""


def attach_bundle(place: Place, subject: Subject, bundle: bytes, control: Control) -> Digest:
    """Puts a Sigstore bundle as a referrer of `subject`; returns the referrer's digest. Raises FetchError, Cancelled."""
    annotations = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": COSIGN_SIGN,
        "org.opencontainers.image.created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    manifest = _dump(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPES[0],
            "artifactType": BUNDLE,
            "config": _described(EMPTY_TYPE, EMPTY),
            "layers": [_described(BUNDLE, bundle)],
            "subject": _described(subject.media_type, subject.data),
            "annotations": annotations,
        }
    )
    for blob in (EMPTY, bundle):
        place.put_blob(blob, control)
    place.put_untagged(manifest, MANIFEST_TYPES[0], control)
    listed = place.listed(subject.digest, control)
    if listed is None:
        entry = {**_described(MANIFEST_TYPES[0], manifest), "artifactType": BUNDLE, "annotations": annotations}
        tag = f"sha256-{subject.digest.hex}"
        _append(place, _List(tag, INDEX_TYPES[0], "manifests", lambda manifests: {"manifests": manifests}), entry, control)
    elif Digest.of(manifest) not in {one.digest for one in listed}:
        raise FetchError(f"the registry took the signature of {subject.digest} and does not list it", "try again")
    return Digest.of(manifest)


def attach_simple(place: Place, subject: Subject, payload: bytes, signature: str, control: Control) -> str:
    """Adds a simple signing payload under cosign's tag for `subject`; returns that tag. Raises FetchError, Cancelled."""
    tag = f"sha256-{subject.digest.hex}.sig"
    layer = {**_described(SIMPLE_SIGNING, payload), "annotations": {SIGNATURE_ANNOTATION: signature}}
    place.put_blob(payload, control)

    def whole(layers: list[Any]) -> dict[str, Any]:
        config = _config([one["digest"] for one in layers])
        place.put_blob(config, control)
        return {"config": _described(CONFIG_TYPE, config), "layers": layers}

    _append(place, _List(tag, MANIFEST_TYPES[0], "layers", whole), layer, control)
    return tag


@dataclass(frozen=True)
class _List:
    """A document under a tag that is a list, as far as we are concerned: `whole` makes the document's members from the list `key`."""

    tag: str
    media_type: str
    key: str
    whole: Callable[[list[Any]], dict[str, Any]]

    def entries(self, place: Place, control: Control) -> list[Any]:
        tagged = place.tagged(self.tag, control)
        if tagged is None:
            return []
        entries = parse_object(tagged[0], self.tag).get(self.key)
        if not isinstance(entries, list) or not all(isinstance(one, dict) and isinstance(one.get("digest"), str) for one in entries):
            raise FetchError(f"{self.tag} is not a list of signatures")
        return entries


def _append(place: Place, to: _List, entry: Mapping[str, Any], control: Control) -> None:
    """Adds `entry` to the list, and makes sure that it is there afterwards."""
    for _ in range(TRIES):
        entries = to.entries(place, control)
        if not any(_same(one, entry) for one in entries):
            document = {"schemaVersion": 2, "mediaType": to.media_type, **to.whole([*entries, entry])}
            place.put_manifest(_dump(document), to.media_type, to.tag, control)
        # Whoever read the list before us may write it after us: it is looked at once such a write has had its time.
        control.cancel.wait(place.settle * random.uniform(0.5, 1.5))  # noqa: S311
        control.check("push")
        if any(_same(one, entry) for one in to.entries(place, control)):
            return
    raise FetchError(f"others keep replacing {to.tag}: the signature is not listed", "try again")


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # Two signatures of one payload are two layers with one digest.
    names = ("digest", "annotations") if one.get("mediaType") == SIMPLE_SIGNING else ("digest",)
    return all(one.get(name) == other.get(name) for name in names)


def _config(layers: list[str]) -> bytes:
    """What cosign writes as the config of its signature manifests."""
    epoch = "0001-01-01T00:00:00Z"
    history = [{"created": epoch} for _ in layers]
    rootfs = {"type": "layers", "diff_ids": layers}
    return _dump({"architecture": "", "created": epoch, "history": history, "os": "", "rootfs": rootfs, "config": {}})


def _described(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def _dump(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
