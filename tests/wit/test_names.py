"""Every function gets a name of its own that any client takes."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wassette_py.errors import InvalidArguments
from wassette_py.wit.names import tool_names
from wassette_py.wit.types import FunctionType


def names(*exports: str, prefix: str = "") -> list[str]:
    return list(tool_names([_function(export) for export in exports], prefix).values())


def _function(export: str) -> FunctionType:
    interface, hash, name = export.rpartition("#")
    return FunctionType(interface if hash else None, name, (), None)


def digest(export: str) -> str:
    return sha256(export.encode()).hexdigest()


def test_a_world_level_function_keeps_its_name() -> None:
    assert names("diff-lines") == ["diff-lines"]


def test_a_function_of_an_interface_has_the_interface_in_front() -> None:
    assert names("acme:text/tools@1.0.0#diff") == ["tools_diff"]


def test_interfaces_that_share_a_name_have_their_package_in_front() -> None:
    exports = ["acme:text/tools@1.0.0#diff", "acme:csv/tools#query", "acme:csv/other#query"]
    assert names(*exports) == ["text_tools_diff", "csv_tools_query", "other_query"]


def test_two_versions_of_one_interface_are_told_apart_by_digest() -> None:
    exports = ["acme:text/tools@1.0.0#diff", "acme:text/tools@2.0.0#diff"]
    assert names(*exports) == [f"text_tools_diff_{digest(export)[:6]}" for export in exports]


def test_a_long_name_ends_in_six_digits_of_the_digest_of_the_full_name() -> None:
    export = f"acme:text/tools@1.0.0#{'very-' * 10}long"
    (name,) = names(export)
    assert name == f"{('tools_' + 'very-' * 10)[:33]}_{digest(export)[:6]}"
    assert len(name) == 40
    assert names("a" * 40) == ["a" * 40]


def test_names_whose_digests_start_alike_are_still_different() -> None:
    seen: dict[str, str] = {}
    number = 0
    while True:
        export = f"{'x' * 40}{number}"
        start = digest(export)[:6]
        if start in seen:
            break
        seen[start] = export
        number += 1
    first, second = names(seen[start], export)
    assert first == f"{'x' * 33}_{start}"
    assert second == f"{'x' * 7}_{digest(export)[:32]}"


def test_a_prefix_stands_in_front() -> None:
    assert names("f", "acme:text/tools#diff", prefix="my-diff") == ["my-diff_f", "my-diff_tools_diff"]


@pytest.mark.parametrize("prefix", ["1a", "a_b", "-a", "a b", "é", "a" * 21])
def test_a_prefix_that_would_make_unusual_names_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidArguments, match="expected a prefix of"):
        names("f", prefix=prefix)


WORDS = st.from_regex(r"[a-z][a-zA-Z0-9]{0,20}(-[a-z0-9]{1,20})?", fullmatch=True)
ANYTHING = st.text(st.characters(exclude_characters="#"), min_size=1, max_size=9).map(lambda text: f"a{text}")
"""Of the world, whatever it is called: an interface has a name that wasmtime has looked at."""
EXPORTS = WORDS | st.builds(lambda ns, package, interface, f: f"{ns}:{package}/{interface}@0.1.0#{f}", WORDS, WORDS, WORDS, WORDS)


@settings(deadline=None)
@given(st.lists(EXPORTS | ANYTHING, unique=True, max_size=8), st.sampled_from(["", "p"]))
def test_names_are_usable_and_different(exports: list[str], prefix: str) -> None:
    functions = list(dict.fromkeys(map(_function, exports)))
    made = tool_names(functions, prefix)
    assert list(made) == functions
    assert len(set(made.values())) == len(functions)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name) for name in made.values())
