"""How the audit log is kept: where, for how long, how large, and whether with the values of arguments. Read here, enforced by `audit`."""

from __future__ import annotations

from functools import cached_property

from wassette_py.dataclass import dataclass
from wassette_py.limits import format_limit, parse_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

_UNITS = {"h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class AuditSettings:
    """`retention` in seconds, `size` in bytes of all segments together."""

    folder: str = ""
    retention: int = 90 * _UNITS["d"]
    size: int = 1 << 30
    arguments: Literal["shape", "values"] = "shape"

    @cached_property
    def dir(self) -> Path:
        """Where the segments are."""
        from pathlib import Path

        return Path(self.folder)

    def texts(self) -> dict[str, str]:
        """As they are written in config.yaml."""
        return {
            "dir": self.folder,
            "retention": format_age(self.retention),
            "size": format_limit("output", self.size),
            "arguments": self.arguments,
        }


DEFAULT_AUDIT = AuditSettings()


def parse_age(text: str) -> int:
    """The seconds of `90d`. Raises ValueError("expected …")."""
    import re

    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if match is None:
        raise ValueError(f"expected a time such as 90d (h, d, w), got {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def parse_size(text: str) -> int:
    """The bytes of `1Gi`. Raises ValueError("expected …")."""
    return int(parse_limit("output", text))


def format_age(seconds: int) -> str:
    """The usual text that `parse_age` reads back: hours or days."""
    return f"{seconds // 86_400}d" if seconds % 86_400 == 0 else f"{seconds // 3600}h"
