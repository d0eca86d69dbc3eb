from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from tests.patience import LONG, until
from wassette_py.server import pipes
from wassette_py.server.writer import Writer


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for end in (read, write):
        os.close(end)


def written(data: bytes, most: int) -> list[bytes | None]:
    """The lines that come out when `data` goes in by one write and ends."""
    read, write = os.pipe()

    def feed() -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(write, left) :]
        os.close(write)

    threading.Thread(target=feed).start()
    try:
        return list(pipes.Lines(read, most))
    finally:
        os.close(read)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\n", [b"a"]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"\n\n", [b"", b""]),
        (b"a\r\n", [b"a\r"]),
        (b"no end", [b"no end"]),
        (b"1234567890\n", [b"1234567890"]),
        (b"12345678901\nb\n", [None, b"b"]),
        (b"12345678901", [None]),
        (b"x" * 1_000_000 + b"\nb\n" + b"x" * 1_000_000, [None, b"b", None]),
    ],
)
def test_lines_are_cut_and_too_long_ones_counted(data: bytes, lines: list[bytes | None]) -> None:
    assert written(data, 10) == lines


def test_a_line_may_come_in_many_pieces() -> None:
    long = bytes(range(32, 127)) * 10_000
    assert written(long + b"\n" + long + b"\n", len(long)) == [long, long]


def test_an_input_that_breaks_has_ended() -> None:
    read, write = os.pipe()
    os.close(write)
    os.close(read)
    assert list(pipes.Lines(read, 10)) == []


def test_lines_are_written_in_order_and_the_first_is_announced_once_it_is_out(pipe: tuple[int, int]) -> None:
    begun = threading.Event()
    writer = Writer(pipe[1], begun=begun.set, broken=lambda: None)
    assert writer.flush(0)
    assert not begun.is_set()
    for number in range(1000):
        writer.write(b"%d\n" % number)
    assert writer.flush(LONG)
    assert begun.wait(LONG)
    assert os.read(pipe[0], 1 << 16) == b"".join(b"%d\n" % number for number in range(1000))


def test_a_client_that_does_not_read_holds_the_writers_back_and_not_the_memory(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], begun=lambda: None, broken=lambda: None)
    line = b"x" * (1 << 20)
    written = []

    def write_all() -> None:
        for number in range(64):
            writer.write(line)
            written.append(number)

    thread = threading.Thread(target=write_all)
    thread.start()
    thread.join(0.5)
    assert len(written) <= 33
    assert not writer.flush(0.01)
    read = 0
    while read < 64 << 20:
        read += len(os.read(pipe[0], 1 << 20))
    thread.join(LONG)
    assert writer.flush(LONG)
    assert len(written) == 64


def test_a_client_that_is_gone_is_told_once_and_the_rest_is_dropped() -> None:
    read, write = os.pipe()
    os.close(read)
    broken = threading.Semaphore(0)
    writer = Writer(write, begun=lambda: None, broken=broken.release)
    writer.write(b"a\n")
    assert broken.acquire(timeout=LONG)
    for _ in range(100):
        writer.write(b"x" * (1 << 20))
    assert writer.flush(0)
    assert not broken.acquire(blocking=False)
    os.close(write)


def test_a_first_announcement_that_fails_does_not_stop_the_writing(pipe: tuple[int, int]) -> None:
    def fail() -> None:
        raise RuntimeError("can't start new thread")

    writer = Writer(pipe[1], begun=fail, broken=lambda: None)
    writer.write(b"a\n")
    assert os.read(pipe[0], 10) == b"a\n"
    writer.write(b"b\n")
    assert os.read(pipe[0], 10) == b"b\n"


def test_at_the_end_nobody_waits_for_a_client_that_does_not_read(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], begun=lambda: None, broken=lambda: None)
    writer.write(b"x" * (40 << 20))
    waiting = threading.Thread(target=lambda: writer.write(b"dropped"))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    writer.hurry()
    waiting.join(LONG)
    assert not waiting.is_alive()
    writer.write(b"dropped too")
    read = 0
    while read < 40 << 20:
        read += len(os.read(pipe[0], 1 << 20))
    assert writer.flush(LONG)


