"""OCI artifacts, from registries and from layouts on disk: resolved once, then everything by digest, every byte checked.

`Artifact` is what comes out; `pull` is the sequence, the same for both sources. Nothing here decides whom to trust, and nothing is written.
"""

from __future__ import annotations

from typing import Protocol

from wassette_py.control import Control
from wassette_py.dataclass import dataclass
from wassette_py.errors import FetchError
from wassette_py.names import Digest
from wassette_py.oci.documents import Descriptor, Index, component_entry, component_layers, parse_document
from wassette_py.oci.reading import MAX_COMPONENT, MAX_POLICY, check_size
from wassette_py.reference import LayoutReference, OciReference


class Source(Protocol):
    """Where an artifact comes from."""

    def resolve(self, control: Control) -> tuple[bytes, str | None, Digest]: ...

    def document(self, descriptor: Descriptor, control: Control) -> tuple[bytes, str | None]: ...

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes: ...


@dataclass(frozen=True)
class Artifact:
    """A component out of an artifact; `resolved` is the digest of the manifest, or of the index, that the reference named, and `document`
    that manifest or index itself."""

    wasm: bytes
    digest: Digest
    resolved: Digest
    policy: str | None
    document: bytes


def pull(reference: OciReference | LayoutReference, source: Source, control: Control) -> Artifact:
    """The component `reference` names. Raises FetchError, Cancelled."""
    what = str(reference)
    control.step("resolve")
    # 1. The one question whose answer may change from one day to the next; from here on, digests lead.
    data, media_type, resolved = source.resolve(control)
    document = parse_document(data, media_type, f"manifest of {what}")
    # 2. An index leads to one manifest by rule; the index' digest is what was resolved, and it pins the manifest.
    if isinstance(document, Index):
        entry = component_entry(document, what)
        inner = f"manifest {entry.digest} of {what}"
        document = parse_document(*source.document(entry, control), inner)
        if isinstance(document, Index):
            raise FetchError(f"{inner} is an index within an index")
    # 3. One layer is the component, perhaps one a policy; others are never asked for.
    wasm, policy = component_layers(document, what)
    check_size(wasm, MAX_COMPONENT, f"the component of {what}")
    bytes_of_wasm = source.blob(wasm, limit=MAX_COMPONENT, control=control)
    return Artifact(bytes_of_wasm, wasm.digest, resolved, _text(policy, source, control, what), data)


def _text(policy: Descriptor | None, source: Source, control: Control, what: str) -> str | None:
    if policy is None:
        return None
    check_size(policy, MAX_POLICY, f"the policy of {what}")
    try:
        return source.blob(policy, limit=MAX_POLICY, control=control).decode()
    except UnicodeDecodeError:
        raise FetchError(f"the policy layer of {what} is not UTF-8 text") from None
