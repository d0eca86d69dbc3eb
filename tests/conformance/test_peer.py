"""This program does in each case what the table says; the other one (marker `peer`, WASSETTE_PEER names its command), too."""

from __future__ import annotations

import pytest

from tests.conformance.peer import README, Row, main, observe, table, written
from tests.conformance.peer_cases import CASES, Case
from tests.conformance.programs import OURS, peer


def test_no_two_cases_have_one_title() -> None:
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_here(case: Case) -> None:
    assert observe(case, OURS) == case.ours


def test_the_table_says_of_every_case_what_is_done_here_and_why_it_differs() -> None:
    block = written()
    for case in CASES:
        row = next((line for line in block.splitlines() if line.startswith(f"| {case.title} | ")), None)
        assert row is not None or case.title in block, f"{case.title}: python -m tests.conformance.peer --write"
        if row is not None:
            assert row.startswith(f"| {case.title} | {case.ours} | ")
            assert row.endswith(f" | {case.because} |")
            assert case.because


@pytest.mark.peer
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_there(case: Case) -> None:
    other = peer()
    assert other is not None, "WASSETTE_PEER names no command"
    theirs = observe(case, other)
    block = written()
    if theirs == case.ours:
        assert f"| {case.title} |" not in block
    else:
        assert f"| {case.title} | {case.ours} | {theirs} | {case.because} |" in block


def test_without_the_other_program_the_command_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conformance.peer.peer", lambda: None)
    assert main([]) == 2
    assert "WASSETTE_PEER" in capsys.readouterr().err


def test_the_block_of_the_readme_is_made_and_not_typed() -> None:
    assert README.read_text(encoding="utf-8").count("<!-- peer:begin -->") == 1
    rows = [Row(CASES[0], "a", "b"), Row(CASES[1], "a", "a")]
    assert f"| {CASES[0].title} | a | b | {CASES[0].because} |" in table(rows)
    assert f"Alike in both: {CASES[1].title}." in table(rows)
