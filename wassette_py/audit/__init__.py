"""What happened, line by line, for whoever has to answer for it later: written beside the work, never in its way.

`log.py` takes events and writes them, `reading.py` and `checking.py` read them back, `counting.py` makes numbers of them. What an event
says is decided where the thing happens (`host/recording.py`); nothing here knows a component.
"""

from __future__ import annotations

from wassette_py.audit.actor import Actor, Decision, acting, actor, decided, decision
from wassette_py.audit.log import AuditLog, Event, flush

__all__ = ["Actor", "AuditLog", "Decision", "Event", "acting", "actor", "decided", "decision", "flush"]
