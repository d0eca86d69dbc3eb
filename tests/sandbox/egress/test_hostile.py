"""Servers, names and strangers that mean harm: what the guest gets is an error, what the caller gets is the reason."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.patience import FOREVER, LONG, until
from tests.sandbox.egress.conftest import LOOPBACK, Web, assert_quiet, granted
from tests.sandbox.egress.origin import Visit, hello, origin
from tests.sandbox.egress.test_requests import DENIED, answer
from tests.sandbox.guests_http import BROKEN, CLIENT
from tests.sandbox.guests_io import HTTP_ERRORS
from wassette_py.errors import LimitExceeded, Trap
from wassette_py.limits import Limits
from wassette_py.policy.document import NetworkCidr, PolicyDocument
from wassette_py.sandbox import watchdog
from wassette_py.sandbox.call import Denial
from wassette_py.sandbox.egress import carrier, dialing, resolving, session, waiting
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.egress.route import Route
from wassette_py.sandbox.egress.session import Session, Ticket
from wassette_py.sandbox.egress.side import Side
from wassette_py.sandbox.state import CallState


@pytest.mark.claim("network:checked-address")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
        "::127.0.0.1",
        "10.0.0.1",
    ],
)
def test_a_granted_name_that_stands_for_an_internal_address_is_not_dialled(web: Web, address: str) -> None:
    web.names["rebind.test"] = [address]
    with origin(hello) as server:
        report = web.send(f"http://rebind.test:{server.port}/", granted(f"rebind.test:{server.port}"))
        assert answer(report)[0] < 0
        (denial,) = report.denied
        assert denial.target == f"GET http://rebind.test:{server.port}"
        assert denial.reason.startswith("rebind.test is ")
        assert "an address that is" in denial.reason
        assert server.connections == 0


@pytest.mark.claim("network:checked-address")
def test_the_address_that_was_judged_is_the_one_that_is_dialled(web: Web) -> None:
    """A name that changes its mind between a check and a connection would be believed by whoever asks twice."""
    with origin(hello) as server:
        policy = PolicyDocument(allow=(*granted(f"rebind.test:{server.port}").allow, NetworkCidr("127.0.0.2/32")))
        answers = iter([["127.0.0.2"], ["127.0.0.1"]])
        web.egress._resolver = lambda name, port: next(answers)
        report = web.send(f"http://rebind.test:{server.port}/", policy)
        assert answer(report)[0] < 0
        assert report.notes == (
            f"GET http://rebind.test:{server.port} failed: no connection to rebind.test at 127.0.0.2: connection refused",
        )
        assert server.connections == 0
        assert next(answers) == ["127.0.0.1"]  # nobody asked again


@pytest.mark.claim("network:checked-address")
def test_of_several_addresses_only_those_that_may_be_are_dialled(web: Web) -> None:
    web.names["mixed.test"] = ["10.0.0.1", "127.0.0.1", "::1", "127.0.0.1"]
    with origin(hello) as server:
        report = web.send(f"http://mixed.test:{server.port}/", granted(f"mixed.test:{server.port}", "127.0.0.1/32"))
        assert answer(report)[0] == 200
        assert report.denied == ()


@pytest.mark.claim("network:checked-address")
def test_a_redirect_to_the_metadata_service_is_not_followed(web: Web) -> None:
    moved = "location: http://169.254.169.254/latest/meta-data/\r\n"
    with origin(lambda visit: visit.answer(status="302 Found", headers=moved)) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url)))[0] == 302
        report = web.send("http://169.254.169.254/latest/meta-data/", granted(url))
        assert answer(report)[0] == DENIED


def test_a_name_that_does_not_resolve_is_told(web: Web) -> None:
    report = web.send("http://nowhere.test/", granted("nowhere.test"))
    assert answer(report)[0] < 0
    assert report.notes == ("GET http://nowhere.test:80 failed: the name nowhere.test cannot be resolved: Name or service not known",)
    assert report.denied == ()


@pytest.mark.parametrize(("found", "reason"), [([], "has no address"), (["nonsense"], "does not appear to be")])
def test_a_resolver_that_answers_nonsense_is_told(web: Web, found: list[str], reason: str) -> None:
    web.names["odd.test"] = found
    report = web.send("http://odd.test/", granted("odd.test"))
    assert answer(report)[0] < 0
    assert reason in report.notes[0]


def whole(text: str) -> Callable[[Visit], None]:
    return lambda visit: visit.send(text.encode())


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (whole(""), "the server closed the connection before its answer was whole"),
        (whole("HTTP/1.1 200 OK\r\nx: y"), "the server closed the connection before its answer was whole"),
        (whole("SSH-2.0-OpenSSH_9.9\r\n\r\n"), "the server's answer is no HTTP/1.1: illegal status line"),
        (whole("HTTP/1.1 200 OK\r\nx y\r\n\r\n"), "the server's answer is no HTTP/1.1: illegal header line"),
        (whole("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "the server's answer is no HTTP/1.1: bad Content-Length"),
        (whole("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"), "conflicting Content-Length"),
        (whole("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "the server's answer is no HTTP/1.1"),
    ],
)
def test_what_is_no_answer_is_none(web: Web, script: Callable[[Visit], None], reason: str) -> None:
    with origin(script) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        assert answer(report)[0] < 0
        assert len(report.notes) == 1
        assert reason in report.notes[0]


@pytest.mark.claim("network:bounded")
def test_headers_without_end_are_cut(web: Web) -> None:
    def endless(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            visit.send(b"x: " + b"y" * 1000 + b"\r\n")

    with origin(endless) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        assert answer(report)[0] < 0
        assert report.notes == (f"GET {url} failed: the head of the server's answer is larger than 128Ki",)


def test_a_body_shorter_than_promised_breaks_off_for_the_guest_too(web: Web) -> None:
    for response in (b"content-length: 100\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"):
        with origin(lambda visit, response=response: visit.send(b"HTTP/1.1 200 OK\r\n" + response)) as server:  # type: ignore[misc]
            url = f"http://127.0.0.1:{server.port}"
            report = web.send(url, granted(url))
            assert answer(report)[0] == BROKEN
            assert report.notes == (f"GET {url} failed: the server closed the connection before its answer was whole",)


def test_a_body_longer_than_promised_ends_where_it_was_promised(web: Web) -> None:
    with origin(whole("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n")) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 3, "abc")


def test_a_large_body_ends_where_it_was_promised_however_it_comes(web: Web) -> None:
    def more(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\nab")
        for _ in range(6):
            visit.send(b"x" * 100_000)

    with origin(more) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url)))[:2] == (200, 500_000)


def test_of_a_length_and_chunks_the_chunks_count(web: Web) -> None:
    framing = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n"
    with origin(whole(framing + "3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 3, "abc")


@pytest.mark.parametrize(("method", "status"), [("head", "200 OK"), ("get", "304 Not Modified"), ("get", "204 No Content")])
def test_an_answer_without_a_body_has_none_whatever_length_it_tells(web: Web, method: str, status: str) -> None:
    with origin(whole(f"HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nabcde")) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url), method=method))[:2] == (int(status[:3]), 0)


def test_a_connection_that_is_reset_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on = threading.Event()
    flush = Side.flush

    def watched(side: Side) -> bool:
        is_last = b"abc" in b"".join(side._parts)
        is_flushed = flush(side)
        if is_last:
            passed_on.set()
        return is_flushed

    monkeypatch.setattr(Side, "flush", watched)

    def reset(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
        passed_on.wait(LONG)  # a reset takes away what nobody has read yet
        visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with origin(reset) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        assert answer(report)[0] == BROKEN
        assert report.notes == (f"GET {url} failed: the server broke off: connection reset by peer",)


@pytest.mark.claim("network:bounded")
def test_bodies_without_end_are_cut(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BODY_BYTES", 1 << 20)

    def endless(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            visit.send(bytes(1 << 16))

    with origin(endless) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url))
        status, size, _ = answer(report)
        assert status == BROKEN
        assert size <= 1 << 20
        assert report.notes == (f"GET {url} failed: the bodies of the call's responses are larger than 1Mi in all",)


@pytest.mark.claim("network:bounded")
def test_a_guest_that_sends_without_end_is_cut(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BODY_BYTES", 1 << 20)
    with origin(Visit.wait_for_end) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), method="post", filler=1000)
        assert answer(report)[0] < 0
        assert report.notes == (f"POST {url} failed: the bodies of the call's requests are larger than 1Mi in all",)


def stalls(beginning: str) -> Callable[[Visit], None]:
    """Sends that much, and then nothing."""

    def script(visit: Visit) -> None:
        visit.send(beginning.encode())
        visit.wait_for_end()

    return script


def drips(beginning: str) -> Callable[[Visit], None]:
    """Sends that much, and then a byte now and then."""

    def script(visit: Visit) -> None:
        visit.send(beginning.encode())
        while True:
            visit.send(b"x")
            time.sleep(0.1)

    return script


WHOLE_HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"


@pytest.mark.usefixtures("unwatched")
@pytest.mark.claim("network:bounded")
@pytest.mark.parametrize(
    "script", [stalls(""), stalls("HTTP/1.1 200 OK\r\nx: "), stalls(WHOLE_HEAD), drips("HTTP/1.1 200 OK\r\nx: "), drips(WHOLE_HEAD)]
)
def test_no_server_makes_a_call_last_longer_than_it_may(web: Web, script: Callable[[Visit], None]) -> None:
    with origin(script) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), limits=Limits(timeout=1))
        assert isinstance(report.error, LimitExceeded)
        assert report.error.limit == "timeout"
        assert 1 <= report.seconds < LONG  # 1.001 when nothing else runs
        assert report.notes == (f"GET {url} was under way when the time was over",)


@pytest.mark.parametrize(("grace", "script"), [(0, stalls("")), (FOREVER, drips(WHOLE_HEAD))], ids=["the watchdog", "the guest's thread"])
def test_what_was_under_way_is_told_also_when_the_proxy_is_not_the_first_to_see_that_the_time_is_over(
    web: Web, monkeypatch: pytest.MonkeyPatch, grace: float, script: Callable[[Visit], None]
) -> None:
    monkeypatch.setattr(watchdog, "GRACE", grace)
    monkeypatch.setattr(waiting, "TICK", 3)
    with origin(script) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), limits=Limits(timeout=1))
        assert isinstance(report.error, LimitExceeded)
        assert report.notes == (f"GET {url} was under way when the time was over",)


@pytest.mark.usefixtures("unwatched")
def test_an_upload_that_nobody_reads_ends_with_the_call(web: Web) -> None:
    over = threading.Event()

    def deaf(visit: Visit) -> None:
        over.wait(FOREVER)

    with origin(deaf) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), method="post", filler=10_000, limits=Limits(timeout=1))
        over.set()
        assert isinstance(report.error, LimitExceeded)
        assert report.notes == (f"POST {url} was under way when the time was over",)
        assert 1 <= report.seconds < LONG


@pytest.mark.usefixtures("unwatched")
def test_a_lookup_that_hangs_ends_with_the_call(web: Web) -> None:
    web.lookup_goes_on.clear()
    report = web.send("http://slow.test/", granted("slow.test"), limits=Limits(timeout=1))
    assert isinstance(report.error, LimitExceeded)
    assert report.notes == ("GET http://slow.test:80 was under way when the time was over",)
    assert 1 <= report.seconds < LONG
    assert_quiet(web)
    web.lookup_goes_on.set()  # what it finds now is nobody's
    web.resolvers[0].join(LONG)
    assert not web.resolvers[0].is_alive()


def test_what_a_lookup_finds_too_late_is_nobodys(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the proxy goes on for others."""
    monkeypatch.setattr(resolving, "LOOKUPS", 1)
    web.lookup_goes_on.clear()
    ended = threading.Event()
    with origin(stalls("")) as server:
        url = f"http://127.0.0.1:{server.port}"
        keeper = threading.Thread(target=web.send, args=(url, granted(url)), kwargs={"cancel": ended})
        keeper.start()
        until(lambda: server.lines)
        report = web.send("http://slow.test/", granted("slow.test"), limits=Limits(timeout=1))
        assert isinstance(report.error, LimitExceeded)
        web.lookup_goes_on.set()
        report = web.send("http://next.test/", granted("next.test"))
        assert report.notes == ("GET http://next.test:80 failed: the name next.test cannot be resolved: Name or service not known",)
        ended.set()
        keeper.join()
    assert web.lookups == ["slow.test", "next.test"]


