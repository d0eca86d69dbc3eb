"""Known values do not stay in text, however it writes them."""

from __future__ import annotations

import json
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import LONG, held_up
from wassette_py.secrets import Redactor


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    redactor.learn(values)
    redactor.learn(values)
    return redactor


def test_what_is_not_known_stays() -> None:
    assert Redactor().text("anything") == "anything"
    value = {"a": ["b"]}
    assert Redactor().value(value) is value


@pytest.mark.claim("secrets:never-shown")
def test_a_value_is_taken_out_wherever_it_stands() -> None:
    redactor = knowing("tok-123", "tok-123-longer")
    assert redactor.text("a tok-123 b tok-123-longer c") == "a [redacted] b [redacted] c"
    assert redactor.value({"tok-123": ["x tok-123", 5, None, ("tok-123",)]}) == {"[redacted]": ["x [redacted]", 5, None, ["[redacted]"]]}


def test_a_value_that_another_thread_is_learning_is_taken_out_too() -> None:
    redactor, begun, go = Redactor(), threading.Event(), threading.Event()
    said: list[str] = []

    class Slow(str):
        __slots__ = ()

        def splitlines(self, keepends: bool = False) -> list[str]:
            begun.set()
            go.wait(LONG)
            return super().splitlines(keepends)

    def learn() -> None:
        redactor.learn(["tok-123"])
        said.append(redactor.text("tok-123"))

    held_up(lambda: redactor.learn([Slow("tok-123")]), begun, learn, go)
    assert said == ["[redacted]"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4).filter(lambda value: len(value.strip()) >= 4))
def test_a_value_is_found_as_json_python_and_urls_write_it(value: str) -> None:
    redactor = knowing(value)
    for written in (value, json.dumps(value), json.dumps(value, ensure_ascii=False), quote(value, safe=""), repr(value)):
        inner = written.strip("\"'") if written != value else written
        assert inner not in redactor.text(f"<{written}>") or inner in "<[redacted]>"


def test_each_line_of_a_key_in_lines_is_taken_out() -> None:
    key = "-----BEGIN KEY-----\nMIIBVAIBADANBgkqhkiG9w0BAQ\n-----END KEY-----\n"
    assert knowing(key).text("line 2 is MIIBVAIBADANBgkqhkiG9w0BAQ!") == "line 2 is [redacted]!"
