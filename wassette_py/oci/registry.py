"""A registry, spoken to over `oras` and believed in nothing: raw bytes, hashed and bounded, of a manifest resolved once.

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md. `oras` is the transport only (its session, its scheme);
what it would decide by itself, from retries to tokens to what a manifest is, is decided here. Anonymous access; credentials come with a
later part, at `_token`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import oras.provider
import requests

from wassette_py.control import Control
from wassette_py.errors import DigestMismatch, FetchError, NotFound, RegistryError
from wassette_py.names import Digest, is_loopback
from wassette_py.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor, parse_object
from wassette_py.oci.reading import MAX_DOCUMENT, Patience, collect, read_blob
from wassette_py.oci.transport import Passing, Web
from wassette_py.reference import OciReference
from wassette_py.settings import Settings

ACCEPT = ", ".join(MANIFEST_TYPES + INDEX_TYPES)
MAX_TOKEN = 1 << 18
_HOSTS = {"docker.io": "registry-1.docker.io"}


class RegistrySource(oras.provider.Registry):  # type: ignore[misc] # oras has no types
    """The repository a reference names; one object for one fetch."""

    def __init__(self, reference: OciReference, settings: Settings, control: Control, *, insecure_http: bool, patience: Patience) -> None:
        known = settings.registry(reference.registry)
        plain = is_loopback(reference.registry) and (insecure_http or known.insecure_http)
        host = _HOSTS.get(reference.registry, reference.registry)
        super().__init__(hostname=host, insecure=plain)
        self.reference = reference
        self.root = f"{self.prefix}://{host}/v2/{reference.repository}"
        self.web = Web(
            self.session, control=control, patience=patience, ca_file=known.ca_file, insecure_http=plain, environ=settings.environ
        )
        self._tokens: dict[tuple[str, str], str] = {}
        self._authorization: dict[str, str] = {}

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
        what = f"blob {descriptor.digest} of {self.reference.source}"

        def read() -> bytes:
            with self._ask(f"{self.root}/blobs/{descriptor.digest}", "*/*", what) as response:
                return read_blob(self.web.body(response, what), descriptor, limit=limit, what=what, control=control)

        return self.web.retried(read)

    def _manifest(self, name: str, what: str, control: Control) -> tuple[bytes, str | None, Digest]:
        def read() -> tuple[bytes, str | None, Digest]:
            with self._ask(f"{self.root}/manifests/{name}", ACCEPT, what) as response:
                chunks = self.web.body(response, f"manifest of {what}")
                data, digest = collect(chunks, limit=MAX_DOCUMENT, what=f"manifest of {what}", control=control, stage="resolve")
            claimed = response.headers.get("Docker-Content-Digest")
            if claimed is not None and claimed != str(digest):
                raise DigestMismatch(str(digest), claimed[:80], what=f"manifest of {what}, by its own header", after=len(data))
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return data, media_type or None, digest

        return self.web.retried(read)

    def _ask(self, url: str, accept: str, what: str) -> requests.Response:
        """The answer to a GET with status 200, once more with a token when the registry asks for one. Raises Passing, FetchError."""
        response = self.web.open(url, {"Accept": accept, **self._authorization})
        if response.status_code == 401:
            challenge = response.headers.get("WWW-Authenticate", "")
            response.close()
            self._authorization = {"Authorization": f"Bearer {self._token(challenge, what)}"}
            response = self.web.open(url, {"Accept": accept, **self._authorization})
        if response.status_code == 200:
            return response
        raise self._refusal(response, what)

    def _refusal(self, response: requests.Response, what: str) -> FetchError:
        code, words = "", ""
        if response.status_code >= 400:
            code, words = _error_of(response, self.web)
        error = self.web.refusal(response, what)
        inner = error.error if isinstance(error, Passing) else error
        if isinstance(inner, NotFound):
            known = {"NAME_UNKNOWN": "repository", "MANIFEST_UNKNOWN": "tag or digest"}.get(code, "repository, tag or digest")
            return NotFound(f"{what}: {self.hostname} has no such {known} (HTTP {response.status_code})", inner.hint)
        if response.status_code in (401, 403):
            said = f": {words}" if words else ""
            return RegistryError(
                f"{what}: {self.hostname} lets nobody in without a login{said}", "make it public", code=code, status=response.status_code
            )
        return error

    def _token(self, challenge: str, what: str) -> str:
        """An anonymous token for what the registry asked for, from where it says. Protocol: docker's token authentication."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm, scope = fields.get("realm", ""), fields.get("scope", "")
        if not challenge.lower().startswith("bearer ") or not realm:
            raise RegistryError(f"{what}: {self.hostname} lets nobody in without a login", "make it public", status=401)
        key = (urlsplit(realm).netloc, scope)
        if key not in self._tokens or "error" in fields:
            query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
            response = self.web.open(f"{realm}{'&' if '?' in realm else '?'}{query}", {"Accept": "application/json"})
            if response.status_code != 200:
                raise self._refusal(response, f"token for {what}")
            self._tokens[key] = self._token_in(response, f"token for {what}")
        return self._tokens[key]

    def _token_in(self, response: requests.Response, what: str) -> str:
        with response:
            data, _ = collect(self.web.body(response, what), limit=MAX_TOKEN, what=what, control=self.web.control, stage="resolve")
        document = parse_object(data, what)
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or re.fullmatch(r"[\x21-\x7e]+", token) is None:
            raise RegistryError(f"{what}: {self.hostname} gave none", status=401)
        return token


def _error_of(response: requests.Response, web: Web) -> tuple[str, str]:
    """The code and words of an error in the distribution specification's form, "" when it has none."""
    try:
        with response:
            data, _ = collect(web.body(response, "error"), limit=MAX_TOKEN, what="error", control=web.control, stage="resolve")
        errors: object = parse_object(data, "error").get("errors")
    except FetchError:
        return "", ""
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, Mapping):
        return "", ""
    words = "".join(character for character in str(first.get("message", "")) if character.isprintable())
    return str(first.get("code", ""))[:40], words[:200]
