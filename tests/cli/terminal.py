"""Runs Python code under a pseudo-terminal, as a person would see it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.patience import FOREVER, LONG


@dataclass(frozen=True)
class Seen:
    """What the terminal got, the exit code, and how long it took from the last key to the end (or from the start)."""

    text: str
    code: int
    seconds: float


UNHURRIED = """
import sys
from wassette_py.__main__ import main
from wassette_py.cli import waiting
waiting.GRACE = 200.0
sys.exit(main())
"""
"""The program, which waits for as long as it takes for what was cancelled to clean up behind itself."""


def run_in_terminal(command: Sequence[str], *, interrupt_at: Sequence[str] = (), columns: int = 100) -> Seen:
    """Runs `command` with a terminal as stderr and stdout; presses Ctrl-C when the first of `interrupt_at` is on the screen, and so on."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "30"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
    os.close(theirs)
    began, text, deadline = time.monotonic(), b"", time.monotonic() + FOREVER
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.05)[0]:
                continue
            chunk = b""
            with contextlib.suppress(OSError):  # how Linux says that the other end is closed
                chunk = os.read(ours, 65536)
            if not chunk:
                break
            text += chunk
            if interrupt_at and interrupt_at[0].encode() in text:
                interrupt_at, began = interrupt_at[1:], time.monotonic()
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=LONG)
        return Seen(text.decode(errors="replace"), code, time.monotonic() - began)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def python(code: str) -> list[str]:
    """The command line that runs `code`."""
    return [sys.executable, "-c", code]
