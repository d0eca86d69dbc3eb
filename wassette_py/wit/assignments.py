"""NAME=VALUE words of a command line -> the JSON arguments they mean, read by each parameter's WIT type.

Strings, characters, enum names and base64 are taken as they are, everything else is JSON; lists and flags may be given by repeating the
name.
Whether the values fit is `values.py`'s, so that both ways in say the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from wassette_py.errors import InvalidArguments
from wassette_py.wit.schema import SAFE_INTEGER
from wassette_py.wit.types import BYTES, CharType, EnumType, FlagsType, FunctionType, ListType, OptionType, StringType, WitType


def read_assignments(f: FunctionType, words: Sequence[str]) -> dict[str, object]:
    """The arguments object that `words` stand for. Raises InvalidArguments for unknown names and repeated values."""
    types = dict(f.params)
    texts: dict[str, list[str]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InvalidArguments(f"expected NAME=VALUE, got {word!r}", _parameters(f))
        if name not in types:
            raise InvalidArguments(f"unknown parameter {name!r}: {_parameters(f)}")
        texts.setdefault(name, []).append(text)
    return {name: _read(name, types[name], given) for name, given in texts.items()}


def _parameters(f: FunctionType) -> str:
    return f"the parameters are {', '.join([name for name, _ in f.params])}" if f.params else "there are no parameters"


def _read(name: str, type: WitType, texts: list[str]) -> object:
    while isinstance(type, OptionType) and not isinstance(type.some, OptionType):
        type = type.some
    if isinstance(type, FlagsType):
        return _read_list(EnumType(type.names), texts)
    if isinstance(type, ListType) and type != BYTES:
        return _read_list(type.element, texts)
    if len(texts) > 1:
        raise InvalidArguments(f"$.{name}: given {len(texts)} times, expected one value")
    return _read_one(type, texts[0])


def _read_list(element: WitType, texts: list[str]) -> object:
    if len(texts) == 1:
        try:
            whole = _json(texts[0])
        except ValueError:
            whole = None
        if isinstance(whole, list):
            return whole
    return [_read_one(element, text) for text in texts]


def _read_one(type: WitType, text: str) -> object:
    if isinstance(type, StringType | CharType | EnumType):
        return text
    if type == BYTES and not text.startswith(("[", '"')):
        return text
    try:
        return _json(text)
    except ValueError:
        return text  # what was expected there instead, `values.py` says


def _json(text: str) -> object:
    """Integers beyond what JSON keeps become decimal strings, NaN and the infinities become their names: the forms `values.py` reads."""
    try:
        return json.loads(text, parse_int=_integer, parse_constant=str)
    except RecursionError:
        raise ValueError("too deep") from None


def _integer(text: str) -> int | str:
    return text if len(text) > 17 or abs(int(text)) > SAFE_INTEGER else int(text)
