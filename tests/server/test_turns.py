from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.patience import LONG
from wassette_py.sandbox.workers import Workers
from wassette_py.server.turns import Turns


class Fed:
    """Lines as they are put in; None from `next` ends them."""

    def __init__(self, *lines: bytes) -> None:
        self.queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        for line in lines:
            self.queue.put(line)

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.queue.get()) is not None:
            yield line


def test_a_call_is_made_by_the_thread_that_read_it_while_another_reads_on() -> None:
    fed = Fed(b"call", b"ping")
    readers: list[int] = []
    callers: list[int] = []
    ended, pinged, called = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        assert pinged.wait(LONG)  # what comes after a call does not wait for it
        assert not turns.reads_here()
        callers.append(threading.get_ident())
        called.set()

    def receive(line: bytes | None) -> None:
        readers.append(threading.get_ident())
        if line == b"call":
            submit(call)
        else:
            pinged.set()

    turns = Turns(iter(fed), receive, ended.set)
    submit = turns.use(Workers(4))
    threading.Thread(target=turns.read, daemon=True).start()
    assert called.wait(LONG)
    fed.queue.put(None)
    assert ended.wait(LONG)
    assert callers == readers[:1]
    assert readers[0] != readers[1]


def test_a_line_that_makes_two_tasks_keeps_one_and_gives_the_other_away() -> None:
    threads: list[int] = []
    done = threading.Semaphore(0)
    fed, ended = Fed(b"two"), threading.Event()

    def task() -> None:
        threads.append(threading.get_ident())
        done.release()

    def receive(line: bytes | None) -> None:
        submit(task)
        submit(task)

    turns = Turns(iter(fed), receive, ended.set)
    submit = turns.use(Workers(4))
    reader = threading.Thread(target=turns.read, daemon=True)
    reader.start()
    for _ in range(2):
        assert done.acquire(timeout=LONG)
    assert reader.ident in threads
    fed.queue.put(None)
    assert ended.wait(LONG)
    submit(task)  # from a thread that does not read
    assert done.acquire(timeout=LONG)


class Exhausted:
    def submit(self, task: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")


def test_without_a_thread_to_read_on_the_reader_works_and_reads_on_itself() -> None:
    did: list[str] = []

    def receive(line: bytes | None) -> None:
        assert line is not None
        submit(lambda: did.append(f"{line.decode()} {turns.reads_here()}"))

    turns = Turns(iter([b"a", b"b"]), receive, lambda: did.append("end"))
    submit = turns.use(Exhausted())
    turns.read()
    assert did == ["a True", "b True", "end"]


def test_a_reader_that_fails_ends_the_server() -> None:
    ended = threading.Event()

    def receive(line: bytes | None) -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="fault"):
        Turns(iter([b"a"]), receive, ended.set).read()
    assert ended.is_set()
