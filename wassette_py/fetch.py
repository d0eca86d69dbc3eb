"""From a reference to bytes that match a digest: files, web pages, registries and layouts behind one function.

What comes back is bounded and hashed, and nothing more: who vouches for it is `trust`'s business. Nothing is written to disk but to the
download cache, and there only what is whole and matches its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from wassette_py.control import Control, watched
from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import DigestMismatch, FetchError
from wassette_py.names import Digest
from wassette_py.oci import Artifact, pull
from wassette_py.oci.cache import DownloadCache
from wassette_py.oci.cached import CachedSource, not_cached
from wassette_py.oci.documents import created_of
from wassette_py.oci.layout import LayoutSource
from wassette_py.oci.reading import MAX_COMPONENT, Patience, collect, read_file
from wassette_py.oci.referrers import LayoutShelf, RegistryShelf, discover
from wassette_py.reference import FileReference, HttpsReference, LayoutReference, OciReference, Reference
from wassette_py.settings import Settings
from wassette_py.trust.evidence import Evidence
from wassette_py.trust.kept import from_bytes, to_bytes
from wassette_py.trust.versions import stated_version

if TYPE_CHECKING:
    from wassette_py.oci.access import Access
    from wassette_py.oci.registry import RegistrySource


@dataclass(frozen=True)
class Fetched:
    """Bytes with their digest; `manifest` is the digest of the artifact's manifest (of the index, when the reference names one), `policy`
    the text of its policy layer, which is shown and never applied by itself, `evidence` the signatures found, when they were asked for."""

    reference: Reference
    wasm: bytes
    digest: Digest
    manifest: Digest | None
    policy: str | None
    evidence: Evidence | None = None
    created: str | None = None
    """When the artifact says it was made, RFC 3339; signed with it, if it is signed, as is the `version` it says it is of."""
    version: str | None = None


def fetch(
    reference: Reference,
    settings: Settings,
    control: Control,
    *,
    insecure_http: bool = False,
    signatures: bool = False,
    patience: Patience | None = None,
    access: Access | None = None,
    cache: DownloadCache | None = None,
) -> Fetched:
    """What `reference` names, with the `signatures` beside it if asked; `insecure_http` holds on loopback hosts only, many fetches at once
    may share `access` and `cache`. Raises FetchError and what is below it, Cancelled."""
    patience, cache = patience or Patience(), cache or DownloadCache(settings.download_dir)
    match reference:
        case FileReference():
            return _from_page(reference, read_file(reference.path, limit=MAX_COMPONENT, what=f"file {reference.path}", control=control))
        case LayoutReference():
            layout = LayoutSource(reference)
            pulled = pull(reference, layout, control)
            return _from_artifact(reference, pulled, discover(LayoutShelf(layout), pulled.document, control) if signatures else None)
        case HttpsReference():
            return _from_page(reference, _page(reference, settings, cache, control, patience))
        case OciReference() if settings.offline:
            return _kept(reference, cache, control, signatures=signatures)
        case OciReference():
            from wassette_py.oci.registry import RegistrySource

            def pull_it(inner: Control) -> Fetched:
                source = RegistrySource(reference, settings, inner, insecure_http=insecure_http, patience=patience, access=access)
                return _pull(source, cache, inner, signatures=signatures)

            return watched(pull_it, control, "fetch")
        case _:
            assert_never(reference)


def _from_artifact(reference: Reference, artifact: Artifact, evidence: Evidence | None) -> Fetched:
    created, version = created_of(artifact.document), stated_version(artifact.document)
    return Fetched(reference, artifact.wasm, artifact.digest, artifact.resolved, artifact.policy, evidence, created, version)


def _from_page(reference: Reference, read: tuple[bytes, Digest]) -> Fetched:
    return Fetched(reference, *read, None, None)


def _pull(source: RegistrySource, cache: DownloadCache, control: Control, *, signatures: bool) -> Fetched:
    with source.session:
        artifact = pull(source.reference, CachedSource(source.reference, cache, source), control)
        # The digest that was resolved leads, never the tag again. Signatures come and go: they are asked for each time.
        evidence = discover(RegistryShelf(source), artifact.document, control) if signatures else None
    if evidence is not None:
        cache.note(_evidence_name(source.reference, artifact), {"kept": to_bytes(evidence).decode()})
    return _from_artifact(source.reference, artifact, evidence)


def _kept(reference: OciReference, cache: DownloadCache, control: Control, *, signatures: bool) -> Fetched:
    """What was fetched before, with the signatures that were found then; whether they suffice is decided anew."""
    artifact = pull(reference, CachedSource(reference, cache, None), control)
    if not signatures:
        return _from_artifact(reference, artifact, None)
    name = _evidence_name(reference, artifact)
    try:
        evidence = from_bytes(str((cache.noted(name, control) or {}).get("kept")).encode())
    except ValueError:
        raise not_cached(name) from None
    return _from_artifact(reference, artifact, replace(evidence, manifest=artifact.document))


def _evidence_name(reference: OciReference, artifact: Artifact) -> str:
    return f"signatures of {reference.source}@{artifact.resolved}"


def _page(
    reference: HttpsReference, settings: Settings, cache: DownloadCache, control: Control, patience: Patience
) -> tuple[bytes, Digest]:
    digest = reference.digest
    known = None if digest is None else cache.file(digest, limit=MAX_COMPONENT, control=control)
    if known is not None and digest is not None:
        return known, digest
    if settings.offline:
        raise not_cached(str(reference))
    found = watched(lambda inner: _download(reference, settings, inner, patience), control, "fetch")
    if digest is not None:
        cache.keep(found[0])
    return found


def _download(reference: HttpsReference, settings: Settings, control: Control, patience: Patience) -> tuple[bytes, Digest]:
    import requests

    from wassette_py.oci.transport import Web

    ca_file = settings.registry(reference.host).ca_file
    with requests.Session() as session:
        web = Web(session, control=control, patience=patience, ca_file=ca_file, insecure_http=False, environ=settings.environ)

        def read() -> tuple[bytes, Digest]:
            response = web.open(reference.url, {"Accept": "application/wasm, */*"})
            if response.status_code != 200:
                raise web.refusal(response, reference.url)
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            with response:
                if total is not None and total > MAX_COMPONENT:
                    raise FetchError(f"{reference.url} is larger than {MAX_COMPONENT} bytes")
                return collect(web.body(response, reference.url), limit=MAX_COMPONENT, what=reference.url, control=control, total=total)

        wasm, digest = web.retried(read)
    if reference.digest is not None and digest != reference.digest:
        raise DigestMismatch(str(digest), str(reference.digest), what=reference.url, after=len(wasm))
    return wasm, digest
