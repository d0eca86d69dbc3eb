"""One value as an operator wrote it, and what it says: each reader refuses with where it stands and what was expected."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidSettings
from wassette_py.limits import LIMIT_NAMES, LimitName, Limits, parse_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal, TypeAlias, TypeVar

    T = TypeVar("T")

Origin: TypeAlias = 'Literal["flag", "env", "file", "default"]'


@dataclass(frozen=True)
class Text:
    """A value as somebody wrote it, whose it is, and where it stands."""

    text: str
    origin: Origin
    where: str

    def refuse(self, expected: str) -> InvalidSettings:
        return InvalidSettings(f"{self.where}: expected {expected}, got {self.text!r}")

    def read(self, parse: Callable[..., T], *about: object) -> T:
        """What `parse(*about, text)` makes of it. Raises InvalidSettings."""
        try:
            return parse(*about, self.text)
        except ValueError as error:
            raise InvalidSettings(f"{self.where}: {error}") from None


def known(values: Mapping[str, Text], name: str) -> Text:
    """The value of the place `name`. Raises InvalidSettings where there is none, since no home is known."""
    if name not in values:
        raise InvalidSettings(f"HOME names no directory, and nothing else says where {name} is", "export HOME=/path/to/a/directory")
    return values[name]


def place_of(value: Text, expected: str = "a directory") -> str:
    """An absolute path. Raises InvalidSettings."""
    # A variable is relative to where the command was typed, as a flag is; a file has no such place, and its reader wants absolute paths.
    if not value.text or "\0" in value.text:
        raise value.refuse(expected)
    return os.path.abspath(value.text)


def file_of(value: Text) -> Path:
    """The absolute path of a file. Raises InvalidSettings."""
    from pathlib import Path

    return Path(place_of(value, "a file"))


def word_of(value: Text | None, choices: tuple[str, ...]) -> str | None:
    """One of `choices`, None: nobody chose. Raises InvalidSettings."""
    if value is not None and value.text not in choices:
        raise value.refuse(f"one of {', '.join(choices)}")
    return value.text if value else None


def count_of(value: Text | None, default: int) -> int:
    """A number from 1 to 10000. Raises InvalidSettings."""
    if value is None:
        return default
    if not value.text.isascii() or not value.text.isdecimal() or not 1 <= int(value.text[:6]) <= 10000 or len(value.text) > 5:
        raise value.refuse("a number from 1 to 10000")
    return int(value.text)


def limits_of(group: str, values: Mapping[str, Text], defaults: Limits) -> Limits:
    """Those of `group` ("limits" or "ceilings"), `defaults` where nobody set one. Raises InvalidSettings."""
    keys: dict[LimitName, str] = {name: f"{group}.{name}" for name in LIMIT_NAMES}
    return defaults.merged({name: values[key].read(parse_limit, name) for name, key in keys.items() if key in values})
