"""Everything a command prints: data on stdout, talk on stderr, and progress where a person watches. The only importer of rich.

rich is imported when a display is first drawn, so that commands that end at once never pay for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from time import sleep
from typing import TYPE_CHECKING, TextIO

from wassette_py.cli.text import escape, json_text, seconds_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from wassette_py.cli.options import Session
    from wassette_py.control import Progress

SHOW_AFTER = 0.2
"""Seconds of work before a display is drawn: what is quicker needs none."""

_WORDS = {
    "resolve": "resolving",
    "fetch": "fetching",
    "verify": "verifying",
    "compile": "compiling",
    "install": "installing",
    "push": "pushing",
}


def show(session: Session, document: object, lines: Iterable[str]) -> None:
    """One document on stdout: JSON, or `lines` for people."""
    print(json_text(document) if session.json else escape("\n".join(lines)))


def screen() -> int:
    """How many characters wide the terminal is that shows stdout; 0 where none does."""
    import shutil

    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else 0


def show_value(value: object) -> None:
    """A call's result on stdout: a string as it is (escaped where a terminal would act on it), anything else as JSON."""
    text = value if isinstance(value, str) else json_text(value)
    print(escape(text) if isinstance(value, str) and is_terminal(sys.stdout) else text)


def talk(*lines: str) -> None:
    """Lines for people on stderr. What is told in several lines is indented from the second on: it may hold a stranger's text, and a line
    that begins with `hint:` is ours."""
    for line in lines:
        print("\n  ".join(escape(line).split("\n")), file=sys.stderr)


def complain(error: str, hints: Iterable[str | None], *, word: str = "error") -> None:
    """`error:` and `hint:` lines on stderr."""
    talk(f"{word}: {error}", *(f"hint: {line}" for hint in hints for line in (hint or "").splitlines()))


def guest_output(stdout: str, stderr: str) -> None:
    """What a guest printed, on stderr (stdout is for its result), each line marked as the guest's."""
    talk(*(f"| {line}".rstrip() for text in (stdout, stderr) for line in text.splitlines()))


def tell_log(level: str, *, traces: bool) -> None:
    """Turns what the rooms below log, from `level` on, into lines on stderr; `traces` shows where a fault of ours happened."""
    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            talk(f"{record.levelname.lower()}: {record.getMessage()}")
            if traces and record.exc_info:
                talk(logging.Formatter().formatException(record.exc_info))

    handler, logger = Lines(level.upper()), logging.getLogger("wassette_py")
    logger.handlers = [handler]
    if handler.level < logging.WARNING:
        logger.setLevel(handler.level)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person watches `stream`."""
    return stream.isatty()


def follow(news: Callable[[], list[str]], screen: Callable[[], list[str]], *, pause: float) -> None:
    """Shows what comes until Ctrl-C: in a terminal `screen`, drawn anew each time, else each line of `news` once."""
    try:
        if is_terminal(sys.stdout):
            _follow_on_screen(news, screen, pause)
        while True:
            for line in news():
                print(escape(line), flush=True)
            sleep(pause)
    except KeyboardInterrupt:
        return


def _follow_on_screen(news: Callable[[], list[str]], screen: Callable[[], list[str]], pause: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            news()
            live.update(Text(escape("\n".join(screen())), no_wrap=True, overflow="ellipsis"), refresh=True)
            sleep(pause)


class Display:
    """What a person sees while work goes on: a bar for what has a known size, else a spinner with the time that has passed.

    Drawn on the thread that waits, from `tick`; with `verbose`, each finished stage also leaves a line.
    """

    def __init__(self, label: str, *, verbose: bool) -> None:
        self._label = label
        self._verbose = verbose
        self._stage: str | None = None
        self._since = 0.0
        self._drawn: tuple[RichProgress, TaskID] | None = None

    def tick(self, progress: Progress | None, elapsed: float) -> None:
        """Draws `progress`, `elapsed` seconds after the work began."""
        stage = progress.stage if progress else None
        if stage != self._stage:
            self.close(elapsed)
            self._stage, self._since = stage, elapsed
        if elapsed >= SHOW_AFTER and is_terminal(sys.stderr):
            total = progress.total if progress else None
            bar, task = self._drawn = self._drawn or self._draw(total)
            bar.update(task, completed=progress.done if progress else 0, total=total)
            bar.refresh()

    def close(self, elapsed: float) -> None:
        """Takes away what is drawn."""
        if self._drawn:
            self._drawn[0].stop()
            self._drawn = None
        if self._verbose and self._stage:
            talk(f"{self._stage}: {seconds_text(elapsed - self._since)}")

    def _draw(self, total: int | None) -> tuple[RichProgress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        words = _WORDS[self._stage] if self._stage else self._label
        details = (TimeElapsedColumn(),) if total is None else (BarColumn(), DownloadColumn())
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *details,
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        bar.start()
        return bar, bar.add_task(escape(words), total=total)
