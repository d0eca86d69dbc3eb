"""The verdict on an installed component, sealed: a MAC over all it was decided from, under a key that stays in the configuration folder.

A component directory may come from anybody (a project's, a copied one), so that a record in it proves nothing. One with a verdict of this
key was written here, after verification; every other is verified anew before it is called.
"""

from __future__ import annotations

from functools import cached_property

from wassette_py.files import StrPath, own_key
from wassette_py.hashing import hmac_of, same_text, sha256_of
from wassette_py.wire import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.store import Record
    from wassette_py.trust.document import TrustPolicy

FORM = 3
"""Raised when verification itself becomes stricter, or what is written here changes: then every verdict is found anew."""


class Verdicts:
    """Makes and knows verdicts with the key at `path`, which is made when first needed."""

    def __init__(self, path: StrPath) -> None:
        self._path = path

    def of(self, record: Record, kept: bytes | None, policy: TrustPolicy) -> str | None:
        """The verdict that `record` was accepted, with the signatures `kept`, under the whole of `policy`; None without a key: then each
        process verifies for itself."""
        if self._key is None:
            return None
        signatures = None if kept is None else sha256_of(kept).hex()
        manifest = None if record.manifest is None else str(record.manifest)
        bound = [FORM, record.id, record.reference, str(record.digest), manifest, record.signer.to_json(), signatures, policy.digest]
        return hmac_of(self._key, json_text(bound).encode(errors="surrogatepass")).hex()

    def holds(self, record: Record, kept: bytes | None, policy: TrustPolicy) -> bool:
        """Whether the verdict in `record` was made here, from exactly this."""
        verdict = self.of(record, kept, policy)
        return verdict is not None and record.verdict is not None and same_text(verdict.encode(), record.verdict.encode())

    @cached_property
    def _key(self) -> bytes | None:
        try:
            return own_key(self._path)
        except OSError as error:
            import logging

            logging.getLogger(__name__).warning("verdicts are not kept: %s: %s", self._path, error.strerror or error)
            return None
