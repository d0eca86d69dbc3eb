"""HTTP, bounded: every request has timeouts, every redirect is looked at, what may pass is tried again, and no body is believed.

Built on requests. Nothing of the environment changes what is sent or trusted (no netrc, no CA variables); proxies come in as settings
do. It knows nothing of registries: `oci/registry.py` and `fetch` do.
"""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from wassette_py.control import Control
from wassette_py.errors import FetchError, NotFound, RegistryError
from wassette_py.names import is_loopback
from wassette_py.oci.documents import parse_object
from wassette_py.oci.reading import CHUNK, Patience, collect

T = TypeVar("T")
REDIRECTS = 5
MAX_ERROR = 1 << 18
RETRIED = frozenset({429, 500, 502, 503, 504})
USER_AGENT = "wassette-py"


class Passing(FetchError):
    """A failure that another try may not have; `wait` is what the server asked for, in seconds."""

    def __init__(self, error: FetchError, wait: float | None = None) -> None:
        super().__init__(str(error), error.hint)
        self.error = error
        self.wait = wait


class Web:
    """Requests to one site and where it redirects."""

    def __init__(
        self,
        session: requests.Session,
        *,
        control: Control,
        patience: Patience,
        ca_file: Path | None,
        insecure_http: bool,
        environ: Mapping[str, str],
    ) -> None:
        session.trust_env = False  # ~/.netrc would replace our Authorization, and go along with redirects
        session.headers.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.session = session
        self.control = control
        self.patience = patience
        self.verify: bool | str = str(ca_file) if ca_file else True
        self.insecure_http = insecure_http
        self.environ = environ

    def open(self, url: str, headers: Mapping[str, str], *, method: str = "GET", data: bytes | None = None) -> requests.Response:
        """The answer to a request, whatever its status, its body not yet read. Raises Passing, FetchError."""
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        for _ in range(REDIRECTS + 1):
            self.control.check("fetch")
            response = self._send(method, url, sent, data)
            # What we send was meant for the address we chose: only questions are taken elsewhere.
            if not response.is_redirect or method not in ("GET", "HEAD"):
                return response
            with response, self._translated(url):
                target = urljoin(url, response.headers["Location"])
            if (urlsplit(target).scheme, urlsplit(target).netloc) != (urlsplit(url).scheme, urlsplit(url).netloc):
                sent.pop("Authorization", None)
            url = target
        raise FetchError(f"{host_of(url)} redirects more than {REDIRECTS} times")

    def _send(self, method: str, url: str, headers: Mapping[str, str], data: bytes | None) -> requests.Response:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and self.insecure_http and is_loopback(parts.netloc)):
            raise FetchError(f"refused to go to {parts.scheme}://{parts.hostname}: only https is followed")
        if parts.username is not None:
            raise FetchError(f"refused to go to {parts.hostname}: the address carries a user name")
        with self._translated(url):
            return self.session.request(
                method,
                url,
                headers=headers,
                data=data,
                stream=True,
                allow_redirects=False,
                timeout=(self.patience.connect, self.patience.read if data is None else self.patience.write),
                verify=self.verify,
                proxies=proxies_for(url, self.environ),
            )

    def body(self, response: requests.Response, what: str) -> Iterator[bytes]:
        """The bytes of an answer as they come, neither decoded nor believed; the caller closes it. Raises Passing, FetchError."""
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise FetchError(f"{what} came with Content-Encoding {encoding[:40]!r}, which was not asked for")
        until = time.monotonic() + self.patience.body
        with self._translated(response.url):
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                yield chunk
                if time.monotonic() > until:
                    raise FetchError(f"{what} has not arrived after {self.patience.body:g} s")

    def retried(self, task: Callable[[], T], *, arrived: Callable[[], int] = lambda: 0) -> T:
        """What `task` returns, tried again while it raises Passing and there is time for that, or more bytes have `arrived` than before.

        Raises the last error.
        """
        end = time.monotonic() + self.patience.body
        until, attempt, had = time.monotonic() + self.patience.budget, 0, 0
        while True:
            attempt += 1
            try:
                return task()
            except Passing as passing:
                if arrived() > had:
                    had, attempt, until = arrived(), 1, min(end, time.monotonic() + self.patience.budget)
                # Full jitter between a half and the whole, so that clients of a busy registry do not come back together.
                wait = passing.wait if passing.wait is not None else 0.3 * 2**attempt * random.uniform(0.5, 1)  # noqa: S311
                if attempt >= self.patience.tries or time.monotonic() + wait > until:
                    raise passing.error from passing
            self.control.cancel.wait(wait)
            self.control.check("fetch")

    def refusal(self, response: requests.Response, what: str) -> FetchError:
        """The error for an answer that is not 200; its body is not for us."""
        status, host = response.status_code, host_of(response.url)
        response.close()
        if status in (404, 410):
            return NotFound(f"{what}: {host} has no such thing (HTTP {status})", "check its spelling, and whether it is public")
        wait = retry_after(response.headers.get("Retry-After"))
        asks = "" if wait is None else f" and asks to wait {wait:.0f} s"
        error = RegistryError(f"{what}: {host} answered HTTP {status}{asks}", "try again later", status=status)
        return Passing(error, wait) if status in RETRIED else error

    def _translated(self, url: str) -> _Translated:
        return _Translated(host_of(url), self.patience)


