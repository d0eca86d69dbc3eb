from __future__ import annotations

import threading
import time

import pytest

from tests.patience import FOREVER, LONG
from wassette_py.control import Cancel, Control, Progress, watched
from wassette_py.errors import Cancelled


def test_a_step_is_reported() -> None:
    told: list[Progress] = []
    Control(report=told.append).step("fetch", 5, 10)
    assert told == [Progress("fetch", 5, 10)]


def test_nobody_has_to_watch() -> None:
    Control().step("compile")
    Control().check("compile")


def test_a_step_of_cancelled_work_ends_it() -> None:
    control = Control()
    control.cancel.set()
    with pytest.raises(Cancelled, match="cancelled while in compile") as caught:
        control.step("compile")
    assert caught.value.exit_code == 130


def test_watched_work_returns_what_it_made_and_tells_its_last_step() -> None:
    told: list[Progress] = []

    def work(inner: Control) -> int:
        assert threading.current_thread() is not threading.main_thread()
        inner.step("fetch", 1, 2)
        inner.step("fetch", 2, 2)
        return 7

    assert watched(work, Control(report=told.append), "fetch") == 7
    assert told[-1] == Progress("fetch", 2, 2)


def test_watched_work_that_says_nothing_is_told_nothing_of() -> None:
    told: list[Progress] = []
    assert watched(lambda inner: time.sleep(0.12), Control(report=told.append), "fetch") is None
    assert told == []


def test_an_error_of_watched_work_is_raised_where_it_is_waited_for() -> None:
    def work(inner: Control) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        watched(work, Control(), "fetch")


def test_watched_work_is_left_alone_and_told_to_stop_once_it_is_cancelled() -> None:
    control, stopped, raised = Control(), threading.Event(), threading.Event()

    def work(inner: Control) -> None:
        inner.cancel.wait(FOREVER)
        stopped.set()
        raised.wait(FOREVER)

    threading.Timer(0.05, control.cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        watched(work, control, "fetch")
    assert time.monotonic() - begun < LONG
    assert stopped.wait(LONG)
    raised.set()


def test_who_waits_for_a_cancel_hears_of_it_and_who_comes_later_does_not_wait() -> None:
    cancel = Cancel()
    assert not cancel.wait(0.0)
    heard: list[bool] = []
    waiting = [threading.Thread(target=lambda: heard.append(cancel.wait(LONG))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    assert not cancel.is_set()
    cancel.set()
    for thread in waiting:
        thread.join()
    assert (heard, cancel.is_set(), cancel.wait(LONG)) == ([True] * 4, True, True)


def test_a_cancel_nobody_waits_for_is_set_alone() -> None:
    cancel = Cancel()
    cancel.set()
    assert (cancel.is_set(), cancel.wait(LONG)) == (True, True)
