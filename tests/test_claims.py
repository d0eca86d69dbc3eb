"""Every promise of the README's security model has a test that carries its id, and no test carries an id that nobody promised."""

from __future__ import annotations

import pytest

from tests.claims import carried, main, promised, security_model


def test_every_row_of_the_security_table_has_an_id() -> None:
    table = security_model().partition("| id | promise | enforced in |\n")[2].partition("\n\n")[0]
    rows = table.splitlines()[1:]
    assert len(rows) == len(promised()) > 10


def test_every_promise_has_a_test() -> None:
    missing = set(promised()) - {claimed.id for claimed in carried()}
    assert missing == set(), "promised in the README's security model, and no test carries it"


def test_no_test_carries_what_is_not_promised() -> None:
    unknown = [str(claimed) for claimed in carried() if claimed.id not in promised()]
    assert unknown == [], "the mark of a claim names one id, or several, of the README's security table"


def test_only_what_pytest_runs_carries_a_claim() -> None:
    for claimed in carried():
        assert claimed.function.startswith("test_"), claimed
        assert claimed.file.rpartition("/")[2].startswith("test_"), claimed


def test_the_tests_of_a_promise_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox:fresh-instance"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("sandbox:fresh-instance: ")
    assert "test_" in shown
