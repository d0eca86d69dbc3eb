from __future__ import annotations

import sys
import threading
import time

import pytest

from tests.cli.terminal import python, run_in_terminal
from tests.patience import FOREVER, LONG
from wassette_py.cli import waiting
from wassette_py.cli.render import SHOW_AFTER, Display
from wassette_py.cli.waiting import wait_for
from wassette_py.control import Control, Progress
from wassette_py.errors import Cancelled, NotFound

STAGES = """
import time
from wassette_py.cli.render import Display
from wassette_py.cli.waiting import wait_for
shown, tick = [], Display.tick
def watched(display, progress, elapsed):
    tick(display, progress, elapsed)
    shown.append(elapsed > 0.2 and progress and progress.stage)
Display.tick = watched
def step(control, *progress):
    control.step(*progress)
    while progress[0] not in shown:
        time.sleep(0.01)
def work(control):
    for done in range(0, 5):
        step(control, "fetch", done * 1_000_000, 4_000_000)
    step(control, "compile")
    return "finished"
print(wait_for(work, label="loading", verbose={verbose}))
"""

ENDLESS = """
import time
from wassette_py.cli import main
from wassette_py.cli import app, component, waiting
from wassette_py.cli.waiting import wait_for
waiting.GRACE = 200.0
def work(control):
    control.step("compile")
    try:
        control.cancel.wait(); print("told", flush=True)
        time.sleep({pause}); control.step("compile")
    finally:
        print("cleaned up", flush=True)
app._invoked = lambda argv, session: wait_for(work, label="loading")
raise SystemExit(main([]))
"""


def test_the_result_and_the_error_of_the_work_reach_the_caller() -> None:
    def missing(_: Control) -> None:
        raise NotFound("nothing there")

    assert wait_for(lambda _: threading.current_thread().name, label="loading") == "loading"
    with pytest.raises(NotFound, match="nothing there"):
        wait_for(missing, label="loading")


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen, tick = threading.Event(), Display.tick

    def ticked(display: Display, progress: Progress | None, elapsed: float) -> None:
        tick(display, progress, elapsed)
        if progress is not None and elapsed > 2 * SHOW_AFTER:
            seen.set()

    def work(control: Control) -> int:
        control.step("fetch", 1, 2)
        return 3 if seen.wait(LONG) else 4

    monkeypatch.setattr(Display, "tick", ticked)
    assert wait_for(work, label="loading") == 3
    assert capsys.readouterr() == ("", "")
    seen.clear()
    assert wait_for(work, label="loading", verbose=True) == 3
    assert capsys.readouterr().err.startswith("fetch: ")


def test_a_person_sees_a_bar_for_bytes_and_a_spinner_with_the_time_for_a_compile() -> None:
    seen = run_in_terminal(python(STAGES.format(verbose=False)))
    assert seen.code == 0
    assert "fetching" in seen.text
    assert "/4.0 MB" in seen.text
    assert "compiling" in seen.text
    assert "0:00:00" in seen.text
    assert seen.text.rstrip().endswith("finished")


def test_verbose_leaves_a_line_for_each_stage() -> None:
    seen = run_in_terminal(python(STAGES.format(verbose=True)))
    assert "fetch: " in seen.text
    assert "compile: " in seen.text


def test_what_ends_at_once_draws_nothing_and_imports_no_rich() -> None:
    code = "import sys; from wassette_py.cli.waiting import wait_for; print(wait_for(lambda _: 7, label='x'), 'rich' in sys.modules)"
    assert run_in_terminal(python(code)).text == "7 False\r\n"


def test_work_without_progress_shows_its_label() -> None:
    code = """
import threading
from wassette_py.cli.render import Display
from wassette_py.cli.waiting import wait_for
shown, draw = threading.Event(), Display._draw
def drawn(display, total):
    try:
        return draw(display, total)
    finally:
        shown.set()
Display._draw = drawn
wait_for(lambda _: shown.wait(200), label="calling [notes]")
"""
    assert "calling [notes]" in run_in_terminal(python(code)).text


def test_ctrl_c_ends_the_work_and_lets_it_clean_up() -> None:
    seen = run_in_terminal(python(ENDLESS.format(pause=0.05)), interrupt_at=["compiling"])
    assert seen.code == 130
    assert "cleaned up" in seen.text
    assert "Traceback" not in seen.text


def test_a_second_ctrl_c_waits_for_nothing() -> None:
    seen = run_in_terminal(python(ENDLESS.format(pause=200)), interrupt_at=["compiling", "told"])
    assert seen.code == 130
    assert "Traceback" not in seen.text
    assert seen.seconds < LONG


def _interrupt_main(working: threading.Event) -> None:
    """Presses Ctrl-C while the main thread waits: some time after the work began."""
    import _thread

    working.wait()
    time.sleep(0.3)
    _thread.interrupt_main()


@pytest.mark.skipif(sys.platform == "win32", reason="interrupt_main is a real signal elsewhere only")
def test_work_that_cannot_stop_is_left_behind_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GRACE", 0.1)
    hold, working = threading.Event(), threading.Event()

    def work(_: Control) -> None:
        working.set()
        hold.wait(FOREVER)

    threading.Thread(target=_interrupt_main, args=(working,)).start()
    with pytest.raises(Cancelled, match="interrupted"):
        wait_for(work, label="stuck")
    hold.set()


def test_work_that_stops_when_told_ends_as_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GRACE", FOREVER)
    working = threading.Event()

    def work(control: Control) -> None:
        working.set()
        while True:
            control.step("compile")
            time.sleep(0.01)

    threading.Thread(target=_interrupt_main, args=(working,)).start()
    with pytest.raises(Cancelled, match="compile"):
        wait_for(work, label="loading")


def test_work_that_was_done_when_ctrl_c_came_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GRACE", FOREVER)
    working = threading.Event()

    def work(control: Control) -> str:
        working.set()
        control.cancel.wait(FOREVER)
        time.sleep(0.5)
        return "done"

    threading.Thread(target=_interrupt_main, args=(working,)).start()
    assert wait_for(work, label="loading") == "done"
