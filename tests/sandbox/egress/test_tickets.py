"""A ticket is one path of its own; everything near it is nothing."""

from __future__ import annotations

import threading

from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.policy.network import parse_url
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.egress.route import Route
from wassette_py.sandbox.egress.session import Session, Ticket
from wassette_py.sandbox.state import CallState

ROUTE = Route("GET", parse_url("http://api.test/"), "/")


def ticket() -> Ticket:
    call = CallState(limits=Limits(), policy=EMPTY, environment={}, cancel=threading.Event(), egress=Egress())
    return Ticket(Session(call), ROUTE)


def test_nothing_near_a_ticket_is_one() -> None:
    mine = ticket()
    path = mine.path.encode()
    assert mine.is_shown(path)
    for wrong in (b"", b"/", path[1:], path[:-1], path + b"x", path.upper(), b"/" + path, b"\xff" + path[1:], ticket().path.encode()):
        assert not mine.is_shown(wrong)


def test_tickets_are_long_and_never_the_same() -> None:
    paths = {ticket().path for _ in range(1000)}
    assert {len(path) for path in paths} == {49}
    assert len(paths) == 1000
