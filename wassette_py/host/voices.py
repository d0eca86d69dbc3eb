"""What a component says beside what this program says: in one text for a model, neither may be taken for the other."""

from __future__ import annotations

import unicodedata

OURS = ("error:", "hint:", "denied:", "storage granted to", "variables granted to", "its last line on stderr")
"""What lines of ours begin with."""


def as_told(text: str) -> str:
    """A text that may be a component's, of which no line begins like one of ours.

    What is not seen is taken out, lines from the second on are indented, and a first line that begins like ours is told as the tool's.
    """
    from wassette_py.wit.docs import visible

    first, *more = [visible(line.replace("\t", " ")) for line in text.splitlines()] or [""]
    if unicodedata.normalize("NFKC", first).casefold().lstrip().startswith(OURS):
        first = f"the tool says: {first}"
    return "\n  ".join([first, *more])
