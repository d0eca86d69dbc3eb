"""The proxy is there while calls need it; what belongs to a call ends with it, and many calls at once stay apart."""

from __future__ import annotations

import errno
import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tests.patience import FOREVER, LONG, until
from tests.sandbox.egress.conftest import Web, assert_quiet, granted
from tests.sandbox.egress.origin import Visit, hello, origin
from tests.sandbox.egress.test_requests import answer
from wassette_py.errors import Cancelled
from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.policy.network import parse_url
from wassette_py.sandbox.call import CallReport
from wassette_py.sandbox.egress import carrier
from wassette_py.sandbox.egress import egress as egress_module
from wassette_py.sandbox.egress import session as session_module
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.egress.route import NotSent, Route
from wassette_py.sandbox.state import DENIALS, CallState


def state(egress: Egress) -> CallState:
    return CallState(limits=Limits(timeout=FOREVER), policy=EMPTY, environment={}, cancel=threading.Event(), egress=egress)


ROUTE = Route("GET", parse_url("http://api.test/"), "/")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.claim("network:private-proxy")
def test_nothing_listens_before_a_request_is_granted_nor_long_after(web: Web) -> None:
    assert not web.egress.carriers
    web.send("http://api.test/", granted("other.test"))
    assert not web.egress.carriers
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        web.send(url, granted(url))
        (running,) = web.egress.carriers
        running.join(LONG)
        assert not web.egress.carriers
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(running.authority.rpartition(":")[2])))
        assert answer(web.send(url, granted(url)))[0] == 200
        assert running not in web.egress.carriers


def test_requests_one_after_the_other_are_carried_by_one_thread(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "LINGER", LONG)
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url)))[0] == 200
        until(lambda: web.egress._free)
        (running,) = web.egress.carriers
        monkeypatch.setattr(carrier, "LINGER", 0.05)
        assert answer(web.send(url, granted(url)))[0] == 200
        assert web.egress.carriers <= {running}


def test_calls_without_requests_do_not_pay_for_them() -> None:
    script = "import sys, wassette_py.sandbox.call; print(*{'asyncio', 'ssl', 'h11'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.usefixtures("unwatched")
def test_cancelling_cuts_a_request(web: Web) -> None:
    cancel = threading.Event()

    def cancelling(visit: Visit) -> None:
        cancel.set()
        visit.wait_for_end()

    with origin(cancelling) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = web.send(url, granted(url), cancel=cancel)
        assert isinstance(report.error, Cancelled)
        assert report.seconds < LONG  # a tick
        assert report.notes == ()
        assert server.connections == 1