@pytest.mark.usefixtures("unwatched")
def test_a_guests_own_timeout_for_connecting_holds_behind_the_proxy(web: Web) -> None:
    web.lookup_goes_on.clear()
    report = web.send("http://slow.test/", granted("slow.test"), connect=0.2)
    assert answer(report)[0] < 0
    assert report.notes == ("GET http://slow.test:80 failed: no connection within the time the component gave it",)
    assert 0.2 <= report.seconds < LONG


def test_a_guests_own_timeout_for_the_first_byte_holds(web: Web) -> None:
    with origin(Visit.wait_for_end) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), first=0.2)
        assert answer(report)[0] == -1 - HTTP_ERRORS.index("connection-read-timeout")
        assert 0.2 <= report.seconds < LONG


@contextlib.contextmanager
def silent(port: int) -> Iterator[str]:
    """An address that gives no answer: whoever comes to a full queue gets none."""
    with socket.create_server(("127.0.0.2", port), backlog=0), contextlib.ExitStack() as stack:
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.2", port))
        yield "127.0.0.2"


@pytest.mark.usefixtures("unwatched")
def test_a_guests_own_timeout_for_connecting_holds_for_an_address_that_does_not_answer(web: Web) -> None:
    with origin(hello) as server, silent(server.port) as address:
        url = f"http://{address}:{server.port}"
        report = web.send(url, granted(url), connect=0.2)
        assert answer(report)[0] < 0
        assert report.notes == (f"GET {url} failed: no connection within the time the component gave it",)


