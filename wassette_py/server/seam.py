"""What the server's core needs of the rest, as protocols: tools that can be listed and called, and the one who waits for a call.

`ComponentHost` and `Builtins` satisfy them. The core is written and tested against these and knows no store, engine or file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wassette_py.host import CallResult, HostedTool

Submit = Callable[[Callable[[], None]], None]
"""Runs a task on a thread of its own, soon."""


class ToolHost(Protocol):
    """The components' tools, as they are now. `start_call` works on the calling thread; `sandbox` is what it takes long to make."""

    @property
    def sandbox(self) -> object: ...

    def tools(self) -> Sequence[HostedTool]: ...

    def tool(self, name: str) -> HostedTool | None: ...

    def start_call(
        self, name: str, arguments: Mapping[str, object], *, cancel: threading.Event, done: Callable[[CallResult], None]
    ) -> None: ...


class CallContext(Protocol):
    """The one who waits for a call: may cancel it, hears how far it is and what the guest printed."""

    @property
    def cancel(self) -> threading.Event: ...

    def progress(self, done: float, total: float | None, message: str) -> None: ...

    def log(self, logger: str, text: str) -> None: ...


class BuiltinTools(Protocol):
    """The tools that are part of the program: `definitions` as listed, `run` to a tools/call result."""

    @property
    def definitions(self) -> Sequence[dict[str, Any]]: ...

    def run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]: ...
