"""`wassette audit`, `stats`, `monitor`: the log as people and scripts read it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.terminal import python, run_in_terminal
from tests.patience import LONG, until
from wassette_py.audit import flush
from wassette_py.audit.segment import segments
from wassette_py.cli import render
from wassette_py.cli.audit import event_line

PROGRAM = [sys.executable, "-m", "wassette_py"]


@pytest.fixture
def used(loaded: Path, wassette: Wassette) -> Path:
    """A component that was called: three times well, once not, once with something refused."""
    for text in ("a", "bb", "ccc"):
        assert wassette("tool", "call", "echo", f"text={text}").code == 0
    assert wassette("tool", "call", "refuse", "reason=no").code == 1
    assert wassette("policy", "grant", "text", "env", "LANG").code == 0
    flush(LONG)
    return loaded


def log_folder() -> Path:
    return Path.home() / ".local" / "state" / "wassette" / "audit"


def test_what_happened_is_shown_in_its_order(used: Path, wassette: Wassette) -> None:
    shown = wassette("audit", "show", "-o", "json").json
    assert [event["event"] for event in shown["events"]] == ["load", "call", "call", "call", "call", "grant"]
    assert shown["total"] == 6
    lines = wassette("audit", "show").out.splitlines()
    assert len(lines) == 6
    assert " call text/echo ok " in lines[1]
    assert lines[1].endswith(" ms (string(1))")
    assert lines[5].endswith("env LANG")


def test_events_are_chosen_by_component_outcome_and_time(used: Path, wassette: Wassette) -> None:
    def count(*words: str) -> int:
        total = wassette("audit", "show", "-o", "json", *words).json["total"]
        assert isinstance(total, int)
        return total

    assert count("--component", "text") == 6
    assert count("--component", "other") == 0
    assert count("--outcome", "tool-error") == 1
    assert count("--since", "1h") == count("--since", "2026-01-31") == count("--since", "2026-01-31T12:00:00+02:00") == 6
    assert count("--since", "2999-01-01") == count("--since", "0s") == 0
    assert count("--since", "999999w") == 6
    ran = wassette("audit", "show", "--since", "0s")
    assert (ran.code, ran.out, ran.err) == (0, "", "no such event is in the audit log\n")


@pytest.mark.parametrize("command", [["audit", "show"], ["stats"], ["monitor"]])
def test_a_time_that_is_none_is_a_usage_error(wassette: Wassette, command: list[str]) -> None:
    ran = wassette(*command, "--since", "lately")
    assert ran.code == 2
    assert "--since lately: expected 30m" in ran.err


def test_a_call_that_was_refused_before_it_ran_tells_why_and_one_with_wrong_arguments_no_value(
    loaded: Path, wassette: Wassette, home: Path
) -> None:
    assert wassette("tool", "call", "add", "left=31415", "right=x").code == 1
    policy = home / ".local/share/wassette/components/text.policy.yaml"
    policy.write_text("version: 2\n")
    assert wassette("tool", "call", "echo", "text=31415").code == 1
    flush(LONG)
    wrong, broken = wassette("audit", "show", "-o", "json").json["events"][-2:]
    assert (wrong["outcome"], "error" in wrong) == ("tool-error", False)
    assert broken["error"].startswith(f"{policy}:1: version: ")
    shown = wassette("audit", "show").out
    assert broken["error"] in shown
    assert "31415" not in shown


def test_a_whole_log_verifies_and_an_empty_one_too(used: Path, wassette: Wassette) -> None:
    ran = wassette("audit", "verify")
    assert (ran.code, ran.out) == (0, "whole: nothing was removed, changed or reordered\n")
    assert f"{log_folder()}: 6 events in 6 segments, from 20" in ran.err
    for path in log_folder().iterdir():
        path.unlink()
    ran = wassette("audit", "verify", "-o", "json")
    assert (ran.code, ran.json) == (0, {"folder": str(log_folder()), "segments": 0, "events": 0, "findings": []})


def test_a_changed_log_is_refused_with_the_place(used: Path, wassette: Wassette) -> None:
    path = segments(log_folder())[1]
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"no"'))
    ran = wassette("audit", "verify")
    assert (ran.code, ran.out.splitlines()[0]) == (3, f"{path.stem}:2: this line was changed")
    second = segments(log_folder())[2]
    second.unlink()
    findings = wassette("audit", "verify", "-o", "json").json["findings"]
    assert (path.stem, 2) in [(finding["segment"], finding["line"]) for finding in findings]
    assert (second.stem, None) in [(finding["segment"], finding["line"]) for finding in findings]


def test_a_line_that_is_no_event_is_told_beside_the_others(used: Path, wassette: Wassette) -> None:
    path = segments(log_folder())[0]
    path.write_bytes(path.read_bytes() + b"\x1b[2J\n")
    ran = wassette("audit", "show")
    assert len(ran.out.splitlines()) == 6
    assert ran.err == f"warning: {path}:3 is no event; wassette audit verify says more\n"


def test_stats_are_made_of_the_same_events(used: Path, wassette: Wassette) -> None:
    events = wassette("audit", "show", "-o", "json").json["events"]
    echoes = sorted(event["ms"] for event in events if event.get("tool") == "echo")
    tools = {tool["tool"]: tool for tool in wassette("stats", "-o", "json").json["tools"]}
    assert tools["echo"] == {
        "component": "text",
        "tool": "echo",
        "calls": 3,
        "errors": 0,
        "denials": 0,
        "p50_ms": echoes[1],
        "p95_ms": echoes[2],
    }
    assert (tools["refuse"]["calls"], tools["refuse"]["errors"]) == (1, 1)
    rows = [line.split() for line in wassette("stats", "--component", "text").out.splitlines()]
    assert rows[0] == ["TOOL", "CALLS", "ERRORS", "DENIALS", "P50", "P95"]
    assert rows[1][:4] == ["text/echo", "3", "0", "0"]


def test_without_a_call_there_are_no_stats(wassette: Wassette) -> None:
    ran = wassette("stats")
    assert (ran.code, ran.out, ran.err) == (0, "", "no call is in the audit log\n")
    assert wassette("stats", "-o", "json").json == {"tools": []}


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    event = {
        "time": "2026-01-31T12:00:00.123456Z",
        "event": "refusal",
        "of": "load",
        "component": "x",
        "outcome": "refused",
        "error": "two\nlines",
        "client": "claude/1",
        "denied": [{"target": "GET https://x:443"}, "nonsense"],
    }
    assert event_line(event) == "2026-01-31T12:00:00Z refusal x of load refused two lines claude/1 denied: GET https://x:443"
    assert event_line({"time": "t", "event": "lost", "count": 3}) == "tZ lost - 3"
    decided = {"by": "person", "choice": "once", "way": "elicitation"}
    assert event_line({"time": "t", "event": "grant", "decided": decided}) == "tZ grant - decided by person: once (elicitation)"
    assert event_line({"time": "t", "event": "grant", "decided": "hostile"}) == "tZ grant -"
    assert event_line({"time": "t", "event": "set-secret", "secret": "TOKEN"}) == "tZ set-secret - TOKEN"


def test_no_control_character_of_an_event_reaches_the_terminal(used: Path, wassette: Wassette) -> None:
    path = segments(log_folder())[0]
    path.write_bytes(b'{"time":"2026-01-31T12:00:00Z","event":"call","tool":"\\u001b[2J","outcome":"ok"}\n')
    shown = wassette("audit", "show", "--outcome", "ok").out
    assert "\x1b" not in shown
    assert "\\x1b[2J" in shown


def _monitor(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*PROGRAM, "monitor", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_monitor_tells_new_events_where_there_is_no_terminal_and_ends_with_ctrl_c(
    used: Path, wassette: Wassette, as_json: bool
) -> None:
    lines: list[str] = []

    def is_told() -> bool:
        assert wassette("tool", "call", "echo", "text=new").code == 0
        flush(LONG)
        return bool(lines)

    with _monitor("--component", "text", *(["-o", "json"] if as_json else [])) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        stdout = process.stdout

        def read() -> None:
            for line in stdout:
                lines.append(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        until(is_told)
        process.send_signal(signal.SIGINT)
        assert (process.wait(timeout=LONG), process.stderr.read()) == (0, "")
        reader.join(LONG)
    for line in lines:
        if as_json:
            assert json.loads(line)["arguments"] == ["string(3)"]
        else:
            assert " call text/echo ok " in line


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_the_monitor_draws_the_numbers_in_a_terminal_and_ends_with_ctrl_c(used: Path) -> None:
    seen = run_in_terminal([*PROGRAM, "monitor", "--since", "1h"], interrupt_at=["text/refuse"])
    assert seen.code == 0
    assert "TOOL" in seen.text
    assert "Traceback" not in seen.text


def test_the_monitor_reads_what_is_new(used: Path, wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            raise KeyboardInterrupt
        code = "from wassette_py.cli import main; main(['tool', 'call', 'echo', 'text=later'])"
        subprocess.run(python(code), check=True, capture_output=True, timeout=120)

    monkeypatch.setattr(render, "sleep", pause)
    ran = wassette("monitor")
    assert ran.code == 0
    [line] = ran.out.splitlines()
    assert line.endswith("(string(5))")
    waits.clear()
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    render.follow(list, lambda: ["one", "two \x1b[2J"], pause=0)
    assert "two \\x1b[2J" in screen.getvalue()


class Screen(io.StringIO):
    """What looks like a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on files")
def test_a_call_goes_well_on_a_disk_that_takes_no_more(loaded: Path) -> None:
    code = """
import resource, sys
from tests.patience import LONG, until
from wassette_py.audit import flush
from wassette_py.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (50, -1))
code = main()
flush(LONG)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
sys.exit(code)
"""
    words = ["tool", "call", "echo", "text=fine"]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "fine\n")
    assert ran.stderr == f"warning: the audit log in {log_folder()} cannot be written (File too large); calls go on without it\n"
