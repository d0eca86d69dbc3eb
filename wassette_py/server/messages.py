"""JSON-RPC messages: one line of bytes -> one value, and back. No method is known here.

Source: https://www.jsonrpc.org/specification and MCP's basic protocol: ids are strings or integers, `params` is an object, there are no
batches. A line that is no message becomes a `Fault` that names the error to answer; nothing here raises for what a client sent.
"""

from __future__ import annotations

from itertools import chain

from wassette_py.wire import Written, json_text, parse, quoted

TYPE_CHECKING = False  # the first reply waits for this module: typing, dataclasses and json would be half of it
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CONNECTION_CLOSED = -32000
UNSUPPORTED_PROTOCOL_VERSION = -32022

MAX_LINE = 8 << 20
"""Bytes of one message. Above what a call may take and give by default (4 MiB of output), below what would hurt."""
MAX_DEPTH = 200
"""Levels of nesting; the SDK's own JSON reader stops there too."""

RequestId = str | int


class _Value:
    """Equal to another of its class with the same fields."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([f'{name}={value!r}' for name, value in vars(self).items()])})"


class Request(_Value):
    """A message that expects an answer."""

    def __init__(self, id: RequestId, method: str, params: dict[str, Any]) -> None:
        self.id = id
        self.method = method
        self.params = params


class Notification(_Value):
    """A message that expects none."""

    def __init__(self, method: str, params: dict[str, Any]) -> None:
        self.method = method
        self.params = params


class Answer(_Value):
    """The client's answer to a request of ours."""

    def __init__(self, id: object, result: object = None, error: object = None) -> None:
        self.id = id
        self.result = result
        self.error = error


class Fault(_Value):
    """A line that is no message: the JSON-RPC error that answers it, with the id when one could be read."""

    def __init__(self, code: int, message: str, id: RequestId | None = None) -> None:
        self.code = code
        self.message = message
        self.id = id


class RpcError(Exception):
    """The JSON-RPC error that answers the request at hand."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


Message = Request | Notification | Answer | Fault

TOO_LONG = Fault(INVALID_REQUEST, f"a message has at most {MAX_LINE} bytes")


def decode(line: bytes) -> Message:
    """The message in `line`."""
    try:
        value = parse(line.decode())
    except UnicodeDecodeError:
        return Fault(PARSE_ERROR, "not UTF-8")
    except RecursionError:
        return Fault(PARSE_ERROR, "nested too deeply")
    except ValueError as error:
        return Fault(PARSE_ERROR, f"not JSON: {error}")
    if isinstance(value, list):
        return Fault(INVALID_REQUEST, "batches are not accepted: send one message a line")
    if not isinstance(value, dict):
        return Fault(INVALID_REQUEST, "a message is a JSON object")
    may_be_deep = line.count(b"[") + line.count(b"{") > MAX_DEPTH
    return _message(value, deep=may_be_deep and _is_deep(value))


def _message(value: dict[str, Any], *, deep: bool) -> Message:
    known = value.get("id")
    request_id = known if type(known) is int or _is_valid_text(known) else None
    method, params = value.get("method"), value.get("params")
    if value.get("jsonrpc") != "2.0":
        return Fault(INVALID_REQUEST, 'jsonrpc must be "2.0"', request_id)
    if "method" not in value and ("result" in value or "error" in value):
        return Answer(known, value.get("result"), value.get("error"))
    if not isinstance(method, str):
        return Fault(INVALID_REQUEST, "method must be a string", request_id)
    if "id" in value and request_id is None:
        return Fault(INVALID_REQUEST, "id must be a string or an integer")
    if deep:
        return Fault(INVALID_REQUEST, f"nested deeper than {MAX_DEPTH} levels", request_id)
    if params is not None and not isinstance(params, dict):
        # A notification is never answered, whatever it holds.
        return Notification(method, {}) if request_id is None else Fault(INVALID_PARAMS, "params must be an object", request_id)
    return Notification(method, params or {}) if request_id is None else Request(request_id, method, params or {})


def _is_valid_text(value: object) -> bool:
    """A string that can be written back: no lone surrogate."""
    return isinstance(value, str) and (value.isascii() or value.encode("utf-8", "replace").decode() == value)


def _is_deep(value: object) -> bool:
    """Whether `value` is nested deeper than MAX_DEPTH."""
    objects: list[Any] = []
    arrays: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        kinds = set(map(type, _inside(objects, arrays)))
        if kinds.isdisjoint((dict, list)):
            return False
        objects, arrays = _of(dict, objects, arrays), _of(list, objects, arrays)
    return True


def _of(kind: type, objects: list[Any], arrays: list[Any]) -> list[Any]:
    return [each for each in _inside(objects, arrays) if each.__class__ is kind]


def _inside(objects: list[Any], arrays: list[Any]) -> Iterable[Any]:
    return chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(arrays))


def dump(value: object) -> str:
    """`value` as JSON text. Raises ValueError for NaN and infinities."""
    return json_text(value)


def dumped(value: object) -> bytes:
    """`dump`, as it is sent. A lone surrogate becomes `?`: readers of the other side refuse it, and an answer must arrive."""
    return dump(value).encode("utf-8", "replace")


def encode(message: dict[str, Any]) -> bytes:
    """`message` as a line."""
    return dumped({"jsonrpc": "2.0", **message}) + b"\n"


def result(request_id: RequestId, value: dict[str, Any]) -> bytes:
    """The answer to a request that went well, as a line. What of `value` is `Written` is not written again."""
    pieces = [f'{{"jsonrpc":"2.0","id":{dump(request_id)},"result":'.encode()]
    before = "{"
    for name, part in value.items():
        pieces.append(f"{before}{quoted(name)}:".encode())
        if isinstance(part, Written):
            pieces += part.pieces
        else:
            pieces.append(b"false" if part is False else dumped(part))
        before = ","
    return b"".join([*pieces, b"}}\n" if value else b"{}}\n"])


def error(request_id: RequestId | None, code: int, message: str, data: object = None) -> dict[str, Any]:
    """The answer to a request that did not."""
    return {"id": request_id, "error": {"code": code, "message": message, **({} if data is None else {"data": data})}}


def notification(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A message of ours that expects no answer."""
    return {"method": method, **({} if params is None else {"params": params})}
