"""What long work asks and tells while it runs: shall I stop, and how far I am.

One `Control` is made where a person or a client waits (a command, a request) and handed down to whatever takes longer than a moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from wassette_py.errors import Cancelled

Stage = Literal["resolve", "fetch", "verify", "compile", "install"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` (None: not known) bytes or steps of `stage`."""

    stage: Stage
    done: int = 0
    total: int | None = None


def _silent(_: Progress) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Control:
    """`cancel` may be set from any thread; `report` is called on the thread that works."""

    cancel: threading.Event = field(default_factory=threading.Event)
    report: Callable[[Progress], None] = _silent

    def step(self, stage: Stage, done: int = 0, total: int | None = None) -> None:
        """Tells how far the work is. Raises Cancelled once `cancel` is set."""
        if self.cancel.is_set():
            raise Cancelled(f"cancelled while in {stage}")
        self.report(Progress(stage, done, total))
