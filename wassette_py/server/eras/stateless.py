"""The stateless era: revision 2026-07-28, where every request carries its own envelope and change is heard on subscriptions.

Checks come in the order of the official SDK (`mcp.shared.inbound.classify_inbound_request`), so that a wrong request gets the same error
code from both. Source: https://modelcontextprotocol.io/specification/2026-07-28
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wassette_py.server import messages
from wassette_py.server.eras.params import (
    GUEST_LEVEL,
    LOG_LEVELS,
    PROTOCOL_VERSION_KEY,
    check_cursor,
    log_level,
    object_in,
    progress_token,
    shows_forms,
    text_in,
)
from wassette_py.server.eras.welcome import INSTRUCTIONS, SERVER_INFO
from wassette_py.server.messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    Notification,
    Request,
    RequestId,
    RpcError,
)
from wassette_py.server.protocol import ECHO
from wassette_py.wire import Written

if TYPE_CHECKING:
    from wassette_py.server.asking import Rounds
    from wassette_py.server.protocol import Session
    from wassette_py.server.questions import Question
    from wassette_py.server.sealing import Sealer

VERSIONS = ("2026-07-28",)
CAPABILITIES = {"logging": {}, "tools": {"listChanged": True}}
CLIENT_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel"
SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
FRESHNESS = {"ttlMs": 0, "cacheScope": "private"}
"""The list changes whenever somebody loads a component, and each client may see another one."""
MAX_SUBSCRIPTIONS = 64


class Subscription:
    """An open subscriptions/listen; `tools`: it wants to hear of changes of the list."""

    is_call = False

    def __init__(self, session: Session, request_id: RequestId, open_ones: dict[RequestId, Subscription], *, tools: bool) -> None:
        self.id = request_id
        self.tools = tools
        self._session = session
        self._open_ones = open_ones

    def tell(self, method: str, **params: object) -> None:
        """Sends a notification on this subscription."""
        self._session.send(messages.notification(method, {**params, "_meta": {SUBSCRIPTION_KEY: self.id}}))

    def stop(self) -> None:
        self._open_ones.pop(self.id, None)

    def close(self) -> None:
        self.stop()
        self._session.send_result(self.id, {"_meta": {SUBSCRIPTION_KEY: self.id}})


class Stateless:
    """One connection of such requests; all it remembers is who listens."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._subscriptions: dict[RequestId, Subscription] = {}
        self._telling = threading.Lock()
        self._sealing = threading.Lock()
        self._sealer: Sealer | None = None
        self._methods: Mapping[str, Callable[[Request], dict[str, Any] | None]] = {
            "server/discover": self._discover,
            "tools/list": self._list,
            "tools/call": self._call,
            "subscriptions/listen": self._listen,
        }

    def answer(self, request: Request) -> dict[str, Any] | None:
        if request.method == "initialize":
            requested = request.params.get("protocolVersion")
            raise RpcError(
                UNSUPPORTED_PROTOCOL_VERSION,
                "this connection serves 2026-07-28: initialize is not accepted on it",
                {"supported": list(VERSIONS), **({"requested": requested} if isinstance(requested, str) else {})},
            )
        meta = _envelope(request)
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "method not found", request.method[:ECHO])
        _check_meta(meta)
        self._session.ready()
        return method(request)

    def hear(self, notification: Notification) -> None:
        """No notification but `cancelled` exists in this era."""

    def list_changed(self) -> None:
        with self._telling:
            for subscription in list(self._subscriptions.values()):
                if subscription.tools:
                    subscription.tell("notifications/tools/list_changed")

    def shape(self, result: dict[str, Any]) -> dict[str, Any]:
        return {"resultType": "complete", **result, "_meta": {**result.get("_meta", {}), SERVER_INFO_KEY: SERVER_INFO}}

    def _discover(self, request: Request) -> dict[str, Any]:
        return {"supportedVersions": list(VERSIONS), "capabilities": CAPABILITIES, "instructions": INSTRUCTIONS, **FRESHNESS}

    def _list(self, request: Request) -> dict[str, Any]:
        check_cursor(request.params)
        return {"tools": Written(self._session.toolbox.listing()), **FRESHNESS}

    def _call(self, request: Request) -> None:
        meta = request.params["_meta"]
        wanted = meta.get(LOG_LEVEL_KEY)
        logs = wanted is not None and LOG_LEVELS.index(GUEST_LEVEL) >= log_level(wanted, LOG_LEVEL_KEY)
        object_in(request.params, "inputResponses")
        rounds = None if request.params.get("requestState") is None else self._rounds(request)

        def ask(question: Question, cancel: threading.Event) -> str:
            return (rounds or self._rounds(request)).ask(question, cancel)

        asker = ask if shows_forms(meta[CLIENT_CAPABILITIES_KEY]) else None
        self._session.call(request, progress_token(meta), lambda: logs, self._session.actor(meta.get(CLIENT_INFO_KEY)), asker)

    def _rounds(self, request: Request) -> Rounds:
        """The call `request` is, as a round of a dialogue. Raises RpcError where it continues what this connection did not begin."""
        from wassette_py.server.asking import Rounds
        from wassette_py.server.sealing import InvalidState, Sealer

        params = request.params
        with self._sealing:
            self._sealer = self._sealer or Sealer(self._session.name)
        tool, arguments, responses = text_in(params, "name"), object_in(params, "arguments"), object_in(params, "inputResponses")
        try:
            return Rounds(self._sealer, tool, arguments, responses, params.get("requestState"), restraint=self._session.restraint)
        except InvalidState as error:
            import logging

            logging.getLogger(__name__).info("requestState refused: %s", error)
            raise RpcError(INVALID_PARAMS, "invalid or expired requestState", {"reason": "invalid_request_state"}) from None

    def _listen(self, request: Request) -> None:
        wanted = request.params.get("notifications")
        if not isinstance(wanted, dict):
            raise RpcError(INVALID_PARAMS, "notifications must be an object")
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise RpcError(INTERNAL_ERROR, f"{MAX_SUBSCRIPTIONS} subscriptions are open; end one first")
        _ = self._session.toolbox  # made late, it would take the list after a change for the first one
        tools = wanted.get("toolsListChanged") is True
        subscription = Subscription(self._session, request.id, self._subscriptions, tools=tools)
        self._session.underway.begin(request.id, subscription)
        with self._telling:  # the acknowledgement comes first, and no change after it is missed
            subscription.tell("notifications/subscriptions/acknowledged", notifications={"toolsListChanged": True} if tools else {})
            self._subscriptions[request.id] = subscription


