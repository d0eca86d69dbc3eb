"""Changes the text of a trust policy and leaves every other byte alone, comments included: the file belongs to people.

Each edit is parsed again and compared with what was meant; an edit that would mean anything else is refused, not written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from wassette_py.dataclass import replace
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.strict_yaml import StrictReader, Value
from wassette_py.trust.document import TrustScope
from wassette_py.trust.identities import Named
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.policy_reader import TrustReader, check_reason
from wassette_py.trust.roots import TrustRoot
from wassette_py.trust.scopes import parse_scope
from wassette_py.trust.signer_reader import ReadKey, no_files
from wassette_py.trust.surgery import appended, line_end, member, plain, with_entry, without

_EMPTY = "version: 1\ndefault: deny\n"


def add_scope(text: str, scope: TrustScope, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` with `scope` in it; pins are added to those a scope has. Raises InvalidTrustPolicy when it names the scope otherwise."""
    reader = TrustReader(source, read_key)
    policy = reader.policy(text)
    if scope.unsigned == bool(scope.digests or scope.signatures):
        wanted = "--key FILE, --identity TEXT --issuer URL, --digest sha256:HEX, or --unsigned --reason TEXT"
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
        text = appended(text, item["digests"], [str(digest)], str(digest))
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
    text = _with_named(text, reader, "keys", f"{plain(key.name)}: {{file: {plain(file)}}}")
    return _checked(text, source, read_key, policy.scopes, keys={**policy.keys, key.name: key})


def add_root(text: str, root: TrustRoot, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` with `root`, whose name is not taken, among its roots."""
    reader = TrustReader(source, read_key)
    policy = reader.policy(text)
    fields = [
        f"file: {plain(root.file)}",
        f"sha256: {json.dumps(root.fingerprint)}",
        *([f"tuf: {json.dumps(root.tuf)}"] if root.tuf else []),
    ]
    text = _with_named(text, reader, "roots", f"{plain(root.name)}: {{{', '.join(fields)}}}")
    return _checked(text, source, read_key, policy.scopes, roots={**policy.roots, root.name: root})


def replace_root(text: str, root: TrustRoot, source: str = "trust.yaml", read_key: ReadKey = no_files) -> str:
    """`text` with the file, the digest and the day of `root` in the place of those it has. Raises InvalidTrustPolicy when it has none."""

    def found() -> Value | None:
        return member(member(StrictReader(source, InvalidTrustPolicy).read(text), "roots"), root.name)

    if found() is None:
        raise InvalidTrustPolicy(f"{source} names no root {root.name}", "wassette trust show")
    try:
        for name, value in (("file", root.file), ("sha256", root.fingerprint), ("updated", str(root.updated))):
            item = found()
            assert item is not None
            given, written = member(item, name), json.dumps(value)
            if given is None:
                text = with_entry(text, item, f"{name}: {written}")
            else:
                text = text[: given.place.start] + written + text[given.place.end :]
        done = TrustReader(source, read_key).policy(text).roots.get(root.name) == root
    except InvalidTrustPolicy:
        done = False
    return _written_well(text, source, done=done)


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
    return _checked(without(text, scopes, reader.items[name]), source, read_key, left)


def _checked(
    text: str,
    source: str,
    read_key: ReadKey,
    scopes: tuple[TrustScope, ...],
    *,
    keys: Mapping[str, PublicKey] | None = None,
    roots: Mapping[str, TrustRoot] | None = None,
) -> str:
    try:
        policy = TrustReader(source, read_key).policy(text)
        done = policy.scopes == scopes and keys in (None, policy.keys) and roots in (None, policy.roots)
    except InvalidTrustPolicy:
        done = False
    return _written_well(text, source, done=done)


def _written_well(text: str, source: str, *, done: bool) -> str:
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
        return appended(text, scopes, lines, flow)
    assert reader.root is not None
    if scopes is not None and scopes.flow and reader.root.flow:
        return text[: scopes.place.end - 1] + flow + text[scopes.place.end - 1 :]
    block = "".join(f"\n  {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
    if scopes is not None:
        # What stood for "none" goes, the comment behind it stays, and the list begins on the next line.
        before = text[: scopes.place.start].rstrip(" ")
        text = before + text[scopes.place.end :]
        end = line_end(text, len(before) - 1)
        return text[:end] + block + (text[end:] or "\n")
    begun = text if not text or text.endswith("\n") else f"{text}\n"
    return begun + ("" if reader.root.data else _EMPTY) + f"scopes:{block}\n"


def _with_named(text: str, reader: TrustReader, section: str, entry: str) -> str:
    """`text` with one more entry in a section of names."""
    assert reader.root is not None
    named = member(reader.root, section)
    if named is not None and isinstance(named.data, dict) and named.data:
        return with_entry(text, named, entry)
    if named is None:
        begun = text if not text or text.endswith("\n") else f"{text}\n"
        return begun + ("" if reader.root.data else _EMPTY) + f"{section}:\n  {entry}\n"
    return f"{text[: named.place.start].rstrip(' ')} {{{entry}}}{text[named.place.end :]}"


def _written(scope: TrustScope) -> tuple[list[str], str]:
    """The scope as lines of a block mapping and as one flow mapping."""
    fields = [("match", plain(scope.match))]
    if scope.unsigned:
        fields.append(("unsigned", "allow"))
    if scope.signatures:
        fields.append(("all", f"[{', '.join(map(_signer, scope.signatures.every))}]"))
    if scope.digests:
        fields.append(("digests", f"[{', '.join(str(digest) for digest in scope.digests)}]"))
    if scope.reason is not None:
        fields.append(("reason", json.dumps(scope.reason, ensure_ascii=False)))
    if scope.insecure_http:
        fields.append(("insecure_http", "true"))
    lines = [f"{key}: {value}" for key, value in fields]
    return lines, "{" + ", ".join(lines) + "}"


def _signer(one: Named) -> str:
    if isinstance(one, PublicKey):
        return f"{{key: {plain(one.name)}}}"
    name, text = ("identity", one.identity) if one.pattern is None else ("identity_regex", one.pattern)
    issuer, identity = (json.dumps(given, ensure_ascii=False) for given in (one.issuer, text))
    return f"{{keyless: {{root: {plain(one.root.name)}, issuer: {issuer}, {name}: {identity}}}}}"
