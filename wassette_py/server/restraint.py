"""How often a session may put questions to a person: a no stands until it ends, and each minute has only so many questions.

A model that asks again and again would else be answered yes by a tired person, or by a hand that clicks. It lives as long as its
connection does and no longer: another connection, and another process, begins anew.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from wassette_py.server.questions import NO, NotDecided

if TYPE_CHECKING:
    from wassette_py.server.questions import Question

A_MINUTE = 10
"""Questions within 60 seconds: nobody reads more than that many and decides."""
REMEMBERED = 1000
"""Questions whose no is kept; of more, the latest. So many take at least a hundred minutes of saying no."""
_MINUTE = 60.0


class StillRefused(NotDecided):
    """A person said no to exactly that before."""


class Restraint:
    """What one session asked. Safe to use from many threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._refused: dict[str, None] = {}
        self._asked: deque[float] = deque(maxlen=A_MINUTE)

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
