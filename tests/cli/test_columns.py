"""Rows of cells in terminals of any width: what is there, is readable and can be copied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wassette_py.cli.columns import cells, columns, cut, facts, folded, table

DIGEST = "sha256:0123456789abcdef" + "00" * 24
HEADINGS = ("ID", "STATUS", "SOURCE")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("ID", "STATUS", "SOURCE"), ("notes", "ready", ""), ("a", "broken", "x")], indent=" ") == [
        " ID     STATUS  SOURCE",
        " notes  ready",
        " a      broken  x",
    ]


def test_what_fits_or_is_shown_to_nobody_is_aligned_and_nothing_else() -> None:
    rows = [HEADINGS, ("notes", "ready", DIGEST)]
    assert table(rows, 0) == columns(rows)
    assert table(rows, 200) == columns(rows)
    assert facts([("digest", DIGEST)], 0) == [f"digest  {DIGEST}"]
    assert folded([DIGEST], 0) == cut([DIGEST], 0) == [DIGEST]


def test_a_table_that_is_too_wide_has_short_digests() -> None:
    rows = [HEADINGS, ("notes", "ready", f"{DIGEST} x")]
    assert table(rows, 50) == ["ID     STATUS  SOURCE", "notes  ready   sha256:0123456789abcdef… x"]


def test_a_reference_loses_its_middle_and_a_sentence_is_folded() -> None:
    assert table(
        [HEADINGS, ("notes", "ready", "oci://ghcr.io/acme/some/where/notes:1"), ("a", "broken", "this is the reason for it all")], 40
    ) == [
        "ID     STATUS  SOURCE",
        "notes  ready   oci://ghcr.i…here/notes:1",
        "a      broken  this is the reason for it",
        "               all",
    ]


def test_the_widest_column_gives_way_wherever_it_stands() -> None:
    assert table([("KEY", "VALUE", "FROM"), ("cache_dir", "/home/me/.cache/wassette/of/this/machine", "default")], 48) == [
        "KEY        VALUE                         FROM",
        "cache_dir  /home/me/.cac…f/this/machine  default",
    ]
    assert table([("KEY", "VALUE", "FROM"), ("a", "many words are said here of it all", "default")], 38) == [
        "KEY  VALUE                     FROM",
        "a    many words are said here  default",
        "     of it all",
    ]


def test_a_long_first_cell_has_a_line_of_its_own() -> None:
    name = "the-component-of-our-team-in-production"
    assert table([HEADINGS, ("a", "ready", "./a.wasm"), (name, "ready", "./b.wasm")], 48) == [
        "ID  STATUS  SOURCE",
        "a   ready   ./a.wasm",
        name,
        "    ready   ./b.wasm",
    ]


def test_where_even_that_is_too_wide_each_cell_has_a_line() -> None:
    rows = [("NAME", "REFERENCE", "DESCRIPTION"), ("notes", "oci://ghcr.io/acme/notes:1", "reads and writes text files"), ("a", "b", "")]
    assert table(rows, 34) == [
        "NAME   REFERENCE",
        "       DESCRIPTION",
        "notes  oci://ghcr.io/acme/notes:1",
        "       reads and writes text files",
        "a      b",
    ]
    assert table([("A", "B"), ("", ""), ("x", "y" * 30)], 20) == ["A  B", "", f"x  {'y' * 30}"]


def test_facts_are_folded_beside_their_names_and_whole() -> None:
    assert facts([("may", f"network GET {DIGEST} of it"), ("limits", "")], 30, indent="  ") == [
        "  may     network GET",
        f"          {DIGEST}",
        "          of it",
        "  limits",
    ]


def test_lines_are_folded_further_in_than_they_begin() -> None:
    assert folded(["short", "  and one that is\tlonger \x1b"], 20) == ["short", "  and one that is", "    longer \\x1b"]


def test_wide_characters_count_for_two_and_marks_for_none() -> None:
    assert cells("日本e\u0301\u200b") == 5
    assert cut(["日本語"], 5) == ["日本…"]
    assert columns([("日本", "x"), ("a", "y")]) == ["日本  x", "a     y"]
    assert table([("A", "B"), ("x", "日" * 40), ("y", "語 " + "日" * 20)], 30) == [
        "A  B",
        f"x  {'日' * 6}…{'日' * 7}",
        "y  語",
        f"   {'日' * 13}",
        f"   {'日' * 7}",
    ]
    assert table([("A", "B"), ("x", "日 本")], 4) == ["A  B", "x  日", "   本"]


WORDS = st.lists(st.text("ab/日", min_size=1, max_size=9), max_size=12).map(" ".join)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(26, 90))
def test_no_word_is_lost_and_what_can_be_folded_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = table([HEADINGS, *rows], width)
    told = "".join("".join(lines).split())
    if "…" not in told:
        assert sorted(told) == sorted("".join("".join(cell.split()) for row in [HEADINGS, *rows] for cell in row))
    firsts = {" ".join(row[0].split()) for row in rows}
    assert all(cells(line) <= width or line in firsts for line in lines)
