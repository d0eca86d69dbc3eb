"""Changes the text of a trust policy and leaves every other byte alone, comments included: the file belongs to people.

Each edit is parsed again and compared with what was meant; an edit that would mean anything else is refused, not written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.strict_yaml import Value
from wassette_py.trust.document import TrustReader, TrustScope, check_reason
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.scopes import parse_scope
from wassette_py.trust.signer_reader import ReadKey, no_files

_EMPTY = "version: 1\ndefault: deny\n"


def add_scope(text: str, scope: TrustScope, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` with `scope` in it; pins are added to those a scope has. Raises InvalidTrustPolicy when it names the scope otherwise."""
    reader = TrustReader(source, read_key)
    policy = reader.policy(text)
    if scope.unsigned == bool(scope.digests or scope.signatures):
        wanted = "--key FILE, --digest sha256:HEX, or --unsigned --reason TEXT"
        raise InvalidTrustPolicy(f"{scope.match}: a scope says who must have signed or pins digests, or accepts what is unsigned", wanted)
    if scope.unsigned:
        try:
            check_reason(scope.reason)
        except ValueError as error:
            raise InvalidTrustPolicy(f"{scope.match}: {error}", "--reason TEXT") from None
    present = next((known for known in policy.scopes if known.match == scope.match), None)
    if present is None:
        return _checked(_inserted(text, reader, scope), source, read_key, (*policy.scopes, scope))
    new = tuple(digest for digest in scope.digests if digest not in present.digests)
    if not new or not present.digests or scope.signatures:
        raise InvalidTrustPolicy(f"{source}:{present.line}: {scope.match} is named already", f"wassette trust remove {scope.match}")
    item = reader.items[scope.match].data
    assert isinstance(item, dict)
    for digest in new:
        text = _appended(text, item["digests"], [str(digest)], str(digest))
        reader = TrustReader(source, read_key)
        reader.policy(text)
        item = reader.items[scope.match].data
        assert isinstance(item, dict)
    widened = replace(present, digests=(*present.digests, *new))
    return _checked(text, source, read_key, tuple(widened if known is present else known for known in policy.scopes))


def add_key(text: str, key: PublicKey, file: str, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` with `key`, whose PEM stands in `file`, among its keys. Raises InvalidTrustPolicy when the name is taken."""
    reader = TrustReader(source, read_key)
    policy = reader.policy(text)
    if key.name in policy.keys:
        raise InvalidTrustPolicy(f"{source}:{policy.keys[key.name].line}: the key {key.name} stands there already", "--name OTHER-NAME")
    entry = f"{_plain(key.name)}: {{file: {_plain(file)}}}"
    assert reader.root is not None
    keys = reader.root.data.get("keys") if isinstance(reader.root.data, dict) else None
    if keys is not None and isinstance(keys.data, dict) and keys.data:
        text = _with_entry(text, keys, entry)
    elif keys is None:
        begun = text if not text or text.endswith("\n") else f"{text}\n"
        text = begun + ("" if reader.root.data else _EMPTY) + f"keys:\n  {entry}\n"
    else:
        text = f"{text[: keys.place.start].rstrip(' ')} {{{entry}}}{text[keys.place.end :]}"
    return _checked(text, source, read_key, policy.scopes, {**policy.keys, key.name: key})


def remove_scope(text: str, match: str, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` without the scope `match`; its keys stay. Raises InvalidTrustPolicy when there is none."""
    try:
        name = str(parse_scope(match))
    except ValueError as error:
        raise InvalidTrustPolicy(f"{match}: {error}") from None
    reader = TrustReader(source, read_key)
    policy = reader.policy(text)
    if name not in reader.items:
        raise InvalidTrustPolicy(f"{source} names no scope {name}", "wassette trust show")
    scopes = _scopes(reader)
    assert scopes is not None
    left = tuple(known for known in policy.scopes if known.match != name)
    return _checked(_without(text, scopes, reader.items[name]), source, read_key, left)


def _checked(text: str, source: str, read_key: ReadKey, scopes: tuple[TrustScope, ...], keys: Mapping[str, PublicKey] | None = None) -> str:
    try:
        policy = TrustReader(source, read_key).policy(text)
        done = policy.scopes == scopes and (keys is None or policy.keys == keys)
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
    assert reader.root is not None
    if scopes is not None and scopes.flow and reader.root.flow:
        return text[: scopes.place.end - 1] + flow + text[scopes.place.end - 1 :]
    block = "".join(f"\n  {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
    if scopes is not None:
        # What stood for "none" goes, the comment behind it stays, and the list begins on the next line.
        before = text[: scopes.place.start].rstrip(" ")
        text = before + text[scopes.place.end :]
        end = _line_end(text, len(before) - 1)
        return text[:end] + block + (text[end:] or "\n")
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


def _with_entry(text: str, mapping: Value, entry: str) -> str:
    """`text` with one more key at the end of `mapping`."""
    if mapping.flow:
        end = mapping.place.end - 1
        before = text[:end].rstrip()
        return before + ("" if before.endswith(",") else ",") + f" {entry}" + text[len(before) :]
    end = _line_end(text, _last(mapping))
    return text[:end] + f"\n{' ' * _column(text, mapping.place.start)}{entry}" + text[end:]


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
    if scope.signatures:
        fields.append(("all", f"[{', '.join(f'{{key: {_plain(key.name)}}}' for key in scope.signatures.every)}]"))
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
