"""The example `diff`: applying a diff gives the other text, and the counts are those of the shortest way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.installed import Installed

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "ä 😀\n"]), max_size=25)
TEXTS = st.builds(lambda lines, ends: "".join(lines) if ends else "".join(lines).removesuffix("\n"), LINES, st.booleans())


@pytest.fixture(scope="module")
def installed(load_example: Callable[[str], Installed]) -> Installed:
    return load_example("diff")


@given(before=TEXTS, after=TEXTS, context=st.sampled_from([None, 0, 1, 3]))
@settings(max_examples=150, deadline=None)
def test_a_diff_applied_to_one_text_gives_the_other(installed: Installed, before: str, after: str, context: int | None) -> None:
    patch = installed.value("diff_unified", before=before, after=after, context=context)
    assert installed.value("diff_apply", text=before, patch=patch) == after
    assert (patch == "") == (before == after)


@given(before=LINES, after=LINES)
@settings(max_examples=100, deadline=None)
def test_the_counts_are_those_of_the_longest_common_lines(installed: Installed, before: list[str], after: list[str]) -> None:
    longest = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i, line in enumerate(before):
        for j, other in enumerate(after):
            longest[i + 1][j + 1] = longest[i][j] + 1 if line == other else max(longest[i][j + 1], longest[i + 1][j])
    common = longest[-1][-1]
    expected = {"added": len(after) - common, "removed": len(before) - common, "unchanged": common}
    assert installed.value("diff_count", before="".join(before), after="".join(after)) == expected


def test_the_diff_is_the_one_people_know(installed: Installed) -> None:
    before = "".join(f"{number}\n" for number in range(20))
    after = before.replace("5\n", "five\n", 1).replace("19\n", "19")
    patch = installed.value("diff_unified", before=before, after=after, context=1)
    assert patch == "@@ -5,3 +5,3 @@\n 4\n-5\n+five\n 6\n@@ -19,2 +19,2 @@\n 18\n-19\n+19\n\\ No newline at end of file\n"


def test_a_diff_is_applied_where_its_lines_have_moved_to(installed: Installed) -> None:
    patch = installed.value("diff_unified", before="a\nb\nc\n", after="a\nB\nc\n")
    assert installed.value("diff_apply", text="new\nnew\na\nb\nc\n", patch=patch) == "new\nnew\na\nB\nc\n"
    head = "--- a/file\n+++ b/file\n"
    assert installed.value("diff_apply", text="a\nb\nc\n", patch=f"{head}{patch}") == "a\nB\nc\n"


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("hello", "not a unified diff"),
        ("@@ -1 +1 @@\n-x\n+y\n", "does not fit"),
        ("@@ -1,3 +1 @@\n-a\n", "ends in the middle"),
        ("@@ -1,3 +1 @@\n-a\n*b\n", "not a unified diff: *b"),
    ],
)
def test_what_cannot_be_applied_is_said(patch: str, said: str, installed: Installed) -> None:
    assert said in (installed.call("diff_apply", text="a\n", patch=patch).error or "")


def test_texts_with_nothing_in_common_take_no_long_time(installed: Installed) -> None:
    before, after = ("".join(f"{letter}{number}\n" for number in range(10_000)) for letter in "ab")
    assert installed.value("diff_count", before=before, after=after) == {"added": 10_000, "removed": 10_000, "unchanged": 0}
