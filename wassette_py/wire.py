"""JSON text <-> values, strictly: no NaN, no infinities, nothing escaped that need not be. It is json's own C code, without json.

Importing json takes 4 ms, most of it for `re`, and the first reply waits for it: that is a fifth of what it takes. Where an interpreter
has no such code, and for the words of an error, json itself is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


class _Strict:
    """How json's scanner is told what to make of what it reads."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)


_SPACE = " \t\n\r"


class Written:
    """A JSON value that is text already, in UTF-8 and in pieces, so that a large one is copied once: into its line."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces


def _codec() -> tuple[Callable[[str], Any], Callable[[Any], str], Callable[[str], str]]:
    import _json

    scan = _json.make_scanner(_Strict)  # type: ignore[arg-type]
    iterencode = _json.make_encoder(None, _refuse, _json.encode_basestring, None, ":", ",", False, False, False)

    def parse(text: str) -> Any:
        text = text.strip(_SPACE)
        try:
            value, end = scan(text, 0)
        except (StopIteration, SystemError):
            # NOTE: until json is imported, Python 3.11's scanner finds no JSONDecodeError to raise, and fails as if it were broken itself.
            return _slowly(text)
        return value if end == len(text) else _slowly(text)

    return parse, lambda value: "".join(iterencode(value, 0)), _json.encode_basestring


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _slowly(text: str) -> Any:
    import json

    return json.JSONDecoder(parse_constant=_no_constant).decode(text)


def _plainly(value: object) -> str:
    import json

    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode(value)


try:
    parse, json_text, quoted = _codec()
except (ImportError, AttributeError, TypeError):  # pragma: no cover - an interpreter without this C code
    parse, json_text, quoted = _slowly, _plainly, _plainly
