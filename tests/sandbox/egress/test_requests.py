"""Granted requests arrive, answers come back, and everything else about a request is as it was judged."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Guests
from tests.sandbox.egress.conftest import LOOPBACK, Web, granted
from tests.sandbox.egress.origin import Visit, hello, origin
from tests.sandbox.guests_http import CLIENT, client
from tests.sandbox.guests_io import HTTP_ERRORS
from wassette_py.errors import Trap
from wassette_py.policy.document import NetworkCidr, NetworkHost, PolicyDocument
from wassette_py.policy.network import Unenforceable
from wassette_py.sandbox.call import CallReport, Denial
from wassette_py.sandbox.egress.resolving import system_resolver
from wassette_py.sandbox.gates.http import Asked

DENIED = -1 - HTTP_ERRORS.index("HTTP-request-denied")
FAILED = -1 - HTTP_ERRORS.index("HTTP-protocol-error")


def answer(report: CallReport) -> tuple[int, int, str]:
    """(status, size, text) of a call that did not fail."""
    assert report.error is None
    assert isinstance(report.value, tuple)
    return report.value


def test_a_granted_request_is_answered(web: Web) -> None:
    web.names["api.test"] = ["127.0.0.1"]
    with origin(hello) as server:
        report = web.send(f"http://api.test:{server.port}/a/b?c=d", granted(f"http://api.test:{server.port}", LOOPBACK))
        assert answer(report) == (200, 5, "hello")
        assert (report.denied, report.notes) == ((), ())
        assert server.lines == ["GET /a/b?c=d HTTP/1.1"]
        assert server.headers[0]["host"] == f"api.test:{server.port}"
        assert web.lookups == ["api.test"]


@pytest.mark.parametrize("version", ["0.2.0", "0.2.3", "0.2.6", "0.2.12"])
def test_every_version_of_wasi_0_2_is_served(web: Web, version: str) -> None:
    with origin(hello) as server:
        report = web.send(f"http://localhost:{server.port}", granted(f"http://127.0.0.1:{server.port}"), guest=client(version))
        assert answer(report)[0] == DENIED
        web.names["localhost"] = ["127.0.0.1"]
        report = web.send(f"http://localhost:{server.port}", granted(f"http://localhost:{server.port}"), guest=client(version))
        assert answer(report) == (200, 5, "hello")


def test_the_real_resolver_knows_localhost(guests: Guests) -> None:
    with origin(hello) as server:
        words = (0, 0, f"localhost:{server.port}", "/", "", "", "", 0, 0, 0)
        report = guests.call(CLIENT, "send", *words, policy=granted(f"http://localhost:{server.port}"))
        assert answer(report) == (200, 5, "hello")


def test_a_body_is_sent_and_comes_back(web: Web) -> None:
    def echo(visit: Visit) -> None:
        visit.answer(visit.body())

    with origin(echo) as server:
        url = f"http://127.0.0.1:{server.port}/"
        report = web.send(url, granted(url.rstrip("/")), method="post", body="x" * 3000 + "é")
        assert answer(report) == (200, 3002, "x" * 3000 + "é")
        assert server.lines == ["POST / HTTP/1.1"]


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "options", "patch"])
def test_every_method_is_sent_as_it_is(web: Web, method: str) -> None:
    with origin(lambda visit: visit.send(b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n")) as server:
        report = web.send(f"http://127.0.0.1:{server.port}/", granted(f"http://127.0.0.1:{server.port}"), method=method)
        assert answer(report) == (204, 0, "")
        assert server.lines == [f"{method.upper()} / HTTP/1.1"]


@pytest.mark.parametrize("method", ["connect", "trace"])
def test_tunnels_and_echoes_are_never_sent(web: Web, method: str) -> None:
    report = web.send("http://127.0.0.1:1/", granted("http://127.0.0.1:1"), method=method)
    assert answer(report)[0] == DENIED
    reason = f"{method.upper()} is never sent for a component"
    assert report.denied == (Denial("network", f"{method.upper()} http://127.0.0.1:1", reason, is_final=True),)


@pytest.mark.parametrize("status", ["301 Moved", "404 Not Found", "500 Oops"])
def test_errors_of_servers_are_answers(web: Web, status: str) -> None:
    with origin(lambda visit: visit.answer(b"no", status)) as server:
        report = web.send(f"http://127.0.0.1:{server.port}/", granted(f"http://127.0.0.1:{server.port}"))
        assert answer(report) == (int(status[:3]), 2, "no")
        assert report.notes == ()


def test_large_headers_pass_both_ways(web: Web) -> None:
    def echo(visit: Visit) -> None:
        visit.answer(visit.headers["x-large"].encode()[-5:], headers=f"x-large: {visit.headers['x-large']}\r\n")

    with origin(echo) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), header=("x-large", "v" * 60_000 + "end"))
        assert answer(report) == (200, 5, "vvend")


def test_a_body_of_chunks_and_one_that_ends_with_the_connection_are_read(web: Web) -> None:
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: y\r\n\r\n"
    for response, text in ((chunks, "abcde"), (b"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end")):
        with origin(lambda visit, response=response: visit.send(response)) as server:  # type: ignore[misc]
            url = f"http://127.0.0.1:{server.port}"
            assert answer(web.send(url, granted(url))) == (200, len(text), text)


def test_a_get_has_no_body_whatever_its_guest_ends_it_with(web: Web) -> None:
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url), body="x", filler=3)) == (200, 5, "hello")
        assert server.lines == ["GET / HTTP/1.1"]
        assert server.headers[0].keys() == {"host", "connection"}


def test_what_a_server_says_before_its_answer_is_not_the_answer(web: Web) -> None:
    with origin(lambda visit: visit.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 2, "ok")


def test_an_answer_before_the_body_was_read_is_an_answer(web: Web) -> None:
    def refuse(visit: Visit) -> None:
        visit.answer(b"too much", "413 Content Too Large")
        visit.wait_for_end()

    with origin(refuse) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), method="post", filler=2000)
        assert (*answer(report)[:2], report.notes) == (413, 8, ())


def test_what_is_said_between_neighbours_stays_between_them(web: Web) -> None:
    headers = "connection: close, x-private\r\nx-private: 1\r\nproxy-authenticate: Basic\r\nkeep-alive: 5\r\nx-public: 2\r\n"
    with origin(lambda visit: visit.answer(b"ok", headers=headers)) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url), header=("expect", "100-continue"))) == (200, 2, "ok")
        assert server.headers[0].keys() == {"host", "connection"}


@pytest.mark.parametrize(
    "written",
    ["API.Test", "api.test.", "xn--bcher-kva.test", "bücher.test", "BÜCHER.test"],
)
def test_a_name_is_sent_in_the_one_form_it_was_judged_in(web: Web, written: str) -> None:
    name = "api.test" if "api" in written.lower() else "xn--bcher-kva.test"
    web.names[name] = ["127.0.0.1"]
    with origin(hello) as server:
        policy = granted(f"http://{name}:{server.port}", LOOPBACK)
        report = web.call(CLIENT, "send", 0, 0, f"{written}:{server.port}", "/", "", "", "", 0, 0, 0, policy=policy)
        if not written.isascii():  # WASI itself takes ASCII only
            assert isinstance(report.error, Trap)
            return
        assert answer(report) == (200, 5, "hello")
        assert server.headers[0]["host"] == f"{name}:{server.port}"
        assert web.lookups == [name]


@pytest.mark.claim("network:checked-address")
def test_localhost_is_this_machine_and_nobody_is_asked_for_it(web: Web) -> None:
    web.names["localhost"] = ["203.0.113.7"]
    with origin(hello) as server:
        url = f"http://localhost:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
        denied = web.send(url, granted(url, deny=["127.0.0.0/8", "::1/128"]))
        assert answer(denied)[0] < 0
        assert server.connections == 1
    assert web.lookups == []


def test_names_are_looked_up_as_the_system_does() -> None:
    assert list(system_resolver("127.0.0.1", 80)) == ["127.0.0.1"]


@pytest.mark.claim("network:checked-address")
@pytest.mark.parametrize(
    ("authority", "reason"),
    [
        ("0x7f.1", "not everybody reads as the same address"),
        ("2130706433", "not everybody reads as the same address"),
        ("127.1", "not everybody reads as the same address"),
        ("0177.0.0.1", "not everybody reads as the same address"),
        ("[::ffff:127.0.0.1]", "an IPv4 address in disguise"),
        ("[::ffff:7f00:1]", "an IPv4 address in disguise"),
        ("127.0.0.1", "not in network.allow"),
        ("127.0.0.1.", "not in network.allow"),
        ("[::1]", "not in network.allow"),
        ("[::]", "not in network.allow"),
        ("0.0.0.0", "not in network.allow"),
        ("LOCALHOST", "not in network.allow"),
        ("localhost.", "not in network.allow"),
        ("169.254.169.254", "not in network.allow"),
        ("api.test:0", "is not a port"),
        ("api.test:00080", "is not a port"),
    ],
)
def test_loopback_in_any_disguise_is_not_reached(web: Web, authority: str, reason: str) -> None:
    report = web.send(f"http://{authority}/", granted("api.test", "93.184.216.34"))
    assert answer(report)[0] == DENIED
    assert [denial.capability for denial in report.denied] == ["network"]
    assert reason in report.denied[0].reason
    assert not web.egress.carriers
    assert web.lookups == []


@pytest.mark.parametrize("authority", ["user@127.0.0.1", "user:password@api.test", "api.test@127.0.0.1", "a b", "api.test/x", "api.test#x"])
def test_user_names_and_odd_characters_never_get_into_a_request(web: Web, authority: str) -> None:
    report = web.call(CLIENT, "send", 0, 0, authority, "/", "", "", "", 0, 0, 0, policy=granted("api.test"))
    if report.error is None:
        assert answer(report)[0] == DENIED
        assert "a user name or password cannot be part of a host" in report.denied[0].reason
    else:
        assert isinstance(report.error, Trap)  # WASI refuses to set it, and this guest gives up
    assert not web.egress.carriers


@pytest.mark.claim("network:deny-by-default")
def test_methods_and_paths_of_a_grant_hold(web: Web) -> None:
    with origin(hello) as server:
        narrow = NetworkHost("127.0.0.1", "http", server.port, methods=("GET",), paths=("/repos/**",))
        policy = PolicyDocument(allow=(narrow,))
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(f"{url}/repos/a?x=/", policy))[0] == 200
        for path in ("/", "/user", "/repos/../user", "/repos/%2e%2e/user", "/repos%2f..%2fuser", "/repos//x"):
            assert answer(web.send(url + path, policy))[0] == DENIED
        assert answer(web.send(f"{url}/repos/a", policy, method="post"))[0] == DENIED
        assert server.connections == 1


@pytest.mark.claim("network:deny-by-default")
def test_ports_and_schemes_of_a_grant_hold(web: Web) -> None:
    web.names["api.test"] = ["127.0.0.1"]
    with origin(hello) as server:
        for pattern in ("api.test", "https://api.test", f"https://api.test:{server.port}", "http://*.test.test"):
            report = web.send(f"http://api.test:{server.port}/", granted(pattern, LOOPBACK))
            assert answer(report)[0] == DENIED
        for pattern in (f"api.test:{server.port}", f"http://*.test:{server.port}"):
            assert answer(web.send(f"http://api.test:{server.port}/", granted(pattern, LOOPBACK)))[0] == 200


@pytest.mark.claim("network:deny-by-default")
def test_a_denied_host_is_not_reached_though_it_is_allowed(web: Web) -> None:
    report = web.send("http://api.test/", granted("*.test", "api.test", deny=["api.test"]))
    assert answer(report)[0] == DENIED
    assert report.denied == (Denial("network", "GET http://api.test:80", "in network.deny: api.test", is_final=True),)


def test_a_range_of_addresses_is_reached_on_any_port(web: Web) -> None:
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, PolicyDocument(allow=(NetworkCidr("127.0.0.0/30"),))))[0] == 200
        assert answer(web.send(url, PolicyDocument(allow=(NetworkCidr("127.0.0.4/30"),))))[0] == DENIED


def test_an_ipv6_address_is_reached(web: Web) -> None:
    with origin(hello, address="::1") as server:
        url = f"http://[::1]:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
        assert server.headers[0]["host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize(
    ("authority", "path"), [("a.test/x", "/"), ("a.test?", "/"), ("a.test#", "/"), ("a.test\\", "/"), ("a.test", "/#x")]
)
def test_what_would_move_the_end_of_a_host_or_path_is_no_target(authority: str, path: str) -> None:
    asked = Asked("GET", "http", authority, path)
    with pytest.raises(Unenforceable, match="a character that ends it"):
        asked.target()
