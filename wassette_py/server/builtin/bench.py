"""What built-in tools work with, and the rule they share: the model may ask, a person decides.

A client that shows forms asks its person; for any other, the answer is the command line with which a person can do it in a terminal.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from wassette_py.audit import Decision, decided
from wassette_py.dataclass import dataclass, field
from wassette_py.errors import Refused, UnknownComponent
from wassette_py.server.questions import NO, NotDecided, Question, visible
from wassette_py.server.restraint import StillRefused

if TYPE_CHECKING:
    from wassette_py.host import ComponentHost
    from wassette_py.host.overlay import Lasting
    from wassette_py.server.seam import CallContext

PERMISSION_CHOICES = {
    "once": "for the next call of this component alone",
    "this session": "until this server ends; nothing is written",
    "always": "written to the policy of this component",
}
_LASTING = {"this session": "session"}


def _nothing() -> None:
    """There is nothing to look at before a person is asked."""


@dataclass(frozen=True)
class Matter:
    """What the model asks for: in words, as the command line behind `wassette`, and what a person has to see (label -> text)."""

    what: str
    command: tuple[str, ...]
    shown: Mapping[str, str]
    choices: Mapping[str, str] = field(default_factory=lambda: PERMISSION_CHOICES)
    who: str = "the model"
    check: Callable[[], Any] = _nothing
    """Raises where a yes could not be followed, so that nobody is asked in vain."""


@dataclass(frozen=True)
class Bench:
    """The host, and the ids this server was told to serve (empty: all)."""

    host: ComponentHost
    only: set[str]

    def need(self, component_id: str) -> None:
        """Raises UnknownComponent unless a component of that id is installed."""
        if not any(entry.id == component_id for entry in self.host.entries()):
            raise UnknownComponent(component_id)

    def component(self, component_id: str) -> dict[str, str]:
        """How a person is shown a component."""
        record = next((entry.record for entry in self.host.entries() if entry.id == component_id), None)
        return {"component": component_id, "digest": str(record.digest) if record else "unknown, its record cannot be read"}

    def decide(self, matter: Matter, context: CallContext, *, begun: bool = False) -> str:
        """The choice of a person, or of the operator, who may let the model do it always. Raises Refused, and what asking raises.

        `begun`: what is asked about records how it ends.
        """
        decided(None)
        if self.host.settings.grants == "allow":
            decided(Decision("operator", "always", "grants: allow"))
            return "always"
        try:
            return self._asked(matter, context)
        except Refused as error:
            _, verb, whose, *_ = matter.command
            if not begun:
                self.host.recorder.refused(verb, None if verb == "load" else whose, error)
            raise

    def _asked(self, matter: Matter, context: CallContext) -> str:
        if self.host.settings.grants == "deny":
            decided(Decision("operator", NO, "grants: deny"))
            raise Refused(f"{matter.what} is not done through this server (grants: deny)")
        if not context.can_ask:
            raise self._for_a_terminal(matter, "")
        matter.check()
        try:
            choice = context.ask(question(matter))
        except StillRefused:
            decided(Decision("person", NO, "earlier in this session"))
            raise Refused(f"{matter.what} was refused by a person, who is not asked again in this session", self._line(matter)) from None
        except NotDecided as error:
            raise self._for_a_terminal(matter, f" ({error})") from None
        decided(Decision("person", choice, "elicitation" if context.can_wait else "input required"))
        if choice == NO:
            raise Refused(f"{matter.what} was refused by a person; do not ask again unless they want it")
        if "component" in matter.shown and not self.component(matter.shown["component"]).items() <= matter.shown.items():
            raise Refused(f"{matter.what} was decided about other bytes than are loaded now; ask again")
        return choice

    def lasting(self, matter: Matter, context: CallContext) -> Lasting:
        """`decide`, about a change of permissions."""
        choice = self.decide(matter, context)
        return cast("Lasting", _LASTING.get(choice, choice))

    def _for_a_terminal(self, matter: Matter, why: str) -> Refused:
        what = f"{matter.what} is decided by a person{why}: ask for this command to be run in a terminal, then try again"
        return Refused(what, self._line(matter))

    def _line(self, matter: Matter) -> str:
        """The command with which a person does it."""
        settings = self.host.settings
        place = ("--component-dir", str(settings.component_dir)) if settings.origins.get("component_dir") == "flag" else ()
        return shlex.join(("wassette", *matter.command, *place))


def question(matter: Matter) -> Question:
    """The matter as a person reads it. Raises NotDecided where it cannot be shown whole."""
    lines = "\n".join(f"{label}: {visible(text)}" for label, text in matter.shown.items())
    return Question(f"wassette: {matter.who} asks for {visible(matter.what)}.\n\n{lines}", matter.choices)
