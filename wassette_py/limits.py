"""Quantities of a call's limits, text <-> number, and the four limits together.

The words are Kubernetes' (`512Mi`, `500m`) as in Wassette 0.8 policy files; a policy, a flag and the settings share them.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

LimitName: TypeAlias = 'Literal["memory", "cpu", "timeout", "output"]'
LIMIT_NAMES: tuple[LimitName, ...] = ("memory", "cpu", "timeout", "output")

_BYTES = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_SECONDS = {"ms": (1, 1000), "s": (1, 1), "m": (60, 1), "h": (3600, 1)}  # a fraction: 700 * 0.001 is not 0.7, 700 / 1000 is
_MAX_BYTES = 1 << 53  # what a float, and a JSON reader elsewhere, still holds exactly
_DECIMAL = r"([0-9]{1,12}(?:\.[0-9]{1,20})?)"
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
    value = _read(name, text)
    if value is None:
        raise ValueError(f"expected {_EXPECTED[name]}, got {text!r}")
    return value


def _read(name: LimitName, text: str) -> float | None:
    import re  # limits that nobody writes are not read

    if name == "cpu":
        match = re.fullmatch(rf"{_DECIMAL}(m?)", text)
        value = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
        return value if value >= 0.001 else None
    if name == "timeout":
        match = re.fullmatch(rf"{_DECIMAL}(ms|s|m|h)", text)
        value = float(match[1]) * _SECONDS[match[2]][0] / _SECONDS[match[2]][1] if match else 0.0
        return value if value >= 0.001 else None
    match = re.fullmatch(r"([0-9]{1,16})(Ki|Mi|Gi|Ti|)", text)
    amount = int(match[1]) * _BYTES[match[2]] if match else 0
    return float(amount) if 0 < amount <= _MAX_BYTES else None


def format_limit(name: LimitName, value: float) -> str:
    """The shortest usual text that `parse_limit` reads back as `value`."""
    if name in ("memory", "output"):
        amount = int(value)
        unit = next((u for u in ("Ti", "Gi", "Mi", "Ki") if amount % _BYTES[u] == 0), "")
        return f"{amount // _BYTES[unit]}{unit}"
    whole, small = ("", "m") if name == "cpu" else ("s", "ms")
    if float(value).is_integer():
        return f"{int(value)}{whole}"
    thousandths = f"{value * 1000:.10g}{small}"
    return thousandths if _read(name, thousandths) == value and (name == "cpu" or value < 1) else f"{value!r}{whole}"
