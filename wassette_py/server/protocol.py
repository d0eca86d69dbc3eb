"""One client's connection, without I/O: a line in, lines out through `send`. Serves both protocol eras.

The first request decides the era for the life of the connection, as in the official SDK (`mcp.server.runner.serve_dual_era_loop`): one with
the 2026-07-28 envelope opens the stateless era, anything else the handshake. What differs between them is in `eras/`; what is
common is here: which requests are being worked on, their cancellation, and the promise that each gets at most one answer.
Source: https://modelcontextprotocol.io/specification, revisions 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping

from wassette_py.audit.actor import Actor, new_session
from wassette_py.errors import WassetteError
from wassette_py.server import messages
from wassette_py.server.eras.params import object_in, text_in
from wassette_py.server.eras.welcome import enveloped
from wassette_py.server.messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Answer,
    Fault,
    Notification,
    Request,
    RequestId,
    RpcError,
)
from wassette_py.server.pending import PendingCall
from wassette_py.server.restraint import Restraint
from wassette_py.server.underway import Underway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.server.asking import Asker, Dialogue
    from wassette_py.server.questions import Question
    from wassette_py.server.seam import Era
    from wassette_py.server.tools import Toolbox

ECHO = 100
"""How many characters of a wrong name are said back."""
EARLY_NOTIFICATIONS = 8
"""How many notifications are kept that come before the first request."""


class Session:
    """One connection. `receive` is called by one thread; everything else from any."""

    def __init__(self, make_toolbox: Callable[[], Toolbox], write: Callable[[bytes], None], *, ready: Callable[[], None]) -> None:
        self.name = new_session()
        """What the audit log calls this connection."""
        self.restraint = Restraint()
        """How often a person is asked on it."""
        self._make_toolbox = make_toolbox
        self._making = threading.Lock()
        self._toolbox: Toolbox | None = None
        self.ready = ready
        """Called when the client has introduced itself, from then on the list of tools is watched for it. May be called again."""
        self._write = write
        self._era: Era | None = None
        self._early: list[Notification] = []
        self._dialogue: Dialogue | None = None
        self._over = False
        self._size = 0
        self.underway = Underway()
        """Requests that are not answered yet."""
        self.reads_here: Callable[[], bool] = lambda: False
        """Whether the calling thread is the one that reads, and must not wait for what it would read."""
        self.listed = threading.Event()
        """Set when the client has been told the tools."""

    @property
    def toolbox(self) -> Toolbox:
        """What is served, made when it is first asked for. Raises WassetteError."""
        with self._making:
            if self._toolbox is None:
                self._toolbox = self._make_toolbox()
                self._toolbox.subscribe(self.list_changed)
            return self._toolbox

    def welcomed(self, introduction: dict[str, Any], *, listed: bool) -> None:
        """The first request was an initialize, and is answered already (`opening.py`); `listed`: so was a tools/list after it."""
        from wassette_py.server.eras.handshake import Handshake

        self._era = Handshake(self, introduction)
        if listed:
            self.listed.set()

    def receive(self, line: bytes) -> None:
        """Takes one line of the client. Raises nothing: whatever is wrong with it is answered."""
        self._size = len(line)
        message = messages.decode(line)
        match message:
            case Request():
                self._request(message)
            case Notification():
                self._notification(message)
            case Answer():
                if self._dialogue is not None:
                    self._dialogue.hear(message)
            case _:
                self.fault(message)

    def fault(self, fault: Fault) -> None:
        """Answers a line that is no message."""
        self.send(messages.error(fault.id, fault.code, fault.message))

    def _request(self, request: Request) -> None:
        era = self._era or self._opened(request)
        try:
            if request.id in self.underway:
                raise RpcError(INVALID_REQUEST, f"a request with the id {request.id!r} is still being worked on")
            result = era.answer(request)
        except RpcError as error:
            self.send(messages.error(request.id, error.code, error.message, error.data))
        except WassetteError as error:
            self.send(messages.error(request.id, INTERNAL_ERROR, str(error)))
        except Exception:  # a fault of ours: the log gets it, the client nothing of our insides
            sys.excepthook(*sys.exc_info())
            self.send(messages.error(request.id, INTERNAL_ERROR, "internal error"))
        else:
            if result is not None:
                self.send_result(request.id, result)
            if request.method == "tools/list":
                self.listed.set()

    def _opened(self, request: Request) -> Era:
        from wassette_py.server.eras.handshake import Handshake
        from wassette_py.server.eras.stateless import Stateless

        era = Stateless(self) if request.method != "initialize" and enveloped(request) else Handshake(self)
        for notification in self._early:
            era.hear(notification)
        self._era = era
        return era

    def _notification(self, notification: Notification) -> None:
        if notification.method == "notifications/cancelled":
            if self.underway.cancel(notification.params.get("requestId")):
                self._wake()
        elif self._era is not None:
            self._era.hear(notification)
        elif len(self._early) < EARLY_NOTIFICATIONS:
            self._early.append(notification)

    # What an era needs.

    def actor(self, client: Mapping[str, Any] | None) -> Actor:
        """Who calls: a client that gave its name and version (checked), or one that did not."""
        return Actor.named(self.name, client["name"], client["version"]) if client else Actor(self.name, via="mcp")

    def call(
        self,
        request: Request,
        token: RequestId | None,
        logs: Callable[[], bool],
        actor: Actor,
        asker: Asker | None,
    ) -> None:
        """Starts tools/call for `actor`; it is answered when it ends. Raises RpcError, WassetteError."""
        name, arguments = text_in(request.params, "name"), object_in(request.params, "arguments")
        pending = PendingCall(self, request.id, token, logs, actor=actor, asker=asker, size=self._size)
        self.underway.begin(request.id, pending)
        try:
            if not (self._toolbox or self.toolbox).start(name, arguments, pending, pending.finish):
                raise RpcError(INVALID_PARAMS, f"unknown tool: {name[:ECHO]}")
        except Exception:
            self.underway.end(request.id, pending)
            raise

    def ask(self, question: Question, cancel: threading.Event) -> str:
        """Asks with a request of ours, and waits for the answer (an Asker)."""
        from wassette_py.server.asking import Dialogue
        from wassette_py.server.questions import NotDecided

        if self.reads_here():
            raise NotDecided("no thread is left to wait for an answer")
        with self._making:
            if self._dialogue is None:
                self._dialogue = Dialogue(self.send)
                if self._over:
                    self._dialogue.close()
        dialogue = self._dialogue
        return self.restraint.ask(question, cancel, lambda: dialogue.ask(question, cancel))

    def _wake(self) -> None:
        if self._dialogue is not None:
            self._dialogue.wake()

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message."""
        self._write(messages.encode(message))

    def send_result(self, request_id: RequestId, result: dict[str, Any]) -> None:
        """Answers a request in the words of the era."""
        assert self._era is not None
        try:
            line = messages.result(request_id, self._era.shape(result))
        except (ValueError, RecursionError):
            sys.excepthook(*sys.exc_info())
            line = messages.encode(messages.error(request_id, INTERNAL_ERROR, "internal error: the result is no JSON"))
        self._write(line)

    def list_changed(self) -> None:
        """Tells the client that the list of tools has changed."""
        if self._era is not None:
            self._era.list_changed()

    # The end.

    def drain(self, seconds: float) -> bool:
        """Waits until every call has been answered, with no more answers of the client; False when it took longer."""
        with self._making:
            self._over = True
            if self._dialogue is not None:
                self._dialogue.close()
        return self.underway.wait_for_calls(seconds)

    def idle(self, seconds: float) -> bool:
        """Waits until no call runs, also none that was cancelled; False when it took longer."""
        return self._toolbox is None or self._toolbox.idle(seconds)

    def close(self) -> None:
        """Ends and answers everything that is being worked on."""
        self.underway.close()
        self._wake()
