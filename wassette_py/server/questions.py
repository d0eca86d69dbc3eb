"""What a person is asked, as MCP elicitation writes it, and how the answer is read. Who carries it to the client is an era's business.

Texts of strangers stand in these questions, so each is made visible first: what cannot be seen, or could be drawn as something else, is
shown as its code. Nothing is dropped: a person decides about exactly what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

METHOD = "elicitation/create"
FIELD = "decision"
NO = "no"
LONGEST = 1000
"""Characters of a shown text; what is longer cannot be decided about in a dialogue."""


class NotDecided(Exception):
    """No person said yes or no; why."""


class InputRequired(Exception):
    """The call ends here with `result`, which asks its client to call again with the answer."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("input required")
        self.result = result


@dataclass(frozen=True)
class Question:
    """A text and the choices a person has: choice -> what it does. `no` is always one more."""

    text: str
    choices: Mapping[str, str]

    @property
    def key(self) -> str:
        """The same for the same question, and for no other."""
        import hashlib

        return hashlib.sha256("\0".join((self.text, *self.choices, *self.choices.values())).encode("utf-8", "surrogatepass")).hexdigest()

    def params(self) -> dict[str, Any]:
        """The parameters of elicitation/create, in the form every revision knows."""
        meanings = "\n".join(f"{choice}: {meaning}" for choice, meaning in {**self.choices, NO: "nothing is changed"}.items())
        field = {"type": "string", "title": "Your decision", "enum": [*self.choices, NO]}
        return {
            "message": f"{self.text}\n\n{meanings}",
            "requestedSchema": {"type": "object", "properties": {FIELD: field}, "required": [FIELD]},
        }

    def choice(self, answer: object) -> str:
        """What was chosen; declining and dismissing mean no. Raises NotDecided for what answers something else."""
        action = answer.get("action") if isinstance(answer, Mapping) else None
        if action in ("decline", "cancel"):
            return NO
        content = answer.get("content") if isinstance(answer, Mapping) and action == "accept" else None
        chosen = content.get(FIELD) if isinstance(content, Mapping) else None
        if isinstance(chosen, str) and (chosen in self.choices or chosen == NO):
            return chosen
        raise NotDecided("the client's answer fits no choice")


def visible(text: str) -> str:
    """`text` with all but plainly visible characters as their codes, so that two texts that differ look different. Raises NotDecided."""
    if len(text) > LONGEST:
        raise NotDecided(f"what it is about has {len(text)} characters, too many to be shown")
    return "".join([_visible(character) for character in text])


def _visible(character: str) -> str:
    from wassette_py.wit.docs import sanitised

    if character == "\\":
        return "\\\\"
    if " " <= character <= "~" or (character.isprintable() and sanitised(character) == character):
        return character
    return f"\\u{{{ord(character):x}}}"
