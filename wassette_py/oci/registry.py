"""A registry, spoken to over `oras` and believed in nothing: raw bytes, hashed and bounded, of a manifest resolved once.

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md. `oras` is the transport only (its session, its scheme);
what it would decide by itself, from retries to what a manifest is, is decided here; tokens and credentials are `access.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

import oras.provider
import requests

from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, FetchError, NotFound
from wassette_py.names import Digest, is_loopback
from wassette_py.oci.access import Access, Action, Door, Refusal
from wassette_py.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from wassette_py.oci.reading import MAX_DOCUMENT, Arrived, Patience, collect, read_blob
from wassette_py.oci.transport import Passing, Web, host_of, refused_words
from wassette_py.reference import OciReference
from wassette_py.settings import Settings

ACCEPT = ", ".join(MANIFEST_TYPES + INDEX_TYPES)
_HOSTS = {"docker.io": "registry-1.docker.io"}


class RegistrySource(oras.provider.Registry):  # type: ignore[misc] # oras has no types
    """The repository a reference names; one object for one fetch, `access` for as many as there are."""

    def __init__(
        self,
        reference: OciReference,
        settings: Settings,
        control: Control,
        *,
        insecure_http: bool,
        patience: Patience,
        access: Access | None = None,
    ) -> None:
        check_online(reference.registry, settings)
        known = settings.registry(reference.registry)
        plain = is_loopback(reference.registry) and (insecure_http or known.insecure_http)
        host = network_host(reference.registry)
        super().__init__(hostname=host, insecure=plain)
        self.reference = reference
        self.root = f"{self.prefix}://{host}/v2/{reference.repository}"
        self.web = Web(
            self.session, control=control, patience=patience, ca_file=known.ca_file, insecure_http=plain, environ=settings.environ
        )
        self.access = access or Access(settings)

    def resolve(self, control: Control) -> tuple[bytes, str | None, Digest]:
        """The bytes, media type and digest of what the reference names, asked for once. Raises FetchError, Cancelled."""
        wanted = self.reference.digest
        data, media_type, digest = self._manifest(str(wanted or self.reference.tag), str(self.reference), control)
        if wanted is not None and digest != wanted:
            raise DigestMismatch(str(digest), str(wanted), what=f"manifest of {self.reference}", after=len(data))
        return data, media_type, digest

    def document(self, descriptor: Descriptor, control: Control) -> tuple[bytes, str | None]:
        """The manifest an index names, and its media type."""
        what = f"{self.reference.source}@{descriptor.digest}"
        data, media_type, digest = self._manifest(str(descriptor.digest), what, control)
        if digest != descriptor.digest or len(data) != descriptor.size:
            raise DigestMismatch(str(digest), str(descriptor.digest), what=f"manifest of {what}", after=len(data))
        return data, media_type

    def blob(self, descriptor: Descriptor, *, limit: int, control: Control) -> bytes:
        """The bytes of one blob, checked; only ever from this repository or where it redirects. Raises FetchError."""
        what, arrived = f"blob {descriptor.digest} of {self.reference.source}", Arrived()

        def read() -> bytes:
            # What came before it broke off need not come again, where the registry (or the storage it sends us to) knows ranges.
            resumed = {"Range": f"bytes={arrived.size}-"} if 0 < arrived.size < descriptor.size else {}
            good = (200, 206) if resumed else (200,)
            with self.ask(f"{self.root}/blobs/{descriptor.digest}", what, headers={"Accept": "*/*", **resumed}, good=good) as response:
                begins = response.headers.get("Content-Range", "").startswith(f"bytes {arrived.size}-")
                if response.status_code == 200 or not begins:
                    arrived.clear()
                if response.status_code == 206 and not begins:
                    raise Passing(FetchError(f"{what} was to go on and came from another place"))
                body = self.web.body(response, what)
                return read_blob(body, descriptor, limit=limit, what=what, control=control, arrived=arrived)

        return self.web.retried(read, arrived=lambda: arrived.size)

    def _manifest(self, name: str, what: str, control: Control) -> tuple[bytes, str | None, Digest]:
        def read() -> tuple[bytes, str | None, Digest]:
            with self.ask(f"{self.root}/manifests/{name}", what, headers={"Accept": ACCEPT}) as response:
                chunks = self.web.body(response, f"manifest of {what}")
                data, digest = collect(chunks, limit=MAX_DOCUMENT, what=f"manifest of {what}", control=control, stage="resolve")
            claimed = response.headers.get("Docker-Content-Digest")
            if claimed is not None and claimed != str(digest):
                raise DigestMismatch(str(digest), claimed[:80], what=f"manifest of {what}, by its own header", after=len(data))
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return data, media_type or None, digest

        return self.web.retried(read)

    def ask(
        self,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str],
        good: tuple[int, ...] = (200,),
        method: str = "GET",
        action: Action = "pull",
        data: bytes | None = None,
    ) -> requests.Response:
        """An answer with a `good` status, asked once more with an authorization if the registry wants one. Raises Passing, FetchError."""
        door = Door(self.reference.registry, self.reference.repository, action, host_of(self.root))
        known = self.access.header(door)
        response = self._sent(method, url, headers, data, known)
        # A challenge counts when the registry itself makes it, not where it redirects.
        if response.status_code == 401 and host_of(response.url) == door.host:
            challenge = response.headers.get("WWW-Authenticate", "")
            _, words = refused_words(response, self.web)
            header = self.access.answer(self.web, door, Refusal(challenge, known, words))
            response = self._sent(method, url, headers, data, header)
        if response.status_code in good:
            return response
        raise self._refusal(response, what, door)

    def _sent(self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, authorization: str | None) -> requests.Response:
        allowed = {"Authorization": authorization} if authorization else {}
        return self.web.open(url, {**headers, **allowed}, method=method, data=data)

    def _refusal(self, response: requests.Response, what: str, door: Door) -> FetchError:
        code, words = "", ""
        if response.status_code >= 400:
            code, words = refused_words(response, self.web)
        if response.status_code in (401, 403):
            return self.access.explained(door, words, code, response.status_code)
        error = self.web.refusal(response, what)
        inner = error.error if isinstance(error, Passing) else error
        if isinstance(inner, NotFound):
            known = {"NAME_UNKNOWN": "repository", "MANIFEST_UNKNOWN": "tag or digest"}.get(code, "repository, tag or digest")
            return NotFound(f"{what}: {self.hostname} has no such {known} (HTTP {response.status_code})", inner.hint)
        return error


def network_host(registry: str) -> str:
    """Where `registry` answers: Docker Hub does so under another name than it is called by."""
    return _HOSTS.get(registry, registry)


def check_online(registry: str, settings: Settings) -> None:
    """Raises FetchError where nobody may be asked: the last gate, whatever the command."""
    if settings.offline:
        raise FetchError(f"{registry} is not asked: this is offline", "do it without --offline, WASSETTE_OFFLINE and offline: true")
