"""Gates: requests are looked at and refused, sleeps end with the call; raw sockets and name lookups are refused beside them."""

from __future__ import annotations

import time

import pytest

from tests.patience import LONG
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import Guests, both_tiers
from wassette_py.errors import LimitExceeded, Trap
from wassette_py.limits import Limits
from wassette_py.sandbox.call import Denial
from wassette_py.sandbox.state import DENIALS

pytestmark = both_tiers

DENIED = io.HTTP_ERRORS.index("HTTP-request-denied")
GET, POST = 0, 2
HTTP, HTTPS, OTHER, NONE = 0, 1, 2, 9


@pytest.mark.parametrize(
    ("request_", "target", "reason"),
    [
        ((GET, HTTPS, "api.example.com"), "GET https://api.example.com:443", "not in network.allow"),
        ((POST, HTTP, "api.example.com"), "POST http://api.example.com:80", "not in network.allow"),
        ((GET, HTTPS, "api.example.com:8443"), "GET https://api.example.com:8443", "not in network.allow"),
        ((GET, HTTPS, "[::1]"), "GET https://[::1]:443", "not in network.allow"),
        ((GET, HTTPS, "[::1]:99"), "GET https://[::1]:99", "not in network.allow"),
        ((GET, OTHER, "ftp"), "GET ftp://ftp", "only https and http can be granted, not ftp"),
        ((GET, NONE, "x.org"), "GET https://x.org:443", "not in network.allow"),
    ],
)
def test_a_request_is_refused_with_the_standard_error_and_its_exact_target(
    guests: Guests, request_: tuple[int, int, str], target: str, reason: str
) -> None:
    report = guests.call(io.HTTP, "send", *request_)
    assert report.value == DENIED
    assert report.denied == (Denial("network", target, reason),)


def test_a_request_without_a_host_is_refused_too(guests: Guests) -> None:
    report = guests.call(io.HTTP, "send", GET, NONE, "")
    assert report.value == DENIED
    assert [denial.target for denial in report.denied] == ["GET https://:443"]


def test_a_denial_is_kept_when_the_guest_traps_over_it(guests: Guests) -> None:
    report = guests.call(io.HTTP, "send-and-trap", "x.org")
    assert isinstance(report.error, Trap)
    assert [denial.target for denial in report.denied] == ["GET https://x.org:443"]


def test_denials_of_a_guest_that_retries_for_ever_are_bounded(guests: Guests) -> None:
    report = guests.call(io.HTTP, "send-often", "x.org")
    assert report.error is None
    assert len(report.denied) == DENIALS


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_raw_sockets_are_refused_and_noted(guests: Guests, kind: str) -> None:
    report = guests.call(io.SOCKETS, kind)
    assert report.value == io.SOCKET_ERRORS.index("access-denied")
    assert report.denied == (Denial("sockets", kind, "raw sockets are not given to components"),)


def test_names_are_not_looked_up_and_that_is_noted(guests: Guests) -> None:
    report = guests.call(io.SOCKETS, "look-up", "localhost")
    assert report.value == io.SOCKET_ERRORS.index("permanent-resolver-failure")
    reason = "names are looked up for granted HTTP requests, not for components"
    assert report.denied == (Denial("sockets", "look-up localhost", reason),)


@pytest.mark.parametrize("name", ["sleep", "sleep-until-after"])
def test_a_sleep_takes_as_long_as_it_is_asked_to(guests: Guests, name: str) -> None:
    report = guests.call(text.SLEEP, name, 50_000_000)
    assert report.error is None
    assert 0.05 <= report.seconds < LONG


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("name", ["sleep", "sleep-until-after"])
def test_no_sleep_outlasts_the_call(guests: Guests, name: str) -> None:
    report = guests.call(text.SLEEP, name, 3600 * 10**9, limits=Limits(timeout=0.3))
    assert isinstance(report.error, LimitExceeded)
    assert report.error.limit == "timeout"
    assert 0.3 <= report.seconds < LONG


def test_an_instant_that_is_past_does_not_wait(guests: Guests) -> None:
    report = guests.call(text.SLEEP, "sleep-until-before")
    assert report.error is None


def test_the_clock_goes_forward(guests: Guests) -> None:
    first, second = (guests.call(text.SLEEP, "clock").value for _ in range(2))
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert first < second < time.monotonic_ns()
    assert guests.call(text.SLEEP, "precision").value == 1


def test_a_clock_that_is_only_read_stays_native(guests: Guests) -> None:
    value = guests.call(text.CLOCK_ONLY, "clock").value
    assert isinstance(value, int)
    assert value < LONG * 10**9  # wasmtime's begins with the store, ours with the machine


def test_a_gate_that_does_not_fit_into_what_the_guest_may_have_ends_the_call(guests: Guests) -> None:
    full = io.HTTP.replace(
        "(core module $code", "(core module $more (memory 1))" + "(core instance (instantiate $more))" * 10 + "(core module $code"
    )
    report = guests.call(full, "send", GET, HTTPS, "x.org")
    assert isinstance(report.error, LimitExceeded)
    assert report.error.limit == "memory"


def test_a_gate_uses_no_more_memory_for_many_requests_than_for_one(guests: Guests) -> None:
    report = guests.call(io.HTTP, "send-often", "x.org", limits=Limits(memory=1 << 16))
    assert report.error is None
