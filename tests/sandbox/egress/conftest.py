"""A guest that makes one request, with names that resolve to what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.patience import FOREVER, LONG
from tests.sandbox.conftest import Guests
from tests.sandbox.guests_http import CLIENT
from tests.sandbox.guests_io import METHODS
from wassette_py.limits import Limits
from wassette_py.policy.document import NetworkCidr, NetworkEntry, NetworkHost, PolicyDocument
from wassette_py.policy.network import parse_host_pattern
from wassette_py.sandbox.call import CallReport, Sandbox
from wassette_py.sandbox.egress import carrier
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.engine import CompiledComponent, Engine

LOOPBACK = "127.0.0.0/8"


def entry(text: str) -> NetworkEntry:
    """A host pattern, or a range of addresses."""
    if "/" in text.partition("://")[2] or ("/" in text and "://" not in text):
        return NetworkCidr(text)
    scheme, host, port = parse_host_pattern(text)
    return NetworkHost(host, scheme, port)


def granted(*allow: str, deny: Sequence[str] = ()) -> PolicyDocument:
    """A policy of these network entries."""
    return PolicyDocument(allow=tuple(map(entry, allow)), deny=tuple(map(entry, deny)), source="p.yaml")


class Web(Guests):
    """Sends requests through a sandbox of its own. `names` is all the DNS there is; `lookups` what it was asked; `lookup_goes_on` is
    cleared to make it hang.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.names: dict[str, Sequence[str]] = {}
        self.lookups: list[str] = []
        self.resolvers: list[threading.Thread] = []
        self.lookup_goes_on = threading.Event()
        self.lookup_goes_on.set()
        self._components: dict[str, CompiledComponent] = {}
        self.use()

    def compile(self, text: str) -> CompiledComponent:
        """Once: each compile maps a file."""
        if text not in self._components:
            self._components[text] = super().compile(text)
        return self._components[text]

    def use(self, *, environ: Mapping[str, str] | None = None, ca_file: Path | None = None) -> None:
        """Replaces the sandbox by one with these settings."""
        self.egress = Egress(environ=environ, ca_file=ca_file, resolver=self.resolve)
        self.sandbox = Sandbox(self.engine, egress=self.egress)

    def resolve(self, name: str, _port: int) -> Sequence[str]:
        self.lookups.append(name)
        self.resolvers.append(threading.current_thread())
        self.lookup_goes_on.wait(FOREVER)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[name]

    def send(
        self,
        url: str,
        policy: PolicyDocument,
        *,
        method: str = "get",
        header: tuple[str, str] = ("", ""),
        body: str = "",
        filler: int = 0,
        connect: float = 0,
        first: float = 0,
        limits: Limits = Limits(timeout=FOREVER),  # noqa: B008 - frozen
        cancel: threading.Event | None = None,
        guest: str = CLIENT,
    ) -> CallReport:
        """The report of a call that makes one request; times in seconds, `filler` in blocks of 4096 bytes."""
        scheme, _, rest = url.partition("://")
        at = min((rest + "/").index("/"), (rest + "?").index("?"))
        words = (METHODS.index(method), ["http", "https"].index(scheme), rest[:at], rest[at:] or "/", *header, body)
        numbers = (filler, int(connect * 1e9), int(first * 1e9))
        return self.call(guest, "send", *words, *numbers, policy=policy, limits=limits, cancel=cancel)


@pytest.fixture
def web(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """No network but this machine's loopback; nothing of it may be left when the test is over."""
    monkeypatch.setattr(carrier, "LINGER", 0.05)
    web = Web(engine)
    yield web
    web.lookup_goes_on.set()
    assert_quiet(web)


def assert_quiet(web: Web) -> None:
    """The proxy ends by itself: no thread of it runs, and none of its sockets listens."""
    for running in web.egress.carriers:
        running.join(LONG)
        assert not running.is_alive()
    assert not web.egress.carriers