def test_a_short_line_is_out_when_write_returns(pipe: tuple[int, int]) -> None:
    begun = threading.Event()
    writer = Writer(pipe[1], begun=begun.set, broken=lambda: None)
    writer.write(b"first\n")
    assert begun.wait(LONG)
    assert os.read(pipe[0], 100) == b"first\n"
    os.set_blocking(pipe[0], False)
    for number in range(100):
        writer.write(b"%d\n" % number)
        assert os.read(pipe[0], 100) == b"%d\n" % number


def test_short_lines_keep_their_place_behind_long_ones(pipe: tuple[int, int]) -> None:
    begun = threading.Event()
    writer = Writer(pipe[1], begun=begun.set, broken=lambda: None)
    writer.write(b"first\n")
    assert begun.wait(LONG)
    expected = b"first\n"
    for number in range(50):
        for line in (b"x" * 30_000 + b"\n", b"%d\n" % number):
            writer.write(line)
            expected += line
    got = b""
    while len(got) < len(expected):
        got += os.read(pipe[0], 1 << 16)
    assert got == expected


def test_a_short_line_waits_when_the_pipe_is_full(pipe: tuple[int, int]) -> None:
    begun = threading.Event()
    writer = Writer(pipe[1], begun=begun.set, broken=lambda: None)
    writer.write(b"x" * 65_536)  # what fits into a pipe of Linux
    assert begun.wait(LONG)
    writer.write(b"short")
    assert not writer.flush(0.05)
    got = b""
    while len(got) < 65_541:
        got += os.read(pipe[0], 1 << 16)
    assert got.endswith(b"xshort")


def test_what_one_thread_holds_goes_out_as_one_and_keeps_its_place(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], begun=None, broken=lambda: None)
    until(lambda: writer._changed._waiters)  # type: ignore[attr-defined]  # its thread would take what it finds when it begins
    os.set_blocking(pipe[0], False)
    writer.release()  # nothing is held
    writer.hold()
    for number in range(3):
        writer.write(b"%d\n" % number)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 100)
    writer.release()
    assert os.read(pipe[0], 100) == b"0\n1\n2\n"
    writer.write(b"3\n")
    assert os.read(pipe[0], 100) == b"3\n"


def test_what_another_thread_writes_lets_go_of_what_is_held(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], begun=None, broken=lambda: None)
    writer.hold()
    writer.write(b"mine\n")
    other = threading.Thread(target=writer.write, args=(b"its\n",))
    other.start()
    other.join()
    assert writer.flush(LONG)
    assert os.read(pipe[0], 100) == b"mine\nits\n"
    writer.release()
    writer.write(b"next\n")
    assert os.read(pipe[0], 100) == b"next\n"


def test_what_was_held_and_is_long_is_written_as_a_client_reads_it(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], begun=None, broken=lambda: None)
    writer.hold()
    expected = b"".join([b"%d\n" % number for number in range(30_000)])
    for number in range(30_000):
        writer.write(b"%d\n" % number)
    writer.release()
    got = b""
    while len(got) < len(expected):
        got += os.read(pipe[0], 1 << 16)
    assert got == expected


def test_a_client_that_goes_between_looking_and_writing_is_told_too() -> None:
    read, write = os.pipe()
    begun, broken = threading.Event(), threading.Event()
    writer = Writer(write, begun=begun.set, broken=broken.set)
    writer.write(b"first\n")
    assert begun.wait(LONG)

    class Late:
        def poll(self, timeout: int) -> list[tuple[int, int]]:
            os.close(read)
            return [(write, select.POLLOUT)]

    writer._poll = Late()  # type: ignore[assignment]
    writer.write(b"second\n")
    assert broken.wait(LONG)
    os.close(write)


def test_lines_that_need_not_be_waited_for_are_known(pipe: tuple[int, int]) -> None:
    lines = pipes.Lines(pipe[0], 100)
    heard: list[str] = []
    lines.arrived = lambda: heard.append("arrived")
    os.write(pipe[1], b"a\nb\nc")
    assert [(next(lines), lines.more()) for _ in range(2)] == [(b"a", True), (b"b", False)]
    assert heard == ["arrived"]
