"""Changes the text of a trust policy and leaves every other byte alone, comments included: the file belongs to people.

Each edit is parsed again and compared with what was meant; an edit that would mean anything else is refused, not written.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.strict_yaml import Value
from wassette_py.trust.document import TrustPolicy, TrustReader, TrustScope, check_reason
from wassette_py.trust.scopes import parse_scope

_EMPTY = "version: 1\ndefault: deny\n"


def add_scope(text: str, scope: TrustScope, source: str = "trust.yaml") -> str:
    """`text` with `scope` in it; pins are added to those a scope has. Raises InvalidTrustPolicy when it names the scope otherwise."""
    reader = TrustReader(source)
    policy = reader.policy(text)
    if scope.unsigned == bool(scope.digests):
        wanted = "--digest sha256:HEX, or --unsigned --reason TEXT"
        raise InvalidTrustPolicy(f"{scope.match}: a scope pins digests or accepts what is unsigned", wanted)
    if scope.unsigned:
        try:
            check_reason(scope.reason)
        except ValueError as error:
            raise InvalidTrustPolicy(f"{scope.match}: {error}", "--reason TEXT") from None
    present = next((known for known in policy.scopes if known.match == scope.match), None)
    if present is None:
        return _checked(_inserted(text, reader, scope), source, TrustPolicy((*policy.scopes, scope)))
    new = tuple(digest for digest in scope.digests if digest not in present.digests)
    if not new or not present.digests:
        raise InvalidTrustPolicy(f"{source}:{present.line}: {scope.match} is named already", f"wassette trust remove {scope.match}")
    item = reader.items[scope.match].data
    assert isinstance(item, dict)
    for digest in new:
        text = _appended(text, item["digests"], [str(digest)], str(digest))
        reader = TrustReader(source)
        reader.policy(text)
        item = reader.items[scope.match].data
        assert isinstance(item, dict)
    widened = replace(present, digests=(*present.digests, *new))
    return _checked(text, source, TrustPolicy(tuple(widened if known is present else known for known in policy.scopes)))


def remove_scope(text: str, match: str, source: str = "trust.yaml") -> str:
    """`text` without the scope `match`. Raises InvalidTrustPolicy when there is none."""
    try:
        name = str(parse_scope(match))
    except ValueError as error:
        raise InvalidTrustPolicy(f"{match}: {error}") from None
    reader = TrustReader(source)
    policy = reader.policy(text)
    if name not in reader.items:
        raise InvalidTrustPolicy(f"{source} names no scope {name}", "wassette trust show")
    scopes = _scopes(reader)
    assert scopes is not None
    return _checked(
        _without(text, scopes, reader.items[name]), source, TrustPolicy(tuple(known for known in policy.scopes if known.match != name))
    )


def _checked(text: str, source: str, wanted: TrustPolicy) -> str:
    try:
        done = TrustReader(source).policy(text).scopes == wanted.scopes
    except InvalidTrustPolicy:
        done = False
    if not done:
        raise InvalidTrustPolicy(f"{source} is written in a way that cannot be edited without losing something", "edit it by hand")
    return text


def _scopes(reader: TrustReader) -> Value | None:
    assert reader.root is not None
    return reader.root.data.get("scopes") if isinstance(reader.root.data, dict) else None


def _inserted(text: str, reader: TrustReader, scope: TrustScope) -> str:
    lines, flow = _written(scope)
    scopes = _scopes(reader)
    if scopes is not None and scopes.data:
        return _appended(text, scopes, lines, flow)
    block = "".join(f"\n  {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
    if scopes is not None:
        # What stood for "none" goes, the comment behind it stays, and the list begins on the next line.
        before = text[: scopes.place.start].rstrip(" ")
        text = before + text[scopes.place.end :]
        end = _line_end(text, len(before) - 1)
        return text[:end] + block + (text[end:] or "\n")
    assert reader.root is not None
    begun = text if not text or text.endswith("\n") else f"{text}\n"
    return begun + ("" if reader.root.data else _EMPTY) + f"scopes:{block}\n"


def _appended(text: str, value: Value, lines: list[str], flow: str) -> str:
    """`text` with one more item at the end of the list `value`."""
    if value.flow:
        end = value.place.end - 1
        before = text[:end].rstrip()
        return before + ("" if before.endswith(",") else ",") + f" {flow}" + text[len(before) : end] + text[end:]
    indent = _column(text, value.place.start)
    block = "".join(f"\n{' ' * indent}{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
    end = _line_end(text, _last(value))
    return text[:end] + block + text[end:]


def _without(text: str, scopes: Value, item: Value) -> str:
    """`text` without `item` of the list `scopes`."""
    assert isinstance(scopes.data, list)
    if len(scopes.data) == 1:
        return text[: scopes.place.start] + " []" + text[_last(scopes) :]
    index = next(number for number, known in enumerate(scopes.data) if known is item)
    if scopes.flow:
        if index == 0:
            return text[: item.place.start] + text[scopes.data[1].place.start :]
        return text[: scopes.data[index - 1].place.end] + text[item.place.end :]
    start = text.rfind("\n", 0, item.place.start) + 1
    if index == 0 and start <= scopes.place.start:
        start = scopes.place.start - _column(text, scopes.place.start)
    return text[:start] + text[_line_end(text, _last(item)) + 1 :]


def _written(scope: TrustScope) -> tuple[list[str], str]:
    """The scope as lines of a block mapping and as one flow mapping."""
    fields = [("match", _plain(scope.match))]
    if scope.unsigned:
        fields.append(("unsigned", "allow"))
    if scope.digests:
        fields.append(("digests", f"[{', '.join(str(digest) for digest in scope.digests)}]"))
    if scope.reason is not None:
        fields.append(("reason", json.dumps(scope.reason, ensure_ascii=False)))
    if scope.insecure_http:
        fields.append(("insecure_http", "true"))
    lines = [f"{key}: {value}" for key, value in fields]
    return lines, "{" + ", ".join(lines) + "}"


def _plain(text: str) -> str:
    return text if re.fullmatch(r"[a-z][A-Za-z0-9./:_-]*", text) else json.dumps(text, ensure_ascii=False)


def _last(value: Value) -> int:
    """Where the last character of what is written for `value` stands; a block's own end mark lies past the comments that follow it."""
    if isinstance(value.data, dict) and value.data and not value.flow:
        return max(_last(member) for member in value.data.values())
    if isinstance(value.data, list) and value.data and not value.flow:
        return _last(value.data[-1])
    return value.place.end


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _column(text: str, index: int) -> int:
    return index - (text.rfind("\n", 0, index) + 1)
