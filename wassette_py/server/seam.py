"""The seams of the server's core, as protocols: tools that can be listed and called, who waits for a call, an era, a request at work.

`ComponentHost` and `Builtins` satisfy them. The core is written and tested against these and knows no store, engine or file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from wassette_py.audit import Actor
    from wassette_py.host import CallResult, HostedTool
    from wassette_py.host.wanting import Decide
    from wassette_py.server.messages import Notification, Request
    from wassette_py.server.questions import Question

_Made = TypeVar("_Made")

Submit = Callable[[Callable[[], None], float], None]
"""Runs a task that is thought to take so many seconds, soon: on a thread of its own, or, when they are few, before what comes after it."""


class ToolHost(Protocol):
    """The components' tools, as they are now. `start_call` works on the calling thread."""

    def make_ready(self) -> None:
        """Makes ready for the first call what takes time, whatever it calls."""
        ...

    def stamp(self) -> object: ...

    def each_tool(self, make: Callable[[HostedTool], _Made]) -> Sequence[_Made]: ...

    def lasting(self, make: Callable[[], _Made]) -> _Made | None: ...

    def tool(self, name: str) -> HostedTool | None: ...

    def start_call(
        self,
        name: str,
        arguments: Mapping[str, object],
        *,
        cancel: threading.Event,
        done: Callable[[CallResult], None],
        decide: Decide | None = None,
        size: int | None = None,
    ) -> None: ...


class CallContext(Protocol):
    """The one who waits for a call: may cancel it, hears how far it is and what the guest printed."""

    @property
    def cancel(self) -> threading.Event: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def size(self) -> int:
        """How many bytes asked for it."""
        ...

    def progress(self, done: float, total: float | None, message: str) -> None: ...

    def log(self, logger: str, text: str) -> None: ...

    @property
    def can_ask(self) -> bool:
        """Whether its client shows questions to a person."""
        ...

    @property
    def can_wait(self) -> bool:
        """Whether `ask` waits for the answer, so that something may be asked in the middle of a call."""
        ...

    def ask(self, question: Question) -> str:
        """What a person chose. Raises NotDecided, Cancelled, or InputRequired, which ends the call for now."""
        ...


class BuiltinTools(Protocol):
    """The tools that are part of the program: `definitions` as listed, `run` to a tools/call result."""

    @property
    def definitions(self) -> Sequence[dict[str, Any]]: ...

    def run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]: ...

    def decider(self, context: CallContext) -> Decide | None:
        """Who decides about what a component asks for in the middle of that call; None: nobody can."""
        ...


class Era(Protocol):
    """What a protocol era does in its own way."""

    def answer(self, request: Request) -> dict[str, Any] | None:
        """The result of `request`, or None when it is answered later. Raises RpcError."""
        ...

    def hear(self, notification: Notification) -> None: ...

    def list_changed(self) -> None: ...

    def shape(self, result: dict[str, Any]) -> dict[str, Any]: ...


class Entry(Protocol):
    """A request that is being worked on; `is_call`: until it has an answer of its own, and not until the client ends it."""

    @property
    def is_call(self) -> bool: ...

    def stop(self) -> None:
        """Ends the work; nothing is answered."""
        ...

    def close(self) -> None:
        """Ends the work and answers, because the server stops."""
        ...
