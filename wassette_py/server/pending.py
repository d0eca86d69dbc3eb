"""One tools/call from its request to its answer: what the one who works on it may say meanwhile, and to whom."""

from __future__ import annotations

from collections.abc import Callable

from wassette_py.control import Cancel
from wassette_py.server import messages
from wassette_py.server.eras.params import GUEST_LEVEL
from wassette_py.server.messages import CONNECTION_CLOSED, RequestId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.audit.actor import Actor
    from wassette_py.server.asking import Asker
    from wassette_py.server.protocol import Session
    from wassette_py.server.questions import Question


class PendingCall:
    """A tools/call that is being worked on (a CallContext). What it sends after its end is dropped."""

    is_call = True

    def __init__(
        self,
        session: Session,
        request_id: RequestId,
        token: RequestId | None,
        logs: Callable[[], bool],
        *,
        actor: Actor,
        asker: Asker | None,
        size: int,
    ) -> None:
        self.cancel = Cancel()
        self.actor = actor
        self.size = size
        self._session = session
        self._id = request_id
        self._token = token
        self._logs = logs
        self._asker = asker
        self._told = -1.0

    def progress(self, done: float, total: float | None, message: str) -> None:
        """Tells the client how far the call is; never backwards, as the protocol demands."""
        if self._token is None or done <= self._told or not self._session.underway.has(self._id, self):
            return
        self._told = done
        known = {} if total is None else {"total": total}
        params = {"progressToken": self._token, "progress": done, **known, "message": message}
        self._session.send(messages.notification("notifications/progress", params))

    def log(self, logger: str, text: str) -> None:
        """Shows a line the guest printed to the client, or to our log when the client does not want it."""
        if not self._logs():
            import logging  # by now the sandbox has imported it

            logging.getLogger(__name__).info("%s: %r", logger, text)
        elif self._session.underway.has(self._id, self):
            params = {"level": GUEST_LEVEL, "logger": logger, "data": text}
            self._session.send(messages.notification("notifications/message", params))

    @property
    def can_ask(self) -> bool:
        return self._asker is not None

    @property
    def can_wait(self) -> bool:
        return self._asker == self._session.ask  # the other era's ends the call

    def ask(self, question: Question) -> str:
        """Asks a person, in the way of the era."""
        assert self._asker is not None
        return self._asker(question, self.cancel)

    def finish(self, result: dict[str, Any]) -> None:
        """Answers, unless that is over."""
        if self._session.underway.end(self._id, self):
            self._session.send_result(self._id, result)

    def stop(self) -> None:
        self.cancel.set()

    def close(self) -> None:
        self.cancel.set()
        self._session.send(messages.error(self._id, CONNECTION_CLOSED, "the server stopped before the call had ended"))
