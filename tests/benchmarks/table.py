"""Samples -> one table: medians, 95th percentiles and ratios to ours. Nothing is measured here."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OURS = "ours"
UNITS = {"s": (1.0, "s"), "ms": (1e3, "ms"), "us": (1e6, "µs"), "MB": (1e-6, "MB"), "calls/s": (1.0, "/s")}


@dataclass
class Row:
    """One thing that was measured: program -> samples, in seconds, bytes or calls a second. `goal`: the ratios of issue 5."""

    name: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    goal: str = ""
    notes: dict[str, str] = field(default_factory=dict)
    """What stands in a cell instead of a number."""

    def add(self, program: str, value: float) -> None:
        self.samples.setdefault(program, []).append(value)


def p95(samples: Sequence[float]) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * 0.95))]


def shown(value: float, unit: str) -> str:
    factor, name = UNITS[unit]
    scaled = value * factor
    digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
    return f"{scaled:.{digits}f} {name}"


def ratio(row: Row, program: str) -> str:
    """Ours in proportion to `program`, by medians."""
    ours, theirs = row.samples.get(OURS), row.samples.get(program)
    if not ours or not theirs:
        return ""
    return f"{statistics.median(ours) / statistics.median(theirs):.3g}"


def cell(row: Row, program: str) -> str:
    if program in row.notes:
        return row.notes[program]
    samples = row.samples.get(program)
    if not samples:
        return ""
    middle = shown(statistics.median(samples), row.unit)
    return middle if len(samples) < 5 else f"{middle} (p95 {shown(p95(samples), row.unit)})"


def markdown(rows: Sequence[Row], programs: Sequence[str]) -> str:
    others = [program for program in programs if program != OURS]
    head = ["", OURS, *(word for program in others for word in (program, f"ours ÷ {program}")), "goal (÷ rust)"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [word for program in others for word in (cell(row, program), ratio(row, program))]
        lines.append([row.name, cell(row, OURS), *cells, row.goal])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def as_json(rows: Sequence[Row]) -> list[Mapping[str, object]]:
    return [{"name": row.name, "unit": row.unit, "samples": row.samples, "notes": row.notes} for row in rows]
