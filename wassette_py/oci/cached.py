"""A repository with the download cache before it: what a digest names comes from there, what a tag means is asked for each time.

Offline, a tag means what it meant when it was last asked for, and nothing is asked of anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.control import Control
from wassette_py.errors import FetchError
from wassette_py.names import Digest
from wassette_py.oci.documents import Descriptor
from wassette_py.oci.reading import MAX_DOCUMENT
from wassette_py.reference import OciReference

if TYPE_CHECKING:
    from wassette_py.oci import Source
    from wassette_py.oci.cache import DownloadCache


class CachedSource:
    """The artifact `reference` names, from `cache` where it can be, else from `inner`; without `inner`, offline."""

    def __init__(self, reference: OciReference, cache: DownloadCache, inner: Source | None) -> None:
        self.reference = reference
        self._cache = cache
        self._inner = inner

    def resolve(self, control: Control) -> tuple[bytes, str | None, Digest]:
        """The bytes, media type and digest of what the reference names. Raises FetchError, Cancelled."""
        digest = self.reference.digest
        name = f"{self.reference.source}@{digest}" if digest else str(self.reference)
        known = self._cache.remembered(name, control) if digest or self._inner is None else None
        # A note is anybody's who can write to the cache; a digest that was asked for is what one gets, or nothing.
        if known is not None and digest in (None, known[2]):
            return known
        data, media_type, found = self._source(str(self.reference)).resolve(control)
        self._cache.keep(data)
        for name in (str(self.reference), f"{self.reference.source}@{found}"):
            self._cache.remember(name, found, media_type)
        return data, media_type, found

    def document(self, descriptor: Descriptor, control: Control) -> tuple[bytes, str | None]:
        """The manifest an index names, and its media type. Raises FetchError, Cancelled."""
        known = self._cache.blob(descriptor, limit=MAX_DOCUMENT, control=control)
        if known is not None:
            return known, descriptor.media_type
        data, media_type = self._source(f"manifest {descriptor.digest}").document(descriptor, control)
        self._cache.keep(data)
        return data, media_type

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes:
        """The bytes of one blob, checked. Raises FetchError, Cancelled."""
        known = self._cache.blob(descriptor, limit=limit, control=control)
        if known is not None:
            return known
        data = self._source(f"blob {descriptor.digest}").blob(descriptor, limit=limit, control=control)
        self._cache.keep(data)
        return data

    def _source(self, what: str) -> Source:
        if self._inner is None:
            raise not_cached(what if "://" in what else f"{what} of {self.reference}")
        return self._inner


def not_cached(what: str) -> FetchError:
    """The error for what offline cannot be had."""
    return FetchError(f"{what} was not fetched before, and offline nothing is fetched", "do it once without --offline")
