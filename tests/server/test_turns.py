from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.patience import FOREVER, LONG, until
from wassette_py.sandbox.workers import Workers
from wassette_py.server import turns as turns_module
from wassette_py.server.turns import Turns


class Nothing:
    """Counts how often it is to hold what is written."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def hold(self) -> None:
        self.said.append("hold")

    def release(self) -> None:
        self.said.append("release")


def turns_of(
    lines: Iterator[bytes | None], receive: Callable[[bytes | None], None], ended: Callable[[], None], more: Callable[[], bool] = bool
) -> Turns:
    return Turns(lines, receive, ended, more=more, outlet=Nothing())


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
            submit(call, LONG)
        else:
            pinged.set()

    turns = turns_of(iter(fed), receive, ended.set)
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
        submit(task, LONG)
        submit(task, LONG)

    turns = turns_of(iter(fed), receive, ended.set)
    submit = turns.use(Workers(4))
    reader = threading.Thread(target=turns.read, daemon=True)
    reader.start()
    for _ in range(2):
        assert done.acquire(timeout=LONG)
    assert reader.ident in threads
    fed.queue.put(None)
    assert ended.wait(LONG)
    submit(task, LONG)  # from a thread that does not read
    assert done.acquire(timeout=LONG)


class Exhausted:
    def submit(self, task: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("seconds", [0.0, LONG])
def test_without_a_thread_to_read_on_the_reader_works_and_reads_on_itself(seconds: float) -> None:
    did: list[str] = []

    def receive(line: bytes | None) -> None:
        assert line is not None
        submit(lambda: did.append(f"{line.decode()} {turns.reads_here()}"), seconds)

    turns = turns_of(iter([b"a", b"b"]), receive, lambda: did.append("end"))
    submit = turns.use(Exhausted())
    turns.read()
    assert did == ["a True", "b True", "end"]


def test_a_reader_that_fails_ends_the_server() -> None:
    ended = threading.Event()

    def receive(line: bytes | None) -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="fault"):
        turns_of(iter([b"a"]), receive, ended.set).read()
    assert ended.is_set()


class Pool(Workers):
    """Counts what it is given."""

    def __init__(self) -> None:
        super().__init__(8)
        self.given = 0

    def submit(self, task: Callable[[], None]) -> None:
        self.given += 1
        super().submit(task)


def test_brief_tasks_are_done_by_the_thread_that_reads_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "LOOK", LONG)
    threads: list[int] = []
    ended, pool = threading.Event(), Pool()
    turns = turns_of(iter([b"x"] * 20), lambda line: submit(lambda: threads.append(threading.get_ident()), 0.0), ended.set)
    submit = turns.use(pool)
    reader = threading.Thread(target=turns.read, daemon=True)
    reader.start()
    assert ended.wait(LONG)
    reader.join()
    assert threads == [reader.ident] * 20
    assert pool.given == 0


def test_a_task_that_is_not_as_brief_as_it_was_thought_is_relieved_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "LINGER", 1)
    fed, ended, heard, done = Fed(), threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def wait() -> None:
        if heard.acquire(timeout=LONG):
            done.release()

    turns = turns_of(iter(fed), lambda line: submit(wait, 0.0) if line == b"long" else heard.release(), ended.set)
    submit = turns.use(Workers(8))
    threading.Thread(target=turns.read, daemon=True).start()
    for _ in range(3):
        fed.queue.put(b"long")
        fed.queue.put(b"what it waits for")
        assert done.acquire(timeout=LONG)
        until(lambda: not turns._looks)  # nobody looks at nothing
    fed.queue.put(None)
    assert ended.wait(LONG)


def test_nobody_is_relieved_twice() -> None:
    pool = Pool()
    turns = turns_of(iter([]), lambda line: None, lambda: None)
    turns.use(pool)
    assert turns._relieved((1, 1))
    assert pool.given == 0


def test_a_brief_task_that_has_to_wait_for_the_client_lets_another_thread_read() -> None:
    said: list[bool] = []
    ended, done = threading.Event(), threading.Event()
    fed = Fed(b"ask")

    def ask() -> None:
        said.extend([turns.reads_here(), turns.reads_here()])
        done.set()

    turns = turns_of(iter(fed), lambda line: submit(ask, 0.0), ended.set)
    submit = turns.use(Workers(8))
    threading.Thread(target=turns.read, daemon=True).start()
    assert done.wait(LONG)
    assert said == [False, False]
    fed.queue.put(None)
    assert ended.wait(LONG)


def test_what_a_brief_task_submits_goes_to_another_thread() -> None:
    fed, ended, done = Fed(b"x"), threading.Event(), threading.Event()
    turns = turns_of(iter(fed), lambda line: submit(lambda: submit(done.set, 0.0), 0.0), ended.set)
    submit = turns.use(Workers(8))
    threading.Thread(target=turns.read, daemon=True).start()
    assert done.wait(LONG)
    fed.queue.put(None)
    assert ended.wait(LONG)


def test_without_a_thread_to_look_nothing_is_thought_brief(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, ended = Pool(), threading.Event()
    turns = turns_of(iter([b"x"]), lambda line: submit(lambda: None, 0.0), ended.set)
    submit = turns.use(pool)
    pool.submit(lambda: None)  # a worker is there already

    def cannot(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot)
        turns.read()
    assert ended.wait(LONG)
    assert pool.given == 2


def test_what_brief_tasks_write_is_held_while_more_lines_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "HELD", LONG)
    monkeypatch.setattr(turns_module, "LOOK", LONG)
    outlet, ended, left = Nothing(), threading.Event(), [b"task", b"ping", b"task"]

    def lines() -> Iterator[bytes]:
        while left:
            yield left.pop(0)

    def receive(line: bytes | None) -> None:
        assert line is not None
        if line == b"task":
            submit(lambda: outlet.said.append("task"), 0.0)
        else:
            outlet.said.append("ping")

    turns = Turns(lines(), receive, ended.set, more=lambda: bool(left), outlet=outlet)
    submit = turns.use(Workers(2))
    turns.read()
    assert outlet.said == ["hold", "task", "ping", "task", "release"]
    assert ended.is_set()


def test_nothing_is_held_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "HELD", 0.0)
    monkeypatch.setattr(turns_module, "LOOK", LONG)
    outlet, ended = Nothing(), threading.Event()
    turns = Turns(iter([b"a", b"b"]), lambda line: submit(lambda: time.sleep(0.001), 0.0), ended.set, more=lambda: True, outlet=outlet)
    submit = turns.use(Workers(2))
    turns.read()
    assert outlet.said == ["hold", "release"] * 2


def test_what_was_held_is_let_go_before_work_that_is_not_brief() -> None:
    outlet, ended = Nothing(), threading.Event()
    fed = Fed(b"long")
    done = threading.Event()
    turns = Turns(iter(fed), lambda line: submit(done.set, LONG), ended.set, more=lambda: True, outlet=outlet)
    submit = turns.use(Workers(2))
    threading.Thread(target=turns.read, daemon=True).start()
    assert done.wait(LONG)
    assert outlet.said == ["release"]
    fed.queue.put(None)
    assert ended.wait(LONG)


def test_what_is_held_is_let_go_by_whoever_relieves_the_thread_however_slowly_it_comes_to_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "HELD", FOREVER)
    fed, ended, heard, done = Fed(b"long", b"what it waits for"), threading.Event(), threading.Event(), threading.Event()

    class Slow(Nothing):
        def hold(self) -> None:
            time.sleep(10 * turns_module.LOOK)
            super().hold()

    def wait() -> None:
        if heard.wait(LONG):
            done.set()

    outlet = Slow()
    turns = Turns(
        iter(fed), lambda line: submit(wait, 0.0) if line == b"long" else heard.set(), ended.set, more=lambda: True, outlet=outlet
    )
    submit = turns.use(Workers(2))
    threading.Thread(target=turns.read, daemon=True).start()
    assert done.wait(LONG)
    assert outlet.said == ["hold", "release"]
    fed.queue.put(None)
    assert ended.wait(LONG)


@pytest.mark.parametrize(("more", "waits"), [(True, False), (False, True)])
def test_what_is_short_and_not_brief_is_done_before_the_next_line_when_none_is_there(
    more: bool, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "LOOK", LONG)
    outlet, ended, pool, done = Nothing(), threading.Event(), Pool(), threading.Event()
    fed = Fed(b"short")
    turns = Turns(iter(fed), lambda line: submit(done.set, turns_module.BRIEF), ended.set, more=lambda: more, outlet=outlet)
    submit = turns.use(pool)
    threading.Thread(target=turns.read, daemon=True).start()
    assert done.wait(LONG)
    assert pool.given == (0 if waits else 1)
    fed.queue.put(None)
    assert ended.wait(LONG)
