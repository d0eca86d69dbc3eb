from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.server.questions import LONGEST, NotDecided, Question, visible


def test_a_path_that_looks_like_another_is_shown_with_its_codes() -> None:
    assert (
        visible("/tmp/\u202eeton\u3164/a\\b\n\x1b[1m\u200b\u00a0") == "/tmp/\\u{202e}eton\\u{3164}/a\\\\b\\u{a}\\u{1b}[1m\\u{200b}\\u{a0}"
    )
    assert visible("/home/zoë/日本 ~") == "/home/zoë/日本 ~"


@given(st.text(max_size=LONGEST), st.text(max_size=LONGEST))
def test_texts_that_differ_are_shown_differently_and_on_one_line(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)
    assert visible(one).isprintable()


def test_what_is_too_long_is_not_cut() -> None:
    with pytest.raises(NotDecided, match="too many to be shown"):
        visible("a" * (LONGEST + 1))


def test_a_question_is_known_by_all_it_shows() -> None:
    choices = {"once": "x"}
    keys = {Question("a", choices).key, Question("b", choices).key, Question("a", {"once": "y"}).key, Question("a", {"x": "once"}).key}
    assert len(keys) == 4
    assert Question("a", choices).key == Question("a", dict(choices)).key
