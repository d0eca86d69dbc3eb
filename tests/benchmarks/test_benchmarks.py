"""That the benchmarks run. What they measure is nobody's promise here: the table is made by hand, on a quiet machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.table import Row, markdown


def test_every_row_is_measured_with_tiny_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "samples.json"
    assert main(["--small", "--rounds", "1", "--calls", "3", "--counts", "20", "--json", str(kept)]) == 0
    rows = json.loads(kept.read_text())
    assert len(rows) > 25
    assert all(row["samples"]["ours"] for row in rows)
    table = capsys.readouterr().out
    assert "| start → initialize | " in table
    assert table.count("\n") == len(rows) + 3


def test_ratios_are_of_medians_and_a_note_stands_for_a_number() -> None:
    row = Row("x", "ms", {"ours": [0.002, 0.001, 0.009], "rust": [0.004]}, notes={"floor": "never"})
    assert markdown([row], ["ours", "rust", "floor"]).splitlines()[-1] == "| x | 2.00 ms | 4.00 ms | 0.5 | never |  |  |"
