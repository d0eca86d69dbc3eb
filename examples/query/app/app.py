"""The exported interface: finds rows, orders them, adds them up. Reading the file is in tables.py."""

from __future__ import annotations

import tables
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import query as wit

MOST_ROWS = 100


class Query(exports.Query):
    def columns(self, path: str) -> list[wit.Column]:
        rows = _read(path)
        return [_describe(name, [row.get(name, "") for row in rows]) for name in tables.names(rows)]

    def select(
        self,
        path: str,
        columns: list[str],
        where: list[wit.Condition],
        order_by: str | None,
        descending: bool,
        limit: int | None,
    ) -> wit.Table:
        rows = _read(path)
        _check(rows, [*columns, *(condition.column for condition in where), *([order_by] if order_by else [])])
        found = [row for row in rows if _meets(row, where)]
        if order_by:
            found.sort(key=lambda row: tables.sort_key(row.get(order_by, "")), reverse=descending)
        shown = columns or tables.names(rows)
        top = found[: MOST_ROWS if limit is None else limit]
        return wit.Table(shown, [[row.get(name, "") for name in shown] for row in top], len(found))

    def calculate(
        self, path: str, calculation: wit.Calculation, of: str | None, by: str | None, where: list[wit.Condition]
    ) -> list[wit.Group]:
        rows = _read(path)
        _check(rows, [*(name for name in (of, by) if name), *(condition.column for condition in where)])
        if of is None and calculation is not wit.Calculation.COUNT:
            raise Err("name the column to calculate with in `of`")
        groups: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            if _meets(row, where):
                groups.setdefault(row.get(by, "") if by else "all", []).append(row)
        return [wit.Group(name, _calculate(calculation, members, of)) for name, members in sorted(groups.items())]


def _read(path: str) -> list[dict[str, str]]:
    try:
        return tables.read(path)
    except OSError as error:
        raise Err(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Err(f"{path} is no table: {error}") from None


def _check(rows: list[dict[str, str]], wanted: list[str]) -> None:
    names = tables.names(rows)
    for name in wanted:
        if name not in names:
            raise Err(f"there is no column {name!r}; there are: {', '.join(names)}")


def _meets(row: dict[str, str], where: list[wit.Condition]) -> bool:
    return all(_holds(row.get(condition.column, ""), condition.operator, condition.value) for condition in where)


def _holds(text: str, operator: wit.Operator, value: str) -> bool:
    if operator is wit.Operator.CONTAINS:
        return value.casefold() in text.casefold()
    numbers = tables.number(text), tables.number(value)
    left, right = numbers if None not in numbers else (text, value)
    return {
        wit.Operator.EQUALS: left == right,
        wit.Operator.DIFFERS: left != right,
        wit.Operator.LESS: left < right,
        wit.Operator.AT_MOST: left <= right,
        wit.Operator.MORE: left > right,
        wit.Operator.AT_LEAST: left >= right,
    }[operator]


def _calculate(calculation: wit.Calculation, rows: list[dict[str, str]], of: str | None) -> float:
    if of is None:
        return float(len(rows))
    numbers = [number for row in rows if (number := tables.number(row.get(of, ""))) is not None]
    if calculation is wit.Calculation.COUNT:
        return float(len(numbers))
    if not numbers:
        raise Err(f"column {of!r} holds no numbers there")
    return {
        wit.Calculation.SUM: sum(numbers),
        wit.Calculation.MEAN: sum(numbers) / len(numbers),
        wit.Calculation.LEAST: min(numbers),
        wit.Calculation.MOST: max(numbers),
    }[calculation]


def _describe(name: str, texts: list[str]) -> wit.Column:
    filled = [text for text in texts if text]
    numbers = sum(tables.number(text) is not None for text in filled)
    kind = "text" if numbers == 0 else "number" if numbers == len(filled) else "mixed"
    return wit.Column(name, kind, len(texts) - len(filled), filled[0][:100] if filled else "")
