"""Parameters that both eras read alike: shapes are checked here, and what does not fit is -32602. What they mean is decided elsewhere."""

from __future__ import annotations

from wassette_py.server.messages import INVALID_PARAMS, RpcError

TYPE_CHECKING = False  # as in messages.py
if TYPE_CHECKING:
    from typing import Any

PROTOCOL_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
GUEST_LEVEL = "info"
"""The level of what a guest prints."""


def meta_of(params: dict[str, Any]) -> dict[str, Any]:
    """`_meta`, empty when absent. Raises RpcError when it is no object."""
    return object_in(params, "_meta")


def object_in(params: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at `key`, empty when absent. Raises RpcError when it is something else."""
    value = params.get(key)
    if value is not None and not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"{key} must be an object")
    return value or {}


def text_in(params: dict[str, Any], key: str) -> str:
    """The string at `key`. Raises RpcError when there is none."""
    value = params.get(key)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"{key} must be a string")
    return value


def progress_token(meta: dict[str, Any]) -> str | int | None:
    """The token to report progress under. Raises RpcError when it is neither a string nor an integer."""
    token = meta.get("progressToken")
    if token is None or isinstance(token, str) or type(token) is int:
        return token
    raise RpcError(INVALID_PARAMS, "progressToken must be a string or an integer")


def shows_forms(capabilities: dict[str, Any]) -> bool:
    """Whether a client of these capabilities shows forms to a person; before 2025-11-25 elicitation was nothing but forms."""
    known = capabilities.get("elicitation")
    return isinstance(known, dict) and (known.get("form") is not None or "url" not in known)


def log_level(value: object, key: str) -> int:
    """The rank of a log level. Raises RpcError for a word that is none."""
    if not isinstance(value, str) or value not in LOG_LEVELS:
        raise RpcError(INVALID_PARAMS, f"{key} must be one of {', '.join(LOG_LEVELS)}")
    return LOG_LEVELS.index(value)


def check_cursor(params: dict[str, Any]) -> None:
    """Lists come whole: a cursor is always one we never gave. Raises RpcError."""
    if params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "unknown cursor")
