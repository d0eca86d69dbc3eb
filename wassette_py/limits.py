"""Quantities of a call's limits, text <-> number, and the four limits together.

The words are Kubernetes' (`512Mi`, `500m`) as in Wassette 0.8 policy files; a policy, a flag and the settings share them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

LimitName = Literal["memory", "cpu", "timeout", "output"]
LIMIT_NAMES: tuple[LimitName, ...] = ("memory", "cpu", "timeout", "output")

_BYTES = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_EXPECTED: dict[LimitName, str] = {
    "memory": "a number of bytes such as 512Mi (Ki, Mi, Gi, Ti)",
    "cpu": "a share of one core such as 500m or 2",
    "timeout": "a time such as 30s (ms, s, m, h)",
    "output": "a number of bytes such as 4Mi (Ki, Mi, Gi, Ti)",
}


@dataclass(frozen=True)
class Limits:
    """What one call may use: bytes of linear memory, cores (0.5 = half of one), seconds of wall time, bytes of output."""

    memory: int = 512 << 20
    cpu: float = 1.0
    timeout: float = 30.0
    output: int = 4 << 20

    def merged(self, values: Mapping[LimitName, float]) -> Limits:
        """These limits with `values` put over them."""
        return replace(
            self,
            memory=int(values.get("memory", self.memory)),
            cpu=float(values.get("cpu", self.cpu)),
            timeout=float(values.get("timeout", self.timeout)),
            output=int(values.get("output", self.output)),
        )

    def texts(self) -> dict[str, str]:
        """The four as they are written in a policy."""
        return {name: format_limit(name, getattr(self, name)) for name in LIMIT_NAMES}


DEFAULT_CEILINGS = Limits(memory=4 << 30, cpu=4.0, timeout=3600.0, output=64 << 20)


def parse_limit(name: LimitName, text: str) -> float:
    """The number that `text` means: bytes, cores or seconds. Raises ValueError("expected …")."""
    if name == "cpu":
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", text)
        value = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
    elif name == "timeout":
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
        value = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    else:
        match = re.fullmatch(r"(\d+)(Ki|Mi|Gi|Ti|)", text)
        value = float(int(match[1]) * _BYTES[match[2]]) if match else 0.0
    if value <= 0:
        raise ValueError(f"expected {_EXPECTED[name]}, got {text!r}")
    return value


def format_limit(name: LimitName, value: float) -> str:
    """The shortest text that `parse_limit` reads back as `value`."""
    if name == "cpu":
        return f"{value:g}" if float(value).is_integer() else f"{value * 1000:.10g}m"
    if name == "timeout":
        return f"{value:.10g}s" if value >= 1 else f"{value * 1000:.10g}ms"
    amount = int(value)
    unit = next((u for u in ("Ti", "Gi", "Mi", "Ki") if amount % _BYTES[u] == 0), "")
    return f"{amount // _BYTES[unit]}{unit}"
