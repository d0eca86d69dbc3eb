from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.corehost import FunctionHost, handshaken
from wassette_py.server import messages
from wassette_py.server.messages import Answer, Fault, Notification, Request, decode, encode
from wassette_py.wire import Written

DEEP = b"[" * 100_000
NESTED = b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":' + b"[" * 300 + b"]" * 300 + b"}}"
FLAT = b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":[' + b"[]," * 300 + b"[]]}}"
DEEP_TEXT = b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"' + b"[" * 300 + b'"}}'

HOSTILE: dict[str, tuple[bytes, int, object]] = {
    "no JSON": (b"hello", -32700, None),
    "half an object": (b'{"jsonrpc":"2.0","id":1', -32700, None),
    "two objects": (b'{"jsonrpc":"2.0","id":1,"method":"ping"}{}', -32700, None),
    "not UTF-8": (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700, None),
    "a byte order mark": (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', -32700, None),
    "a control character": (b'{"jsonrpc":"2.0","id":1,"method":"pi\x01ng"}', -32700, None),
    "NaN": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', -32700, None),
    "Infinity": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":-Infinity}}', -32700, None),
    "a number of 5000 digits": (b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % (b"9" * 5000), -32700, None),
    "brackets without end": (DEEP, -32700, None),
    "a batch": (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None),
    "an empty batch": (b"[]", -32600, None),
    "a number": (b"5", -32600, None),
    "null": (b"null", -32600, None),
    "an empty object": (b"{}", -32600, None),
    "no version": (b'{"id":1,"method":"ping"}', -32600, 1),
    "another version": (b'{"jsonrpc":"1.0","id":"a","method":"ping"}', -32600, "a"),
    "a method that is no text": (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, 1),
    "no method": (b'{"jsonrpc":"2.0","id":1}', -32600, 1),
    "id null": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
    "id true": (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
    "id with a fraction": (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
    "id an object": (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, None),
    "id a lone surrogate": (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', -32600, None),
    "params a list": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32602, 1),
    "params a text": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}', -32602, 1),
    "nested too deeply": (NESTED, -32600, 7),
    "an unknown method": (b'{"jsonrpc":"2.0","id":1,"method":"nope"}', -32601, 1),
    "a method of a lone surrogate": (b'{"jsonrpc":"2.0","id":1,"method":"\\udfff"}', -32601, 1),
}


@pytest.mark.parametrize(("line", "code", "id"), HOSTILE.values(), ids=HOSTILE)
def test_a_wrong_line_gets_its_error_and_the_connection_stays(line: bytes, code: int, id: object) -> None:
    wire = handshaken(FunctionHost())
    wire.raw(line)
    (answer,) = wire.sent
    assert (answer["error"]["code"], answer["id"]) == (code, id)
    assert wire.ask("ping", id="still there") == {"jsonrpc": "2.0", "id": "still there", "result": {}}


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","method":"nope"}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":true}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    ],
)
def test_notifications_and_answers_are_never_answered(line: bytes) -> None:
    wire = handshaken(FunctionHost())
    wire.raw(line)
    assert wire.sent == []


@pytest.mark.parametrize("id", [0, -1, 2**70, "", "a", "☃", "1"])
def test_every_string_and_integer_is_an_id(id: object) -> None:
    assert handshaken(FunctionHost()).ask("ping", id=id)["id"] == id


def test_depth_is_that_of_values_and_not_of_brackets() -> None:
    assert isinstance(decode(FLAT), Request)
    assert isinstance(decode(DEEP_TEXT), Request)
    assert isinstance(decode(NESTED), Fault)


def test_params_may_be_absent_or_null() -> None:
    assert decode(b'{"jsonrpc":"2.0","id":1,"method":"ping"}') == Request(1, "ping", {})
    assert decode(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}') == Request(1, "ping", {})
    assert decode(b'{"jsonrpc":"2.0","method":"x"}') == Notification("x", {})
    assert decode(b' {"jsonrpc":"2.0","id":2,"result":1}\r') == Answer(2, 1)


def test_a_lone_surrogate_never_leaves() -> None:
    assert json.loads(encode(messages.error(1, -32601, "no \ud800"))) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32601, "message": "no ?"},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_params_arrive_as_they_were_sent(params: Any) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"v": params}}).encode("utf-8", "replace")
    message = decode(line)
    assert isinstance(message, Request)
    assert message.params == json.loads(line)["params"]


@given(st.dictionaries(st.text(), JSON, max_size=4), st.sets(st.integers(0, 3)))
def test_a_result_is_the_same_whether_its_parts_are_written_already(result: dict[str, Any], ready: set[int]) -> None:
    parts = [
        Written(b"", messages.dump(part).encode("utf-8", "replace")) if at in ready else part for at, part in enumerate(result.values())
    ]
    line = messages.result("one", dict(zip(result, parts, strict=True)))
    assert line == encode({"id": "one", "result": result})


@given(st.binary(max_size=200))
def test_no_line_raises(line: bytes) -> None:
    assert isinstance(decode(line), Request | Notification | Answer | Fault)


@given(st.text(alphabet='{}[]",:0a\\u', max_size=60))
def test_no_line_that_looks_like_json_raises(text: str) -> None:
    assert isinstance(decode(text.encode()), Request | Notification | Answer | Fault)


def test_a_message_shows_what_it_holds() -> None:
    assert repr(Notification("ping", {})) == "Notification(method='ping', params={})"
