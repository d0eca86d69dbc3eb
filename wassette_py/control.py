"""What long work asks and tells while it runs: shall I stop, and how far I am.

One `Control` is made where a person or a client waits (a command, a request) and handed down to whatever takes longer than a moment.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias, TypeVar

    T = TypeVar("T")

_GLANCE = 0.05

Stage: TypeAlias = 'Literal["resolve", "fetch", "verify", "compile", "install", "push"]'


class Cancel(threading.Event):
    """One that is made in a fifth of the time, as there is one for each call: what waits is made when somebody waits. It stays set."""

    def __init__(self) -> None:  # not as its base class does: that is what takes the time
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        event = vars(self).get("event")
        if event is not None:
            event.set()

    def wait(self, timeout: float | None = None) -> bool:
        event: threading.Event = vars(self).setdefault("event", threading.Event())  # one for all who wait, whoever is first
        return self._is_set or event.wait(timeout)  # looked at after that: whoever sets it now sees the event


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

    def check(self, stage: Stage) -> None:
        """Raises Cancelled once `cancel` is set."""
        if self.cancel.is_set():
            raise Cancelled(f"cancelled while in {stage}")

    def step(self, stage: Stage, done: int = 0, total: int | None = None) -> None:
        """Tells how far the work is. Raises Cancelled once `cancel` is set."""
        self.check(stage)
        self.report(Progress(stage, done, total))


def watched(task: Callable[[Control], T], control: Control, stage: Stage) -> T:
    """What `task` returns, run on a thread of its own so that a person need not wait for what cannot be interrupted (a silent server).

    The task gets a Control of its own; what it reports is told on the calling thread. When `control` is cancelled, or the caller is
    interrupted, the task is told to stop and left alone: a daemon thread, which ends at its own time limits and whose result nobody takes.
    """
    stop, finished = threading.Event(), threading.Event()
    told: deque[Progress] = deque(maxlen=1)
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(task(Control(stop, told.append)))
        except BaseException as error:
            errors.append(error)
        finally:
            finished.set()

    threading.Thread(target=run, name=f"wassette-{stage}", daemon=True).start()
    try:
        while not finished.wait(_GLANCE):
            control.check(stage)
            _tell(told, control)
    except BaseException:
        stop.set()
        raise
    _tell(told, control)
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # the error's frames hold this list: without this, sockets they hold would wait for the collector
    return results[0]


def _tell(told: deque[Progress], control: Control) -> None:
    if told:
        last = told.pop()
        control.step(last.stage, last.done, last.total)
