"""Numbers from events: calls, errors, denials and how long calls took, per tool. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from wassette_py.audit.reading import EventValue
from wassette_py.dataclass import dataclass, field


@dataclass
class ToolNumbers:
    """The calls of one tool. `errors`: calls that did not give a result; `denials`: calls in which something was refused."""

    component: str
    tool: str
    calls: int = 0
    errors: int = 0
    denials: int = 0
    durations: list[float] = field(default_factory=list)

    def add(self, event: EventValue) -> None:
        """Counts one call."""
        self.calls += 1
        self.errors += event.get("outcome") != "ok"
        self.denials += bool(event.get("denied")) or event.get("outcome") == "denied"
        milliseconds = event.get("ms")
        if isinstance(milliseconds, int | float):
            self.durations.append(float(milliseconds))

    def percentile(self, share: float) -> float | None:
        """The duration in ms that `share` of the calls did not exceed."""
        return percentile(sorted(self.durations), share)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """By the nearest rank."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


class Numbers:
    """The numbers of every tool that was called."""

    def __init__(self, events: Iterable[EventValue] = ()) -> None:
        self._tools: dict[tuple[str, str], ToolNumbers] = {}
        for event in events:
            self.add(event)

    def add(self, event: EventValue) -> None:
        """Counts `event` if it is a call."""
        if event["event"] == "call":
            key = (str(event.get("component")), str(event.get("tool")))
            self._tools.setdefault(key, ToolNumbers(*key)).add(event)

    def tools(self) -> list[ToolNumbers]:
        """By component and tool."""
        return [self._tools[key] for key in sorted(self._tools)]
