"""What was removed, changed or reordered is found, and told by its place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.conftest import Log, no_segments, write
from wassette_py.audit import checking
from wassette_py.audit.checking import MOST_FOUND, check
from wassette_py.audit.segment import LONGEST_LINE, segments

Lines = list[bytes]
Change = Callable[[Lines], Lines]


def found(folder: Path) -> list[tuple[int, str]]:
    return [(finding.line, finding.problem) for finding in check(folder).findings]


def test_what_was_only_written_is_whole(log: Log, folder: Path) -> None:
    write(log(), "a", "b", "c")
    write(log(), "d")
    checked = check(folder)
    assert (checked.segments, checked.events, checked.findings) == (2, 4, [])
    assert checked.begins == segments(folder)[0].stem[:15]


def test_no_log_at_all_is_whole_and_empty(folder: Path) -> None:
    checked = check(folder)
    assert (checked.segments, checked.events, checked.begins, checked.findings) == (0, 0, None, [])


def renumbered(line: bytes, **facts: object) -> bytes:
    return json.dumps({**json.loads(line), **facts}, separators=(",", ":")).encode()


CHANGES: dict[str, tuple[Change, list[tuple[int, str]]]] = {
    "a line in the middle was removed": (lambda lines: lines[:2] + lines[3:], [(3, "1 line is missing before this one")]),
    "the last line was removed": (lambda lines: lines[:-1], [(4, "1 line is missing after this one")]),
    "the last lines were removed": (lambda lines: lines[:-3], [(2, "3 lines are missing after this one")]),
    "the first line was removed": (lambda lines: lines[1:], [(1, "1 line is missing before this one")]),
    "everything was removed": (lambda lines: [], [(0, "5 lines are missing after this one")]),
    "a line was changed": (
        lambda lines: [*lines[:2], lines[2].replace(b'"ok"', b'"no"'), *lines[3:]],
        [(4, "the line before this one was changed")],
    ),
    "the last line was changed": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"ok"', b'"no"')],
        [(5, "this line was changed")],
    ),
    "the first line was changed": (
        lambda lines: [renumbered(lines[0], prev="1" * 64), *lines[1:]],
        [(1, "this line was changed"), (2, "the line before this one was changed")],
    ),
    "two lines were reordered": (
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        [(2, "1 line is missing before this one"), (3, "this line was moved or repeated: it is number 2")],
    ),
    "a line was repeated": (
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        [(4, "this line was moved or repeated: it is number 3")],
    ),
    "a line is no JSON": (
        lambda lines: [*lines[:2], b"{", *lines[3:]],
        [(3, "this line is no event any more"), (4, "the line before this one was changed")],
    ),
    "a line has no number": (
        lambda lines: [*lines[:2], renumbered(lines[2], seq=True), *lines[3:]],
        [(3, "this line has lost its number"), (4, "the line before this one was changed")],
    ),
}


@pytest.mark.claim("audit:chained")
@pytest.mark.parametrize("what", CHANGES)
def test_each_way_to_change_a_segment_is_found(log: Log, folder: Path, what: str) -> None:
    change, expected = CHANGES[what]
    write(log(), "a", "b", "c", "d")
    [path] = segments(folder)
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))
    assert found(folder) == expected


@pytest.mark.claim("audit:chained")
def test_a_segment_that_was_cut_together_with_its_head_is_missed_by_the_next(log: Log, folder: Path) -> None:
    from hashlib import sha256

    write(log(), "a", "b", "c")
    write(log(), "d")
    path = segments(folder)[0]
    lines = path.read_bytes().splitlines()[:2]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    path.with_suffix(".head").write_text(f"{2:012d} {sha256(lines[-1]).hexdigest()}\n")
    assert found(folder) == [(0, "its first lines are not those that the next segment has seen")]


def test_a_segment_that_is_gone_is_missed_by_the_next(log: Log, folder: Path) -> None:
    for tool in ("a", "b", "c"):
        write(log(), tool)
    _, second, third = segments(folder)
    second.unlink()
    assert found(folder) == [(0, f"this segment is gone; {third.stem} began after it"), (0, "the segment of this head file is gone")]
    second.with_suffix(".head").unlink()
    assert found(folder) == [(0, f"this segment is gone; {third.stem} began after it")]


def test_what_the_retention_removed_is_not_missed(log: Log, folder: Path) -> None:
    for tool in ("a", "b", "c"):
        write(log(), tool)
    first = segments(folder)[0]
    first.unlink()
    first.with_suffix(".head").unlink()
    assert found(folder) == []


def test_a_log_that_others_write_and_prune_meanwhile_is_whole(log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("a", "b"):
        write(log(), tool)
    first, second = segments(folder)

    def listed(where: Path) -> list[Path]:
        paths = segments(where)
        first.unlink()
        first.with_suffix(".head").unlink()
        write(log(), "c")  # a segment that is not among them
        return paths

    monkeypatch.setattr(checking, "segments", listed)
    checked = check(folder)
    assert (checked.segments, checked.events, checked.begins, checked.findings) == (1, 1, second.stem[:15], [])


def test_a_file_under_another_name_is_found(log: Log, folder: Path) -> None:
    write(log(), "a")
    [path] = segments(folder)
    other = path.with_name("20200101T000000.000000Z-1-abcd.jsonl")
    path.rename(other)
    path.with_suffix(".head").rename(other.with_suffix(".head"))
    assert found(folder) == [(1, f"this file was named {path.stem}")]


@pytest.mark.parametrize("text", [None, "", "two abc", "x " + "0" * 64])
def test_a_head_that_is_none_is_found(log: Log, folder: Path, text: str | None) -> None:
    write(log(), "a")
    head = segments(folder)[0].with_suffix(".head")
    head.unlink() if text is None else head.write_text(text)
    assert found(folder) == [(0, "its head file is missing or no head file any more")]


def test_hostile_claims_about_other_segments_are_read_as_nothing(log: Log, folder: Path) -> None:
    write(log(), "a")
    [path] = segments(folder)
    lines = path.read_bytes().splitlines()
    claims = ["x", {"segment": path.stem, "lines": "many"}, {"segment": path.stem, "lines": -1}, {"segment": "0"}]
    path.write_bytes(renumbered(lines[0], after=claims) + b"\n" + lines[1] + b"\n")
    assert found(folder) == [(2, "the line before this one was changed")]


def test_an_unfinished_last_line_is_no_finding_as_it_is_being_written(log: Log, folder: Path) -> None:
    write(log(), "a")
    [path] = segments(folder)
    path.write_bytes(path.read_bytes() + b'{"seq":3,')
    assert found(folder) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_what_is_no_segment_or_has_no_end_is_found_and_holds_nobody(log: Log, folder: Path) -> None:
    write(log(), "a")
    no_segments(folder)
    [segment] = [path for path in segments(folder) if path.is_file() and path.stat().st_size < LONGEST_LINE]
    segment.with_suffix(".head").unlink()
    os.mkfifo(segment.with_suffix(".head"))
    found = [(finding.segment.rpartition("-")[2], finding.line, finding.problem) for finding in check(folder).findings]
    nothing = "nothing of this segment can be read from here on"
    assert sorted(found) == sorted(
        [
            ("fifo", 0, f"{nothing}: it is not a file"),
            ("folder", 0, f"{nothing}: Is a directory"),
            ("long", 0, f"{nothing}: a line is longer than any event"),
            ("loop", 0, f"{nothing}: Too many levels of symbolic links"),
            ("zero", 0, f"{nothing}: it is not a file"),
            (segment.stem.rpartition("-")[2], 0, "its head file is missing or no head file any more"),
        ]
    )


def test_a_segment_with_more_wrong_lines_than_anybody_needs_is_not_read_to_its_end(
    log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log(), "a")
    [segment] = segments(folder)
    with segment.open("ab") as file:
        file.write(b"\n" * 10_000)
    findings = check(folder).findings
    assert (len(findings), findings[-1].problem) == (
        MOST_FOUND + 1,
        "nothing of this segment can be read from here on: too much of it is wrong",
    )
    monkeypatch.setattr("wassette_py.audit.checking.MOST_READ", 500)
    assert [finding.problem for finding in check(folder).findings][-1].endswith("it is larger than any segment")


@pytest.mark.parametrize("after", [5, "text", {"a": 1}, None, [1, {"segment": 2}]])
def test_a_first_line_that_names_no_segments_names_none(log: Log, folder: Path, after: object) -> None:
    write(log(), "a")
    [segment] = segments(folder)
    first, *rest = segment.read_bytes().splitlines()
    segment.write_bytes(b"\n".join([renumbered(first, after=after), *rest, b""]))
    assert (2, "the line before this one was changed") in found(folder)


@pytest.mark.parametrize("lines", [-5, "+00000000002", "1_000"])
def test_a_head_that_counts_otherwise_is_none(log: Log, folder: Path, lines: object) -> None:
    write(log(), "a")
    [segment] = segments(folder)
    segment.with_suffix(".head").write_text(f"{lines} {'0' * 64}\n")
    assert found(folder) == [(0, "its head file is missing or no head file any more")]


def test_newest_segments_that_went_with_their_heads_are_not_missed_as_the_readme_says(log: Log, folder: Path) -> None:
    write(log(), "a")
    write(log(), "b")
    newest = segments(folder)[-1]
    newest.unlink()
    assert found(folder) == [(0, "the segment of this head file is gone")]
    newest.with_suffix(".head").unlink()
    assert found(folder) == []
