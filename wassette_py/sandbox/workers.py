"""Threads for guests: ours, daemons, never the main thread, and replaced when a guest cannot be stopped.

An executor would be waited for at exit, for as long as a guest is blocked; a daemon thread is not.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

IDLE = 30.0
"""Seconds a worker waits for its next task before it ends."""

STACK = 4 << 20
"""Bytes of stack: wasmtime's 512 KiB for guests and what Python needs around them, also where 512 KiB is all a thread gets."""

Task = Callable[[], None]


class Workers:
    """At most `limit` threads that work; further tasks wait. A lost thread does not count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._workers: set[Worker] = set()
        self._idle = 0
        self._closed = False

    def submit(self, task: Task) -> None:
        """Runs `task` on a worker. Raises RuntimeError once closed, or when it would take another thread and none can be started."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the workers are closed")
            self._tasks.append(task)
            if self._idle >= len(self._tasks):
                self._changed.notify()
            elif len(self._workers) < self._limit:
                try:
                    self._start()
                except RuntimeError:
                    self._tasks.pop()  # who is told that it is not done may do it himself
                    raise

    def close(self) -> None:
        """Takes no more tasks and forgets those that wait; does not wait for those that run."""
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify_all()

    def replace(self, worker: Worker) -> None:
        """Gives `worker` up: its place is free for another."""
        with self._changed:
            self._workers.discard(worker)
            if self._tasks and len(self._workers) < self._limit:
                with contextlib.suppress(RuntimeError):  # no thread can be started: what waits does so for those that are there
                    self._start()

    def next_task(self, worker: Worker) -> Task | None:
        """What `worker` does next; None ends it."""
        with self._changed:
            if worker not in self._workers:
                return None
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks or self._closed, IDLE)
            self._idle -= 1
            if self._tasks:
                return self._tasks.popleft()
            self._workers.discard(worker)
            return None

    def _start(self) -> None:
        worker = Worker(self)
        self._workers.add(worker)
        before = threading.stack_size(STACK)
        try:
            worker.start()
        except RuntimeError:
            self._workers.discard(worker)
            raise
        finally:
            threading.stack_size(before)


class Worker(threading.Thread):
    """One thread of a pool."""

    def __init__(self, pool: Workers) -> None:
        super().__init__(name="guest", daemon=True)
        self._pool = pool

    def give_up(self) -> None:
        """Called by who sees that this thread does not come back: another may take its place."""
        self._pool.replace(self)

    def run(self) -> None:
        while (task := self._pool.next_task(self)) is not None:
            try:
                task()
            except Exception:
                import logging

                logging.getLogger(__name__).exception("a task failed")
            del task  # what it holds, a sandbox for one, is not to wait for the next one