def test_sixteen_threads_of_requests_stay_apart_and_leave_nothing(web: Web) -> None:
    def echo(visit: Visit) -> None:
        visit.answer(visit.body() + visit.line.encode())

    def many(number: int) -> None:
        for turn in range(12):
            body = f"{number}-{turn};" * 50
            report = web.send(f"{url}/{number}/{turn}", policy if turn % 4 else granted("x.test"), method="post", body=body)
            if turn % 4:
                right.append(
                    report.value == (200, len(body) + len(f"POST /{number}/{turn} HTTP/1.1"), f"{body}POST /{number}/{turn} HTTP/1.1")
                )
            else:
                right.append(len(report.denied) == 1)

    with origin(echo) as server:
        url = f"http://127.0.0.1:{server.port}"
        policy = granted(url)
        web.send(url, policy, method="post", body="x")
        assert_quiet(web)
        gc.collect()
        before = descriptors()
        right: list[bool] = []
        workers = [threading.Thread(target=many, args=(number,)) for number in range(16)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert right == [True] * 16 * 12
        assert_quiet(web)
        until(lambda: descriptors() <= before)
        until(lambda: "egress" not in {thread.name for thread in threading.enumerate()})


def test_requests_of_one_call_are_counted(web: Web) -> None:
    call = state(web.egress)
    for _ in range(session_module.OPEN_REQUESTS):
        web.egress.place_for(call, ROUTE)
    with pytest.raises(NotSent, match="the call has 64 requests under way already"):
        web.egress.place_for(call, ROUTE)
    other = state(web.egress)
    web.egress.place_for(other, ROUTE)
    web.egress.end(call)
    web.egress.end(call)
    with pytest.raises(NotSent, match="the call is over"):
        web.egress.place_for(call, ROUTE)
    web.egress.end(other)


def test_requests_of_all_calls_are_counted(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_module, "REQUESTS", 2)
    calls = [state(web.egress) for _ in range(3)]
    for call in calls[:2]:
        web.egress.place_for(call, ROUTE)
    with pytest.raises(NotSent, match="this process has 2 requests under way already"):
        web.egress.place_for(calls[2], ROUTE)
    for call in calls:
        web.egress.end(call)


def test_what_is_kept_of_requests_is_bounded_and_harmless(web: Web) -> None:
    call = state(web.egress)
    for number in [*range(200), *range(200)]:
        call.count(f"GET http://{number}.test:80")
        call.note(f"\x1b[31m{number}" + "x" * 1000)
    assert (len(call.sent), call.sent["GET http://0.test:80"]) == (DENIALS, 2)
    assert (len(call.notes), len(call.notes[0]), call.notes[0][0]) == (DENIALS, 300, "\ufffd")


def test_a_guest_is_told_when_it_has_too_many_requests(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "OPEN_REQUESTS", 0)
    report = web.send("http://api.test/", granted("api.test"))
    assert answer(report)[0] == -39  # internal-error
    assert report.notes == ("GET http://api.test:80 failed: the call has 0 requests under way already",)


def shown(path: str, authority: str) -> bytes:
    """What the proxy answers to a ticket."""
    host, _, port = authority.partition(":")
    with socket.create_connection((host, int(port)), timeout=LONG) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        try:
            return sock.recv(1000)
        except ConnectionResetError:
            return b""


@pytest.mark.claim("network:private-proxy")
def test_a_ticket_dies_with_its_call(web: Web) -> None:
    with origin(hello) as server:
        route = Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/")
        call, keeper = state(web.egress), state(web.egress)
        used, unused = web.egress.place_for(call, route), web.egress.place_for(call, route)
        web.egress.place_for(keeper, route)
        assert shown(used[1], used[0]).startswith(b"HTTP/1.1 200")
        assert shown(used[1], used[0]) == b""
        assert shown(used[1], unused[0]) == b""
        web.egress.end(call)
        assert shown(unused[1], unused[0]) == b""
        assert len(server.lines) == 1
        web.egress.end(keeper)


def test_who_is_answered_before_having_sent_everything_may_send_the_rest(web: Web) -> None:
    def early(visit: Visit) -> None:
        assert visit._exactly(3) == b"abc"
        visit.answer(b"early")
        visit.wait_for_end()

    with origin(early) as server:
        call = state(web.egress)
        authority, path = web.egress.place_for(call, Route("POST", parse_url(f"http://127.0.0.1:{server.port}/"), "/"))
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port)), timeout=LONG) as sock:
            sock.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc".encode())
            heard = b""
            while not heard.endswith(b"early"):
                heard += sock.recv(1000)
            time.sleep(0.1)
            sock.sendall(b"def")
            assert sock.recv(1000) == b""
        web.egress.end(call)


def test_a_connection_that_cannot_be_taken_for_want_of_descriptors_is_taken_later(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failed = socket.socket.accept, threading.Event()

    def failing(listening: socket.socket) -> tuple[socket.socket, object]:
        if threading.current_thread().name == "egress" and not failed.is_set():
            failed.set()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", failing)
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url))) == (200, 5, "hello")
    assert failed.is_set()


def test_what_a_guest_waits_for_is_told_when_the_time_is_over_however_far_it_is(web: Web) -> None:
    call = state(web.egress)
    web.egress.place_for(call, ROUTE)
    call.deadline = time.monotonic()
    web.egress.end(call)
    assert call.notes == ["GET http://api.test:80 was under way when the time was over"]


def test_a_ticket_is_worthless_after_the_deadline_even_if_its_call_hangs(web: Web) -> None:
    with origin(hello) as server:
        route = Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/")
        call, keeper = state(web.egress), state(web.egress)
        authority, path = web.egress.place_for(call, route)
        web.egress.place_for(keeper, route)
        call.deadline = time.monotonic()
        assert shown(path, authority) == b""
        assert server.lines == []
        web.egress.end(call)
        web.egress.end(keeper)


