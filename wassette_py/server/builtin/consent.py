"""A person's consent to load what no trust scope names.

Before anything is fetched from elsewhere a person has said yes to that: an address alone can carry away what the model knows.
Then exactly the bytes whose digest was shown are loaded; other bytes are another question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.reference import FileReference, LayoutReference
from wassette_py.server.builtin.bench import Matter

if TYPE_CHECKING:
    from wassette_py.fetch import Fetched
    from wassette_py.reference import Digest, Reference
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

_FETCH = {"yes": "it is fetched, and you are asked again with its digest before it is loaded"}
_LOCAL = {"yes": "it is loaded"}
_REMOTE = {
    "this session": "it is loaded, and can be called until this server ends",
    "always": "it is loaded, and its digest is written to the trust policy",
}


class Consent:
    """What a person says to one load; to be called with what was fetched."""

    def __init__(self, bench: Bench, reference: Reference, context: CallContext) -> None:
        self._bench = bench
        self._reference = reference
        self._context = context
        self._local = isinstance(reference, FileReference | LayoutReference)
        self._choice: str | None = None

    def before(self) -> None:
        """Asks what must be asked before anything is fetched. Raises Refused, InputRequired."""
        promised: Digest | None = getattr(self._reference, "digest", None)
        if self._local and self._context.can_ask and self._bench.host.settings.grants == "ask":
            return  # reading a file tells nobody anything, and then its digest can be shown
        if promised is not None or self._local:
            self._choice = self._decided(promised)
        else:
            self._bench.decide(self._matter("fetching", None, _FETCH), self._context)

    def __call__(self, fetched: Fetched) -> None:
        """Asks about these bytes, unless they were asked about, and sees to it that the answer counts."""
        pin = fetched.manifest or fetched.digest
        choice = self._choice or self._decided(pin, begun=True)
        if choice == "this session":
            self._bench.host.trust.accept(self._reference, pin)
        elif choice == "always":
            with self._bench.host.recorder.operation("trust-add", None, reference=str(self._reference), accepts=str(pin)):
                self._bench.host.trust.trust_digest(self._reference, pin)

    def _decided(self, digest: Digest | None, *, begun: bool = False) -> str:
        return self._bench.decide(self._matter("loading", digest, _LOCAL if self._local else _REMOTE), self._context, begun=begun)

    def _matter(self, verb: str, digest: Digest | None, choices: dict[str, str]) -> Matter:
        reference = str(self._reference)
        shown = {"reference": reference, "digest": str(digest) if digest else "not known before it is fetched"}
        return Matter(f"{verb} {reference} (no trust scope names it)", ("component", "load", reference), shown, choices)
