"""The toolbox: which tools are listed, who answers a call, how many calls run. It knows no protocol and no transport.

One toolbox serves every connection of a process; each hears through `subscribe` when the list changed, whoever changed it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping

from wassette_py.audit import acting
from wassette_py.errors import WassetteError
from wassette_py.server import results
from wassette_py.server.messages import dumped
from wassette_py.server.questions import InputRequired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wassette_py.host import CallResult, HostedTool
    from wassette_py.server.seam import BuiltinTools, CallContext, Submit, ToolHost

CALL_TOOL = "call-tool"


_LONG = (1.0, 1.0)


class Toolbox:
    """The tools of `host` and the built-in ones; at most `in_flight` calls run.

    `only`: the tools of these components alone; it may grow; empty: of all.
    """

    def __init__(
        self, host: ToolHost, *, submit: Submit, in_flight: int, only: Collection[str] = (), builtins: BuiltinTools | None = None
    ) -> None:
        self._host = host
        self._submit = submit
        self._in_flight = in_flight
        self._running = 0
        self._only = only
        self._builtins = builtins
        self._builtin_names = frozenset(tool["name"] for tool in builtins.definitions) if builtins else frozenset()
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._awaited = False
        self._took: dict[str, tuple[float, float]] = {}
        """What the latest two calls of a component's tool took: one is held up by chance."""
        self._listeners: list[Callable[[], None]] = []
        self._known = self._stamp(), self._listing()
        """The list that the listeners know, and what it was made of."""

    def listing(self) -> bytes:
        """The entries of tools/list as they are sent: components' tools by name, then the built-in ones."""
        stamp, known = self._known
        return known if stamp == self._stamp() else self._listing()

    def lasting_listing(self) -> bytes | None:
        """`listing`, where the next server will find the same; None while something in it ends with this process."""
        return self._host.lasting(self.listing)

    def _stamp(self) -> object:
        return self._host.stamp(), len(self._only)

    def _listing(self) -> bytes:
        entries = self._host.each_tool(lambda tool: dumped(results.listed(tool)) if self._serves(tool) else b"")
        builtins = [dumped(tool) for tool in self._builtins.definitions] if self._builtins else []
        return b"[%s]" % b",".join([entry for entry in (*entries, *builtins) if entry])

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever the list has changed, on any thread."""
        with self._lock:
            self._listeners.append(listener)

    def refresh(self) -> None:
        """Looks whether the list has changed and tells every listener."""
        with self._looking:  # also while it is told: nobody goes on as if it had been who found nothing new
            stamp, (seen, known) = self._stamp(), self._known
            if stamp == seen:
                return
            listing = self._listing()
            changed, self._known = listing != known, (stamp, listing)
            with self._lock:
                listeners = list(self._listeners) if changed else []
            for listener in listeners:
                listener()

    def start(self, name: str, arguments: Mapping[str, Any], context: CallContext, done: Callable[[dict[str, Any]], None]) -> bool:
        """Starts a call; `done` gets the tools/call result exactly once, on any thread. False: no tool of that name is served."""
        builtin = name in self._builtin_names
        tool = None if builtin else self._component_tool(name)
        if not builtin and tool is None:
            return False
        if not self._took_slot():
            done(results.failed(f"busy: {self._in_flight} calls are running; call again when one has ended"))
            return True
        answered = threading.Lock()

        def finish(result: dict[str, Any]) -> None:
            if answered.acquire(blocking=False):  # once, also when something fails after it answered
                self._gave_slot()
                done(result)

        def run() -> None:
            began = time.perf_counter()
            try:
                with acting(context.actor):
                    if tool is not None:
                        self._component(tool, arguments, context, finish)
                    elif name == CALL_TOOL:
                        self._inner(arguments, context, finish)
                    else:
                        finish(self._builtin(name, arguments, context))
            except InputRequired as asked:
                finish(asked.result)
            except WassetteError as error:
                finish(results.refused(error))
            except Exception:  # a fault of ours: the log gets it, the model a sentence without our insides
                sys.excepthook(*sys.exc_info())
                finish(results.failed("wassette failed inside; its log on stderr says how"))
            if tool is not None:
                self._took[name] = (time.perf_counter() - began, self._took.get(name, _LONG)[0])

        try:
            self._submit(run, min(self._took.get(name, _LONG)))
        except RuntimeError as error:  # no thread can be started
            finish(results.failed(f"busy: {error}; call again later"))
        return True

    def prepare(self) -> None:
        """Makes ready for the first call what takes time."""
        self._host.make_ready()

    def idle(self, seconds: float) -> bool:
        """Waits until no call runs; False when it took longer."""
        with self._ended:
            self._awaited = True
            return self._ended.wait_for(lambda: self._running == 0, seconds)

    def _took_slot(self) -> bool:
        with self._lock:
            if self._running >= self._in_flight:
                return False
            self._running += 1
            return True

    def _gave_slot(self) -> None:
        with self._lock:
            self._running -= 1
            if self._awaited:
                self._ended.notify_all()

    def _builtin(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        assert self._builtins is not None
        try:
            return self._builtins.run(name, arguments, context)
        finally:
            self.refresh()  # before the answer: whoever reads it may list at once

    def _inner(self, arguments: Mapping[str, Any], context: CallContext, finish: Callable[[dict[str, Any]], None]) -> None:
        """call-tool: for clients that do not see tools loaded while they run."""
        name, inner = arguments.get("name"), arguments.get("arguments")
        if not isinstance(name, str):
            finish(results.failed("$.name: expected the name of a tool"))
        elif inner is not None and not isinstance(inner, dict):
            finish(results.failed("$.arguments: expected an object"))
        elif (tool := self._component_tool(name)) is None:
            finish(results.failed(f"no component tool {name[:100]!r} is served; list-components says which are"))
        else:
            self._component(tool, inner or {}, context, finish)

    def _component(
        self, tool: HostedTool, arguments: Mapping[str, Any], context: CallContext, finish: Callable[[dict[str, Any]], None]
    ) -> None:
        def finished(outcome: CallResult) -> None:
            for stream, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
                for line in results.log_lines(text) if text else ():
                    context.log(f"{tool.component}/{stream}", line)
            finish(results.called(outcome))

        decide = self._builtins.decider(context) if self._builtins else None
        self._host.start_call(tool.name, arguments, cancel=context.cancel, done=finished, decide=decide, size=context.size)

    def _component_tool(self, name: str) -> HostedTool | None:
        tool = self._host.tool(name)
        return tool if tool is not None and self._serves(tool) else None

    def _serves(self, tool: HostedTool) -> bool:
        return not self._only or tool.component in self._only
