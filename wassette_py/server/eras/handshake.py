"""The era of the handshake: revisions 2024-11-05 to 2025-11-25, where a connection is initialised once and then has a state.

Checks come in the order of the official SDK's runner, so that a wrong request gets the same error code from both.
Source: https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wassette_py.server import messages
from wassette_py.server.eras.params import GUEST_LEVEL, LOG_LEVELS, check_cursor, log_level, meta_of, progress_token, shows_forms
from wassette_py.server.eras.welcome import enveloped, welcome
from wassette_py.server.messages import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Notification, Request, RpcError
from wassette_py.server.protocol import ECHO
from wassette_py.wire import Written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.server.asking import Asker
    from wassette_py.server.protocol import Session

VERSIONS_WITHOUT_QUESTIONS = ("2024-11-05", "2025-03-26")


class Handshake:
    """The state of one such connection."""

    def __init__(self, session: Session, introduction: dict[str, Any] | None = None) -> None:
        """`introduction`: how the client introduced itself, when its initialize has been answered already."""
        self._session = session
        self._accepted = False
        self._initialized = False
        self._actor = session.actor(None)
        self._asker: Asker | None = None
        if introduction is not None:
            self._introduced(introduction)
        self._level = LOG_LEVELS.index("debug")
        self._methods: Mapping[str, Callable[[Request], dict[str, Any] | None]] = {
            "initialize": self._initialize,
            "ping": lambda request: {},
            "tools/list": self._list,
            "tools/call": self._call,
            "logging/setLevel": self._set_level,
        }

    def answer(self, request: Request) -> dict[str, Any] | None:
        if request.method != "initialize" and enveloped(request):
            raise RpcError(INVALID_REQUEST, "this connection was initialized: requests with the 2026-07-28 envelope are not accepted on it")
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "method not found", request.method[:ECHO])
        if not self._accepted and request.method not in ("initialize", "ping"):
            raise RpcError(INVALID_PARAMS, "the connection is not initialized: send initialize first")
        return method(request)

    def hear(self, notification: Notification) -> None:
        if notification.method == "notifications/initialized":
            self._accepted = self._initialized = True
            self._session.ready()

    def list_changed(self) -> None:
        if self._initialized:
            self._session.send(messages.notification("notifications/tools/list_changed"))

    def shape(self, result: dict[str, Any]) -> dict[str, Any]:
        return result

    def _initialize(self, request: Request) -> dict[str, Any]:
        result = welcome(request.params)
        self._introduced(request.params)
        return result

    def _introduced(self, params: dict[str, Any]) -> None:
        self._actor = self._session.actor(params["clientInfo"])
        self._accepted = True
        asks = params["protocolVersion"] not in VERSIONS_WITHOUT_QUESTIONS and shows_forms(params["capabilities"])
        self._asker = self._session.ask if asks else None

    def _list(self, request: Request) -> dict[str, Any]:
        check_cursor(request.params)
        return {"tools": Written(self._session.toolbox.listing())}

    def _call(self, request: Request) -> None:
        token = progress_token(meta_of(request.params)) if "_meta" in request.params else None
        self._session.call(request, token, self._logs, self._actor, self._asker)

    def _set_level(self, request: Request) -> dict[str, Any]:
        self._level = log_level(request.params.get("level"), "level")
        return {}

    def _logs(self) -> bool:
        return LOG_LEVELS.index(GUEST_LEVEL) >= self._level
