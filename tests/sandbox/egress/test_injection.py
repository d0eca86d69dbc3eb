"""A secret goes into requests to exactly its host, over TLS, in the place of what the guest says, and nowhere else."""

from __future__ import annotations

import gc
import ssl
import threading
from pathlib import Path

import pytest

from tests.sandbox.egress.conftest import LOOPBACK, Web, granted
from tests.sandbox.egress.origin import Visit, hello, origin
from tests.sandbox.egress.test_requests import answer
from tests.sandbox.guests_http import CLIENT
from tests.tls import make_authority
from wassette_py.sandbox.call import CallReport
from wassette_py.sandbox.state import Headers

SECRET = "tok-4711-geheim"


@pytest.fixture
def server_side(web: Web, tmp_path: Path) -> ssl.SSLContext:
    """A server of api.test and other.test, whom the sandbox trusts."""
    file, context = make_authority(tmp_path, "api.test", "other.test")
    web.names["api.test"] = web.names["other.test"] = ["127.0.0.1"]
    web.use(ca_file=file)
    return context


def send(web: Web, url: str, headers: Headers, own: tuple[str, str] = ("", "")) -> CallReport:
    scheme, _, rest = url.partition("://")
    words = (0, ["http", "https"].index(scheme), rest, "/", *own, "", 0, 0, 0)
    component = web.compile(CLIENT)
    policy = granted(url, LOOPBACK)
    spec = web.spec(component, "send", *words, policy=policy)
    spec = type(spec)(spec.component_id, spec.function, spec.values, spec.policy, spec.limits, {}, headers)
    assert SECRET not in repr(spec)
    return web.reported(component, spec, threading.Event())


@pytest.mark.claim("secrets:never-shown")
def test_the_header_is_added_for_exactly_that_host_and_the_guest_sees_nothing_of_it(web: Web, server_side: ssl.SSLContext) -> None:
    with origin(hello, server_side) as server:
        headers = {("api.test", server.port): (("Authorization", f"Bearer {SECRET}"), ("X-Key", SECRET))}
        report = send(web, f"https://api.test:{server.port}", headers)
        assert answer(report) == (200, 5, "hello")
        assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
        assert server.headers[0]["x-key"] == SECRET
        assert SECRET not in repr(report)


@pytest.mark.claim("secrets:never-shown")
def test_what_cannot_stand_in_a_header_is_not_sent_and_not_printed(
    web: Web, server_side: ssl.SSLContext, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with origin(hello, server_side) as server:
        report = send(web, f"https://api.test:{server.port}", {("api.test", server.port): (("Authorization", f"{SECRET} "),)})
        assert report.notes == (f"GET https://api.test:{server.port} failed: wassette failed inside: LocalProtocolError",)
    gc.collect()  # of a task whose exception nobody took asyncio tells now
    told = capfd.readouterr()
    assert SECRET not in f"{told.out}{told.err}{caplog.text}{report!r}"


@pytest.mark.claim("secrets:never-shown")
@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_what_the_guest_sets_itself_is_replaced(web: Web, server_side: ssl.SSLContext, name: str) -> None:
    lines: list[str] = []

    def count(visit: Visit) -> None:
        lines.extend(f"{key}: {value}" for key, value in visit.headers.items())
        visit.answer(b"hello")

    with origin(count, server_side) as server:
        headers = {("api.test", server.port): (("Authorization", SECRET),)}
        assert answer(send(web, f"https://api.test:{server.port}", headers, (name, "of-the-guest")))[0] == 200
    assert [line for line in lines if "authorization" in line.lower()] == [f"authorization: {SECRET}"]
    assert "of-the-guest" not in str(lines)


@pytest.mark.claim("secrets:never-shown")
def test_no_other_host_port_or_scheme_gets_it(web: Web, server_side: ssl.SSLContext) -> None:
    with origin(hello, server_side) as server, origin(hello) as plain:
        headers = {
            ("api.test", server.port): (("Authorization", SECRET),),
            ("api.test", plain.port): (("Authorization", SECRET),),
            ("other.test", 443): (("Authorization", SECRET),),
        }
        own = ("authorization", "of-the-guest")
        assert answer(send(web, f"https://other.test:{server.port}", headers, own))[0] == 200
        assert answer(send(web, f"http://api.test:{plain.port}", headers, own))[0] == 200
        assert [visit["authorization"] for visit in (*server.headers, *plain.headers)] == ["of-the-guest"] * 2


def test_a_server_whose_certificate_is_not_accepted_never_sees_it(web: Web, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    _, context = make_authority(tmp_path / "stranger", "api.test")
    web.names["api.test"] = ["127.0.0.1"]
    with origin(hello, context) as server:
        report = send(web, f"https://api.test:{server.port}", {("api.test", server.port): (("Authorization", SECRET),)})
        assert answer(report)[0] < 0
        assert server.lines == []
