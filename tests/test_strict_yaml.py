"""YAML read strictly: what is refused, what scalars mean, and that every place is right, with either of PyYAML's parsers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.errors import InvalidPolicy
from wassette_py.strict_yaml import MAX_DEPTH, MAX_TEXT, StrictReader, Value


def read(text: str) -> Value:
    return StrictReader("x.yaml", InvalidPolicy).read(text)


def plain(value: Value) -> object:
    """The value without its places."""
    if isinstance(value.data, dict):
        return {key: plain(inner) for key, inner in value.data.items()}
    return [plain(inner) for inner in value.data] if isinstance(value.data, list) else value.data


def values(value: Value) -> Iterator[Value]:
    yield value
    for inner in value.data.values() if isinstance(value.data, dict) else value.data if isinstance(value.data, list) else ():
        yield from values(inner)


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


REFUSED = [
    ("a: 1\na: 2\n", "x.yaml:2: the key 'a' stands here twice"),
    ("b:\n  a: 1\n  'a': 2\n", "x.yaml:3: b: the key 'a' stands here twice"),
    ("a: &x 1\nb: *x\n", "x.yaml:1: a: an anchor or alias (x) is not accepted here"),
    ("b: *x\n", "x.yaml:1: b: an anchor or alias (x) is not accepted here"),
    ("a: !!str 1\n", "x.yaml:1: a: a tag (tag:yaml.org,2002:str) is not accepted here"),
    ("a: !x {}\n", "x.yaml:1: a: a tag (!x) is not accepted here"),
    ("1: a\n", "x.yaml:1: a key must be plain text"),
    ("? [a]\n: b\n", "x.yaml:1: a key must be plain text"),
    ("null: a\n", "x.yaml:1: a key must be plain text"),
    ("a: 1\n---\nb: 2\n", "x.yaml:2: a second document is not accepted here"),
    ("[" * 100, "x.yaml:1: "),
    ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "nested too deeply"),
    ("a: [\n", "x.yaml:2: not YAML: "),
    ("a: b: c\n", "x.yaml:1: not YAML: mapping values are not allowed"),
    ("\ta: 1\n", "x.yaml:1: not YAML: "),
    ("a: \x00\n", "x.yaml:1: not YAML: "),
    ("a: \ud800\n", "x.yaml:1: not YAML: "),
    ("a" * (MAX_TEXT + 1), "x.yaml:1: larger than 1048576 characters"),
]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_could_mean_two_things_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("a:", {"a": None}),
        ("[~, null, Null, NULL]", [None] * 4),
        ("[true, False, TRUE]", [True, False, True]),
        ("[yes, no, on, OFF, y]", ["yes", "no", "on", "OFF", "y"]),
        ("[1, -2, +3, 0]", [1, -2, 3, 0]),
        (
            "[010, 0x1f, 1_000, 12:30, 2026-01-01, 1e3, .5, 1., =, <<]",
            ["010", "0x1f", "1_000", "12:30", "2026-01-01", "1e3", ".5", "1.", "=", "<<"],
        ),
        ("[1.0, -0.5]", [1.0, -0.5]),
        ("['1', \"null\", '']", ["1", "null", ""]),
        ("9" * 5000, "9" * 5000),
        ("on: 1\nno: 2", {"on": 1, "no": 2}),
        ("a: |\n  x\n  y\nb: >-\n  c\n", {"a": "x\ny\n", "b": "c"}),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, data: object) -> None:
    assert plain(read(text)) == data


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_value_knows_its_place(mark: str, newline: str) -> None:
    text = mark + newline.join(["é: 1", "list:", "- 'a b'", "-   {k: 512Mi} # 😀", "😀: [x, 2]", "last:", ""])
    root = read(text)
    assert isinstance(root.data, dict)
    assert [value.place.path for value in values(root)] == [
        "",
        "é",
        "list",
        "list[0]",
        "list[1]",
        "list[1].k",
        "😀",
        "😀[0]",
        "😀[1]",
        "last",
    ]
    found = {value.place.path: text[value.place.start : value.place.end] for value in values(root)}
    assert found["é"] == "1"
    assert found["list[0]"] == "'a b'"
    assert found["list[1]"] == "{k: 512Mi}"
    assert found["list[1].k"] == "512Mi"
    assert found["😀"] == "[x, 2]"
    assert found["last"] == ""
    assert {key: text[place.start : place.end] for key, place in root.key_places.items()} == {
        key: key for key in ("é", "list", "😀", "last")
    }
    assert [value.place.line for value in values(root)] == [1, 1, 3, 3, 4, 4, 5, 5, 5, 6]
    assert [value.flow for value in values(root)] == [False, False, False, False, True, False, True, False, False, False]
    assert text[root.data["list"].place.start] == "-"


def test_a_scalar_keeps_how_it_was_written() -> None:
    assert read("1.0").text == "1.0"
    assert read('"512Mi"').text == "512Mi"


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab:-,[]{}#'\"|>&*!~?% \n\t0", max_size=60),
    st.recursive(
        st.sampled_from(["a", "'b'", "1", ""]),
        lambda inner: st.lists(inner, max_size=3).map(lambda items: "{" + ", ".join(f"k{i}: {x}" for i, x in enumerate(items)) + "}"),
    ),
)


@given(TEXTS)
def test_any_text_is_a_value_or_the_callers_error(text: str) -> None:
    error = None
    try:
        value = read(text)
        assert 0 <= value.place.start <= value.place.end <= len(text)
    except InvalidPolicy as caught:
        error = caught
    assert error is None or str(error).startswith("x.yaml:")


@given(TEXTS)
def test_both_parsers_read_the_same_values_at_the_same_lines(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        try:
            fast = read(text)
            patch.delattr(yaml, "CSafeLoader", raising=False)
            slow = read(text)
        except InvalidPolicy:
            return  # one of them is stricter about odd characters; neither is looser about meaning
    assert plain(fast) == plain(slow)
    assert [value.place.path for value in values(fast)] == [value.place.path for value in values(slow)]
