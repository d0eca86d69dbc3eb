"""What built-in tools work with, and the rule they share: the model may ask, a person decides."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wassette_py.errors import Refused, UnknownComponent

if TYPE_CHECKING:
    from wassette_py.host import ComponentHost


@dataclass(frozen=True)
class Bench:
    """The host, and the ids this server was told to serve (empty: all)."""

    host: ComponentHost
    only: set[str]

    def need(self, component_id: str) -> None:
        """Raises UnknownComponent unless a component of that id is installed."""
        if not any(entry.id == component_id for entry in self.host.entries()):
            raise UnknownComponent(component_id)

    def decide(self, what: str, *command: str) -> None:
        """Returns when the operator lets the model do `what`; else raises Refused with the command line for a person."""
        settings = self.host.settings
        if settings.grants == "allow":
            return
        error = self._refusal(what, command)
        _, verb, whose, *_ = command
        self.host.recorder.refused(verb, None if verb == "load" else whose, error)
        raise error

    def _refusal(self, what: str, command: tuple[str, ...]) -> Refused:
        settings = self.host.settings
        if settings.grants == "deny":
            return Refused(f"{what} is not done through this server (grants: deny)")
        place = ("--component-dir", str(settings.component_dir)) if settings.origins.get("component_dir") == "flag" else ()
        line = shlex.join(("wassette", *command, *place))
        return Refused(f"{what} is decided by a person: ask for this command to be run in a terminal, then try again", line)