def test_an_address_that_cannot_be_dialled_is_told(web: Web) -> None:
    report = web.send("http://224.0.0.1/", granted("http://224.0.0.1"))
    assert answer(report)[0] < 0
    assert report.notes == ("GET http://224.0.0.1:80 failed: no connection to 224.0.0.1 at 224.0.0.1: network is unreachable",)


def test_an_address_that_does_not_answer_does_not_hold_up_the_next(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "NOT_THE_LAST", 0.2)
    with origin(hello) as server, silent(server.port) as address:
        web.names["two.test"] = [address, "127.0.0.1"]
        url = f"http://two.test:{server.port}"
        report = web.send(url, granted(url, LOOPBACK))
        assert answer(report)[0] == 200
        assert report.seconds >= 0.2


def proxy_of(web: Web) -> tuple[str, int]:
    """Where it listens."""
    (running,) = web.egress.carriers
    host, _, port = running.authority.partition(":")
    assert host == "127.0.0.1"
    return host, int(port)


def raced(web: Web, monkeypatch: pytest.MonkeyPatch, arrive: Callable[[tuple[str, int]], None]) -> None:
    """Lets strangers arrive before each guest does."""
    place_for = Egress.place_for

    def slow(egress: Egress, call: CallState, route: Route) -> tuple[str, str]:
        place = place_for(egress, call, route)
        arrive(proxy_of(web))
        return place

    monkeypatch.setattr(Egress, "place_for", slow)


