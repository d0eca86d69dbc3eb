"""The tools of all installed components, found at once.

What it keeps is bound to the stamps of the files it was made from: whoever changes a record or a policy, the next look sees it, as it does
a change of permissions that is not on disk (`version` counts them). What a look at one tool costs does not grow with the number of
components. Of those that nobody called it keeps two names: what they are stands in their records.
"""

from __future__ import annotations

from wassette_py.errors import StoreError, UnknownComponent
from wassette_py.host.tools import HostedTool, served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from wassette_py.policy.document import PolicyDocument
    from wassette_py.store import ComponentStore, Entry

    _Made = TypeVar("_Made")


class _Shelved:
    """Which component has the tool of a name, as it was at `stamp`; and the tools that were asked for, as their components were then."""

    def __init__(self, stamp: object, owners: dict[str, str]) -> None:
        self.stamp = stamp
        self.owners = owners
        self.taken: dict[str, tuple[object, HostedTool]] = {}


class Shelf:
    """The served tools of one component directory; `policy` gives a component's policy, None for one that cannot be read."""

    def __init__(
        self, store: ComponentStore, policy: Callable[[str], PolicyDocument | None], version: Callable[[], int] = lambda: 0
    ) -> None:
        self._store = store
        self._version = version
        self._policy = policy
        self._shelved: _Shelved | None = None

    def tools(self, make: Callable[[HostedTool], _Made]) -> tuple[_Made, ...]:
        """What `make` makes of every tool, by name; of one after the other."""
        stamp = self._stamp()
        # From records alone: a list is asked for at every start, and what is not trusted any more is refused when it is called.
        parts = self._store.each(lambda entry: [(tool.name, tool.component, make(tool)) for tool in self._served(entry)])
        rows = sorted([row for part in parts for row in part], key=lambda row: row[0])
        self._shelved = _Shelved(stamp, {name: component for name, component, _ in rows})
        return tuple([made for _, _, made in rows])

    def tool(self, name: str) -> HostedTool | None:
        """The tool of that name. Only the files of its component are looked at."""
        shelved = self._shelved
        if shelved is not None and name in shelved.taken:
            part, found = shelved.taken[name]
            if part == self._part(found.component):
                return found
        shelved = self._current()
        owner = shelved.owners.get(name)
        if owner is None:
            return None
        part, tool = self._part(owner), self._taken(owner, name)
        if tool is not None and self._stamp() == shelved.stamp:  # nothing came between the list and this look
            shelved.taken[name] = part, tool
        return tool

    def _current(self) -> _Shelved:
        shelved = self._shelved
        if shelved is None or shelved.stamp != self._stamp():
            self.tools(lambda tool: None)
            shelved = self._shelved
            assert shelved is not None
        return shelved

    def _stamp(self) -> object:
        return self._store.stamp(), self._version()

    def _part(self, component_id: str) -> object:
        return self._store.component_stamp(component_id), self._version()

    def _served(self, entry: Entry) -> tuple[HostedTool, ...]:
        record = entry.record
        return served(record, self._policy(record.id)) if record is not None and entry.status == "ready" else ()

    def _taken(self, component_id: str, name: str) -> HostedTool | None:
        """The tool of that name, as its component is now; None where that has just changed."""
        try:
            record = self._store.record(component_id)
        except (StoreError, UnknownComponent):
            return None
        return next((tool for tool in served(record, self._policy(component_id)) if tool.name == name), None)