def _envelope(request: Request) -> dict[str, Any]:
    """The request's `_meta` with a version we serve. Raises RpcError."""
    meta = request.params.get("_meta")
    if not isinstance(meta, dict):
        raise RpcError(INVALID_PARAMS, f"_meta must be an object with {PROTOCOL_VERSION_KEY} and {CLIENT_CAPABILITIES_KEY}")
    missing = [key for key in (PROTOCOL_VERSION_KEY, CLIENT_CAPABILITIES_KEY) if key not in meta]
    if missing:
        raise RpcError(INVALID_PARAMS, f"_meta lacks {' and '.join(missing)}")
    version = text_in(meta, PROTOCOL_VERSION_KEY)
    if version not in VERSIONS:
        data = {"supported": list(VERSIONS), "requested": version}
        raise RpcError(UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", data)
    return meta


def _check_meta(meta: dict[str, Any]) -> None:
    if not isinstance(meta[CLIENT_CAPABILITIES_KEY], dict):
        raise RpcError(INVALID_PARAMS, f"{CLIENT_CAPABILITIES_KEY} must be an object")
    if meta.get(CLIENT_INFO_KEY) is not None:
        info = object_in(meta, CLIENT_INFO_KEY)
        text_in(info, "name")
        text_in(info, "version")
    if meta.get(LOG_LEVEL_KEY) is not None:
        log_level(meta[LOG_LEVEL_KEY], LOG_LEVEL_KEY)
    progress_token(meta)
