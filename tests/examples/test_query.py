"""The example `query`, in Python: not in the layout, so built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.build import build
from tests.installed import Installed

pytestmark = pytest.mark.toolchain

CITIES = 'city;people;land\nBerlin;3600000;DE\n"Par\nis";2100000;FR\nLyon;520000;FR\nNowhere;;FR\n'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("query")
    folder = home / "data"
    folder.mkdir()
    (home / "query.wasm").write_bytes(build("query"))
    (folder / "cities.csv").write_text("\ufeff" + CITIES, encoding="utf-8")
    (folder / "rows.json").write_text('[{"n": 10, "t": "b"}, {"n": 9.5, "t": null}, {"t": "a", "more": [1]}]', encoding="utf-8")
    (folder / "lines.jsonl").write_text('{"n": 1}\n\n{"n": 2}\n', encoding="utf-8")
    (folder / "list.json").write_text("[1, 2]", encoding="utf-8")
    made = Installed(home)
    made.load(home / "query.wasm", "query", f'  storage:\n    allow: [{{uri: "fs://{folder}", access: [read]}}]\n')
    return made


@pytest.fixture
def data(installed: Installed) -> Path:
    return installed.host.settings.component_dir.parent / "data"


def condition(column: str, operator: str, value: str) -> dict[str, str]:
    return {"column": column, "operator": operator, "value": value}


def test_columns_are_described(installed: Installed, data: Path) -> None:
    assert installed.value("query_columns", path=str(data / "cities.csv")) == [
        {"name": "city", "kind": "text", "empty": 0, "example": "Berlin"},
        {"name": "people", "kind": "number", "empty": 1, "example": "3600000"},
        {"name": "land", "kind": "text", "empty": 0, "example": "DE"},
    ]


def test_rows_are_found_and_ordered(installed: Installed, data: Path) -> None:
    where = [condition("people", "more", "1000000")]
    arguments = {"path": str(data / "cities.csv"), "columns": ["city"], "where": where, "order-by": "people", "descending": False}
    assert installed.value("query_select", **arguments) == {"columns": ["city"], "rows": [["Par\nis"], ["Berlin"]], "total": 2}
    assert installed.value("query_select", **arguments, limit=1) == {"columns": ["city"], "rows": [["Par\nis"]], "total": 2}


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [("equals", "10.0", 1), ("differs", "10", 2), ("less", "10", 1), ("at-most", "10", 2), ("at-least", "9.5", 2), ("contains", ".", 1)],
)
def test_numbers_are_compared_as_numbers(operator: str, value: str, found: int, installed: Installed, data: Path) -> None:
    arguments: dict[str, object] = {"path": str(data / "rows.json"), "columns": [], "descending": False}
    # The third row has no n: an empty text, which is less than any other.
    where = (
        [condition("n", operator, value), condition("n", "differs", "")]
        if operator in ("less", "at-most")
        else [condition("n", operator, value)]
    )
    table = installed.value("query_select", **arguments, where=where)
    assert isinstance(table, dict)
    assert table["total"] == found
    assert table["columns"] == ["n", "t", "more"]


@pytest.mark.parametrize(
    ("calculation", "expected"), [("count", 3), ("sum", 6_220_000), ("least", 520_000), ("most", 3_600_000), ("mean", 6_220_000 / 3)]
)
def test_numbers_are_calculated(calculation: str, expected: float, installed: Installed, data: Path) -> None:
    value = installed.value("query_calculate", path=str(data / "cities.csv"), calculation=calculation, of="people", where=[])
    assert isinstance(value, list)
    assert value[0]["name"] == "all"
    assert value[0]["value"] == pytest.approx(expected)


def test_groups_are_calculated(installed: Installed, data: Path) -> None:
    assert installed.value("query_calculate", path=str(data / "cities.csv"), calculation="count", by="land", where=[]) == [
        {"name": "DE", "value": 1},
        {"name": "FR", "value": 3},
    ]


def test_lines_of_json_are_rows(installed: Installed, data: Path) -> None:
    value = installed.value("query_calculate", path=str(data / "lines.jsonl"), calculation="sum", of="n", where=[])
    assert value == [{"name": "all", "value": 3}]


@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        ("none.csv", {}, "cannot read"),
        ("list.json", {}, "is no table: its JSON is not an array of objects"),
        ("cities.csv", {"columns": ["nome"]}, "there is no column 'nome'; there are: city, people, land"),
    ],
)
def test_what_cannot_be_answered_is_said(file: str, arguments: dict[str, object], said: str, installed: Installed, data: Path) -> None:
    given = {"path": str(data / file), "columns": [], "where": [], "descending": False, **arguments}
    assert said in (installed.call("query_select", **given).error or "")
