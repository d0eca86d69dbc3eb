"""Who we are to a registry: tokens and credentials, and to whom each may be sent.

Protocol: https://distribution.github.io/distribution/spec/auth/token/ and RFC 7617. One `Access` serves many registries, repositories and
threads: a token is kept for the registry, repository and action it was given for, and goes nowhere else. A credential goes to the registry
it belongs to, and to that registry's own token server; never over plain HTTP to another machine, never along with a redirect.
"""

from __future__ import annotations

import re
import threading
from typing import Literal
from urllib.parse import urlencode, urlsplit

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import FetchError, RegistryError
from wassette_py.names import is_loopback, parse_host
from wassette_py.oci.credentials import Credential, find_credential
from wassette_py.oci.documents import parse_object
from wassette_py.oci.reading import collect
from wassette_py.oci.transport import Web, host_of, refused_words
from wassette_py.settings import Settings

Action = Literal["pull", "pull,push"]
MAX_TOKEN = 1 << 18
_ASKED: tuple[str, ...] = ("service", "scope")
REALMS = {"docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
"""Token servers that are a registry's own though they are called otherwise; `registries.HOST.token_host` names more."""


@dataclass(frozen=True)
class Door:
    """What is asked for: an action on a repository (`""`: the registry as a whole) of a registry, at `host`, its name in the network."""

    registry: str
    repository: str
    action: Action
    host: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}" if self.repository else self.registry


@dataclass(frozen=True)
class Challenge:
    """A WWW-Authenticate header: which of the two schemes, and its fields."""

    scheme: Literal["bearer", "basic"]
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A 401: what it asks for (WWW-Authenticate), the Authorization it refuses, and what it says."""

    challenge: str
    header: str | None = None
    words: str = ""


class Access:
    """Authorizations for the registries of one program run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._headers: dict[Door, str] = {}
        self._secrets: frozenset[str] = frozenset()

    def header(self, door: Door) -> str | None:
        """The Authorization to try first: what let us in before."""
        with self._lock:
            return self._headers.get(door)

    def answer(self, web: Web, door: Door, refusal: Refusal, credential: Credential | None = None) -> str:
        """The Authorization with which to ask again after `refusal`; `credential` is the one to show. Raises FetchError."""
        known = self.header(door)
        if known is not None and known != refusal.header:
            return known  # another thread was here before us
        met = parse_challenge(refusal.challenge)
        problem: FetchError | None = None
        if credential is None:
            try:
                credential = find_credential(door.registry, door.repository, self.settings.environ)
            except FetchError as error:
                # What is public needs no credentials; if it is not, the reason is told.
                problem = error
        self._remember(credential)
        header = None
        if met is not None:
            header = self._token(web, door, met, credential) if met.scheme == "bearer" else _basic(credential, refusal.header)
        if header is None:
            raise locked_out(door, problem, self._scrubbed(refusal.words))
        with self._lock:
            self._headers[door] = header
        return header

    def explained(self, door: Door, words: str, code: str, status: int) -> FetchError:
        """The error for an answer that stays 401 or 403, with what the registry said, and no secret in it."""
        return locked_out(door, None, self._scrubbed(words), code, status)

    def _scrubbed(self, words: str) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words

    def _remember(self, credential: Credential | None) -> None:
        if credential is not None:
            with self._lock:
                self._secrets |= {credential.secret, credential.basic.removeprefix("Basic ")}

    def _token(self, web: Web, door: Door, challenge: Challenge, credential: Credential | None) -> str | None:
        realm, fields = challenge.fields.get("realm", ""), challenge.fields
        if not realm:
            return None
        asked: dict[str, str] = {name: fields[name] for name in _ASKED if name in fields}
        what = f"token for {door}"
        headers = {"Accept": "application/json"}
        if credential is not None:
            self._check_realm(door, realm)
        if credential is not None and credential.is_identity_token:
            form = {"grant_type": "refresh_token", "client_id": "wassette-py", "refresh_token": credential.secret, **asked}
            form_type = {"Content-Type": "application/x-www-form-urlencoded"}
            response = web.open(realm, {**headers, **form_type}, method="POST", data=urlencode(form).encode())
        else:
            if credential is not None:
                headers["Authorization"] = credential.basic
                asked["account"] = credential.username
            response = web.open(f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}", headers)
        if response.status_code in (401, 403):
            code, words = refused_words(response, web)
            raise self.explained(door, words, code, response.status_code)
        if response.status_code != 200:
            raise web.refusal(response, what)
        with response:
            data, _ = collect(web.body(response, what), limit=MAX_TOKEN, what=what, control=web.control, stage="resolve")
        document = parse_object(data, what)
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or re.fullmatch(r"[\x21-\x7e]+", token) is None:
            raise RegistryError(f"{what}: {host_of(realm)} gave none", status=401)
        return f"Bearer {token}"

    def _check_realm(self, door: Door, realm: str) -> None:
        """Raises FetchError when `realm`, which anybody may write into a challenge, is not where this registry's credentials go."""
        parts, known = urlsplit(realm), self.settings.registry(door.registry)
        host = parse_host(parts.netloc) or parts.netloc
        own = {door.host, door.registry, REALMS.get(door.registry), known.token_host}
        # `Web` refuses http unless the host is this machine and plain HTTP is allowed there.
        if host not in own or (parts.scheme != "https" and not is_loopback(host)):
            raise FetchError(
                f"refused to send the credentials of {door.registry} to {parts.scheme}://{host_of(realm)}",
                f"if that is its token server, say so in config.yaml: registries: {{{door.registry}: {{token_host: {host_of(realm)}}}}}",
            )


def parse_challenge(text: str) -> Challenge | None:
    """The challenge we can answer: Bearer if it is offered, else Basic."""
    schemes: tuple[Literal["bearer", "basic"], ...] = ("bearer", "basic")
    for scheme in schemes:
        match = re.search(rf"(?i)(?:^|,)\s*{scheme}\s+(.*)", text)
        if match is not None:
            # What another challenge says after this one is not about it: the first of each name counts.
            return Challenge(scheme, dict(reversed(re.findall(r'(\w+)="([^"]*)"', match[1]))))
    return None


def locked_out(door: Door, problem: FetchError | None, words: str = "", code: str = "", status: int = 401) -> FetchError:
    """The error for who is not let in: what was said, and how to log in."""
    said = f" ({problem})" if problem else f": {words}" if words else ""
    hint = (problem.hint if problem else None) or f"wassette registry login {door.registry} --username USER"
    return RegistryError(f"{door}: {door.registry} does not let us in{said}", hint, code=code, status=status)


def _basic(credential: Credential | None, refused: str | None) -> str | None:
    """What `Web` sends over https, or to this machine, to the registry that asked; nothing where it was refused already."""
    if credential is None or credential.is_identity_token or credential.basic == refused:
        return None
    return credential.basic
