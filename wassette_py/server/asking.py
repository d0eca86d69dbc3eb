"""How a question reaches the client and its answer comes back: one way for each era. What is asked is `questions.py`.

Handshake: a request of ours to the client; the worker waits until there is an answer, it is cancelled, the connection or patience ends.
Stateless: the call ends with the question, and is made again with the answer and with the sealed state that says what was asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wassette_py.errors import Cancelled
from wassette_py.server import messages
from wassette_py.server.questions import METHOD, InputRequired, NotDecided

if TYPE_CHECKING:
    from wassette_py.server.messages import Answer
    from wassette_py.server.questions import Question
    from wassette_py.server.restraint import Restraint
    from wassette_py.server.sealing import Sealer

    Asker = Callable[[Question, threading.Event], str]
    """Asks, and returns the choice. Raises NotDecided, Cancelled, InputRequired."""

MOST = 8
"""Questions that wait at once: each keeps a worker, and a person reads one after the other."""
PATIENCE = 600.0
"""Seconds a person has for an answer."""
SLOT = "decision"
"""The key of our question among the input requests."""


class Dialogue:
    """The open questions of one handshake connection."""

    def __init__(self, send: Callable[[dict[str, Any]], None], *, patience: float = PATIENCE) -> None:
        self._send = send
        self._patience = patience
        self._changed = threading.Condition()
        self._open: dict[str, Answer | None] = {}
        self._asked = 0
        self._closed = False

    def ask(self, question: Question, cancel: threading.Event) -> str:
        """Waits for a person's choice. Raises NotDecided, Cancelled."""
        with self._changed:
            if self._closed or len(self._open) >= MOST:
                raise NotDecided("the client is gone" if self._closed else f"{MOST} questions wait for an answer")
            self._asked += 1
            name = f"wassette-question-{self._asked}"
            self._open[name] = None
        self._send({"id": name, "method": METHOD, "params": question.params()})
        with self._changed:
            self._changed.wait_for(lambda: self._open[name] is not None or cancel.is_set() or self._closed, self._patience)
            answer = self._open.pop(name)
        if cancel.is_set() or answer is None:
            self._send(messages.notification("notifications/cancelled", {"requestId": name, "reason": "no answer is needed any more"}))
        if cancel.is_set():
            raise Cancelled("cancelled")
        if answer is None:
            raise NotDecided("the client is gone" if self._closed else f"nobody answered within {self._patience / 60:.0f} minutes")
        if answer.error is not None:
            raise NotDecided("the client could not ask")
        return question.choice(answer.result)

    def hear(self, answer: Answer) -> None:
        """Takes an answer of the client; one to nothing that is open is dropped."""
        with self._changed:
            if isinstance(answer.id, str) and answer.id in self._open and self._open[answer.id] is None:
                self._open[answer.id] = answer
                self._changed.notify_all()

    def wake(self) -> None:
        """Lets those look who wait for a call that was cancelled."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """No answer can come any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Rounds:
    """One call of the stateless era, which may be the continuation of an earlier one. Raises InvalidState where `state` is not ours."""

    def __init__(
        self,
        sealer: Sealer,
        tool: str,
        arguments: Mapping[str, Any],
        responses: Mapping[str, Any],
        state: object,
        *,
        restraint: Restraint,
    ) -> None:
        self._sealer = sealer
        self._restraint = restraint
        self._request = (tool, arguments)
        self._responses = responses
        opened = {} if state is None else sealer.open(state, tool, arguments)
        self._pending: str | None = opened.get("pending")
        self._decided: dict[str, str] = opened.get("decided", {})

    def ask(self, question: Question, cancel: threading.Event) -> str:
        """What a person chose in an earlier round. Raises InputRequired where none has, NotDecided."""
        key = question.key
        if key not in self._decided and self._pending == key and SLOT in self._responses:
            choice = self._restraint.heard(question, question.choice(self._responses[SLOT]))
            self._decided = {**self._decided, key: choice}
        if key in self._decided:
            return self._decided[key]
        self._restraint.admit(question)
        state = self._sealer.seal({"pending": key, "decided": self._decided}, *self._request)
        requests = {SLOT: {"method": METHOD, "params": question.params()}}
        raise InputRequired({"resultType": "input_required", "inputRequests": requests, "requestState": state})
