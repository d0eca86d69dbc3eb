"""How often a session may put questions to a person: a no stands until it ends, and each minute has only so many questions.

A model that asks again and again would else be answered yes by a tired person, or by a hand that clicks. It lives as long as its
connection does and no longer: another connection, and another process, begins anew.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from wassette_py.errors import Cancelled
from wassette_py.server.questions import NO, NotDecided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.server.questions import Question

A_MINUTE = 10
"""Questions within 60 seconds: nobody reads more than that many and decides."""
REMEMBERED = 1000
"""Questions whose no is kept; of more, the latest. So many take at least a hundred minutes of saying no."""
_MINUTE = 60.0
_GLANCE = 0.05
"""Seconds between two looks at whether who waits for its turn was cancelled."""


class StillRefused(NotDecided):
    """A person said no to exactly that before."""


class Restraint:
    """What one session asked. Safe to use from many threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._refused: dict[str, None] = {}
        self._asked: deque[float] = deque(maxlen=A_MINUTE)
        self._waiting: set[str] = set()

    def ask(self, question: Question, cancel: threading.Event, ask: Callable[[], str]) -> str:
        """What `ask` says, once nobody else waits for an answer to exactly that: their no is one to all who ask meanwhile.

        Raises NotDecided, Cancelled, and what `ask` raises.
        """
        with self._lock:
            while question.key in self._waiting:
                self._lock.wait(_GLANCE)
                if cancel.is_set():
                    raise Cancelled("cancelled")
            self._waiting.add(question.key)
        try:
            self.admit(question)
            return self.heard(question, ask())
        finally:
            with self._lock:
                self._waiting.discard(question.key)
                self._lock.notify_all()

    def admit(self, question: Question) -> None:
        """Counts a question that is to be asked now. Raises NotDecided where it is not to be."""
        with self._lock:
            if question.key in self._refused:
                raise StillRefused("a person refused exactly this before")
            now = self._clock()
            if len(self._asked) == A_MINUTE and now - self._asked[0] < _MINUTE:
                raise NotDecided(f"{A_MINUTE} questions were put to them within a minute")
            self._asked.append(now)

    def heard(self, question: Question, choice: str) -> str:
        """Keeps a no; returns `choice`."""
        if choice == NO:
            with self._lock:
                self._refused[question.key] = None
                while len(self._refused) > REMEMBERED:
                    del self._refused[next(iter(self._refused))]
        return choice