class _Translated:
    """Turns what requests and urllib3 raise into our errors."""

    def __init__(self, host: str, patience: Patience) -> None:
        self.host = host
        self.patience = patience

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError | ssl.SSLError):
            reason = _reason(error)
            hint = f"a private authority is named in config.yaml: registries: {{{self.host}: {{ca_file: /path/ca.pem}}}}"
            if "certificate" not in reason:  # there was none: most likely it speaks plain HTTP
                plain = "plain HTTP is spoken with a registry on this machine only"
                named = f", which config.yaml names: registries: {{{self.host}: {{insecure_http: true}}}}"
                hint = plain + (named if is_loopback(self.host) else "")
            raise FetchError(f"{self.host} did not prove who it is: {reason}", hint) from None
        if isinstance(error, requests.exceptions.ConnectTimeout):
            raise FetchError(
                f"{self.host} did not answer within {self.patience.connect:g} s", "check the address and the network"
            ) from None
        if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
            raise FetchError(f"{self.host} was silent for more than {self.patience.read:g} s", "try again later") from None
        if isinstance(error, requests.exceptions.ConnectionError):
            raise Passing(FetchError(f"{self.host} cannot be reached: {_reason(error)}", "check the address and the network")) from None
        if isinstance(error, urllib3.exceptions.HTTPError | OSError) and not isinstance(error, requests.exceptions.RequestException):
            raise Passing(FetchError(f"{self.host} broke off: {_reason(error)}", "try again")) from None
        if isinstance(error, requests.exceptions.RequestException | ValueError):
            raise FetchError(f"{self.host} cannot be asked: {_reason(error)}") from None


def refused_words(response: requests.Response, web: Web) -> tuple[str, str]:
    """The code and words of an error in the distribution specification's form, "" when it has none; closes the answer."""
    try:
        with response:
            data, _ = collect(web.body(response, "error"), limit=MAX_ERROR, what="error", control=web.control, stage="resolve")
        errors: object = parse_object(data, "error").get("errors")
    except FetchError:
        return "", ""
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, Mapping):
        return "", ""
    words = "".join(character for character in str(first.get("message", "")) if character.isprintable())
    return str(first.get("code", ""))[:40], words[:200]


def host_of(url: str) -> str:
    """Host and port of a URL, for messages: never a user name, path or query."""
    return urlsplit(url).netloc.rpartition("@")[2]


def retry_after(text: str | None) -> float | None:
    """The seconds a Retry-After header asks for."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def proxies_for(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The proxy for that address, as the usual variables say; a loopback host needs none."""
    parts = urlsplit(url)
    excluded = environ.get("no_proxy") or environ.get("NO_PROXY")
    proxy = environ.get(f"{parts.scheme}_proxy") or environ.get(f"{parts.scheme.upper()}_PROXY")
    if not proxy or is_loopback(parts.netloc) or requests.utils.should_bypass_proxies(url, excluded or ""):
        return {}
    return {parts.scheme: proxy}


def _reason(error: BaseException) -> str:
    """The innermost reason of an error, which libraries wrap three times."""
    inner = getattr(error, "reason", None) or next((part for part in error.args if isinstance(part, BaseException)), None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    text = str(getattr(error, "strerror", None) or str(error).rpartition(": ")[2])
    return re.sub(r"^\[Errno -?\d+\] ", "", text).lower()[:200]
