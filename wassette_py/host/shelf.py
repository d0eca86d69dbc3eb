"""The tools of all installed components, found at once.

What it keeps is bound to the stamps of the files it was made from: whoever changes a record or a policy, the next look sees it, as it does
a change of permissions that is not on disk (`version` counts them). What a look at one tool costs does not grow with the number of
components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wassette_py.host.tools import HostedTool, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from wassette_py.policy.document import PolicyDocument
    from wassette_py.store import ComponentStore


class _Shelved:
    """The tools by name, as they were at `stamp`."""

    def __init__(self, stamp: object, tools: list[HostedTool]) -> None:
        self.stamp = stamp
        self.all = tuple(tools)
        self.by_name = {tool.name: tool for tool in tools}
        self.parts: dict[str, object] = {}


class Shelf:
    """The served tools of one component directory; `policy` gives a component's policy, None for one that cannot be read."""

    def __init__(
        self, store: ComponentStore, policy: Callable[[str], PolicyDocument | None], version: Callable[[], int] = lambda: 0
    ) -> None:
        self._store = store
        self._version = version
        self._policy = policy
        self._shelved: _Shelved | None = None

    def tools(self) -> tuple[HostedTool, ...]:
        """Every tool, by name: the same tuple as long as nothing changed."""
        return self._current().all

    def tool(self, name: str) -> HostedTool | None:
        """The tool of that name. Only the files of its component are looked at."""
        shelved = self._shelved
        if shelved is not None:
            found = shelved.by_name.get(name)
            if found is not None and shelved.parts.get(found.component) == self._part(found.component):
                return found
        shelved = self._current()
        found = shelved.by_name.get(name)
        if found is not None:
            part = self._part(found.component)
            if self._stamp() == shelved.stamp:  # nothing came between the list and this look
                shelved.parts[found.component] = part
        return found

    def _current(self) -> _Shelved:
        stamp = self._stamp()
        shelved = self._shelved
        if shelved is None or shelved.stamp != stamp:
            shelved = self._shelved = _Shelved(stamp, self._made())
        return shelved

    def _stamp(self) -> object:
        return self._store.stamp(), self._version()

    def _part(self, component_id: str) -> object:
        return self._store.component_stamp(component_id), self._version()

    def _made(self) -> list[HostedTool]:
        # From records alone: a list is asked for at every start, and what is not trusted any more is refused when it is called.
        records = [entry.record for entry in self._store.entries() if entry.record is not None and entry.status == "ready"]
        tools = [tool for record in records for tool in served(record, self._policy(record.id))]
        return sorted(tools, key=lambda tool: tool.name)
