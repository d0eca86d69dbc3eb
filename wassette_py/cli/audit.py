"""`wassette audit`, `stats` and `monitor`: what happened here, whether the log of it is whole, and what it comes to in numbers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.columns import folded, table
from wassette_py.cli.options import Command, noun, session_of
from wassette_py.cli.render import follow, screen, show, talk
from wassette_py.cli.text import plural

if TYPE_CHECKING:
    from wassette_py.audit.counting import Numbers
    from wassette_py.audit.reading import EventValue

app = noun("Show what happened here, and check that the log of it is whole.")

Component = Annotated[str | None, typer.Option("--component", metavar="ID", help="Of this component only.")]
Outcome = Annotated[
    str | None,
    typer.Option("--outcome", metavar="WORD", help="With this outcome only: ok, tool-error, denied, timeout, trap, limit, cancelled, …"),
]
Since = Annotated[str | None, typer.Option("--since", metavar="1h|2026-01-31", help="Not older than that: 30m, 12h, 7d, or a time.")]

NEWEST = 10
"""Events that `monitor` shows below the numbers."""
GLANCE = 0.5


@app.command("show", cls=Command)
def show_log(context: typer.Context, component: Component = None, outcome: Outcome = None, since: Since = None) -> None:
    """Show the events, oldest first."""
    session = session_of(context)
    found = _events(context, component=component, outcome=outcome, since=since)
    if not session.json:
        event = None
        for event in found:
            show(session, None, folded([event_line(event)], screen()))
        if event is None:
            talk("no such event is in the audit log")
        return
    events = list(found)
    show(session, {"events": events, "total": len(events)}, [])


@app.command("verify", cls=Command)
def verify(context: typer.Context) -> None:
    """Find lines that were removed, changed or reordered: exit 3 when there are any."""
    from wassette_py.audit.checking import check

    session = session_of(context)
    folder = session.settings.audit.dir
    checked = check(folder)
    talk(f"{folder}: {plural(checked.events, 'event')} in {plural(checked.segments, 'segment')}" + _beginning(checked.begins))
    findings = [{"segment": found.segment, "line": found.line or None, "problem": found.problem} for found in checked.findings]
    lines = [f"{found.segment}{f':{found.line}' if found.line else ''}: {found.problem}" for found in checked.findings]
    document = {"folder": str(folder), "segments": checked.segments, "events": checked.events, "findings": findings}
    show(session, document, lines or ["whole: nothing was removed, changed or reordered"])
    if findings:
        raise typer.Exit(3)


def stats(context: typer.Context, component: Component = None, since: Since = None) -> None:
    """Count calls, errors and denials of each tool, and how long its calls took."""
    from wassette_py.audit.counting import Numbers

    session = session_of(context)
    numbers = Numbers(_events(context, component=component, since=since))
    if not numbers.tools():
        talk("no call is in the audit log")
    if numbers.tools() or session.json:
        show(session, {"tools": [tool_numbers(tool) for tool in numbers.tools()]}, number_lines(numbers))


def monitor(context: typer.Context, component: Component = None, since: Since = None) -> None:
    """Watch the calls as they happen; ends with Ctrl-C. Without a terminal each new event is a line."""
    from wassette_py.audit.counting import Numbers
    from wassette_py.audit.reading import Follower

    session = session_of(context)
    follower = Follower(session.settings.audit.dir)
    numbers = Numbers(_events(context, component=component, since=since) if since else ())
    wanted = _filter({"component": component})
    newest: list[str] = []

    def news() -> list[str]:
        events = [event for event in follower.news() if wanted(event)]
        for event in events:
            numbers.add(event)
        lines = [json.dumps(event) if session.json else event_line(event) for event in events]
        newest[:] = [*newest, *lines][-NEWEST:]
        return lines

    follow(news, lambda: ["wassette monitor (Ctrl-C ends it)", "", *number_lines(numbers), "", *newest], pause=GLANCE)


_TOLD = ("permission", "scope", "reference", "registry", "accepts", "secret", "error", "count", "client")


def event_line(event: EventValue) -> str:
    """An event for people: `2026-01-31T12:00:00Z call fetch/get ok 12.3 ms …`."""
    when = f"{event['time'][:19]}Z"
    what = [event.get("of") if event["event"] == "refusal" else None, event.get("component"), event.get("tool")]
    took = event.get("ms")
    facts = [
        when,
        event["event"],
        "/".join(str(part) for part in what[1:] if part) or "-",
        *([f"of {what[0]}"] if what[0] else []),
        *([str(event["outcome"])] if "outcome" in event else []),
        *([f"{took:.4g} ms"] if isinstance(took, int | float) else []),
        *([f"({', '.join(map(str, event['arguments']))})"] if isinstance(event.get("arguments"), list) else []),
        *(str(event[key]) for key in _TOLD if event.get(key) is not None),
        *(f"denied: {entry.get('target')}" for entry in event.get("denied") or () if isinstance(entry, dict)),
        *_decision(event.get("decided")),
    ]
    return " ".join(facts).replace("\n", " ")


def _decision(decided: object) -> list[str]:
    if not isinstance(decided, dict):
        return []
    return [f"decided by {decided.get('by')}: {decided.get('choice')} ({decided.get('way')})"]


def number_lines(numbers: Numbers) -> list[str]:
    """The numbers as a table."""
    rows = [("TOOL", "CALLS", "ERRORS", "DENIALS", "P50", "P95")]
    for tool in numbers.tools():
        p50, p95 = tool.percentile(0.5), tool.percentile(0.95)
        counts = (str(tool.calls), str(tool.errors), str(tool.denials))
        rows.append((f"{tool.component}/{tool.tool}", *counts, _milliseconds(p50), _milliseconds(p95)))
    return table(rows, screen())


def tool_numbers(tool: Any) -> dict[str, object]:
    """One tool of `stats -o json`."""
    counts = {"calls": tool.calls, "errors": tool.errors, "denials": tool.denials}
    return {"component": tool.component, "tool": tool.tool, **counts, "p50_ms": tool.percentile(0.5), "p95_ms": tool.percentile(0.95)}


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g} ms"


def _beginning(stamp: str | None) -> str:
    return "" if stamp is None else f", from {stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]} UTC"


def _events(
    context: typer.Context, *, component: str | None = None, outcome: str | None = None, since: str | None = None
) -> Iterable[EventValue]:
    from wassette_py.audit.reading import events
    from wassette_py.audit.segment import time_text

    def unreadable(path: Path, line: int) -> None:
        what = f"{path}:{line} is no event" if line else f"{path} is no segment of the log"
        talk(f"warning: {what}; wassette audit verify says more")

    earliest = 0.0 if since is None else _moment(context, since)
    wanted = _filter({"component": component, "outcome": outcome}, time_text(earliest))
    return filter(wanted, events(session_of(context).settings.audit.dir, unreadable=unreadable, since=earliest))


def _filter(facts: Mapping[str, str | None], earliest: str = "") -> Callable[[EventValue], bool]:
    from wassette_py.audit.reading import happened

    asked = {key: value for key, value in facts.items() if value is not None}
    return lambda event: happened(event) and event["time"] >= earliest and all(event.get(key) == value for key, value in asked.items())


def _moment(context: typer.Context, text: str) -> float:
    """The time that `--since` names, in seconds since 1970; wrong words end as a usage error."""
    match = re.fullmatch(r"([0-9]{1,6})(s|m|h|d|w)", text)
    if match:
        return max(time.time() - int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[match[2]], 0.0)
    try:
        known = datetime.fromisoformat(text)
    except ValueError:
        context.fail(f"--since {text}: expected 30m, 12h, 7d or a time such as 2026-01-31T12:00")
    return (known if known.tzinfo else known.replace(tzinfo=UTC)).timestamp()
