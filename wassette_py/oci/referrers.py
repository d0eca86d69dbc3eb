"""Signature objects beside an artifact, wherever they are: the referrers API, its fallback tag, cosign's `.sig` and `.att` tags, layouts.

Each candidate is opened and asked what it is about; what an index claims about it decides nothing. Bounded in number and bytes. "There are
none" is said only when every place answered; a place that cannot be asked raises, since silence must not look like absence. What is
found proves nothing: `trust` looks at it. Specification: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, FetchError, NotFound, RegistryError
from wassette_py.names import Digest
from wassette_py.oci.documents import INDEX_TYPES, MANIFEST_TYPES, TAG_ANNOTATION, Descriptor, Index, Manifest, parse_document, parse_object
from wassette_py.oci.reading import MAX_DOCUMENT, collect
from wassette_py.trust.evidence import ANNOTATIONS, BUNDLES, DSSE_LAYER, MAX_PAYLOAD, SIMPLE_SIGNING, Evidence, SignatureObject

if TYPE_CHECKING:
    from wassette_py.oci.layout import LayoutSource
    from wassette_py.oci.registry import RegistrySource

MAX_OBJECTS = 64
MAX_BYTES = 4 << 20
MAX_PAGES = 16
MAX_LISTED = 1024
READ = (*BUNDLES, SIMPLE_SIGNING, DSSE_LAYER)
_UNSUPPORTED = (400, 405, 501)
Document = tuple[bytes, str | None]
"""Bytes of a manifest or index, and what its carrier calls it."""
_COSIGN_KINDS = {".sig": "dev.cosignproject.cosign/sigs", ".att": "dev.cosignproject.cosign/atts"}


class Shelf(Protocol):
    """One repository or layout, as far as signatures are concerned."""

    def referrers(self, digest: Digest, control: Control) -> list[Descriptor]: ...

    def tagged(self, tag: str, control: Control) -> Document | None: ...

    def document(self, descriptor: Descriptor, control: Control) -> Document: ...

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes: ...


def discover(shelf: Shelf, manifest: bytes, control: Control) -> Evidence:
    """What is found beside the artifact whose manifest (or index) that is. Raises FetchError when a place cannot be asked, Cancelled."""
    digest, search = Digest.of(manifest), _Search(shelf, control)
    # Those that say they are bundles first, for they are likely; the others all the same, as long as there is room.
    for descriptor in sorted(shelf.referrers(digest, control), key=lambda one: one.artifact_type not in BUNDLES):
        search.open(descriptor, digest)
    for suffix in _COSIGN_KINDS:
        tag = f"sha256-{digest.hex}{suffix}"
        document = shelf.tagged(tag, control)
        if document is not None:
            search.layers(document, f"tag {tag[:20]}…{suffix}")
    return Evidence(manifest, tuple(search.objects), tuple(search.notes()))


class _Search:
    """What was found so far, and how much room is left."""

    def __init__(self, shelf: Shelf, control: Control) -> None:
        self.shelf = shelf
        self.control = control
        self.objects: list[SignatureObject] = []
        self.bytes = 0
        self.skipped = 0
        self.opened = 0

    def notes(self) -> Iterator[str]:
        if self.skipped:
            yield f"{self.skipped} more were not looked at: at most {MAX_OBJECTS} objects and {MAX_BYTES >> 20} MiB are"

    def open(self, descriptor: Descriptor, subject: Digest) -> None:
        """Opens the manifest of a referrer, and takes its layers when it is about `subject`."""
        where = f"referrer {descriptor.digest}"
        if self.opened >= MAX_OBJECTS or len(self.objects) >= MAX_OBJECTS or self.bytes + descriptor.size > MAX_BYTES:
            self.skipped += 1
            return
        self.opened += 1
        self.bytes += descriptor.size
        try:
            found = self.shelf.document(descriptor, self.control)
        except (NotFound, DigestMismatch) as error:
            self.objects.append(SignatureObject(where, "", problem=str(error)))
            return
        self.layers(found, where, subject)

    def layers(self, found: Document, where: str, subject: Digest | None = None) -> None:
        """Takes the layers of a manifest that are signatures; with `subject`, only when that is what it says it refers to."""
        try:
            document, named = parse_document(*found, where), parse_object(found[0], where).get("subject")
            if not isinstance(document, Manifest):
                raise FetchError(f"{where} is no manifest")
            if subject is not None and (not isinstance(named, dict) or named.get("digest") != str(subject)):
                raise FetchError(f"{where} refers to something else")
        except FetchError as error:
            self.objects.append(SignatureObject(where, "", problem=str(error)))
            return
        for number, layer in enumerate(document.layers):
            self._take(layer, where if len(document.layers) == 1 else f"{where}, layer {number + 1}")

    def _take(self, layer: Descriptor, where: str) -> None:
        # Only what means something is kept: the rest may be megabytes of anything.
        annotations = {name: text for name, text in layer.annotations.items() if name in ANNOTATIONS and isinstance(text, str)}
        size = (layer.size if layer.media_type in READ and layer.size <= MAX_PAYLOAD else 0) + sum(map(len, annotations.values()))
        if len(self.objects) >= MAX_OBJECTS or self.bytes + size > MAX_BYTES:
            self.skipped += 1
            return
        self.bytes += size
        problem, data = None, b""
        if layer.media_type in READ:
            try:
                data = self._blob(layer, where)
            except (NotFound, DigestMismatch) as error:
                problem = str(error)
        self.objects.append(SignatureObject(where, layer.media_type[:100], data, annotations, problem))

    def _blob(self, layer: Descriptor, where: str) -> bytes:
        if layer.size > MAX_PAYLOAD:
            raise NotFound(f"{where} is larger than {MAX_PAYLOAD} bytes")
        return self.shelf.blob(layer, limit=MAX_PAYLOAD, control=self.control)


class RegistryShelf:
    """The repository a `RegistrySource` reads from."""

    def __init__(self, source: RegistrySource) -> None:
        self.source = source
        self.document = source.document
        self.blob = source.blob

    def referrers(self, digest: Digest, control: Control) -> list[Descriptor]:
        """What the registry lists, or what the fallback tag does. Raises FetchError."""
        listed = self.listed(digest, control)
        if listed is not None:
            return listed
        tagged = self.tagged(f"sha256-{digest.hex}", control)
        return [] if tagged is None else _index(*tagged, f"referrers of {digest}")

    def tagged(self, tag: str, control: Control) -> Document | None:
        """The manifest or index of a tag, None when there is none. Raises FetchError."""
        try:
            return self.source._manifest(tag, f"{self.source.reference.source}:{tag}", control)[:2]
        except NotFound:
            return None

    def listed(self, digest: Digest, control: Control) -> list[Descriptor] | None:
        """What the referrers API lists, None when the registry has none. Raises FetchError."""
        url, found = f"{self.source.root}/referrers/{digest}", list[Descriptor]()
        for _ in range(MAX_PAGES):
            page = self._page(url, digest, control)
            if page is None:
                return None
            data, link = page
            found += _index(data, INDEX_TYPES[0], f"referrers of {digest}")
            following = urljoin(url, link) if link else None
            if following is None or len(found) > MAX_LISTED:
                break
            # The list goes on where it began, or it ends here: a registry does not send us to other hosts.
            if not following.startswith(f"{self.source.root}/referrers/{digest}?"):
                raise FetchError(f"referrers of {digest}: the list goes on outside of its repository")
            url = following
        return found

    def _page(self, url: str, digest: Digest, control: Control) -> tuple[bytes, str | None] | None:
        what = f"referrers of {digest}"

        def read() -> tuple[bytes, str | None] | None:
            with self.source.ask(url, what, headers={"Accept": INDEX_TYPES[0]}) as response:
                if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in INDEX_TYPES:
                    return None  # a page for people, or an older idea of referrers: no such interface
                chunks = self.source.web.body(response, what)
                data, _ = collect(chunks, limit=MAX_DOCUMENT, what=what, control=control, stage="resolve")
                match = re.search(r'<([^>]+)>\s*;[^,]*\brel="?next"?', response.headers.get("Link", ""))
                return data, match[1] if match else None

        try:
            return self.source.web.retried(read)
        except NotFound:
            return None
        except RegistryError as error:
            if error.status in _UNSUPPORTED:
                return None
            raise


class LayoutShelf:
    """The layout a `LayoutSource` reads from; its `index.json` lists everything, so everything it lists is opened."""

    def __init__(self, source: LayoutSource) -> None:
        self.source = source
        self.document = source.document
        self.blob = source.blob

    def referrers(self, digest: Digest, control: Control) -> list[Descriptor]:
        """Those of the fallback tag, and every manifest of the layout that says it refers to `digest`."""
        tagged = self.tagged(f"sha256-{digest.hex}", control)
        found = [] if tagged is None else _index(*tagged, f"referrers of {digest}")
        known = {one.digest for one in found}
        listed = [one for one in self.source.listed(control) if one.media_type in MANIFEST_TYPES and one.digest not in known]
        if len(listed) > MAX_LISTED:
            raise FetchError(f"{self.source.folder} lists more than {MAX_LISTED} manifests; signatures are looked for in fewer")
        return [*found, *(one for one in listed if self._refers(one, digest, control))]

    def tagged(self, tag: str, control: Control) -> Document | None:
        """The manifest or index of a tag (for cosign's own tags also what `cosign save` wrote), None when there is none."""
        kind = _COSIGN_KINDS.get(tag[-4:], "")
        for entry in self.source.listed(control):
            named = entry.annotations.get(TAG_ANNOTATION)
            if named == tag or (named is None and kind and entry.annotations.get("kind") == kind):
                return self.source.blob(entry, limit=MAX_DOCUMENT, control=control), entry.media_type
        return None

    def _refers(self, descriptor: Descriptor, digest: Digest, control: Control) -> bool:
        try:
            data, _ = self.source.document(descriptor, control)
            subject = parse_object(data, str(descriptor.digest)).get("subject")
        except FetchError:  # another artifact of the layout is broken: that is not about this one
            return False
        return isinstance(subject, dict) and subject.get("digest") == str(digest)


def _index(data: bytes, media_type: str | None, what: str) -> list[Descriptor]:
    document = parse_document(data, media_type, what)
    if not isinstance(document, Index):
        raise FetchError(f"{what}: expected an index")
    return list(document.manifests)


def refers_to_signature(descriptor: Descriptor) -> bool:
    """Whether a layout's entry is by its own words a signature or a list of referrers, and so no component that a reference could mean."""
    tag = descriptor.annotations.get(TAG_ANNOTATION)
    if isinstance(tag, str):
        return re.fullmatch(r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?", tag) is not None
    return descriptor.artifact_type in BUNDLES or descriptor.annotations.get("kind") in _COSIGN_KINDS.values()
