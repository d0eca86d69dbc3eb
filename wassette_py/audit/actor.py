"""On whose behalf this thread works: a session, and the client's own name for itself when it has told one.

Said once where a request begins (`acting`), so that it need not be handed through every operation. It decides nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

LONGEST = 100
"""Characters of a client's name: it may say anything."""


@dataclass(frozen=True)
class Actor:
    """One session with one client; `client` None: a person's command."""

    session: str
    client: str | None = None

    @classmethod
    def named(cls, session: str, name: str, version: str) -> Actor:
        """The client as it introduced itself, kept short."""
        return cls(session, f"{name}/{version}"[:LONGEST])


def new_session() -> str:
    """A name for one session, like no other."""
    return os.urandom(8).hex()


_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)
_OWN: list[Actor] = []


def actor() -> Actor:
    """Whoever this thread acts for; without one, this process."""
    known = _ACTOR.get()
    if known is not None:
        return known
    if not _OWN:
        _OWN.append(Actor(new_session()))
    return _OWN[0]


@contextlib.contextmanager
def acting(who: Actor) -> Iterator[None]:
    """What this thread does inside is done for `who`."""
    token = _ACTOR.set(who)
    try:
        yield
    finally:
        _ACTOR.reset(token)
