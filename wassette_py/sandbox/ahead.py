"""Instances made before their call: behind a call of a component that takes a while to instantiate, the next one is made.

On another thread: what this one does behind its answer, the client waits for when both are on one core, as they often are. Where calls
come back to back, a short while is not worth waking a thread for.

Each is for one call, as any other, and knows nothing of any: no directory is open in it, variables, clocks, network and output are asked
for through the call that takes it (`state.CALLS`), and a policy counts as it is then. One whose start code looks at anything of that is
not made again. What is fixed when it is made are the bytes of memory it may use and that it has no directories; a call to which that
does not apply makes its own.
"""

from __future__ import annotations

import threading
import time
from weakref import WeakKeyDictionary

from wassette_py.limits import Limits
from wassette_py.policy.document import EMPTY
from wassette_py.sandbox.egress.egress import Egress
from wassette_py.sandbox.engine import CompiledComponent
from wassette_py.sandbox.instance import Guest
from wassette_py.sandbox.memory import MemoryWatch
from wassette_py.sandbox.native import WasmtimeError
from wassette_py.sandbox.state import CallState
from wassette_py.sandbox.workers import Workers

WORTH = 0.000025
"""Seconds of instantiating from which on it is worth it where calls leave time in between."""
PAUSE = 0.003
"""Seconds from one call of a component to the next that are such a time: a busy machine takes one of them by itself."""
WORTH_ALWAYS = 0.0003
"""Seconds of instantiating from which on it is always worth it."""
MOST = 4
"""Instances that wait at once, one a component."""
BEHIND = 2
"""Calls whose instances wait at once for being dropped: each may be of 8 MiB (`pool.KEPT`)."""
IDLE = 60.0
"""Seconds that one waits for its call."""
START = 1.0
"""Seconds that start code may take."""


class _Place:
    """What is kept of one component."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.guest: Guest | None = None
        self.memory = 0.0
        self.since = 0.0
        self.took = (0.0, 0.0)
        """What making the latest two instances took that were not made ahead: one is held up by chance."""
        self.ended = 0.0
        self.is_refused = False

    def is_worth(self, ended: CallState) -> bool:
        """Whether the next instance is to be made behind the call `ended`, of which note is taken."""
        if ended.instantiating:
            self.took = (ended.instantiating, self.took[0])
        paused = ended.started - self.ended
        self.ended = time.monotonic()
        return min(self.took) >= (WORTH if paused >= PAUSE else WORTH_ALWAYS)

    def taken(self) -> Guest | None:
        """What waits here, which is then nobody else's. The lock is held, and given back."""
        guest, self.guest = self.guest, None
        self.lock.release()
        return guest


class Ahead:
    """The instances that wait in one sandbox."""

    def __init__(self, egress: Egress, watched: MemoryWatch) -> None:
        self._worker = Workers(limit=1)
        self._left = 0
        self._egress = egress
        self._watched = watched
        self._lock = threading.Lock()
        self._places: WeakKeyDictionary[CompiledComponent, _Place] = WeakKeyDictionary()
        self._sweeper: threading.Timer | None = None
        self._cancel = threading.Event()

    def take(self, component: CompiledComponent, call: CallState) -> Guest | None:
        """The instance that waits for a call of `component`, now for `call` and for no other; None where there is none that fits."""
        with self._lock:
            place = self._places.get(component)
        if place is None or not place.lock.acquire(blocking=False):  # while one is made, another core may make another
            return None
        memory, guest = place.memory, place.taken()
        if guest is None:
            return None
        if memory != call.limits.memory or _needs_directories(component, call):
            guest.drop()
            return None
        guest.adopt(call, self._watched)
        return guest

    def follow(self, component: CompiledComponent, ended: CallState, guest: Guest) -> None:
        """Drops `guest` behind its call `ended`; where it is worth it, on another thread, which first makes the next one."""
        with self._lock:
            place = self._places.get(component)
            if place is None:
                place = self._places[component] = _Place()
            is_worth = place.is_worth(ended) and self._left < BEHIND
            self._left += is_worth
        if not is_worth:
            guest.drop()
            return

        def work() -> None:
            try:
                if not place.is_refused and not _needs_directories(component, ended):
                    self._prepare(component, place, ended.limits.memory)
            finally:
                with self._lock:
                    self._left -= 1
                guest.drop()

        try:
            self._worker.submit(work)
        except RuntimeError:  # no thread can be started
            work()

    def _prepare(self, component: CompiledComponent, place: _Place, memory: int) -> None:
        if not component.tells_no_time or not place.lock.acquire(blocking=False):
            return
        try:
            if place.guest is None and not self._cancel.is_set():
                self._make(component, place, memory)
        finally:
            place.lock.release()
        self._sweep(MOST)

    def end(self, seconds: float) -> None:
        """Drops what waits, and ends what is being made, for which it waits that long; from then on nothing is made."""
        self._cancel.set()
        with self._lock:
            places = list(self._places.values())
        guests = [place.taken() for place in places if place.lock.acquire(timeout=seconds)]
        for guest in filter(None, guests):
            guest.drop()

    def _make(self, component: CompiledComponent, place: _Place, memory: int) -> None:
        limits = Limits(memory=memory, timeout=START)
        state = CallState(limits=limits, policy=EMPTY, environment={}, cancel=self._cancel, egress=self._egress)
        state.is_ahead = True
        guest = Guest(component, state, self._watched)
        try:
            guest.make()
            place.is_refused = bool(state.verdict or state.stdout or state.stderr)
        except WasmtimeError:
            place.is_refused = True
        if place.is_refused:
            guest.drop()
        else:
            place.guest, place.memory, place.since = guest, memory, time.monotonic()

    def _sweep(self, most: int) -> None:
        """Drops what has waited for IDLE seconds, and of the others the oldest, until `most` are left; looks again when they may be due."""
        with self._lock:
            waiting = sorted([place for place in self._places.values() if place.guest is not None], key=lambda place: place.since)
            now = time.monotonic()
            over = len(waiting) - most
            due = [place for index, place in enumerate(waiting) if now >= place.since + IDLE or index < over]
            guests = [place.taken() for place in due if place.lock.acquire(blocking=False)]
            if self._sweeper is None and waiting:
                self._sweeper = threading.Timer(IDLE, self._swept)
                self._sweeper.daemon = True
                self._sweeper.start()
        for guest in filter(None, guests):
            guest.drop()

    def _swept(self) -> None:
        self._sweeper = None
        self._sweep(MOST)


def _needs_directories(component: CompiledComponent, call: CallState) -> bool:
    return bool(call.policy.storage) and "wasi:filesystem/preopens" in component.imports