@pytest.mark.claim("network:private-proxy")
@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /1. HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /1.guess HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /%31.x HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET http://169.254.169.254/ HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"garbage\r\n\r\n",
        b"",
    ],
)
def test_the_proxy_tells_strangers_nothing(web: Web, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "FIRST", FOREVER)
    seen: list[bytes] = []

    def stranger(place: tuple[str, int]) -> None:
        with socket.create_connection(place) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(LONG)
            seen.append(sock.recv(100))

    raced(web, monkeypatch, stranger)
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
        assert seen in ([b""], [])
        assert len(server.lines) == 1


def test_a_stranger_who_says_nothing_is_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "FIRST", 0.1)

    def arrive(place: tuple[str, int]) -> None:
        with socket.create_connection(place) as sock:
            sock.settimeout(LONG)
            assert sock.recv(100) == b""

    raced(web, monkeypatch, arrive)
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")


def test_a_crowd_of_strangers_keeps_nobody_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "FIRST", FOREVER)
    monkeypatch.setattr(carrier, "STRANGERS", 3)
    with contextlib.ExitStack() as stack, origin(hello) as server:

        def crowd(place: tuple[str, int]) -> None:
            socks = [stack.enter_context(socket.create_connection(place)) for _ in range(5)]
            for sock in socks[:2]:
                sock.settimeout(LONG)
                assert sock.recv(1) == b""

        raced(web, monkeypatch, crowd)
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")


@pytest.mark.claim("network:private-proxy")
@pytest.mark.parametrize("is_early", [True, False])
def test_a_ticket_is_good_for_one_request(web: Web, monkeypatch: pytest.MonkeyPatch, is_early: bool) -> None:
    """Whoever comes once it was shown is turned away; so is who waited since before that."""
    given: list[str] = []
    early: list[socket.socket] = []
    init = Ticket.__init__

    def remembered(ticket: Ticket, session: Session, route: Route) -> None:
        init(ticket, session, route)
        given.append(ticket.path)

    monkeypatch.setattr(Ticket, "__init__", remembered)
    if is_early:
        raced(web, monkeypatch, lambda place: early.append(socket.create_connection(place)))

    def replay(visit: Visit) -> None:
        with early.pop() if is_early else socket.create_connection(proxy_of(web)) as sock:
            sock.settimeout(LONG)
            with contextlib.suppress(ConnectionError):
                sock.sendall(f"GET {given[0]} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                assert sock.recv(100) == b""
        visit.answer(b"hello")

    with origin(replay) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
        assert server.connections == 1


def test_the_reason_is_kept_when_the_guest_traps_over_it(web: Web) -> None:
    web.names["rebind.test"] = ["127.0.0.1"]
    trapping = CLIENT.replace(
        "(return (call $answer (call $error (i32.const 24)) (i64.const 0) (i32.const 0) (i32.const 0)))", "(unreachable)"
    )
    report = web.send("http://rebind.test/", granted("rebind.test"), guest=trapping)
    assert isinstance(report.error, Trap)
    reason = "rebind.test is 127.0.0.1, an address that is loopback"
    assert report.denied == (Denial("network", "GET http://rebind.test:80", reason, NetworkCidr("127.0.0.1/32")),)
    report = web.send("http://nowhere.test/", granted("nowhere.test"), guest=trapping)
    assert isinstance(report.error, Trap)
    assert len(report.notes) == 1
