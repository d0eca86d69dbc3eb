"""URL paths of a network grant: globs, and requests brought into the one form they are compared in.

A path that two servers may read as two different paths matches no `allow` entry that has `paths`, and every such `deny` entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from wassette_py.policy.network import Unenforceable


def check_glob(text: str) -> str:
    """`text` when it is a glob: `/a/*/b` (one segment), `/a/**` (a and everything below it). Raises Unenforceable."""
    if not text.startswith("/"):
        raise Unenforceable("a path starts with /", f"/{text}")
    if "?" in text or "#" in text:
        raise Unenforceable("query and fragment are not part of a path", re.split(r"[?#]", text)[0])
    if "%" in text or "\\" in text or not text.isprintable():
        raise Unenforceable("a path is written decoded, with / between its segments: no %, no backslash, no control character", None)
    segments = text.split("/")[1:]
    for segment in segments:
        if segment in (".", "..") or _hidden_dots(segment):
            raise Unenforceable("dot segments are removed before a path is compared, so this would never match", None)
        if "**" in segment and segment != "**":
            raise Unenforceable("** stands for whole segments", text.replace(segment, re.sub(r"\*+", "*", segment)))
    if "" in segments[:-1]:
        raise Unenforceable("an empty segment never matches", re.sub(r"/+", "/", text))
    return text


def normal_path(path: str) -> tuple[str | None, str]:
    """A request's path decoded once and without dot segments, or (None, why it has no form that everybody agrees on)."""
    raw, decoded = path.split("/")[1:], list[str]()
    for position, segment in enumerate(raw):
        text = _decoded(segment)
        if text is None:
            return None, "its path is not UTF-8"
        if re.search(r"[/\\]|%(2f|5c|2e)", text, re.IGNORECASE):
            return None, "its path holds an encoded slash, backslash or dot"
        if not text.isprintable() or _hidden_dots(text):
            return None, "its path holds a segment that servers read differently"
        if not text and position < len(raw) - 1:
            return None, "its path holds an empty segment"
        decoded.append(text)
    return "/" + "/".join(_without_dots(decoded)), ""


def _decoded(segment: str) -> str | None:
    """Percent-decoded once; None for what is not UTF-8 or a stray %."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", segment):
        return None
    try:
        return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), segment.encode()).decode()
    except UnicodeError:
        return None


def _hidden_dots(segment: str) -> bool:
    """`..;x` is `..` to servers that cut path parameters off, and a name to others."""
    return ";" in segment and segment.partition(";")[0] in (".", "..")


def _without_dots(segments: list[str]) -> list[str]:
    """RFC 3986, 5.2.4; `/a/..` and `/a/.` keep their final slash."""
    result = list[str]()
    for segment in segments:
        if segment == "..":
            del result[-1:]
        elif segment != ".":
            result.append(segment)
    return [*result, ""] if segments[-1] in (".", "..") else result


def glob_matches(glob: str, path: str) -> bool:
    """Whether the normal path is one of those the glob stands for."""
    return _matches(glob.split("/")[1:], path.split("/")[1:], "**", name_matches)


def name_matches(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern`, in which each * stands for any characters, or for none."""
    return _matches(pattern, name, "*", str.__eq__)


def _matches(pattern: Sequence[str], items: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """Pattern over items, `star` for any number of them, in at most len(pattern) * len(items) steps.

    The path comes from a guest, so no regular expression that may backtrack without end.
    """
    at, last_star, resume = 0, -1, 0
    item = 0
    while item < len(items):
        if at < len(pattern) and pattern[at] == star:
            last_star, resume, at = at, item, at + 1
        elif at < len(pattern) and same(pattern[at], items[item]):
            at, item = at + 1, item + 1
        elif last_star >= 0:
            resume += 1
            at, item = last_star + 1, resume
        else:
            return False
    return all(part == star for part in pattern[at:])
