"""A ticket is one path of its own, once; everything near it is nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.policy.network import parse_url
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.egress.route import Route
from wassette_py.sandbox.egress.session import Session
from wassette_py.sandbox.egress.tickets import Tickets
from wassette_py.sandbox.state import CallState

ROUTE = Route("GET", parse_url("http://api.test/"), "/")


def session() -> Session:
    call = CallState(limits=Limits(), policy=EMPTY, environment={}, cancel=threading.Event(), egress=Egress())
    return Session(call, cast(asyncio.AbstractEventLoop, None))


def test_a_ticket_is_taken_once() -> None:
    tickets, mine = Tickets(), session()
    path = tickets.give(mine, ROUTE).encode()
    ticket = tickets.take(path)
    assert ticket is not None
    assert (ticket.session, ticket.route) == (mine, ROUTE)
    assert tickets.take(path) is None
    assert len(tickets) == 0


def test_nothing_near_a_ticket_is_one_and_trying_does_not_use_it_up() -> None:
    tickets = Tickets()
    path = tickets.give(session(), ROUTE).encode()
    number, _, secret = path[1:].partition(b".")
    for wrong in (
        b"",
        b"/",
        b"/.",
        b"/" + number,
        b"/" + number + b".",
        path[:-1],
        path + b"x",
        path.swapcase(),
        b"/2." + secret,
        b"/\xff." + secret,
    ):
        assert tickets.take(wrong) is None
    assert tickets.take(b"/." + bytes(32)) is None
    assert tickets.take(path) is not None


def test_tickets_are_long_and_never_the_same() -> None:
    tickets, mine = Tickets(), session()
    paths = {tickets.give(mine, ROUTE) for _ in range(1000)}
    assert len({path.partition(".")[2] for path in paths}) == 1000
    assert min(len(path.partition(".")[2]) for path in paths) == 32


def test_a_call_takes_its_own_tickets_with_it() -> None:
    tickets, mine, other = Tickets(), session(), session()
    path, kept = tickets.give(mine, ROUTE), tickets.give(other, ROUTE)
    tickets.revoke(mine)
    assert tickets.take(path.encode()) is None
    assert tickets.take(kept.encode()) is not None