def test_a_call_that_ended_while_its_connection_was_made_sends_nothing(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with origin(hello) as server:
        route = Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/")
        call, keeper = state(web.egress), state(web.egress)
        web.egress.place_for(keeper, route)
        authority, path = web.egress.place_for(call, route)
        assert call.requests is not None
        call.requests.end()
        assert shown(path, authority) == b""
        assert server.lines == []
        web.egress.end(call)
        web.egress.end(keeper)


def test_a_guest_that_leaves_takes_its_request_with_it(web: Web) -> None:
    left = threading.Event()

    def wait(visit: Visit) -> None:
        visit.wait_for_end()
        left.set()

    with origin(wait) as server:
        route = Route("POST", parse_url(f"http://127.0.0.1:{server.port}/"), "/")
        call = state(web.egress)
        authority, path = web.egress.place_for(call, route)
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc".encode())
            until(lambda: server.lines)
        assert left.wait(LONG)
        assert call.notes == []
        web.egress.end(call)


def test_a_guest_that_leaves_in_the_middle_of_an_answer_ends_it(web: Web) -> None:
    left = threading.Event()

    def endless(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                visit.send(bytes(1 << 16))
        finally:
            left.set()

    with origin(endless) as server:
        call = state(web.egress)
        authority, path = web.egress.place_for(call, Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/"))
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            sock.recv(1 << 16)
        assert left.wait(LONG)
        assert call.notes == []
        web.egress.end(call)


def test_a_request_that_nobody_comes_for_is_kept_for_its_call(web: Web) -> None:
    with origin(hello) as server:
        call = state(web.egress)
        authority, path = web.egress.place_for(call, Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/"))
        (running,) = web.egress.carriers
        running.join(10 * carrier.LINGER)
        assert running.is_alive()
        assert shown(path, authority).startswith(b"HTTP/1.1 200")
        web.egress.end(call)


def test_a_carrier_that_was_taken_when_its_time_was_over_goes_on(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    is_done, answers = web.egress._is_done, list[bool]()

    def taken_first(running: carrier.Carrier) -> bool:
        if answers:
            return is_done(running)
        web.egress._free.remove(running)
        answers.append(is_done(running))
        web.egress._on_free(running)
        return answers[0]

    monkeypatch.setattr(web.egress, "_is_done", taken_first)
    with origin(hello) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert answer(web.send(url, granted(url)))[0] == 200
        until(lambda: answers)
        assert answers == [False]
        assert answer(web.send(url, granted(url)))[0] == 200


def test_a_stranger_does_not_keep_the_proxy_alive(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "FIRST", FOREVER)
    call = state(web.egress)
    authority, _ = web.egress.place_for(call, ROUTE)
    host, _, port = authority.partition(":")
    with socket.create_connection((host, int(port)), timeout=LONG) as sock:
        web.egress.end(call)
        assert sock.recv(1) == b""
        assert_quiet(web)


def test_where_no_thread_is_left_it_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(carrier.Carrier, "start", refused)
    report = web.send("http://api.test/", granted("api.test"))
    assert report.notes == ("GET http://api.test:80 failed: no thread is left for the egress proxy",)
    assert not web.egress.carriers


def test_a_machine_without_loopback_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "LOOPBACK", "203.0.113.1")
    report = web.send("http://api.test/", granted("api.test"))
    assert report.notes[0].startswith("GET http://api.test:80 failed: the egress proxy cannot listen on loopback: ")
    assert not web.egress.carriers


@pytest.mark.claim("network:bounded")
def test_what_is_streamed_is_not_kept(web: Web) -> None:
    """100 MB down and 100 MB up."""
    size = 100 << 20

    def both(visit: Visit) -> None:
        received = 0
        visit.send(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode() if visit.line.startswith("GET") else b"")
        if visit.line.startswith("GET"):
            block = bytes(1 << 16)
            for _ in range(size // len(block)):
                visit.send(block)
            return
        end = b""
        while not end.endswith(b"\r\n0\r\n\r\n"):
            data = visit.sock.recv(1 << 16)
            received += len(data)
            end = (end + data)[-7:]
        visit.answer(str(received >= size).encode())

    peaks: list[int] = []
    with origin(both) as server:
        url = f"http://127.0.0.1:{server.port}"
        for send in (
            lambda: web.send(url, granted(url), limits=Limits(timeout=FOREVER)),
            lambda: web.send(url, granted(url), method="post", filler=size // 4096, limits=Limits(timeout=FOREVER)),
        ):
            peaks.append(grown(send, size))
    assert max(peaks) < 64 << 20


def grown(send: Callable[[], CallReport], size: int) -> int:
    """By how many bytes the process grew at most while it ran."""
    from wassette_py.sandbox.memory import resident

    readings = [resident() or 0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            readings.append(resident() or 0)

    thread = threading.Thread(target=watch)
    thread.start()
    report = send()
    over.set()
    thread.join()
    assert answer(report)[:2] in ((200, size), (200, 4))
    return max(readings) - readings[0]


def test_a_slow_reader_makes_a_fast_server_wait(web: Web) -> None:
    sent: list[int] = []
    waits = threading.Event()
    over = threading.Event()

    def fast(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
        visit.sock.settimeout(1)
        try:
            while sum(sent) < 64 << 20:
                visit.send(bytes(1 << 16))
                sent.append(1 << 16)
        except TimeoutError:
            waits.set()
        finally:
            over.set()

    with origin(fast) as server:
        route = Route("GET", parse_url(f"http://127.0.0.1:{server.port}/"), "/")
        call = state(web.egress)
        authority, path = web.egress.place_for(call, route)
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert over.wait(LONG)
            assert waits.is_set()
            assert sum(sent) < 32 << 20
        web.egress.end(call)
