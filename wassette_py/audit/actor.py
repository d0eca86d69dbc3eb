"""On whose behalf this thread works: a session, and the client's own name for itself when it has told one.

Said once where a request begins (`acting`), so that it need not be handed through every operation. It decides nothing.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

from wassette_py.dataclass import dataclass

LONGEST = 100
"""Characters of a client's name: it may say anything."""


@dataclass(frozen=True)
class Actor:
    """One session; `client` as it calls itself, where there is one and it says so."""

    session: str
    client: str | None = None
    via: str = "command"
    """`command`: somebody at a terminal, or a script; `mcp`: a client, also one that does not say its name."""

    @classmethod
    def named(cls, session: str, name: str, version: str) -> Actor:
        """The client as it introduced itself, kept short."""
        return cls(session, f"{name}/{version}"[:LONGEST], "mcp")


@dataclass(frozen=True)
class Decision:
    """Who chose what: `by` a person or the operator, `way` how they were reached."""

    by: str
    choice: str
    way: str


def new_session() -> str:
    """A name for one session, like no other."""
    return os.urandom(8).hex()


_ACTING: ContextVar[tuple[Actor | None, Decision | None]] = ContextVar("acting", default=(None, None))
_OWN: list[Actor] = []


def actor() -> Actor:
    """Whoever this thread acts for; without one, this process."""
    known, _ = _ACTING.get()
    if known is not None:
        return known
    if not _OWN:
        _OWN.append(Actor(new_session()))
    return _OWN[0]


class acting:
    """What this thread does inside is done for `who`."""

    def __init__(self, who: Actor) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._before = _ACTING.set((self._who, None))

    def __exit__(self, *_: object) -> None:
        _ACTING.reset(self._before)


def decided(decision: Decision | None) -> None:
    """What this thread does next, to the end of `acting`, follows that decision (None: nobody has decided yet)."""
    who, _ = _ACTING.get()
    _ACTING.set((who, decision))


def decision() -> Decision | None:
    """The decision that this thread follows."""
    _, known = _ACTING.get()
    return known
