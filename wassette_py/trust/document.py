"""The trust policy (trust.yaml): which places may bring components, and what has to vouch for them. Default deny.

For now a scope either pins digests or, with a reason, accepts what nobody signed. What belongs to signatures is refused by name, since a
file that asks for more than is checked must not pass for one that is enforced. Nothing here reads files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from wassette_py.errors import InvalidReference, InvalidTrustPolicy
from wassette_py.names import Digest
from wassette_py.reference import Reference
from wassette_py.strict_yaml import StrictReader, Value
from wassette_py.trust.scopes import Scope, parse_scope, place_of

LATER = frozenset(
    {"keys", "roots", "mode", "all", "any", "formats", "tlog", "signed_repository", "annotations", "attestations", "freshness"}
)
NOT_YET = "signature verification is not served yet"
MAX_REASON = 500


@dataclass(frozen=True)
class TrustScope:
    """One rule: `match` in canonical form; the bytes must have one of `digests`, or may be anybody's (`unsigned`, for `reason`)."""

    match: str
    unsigned: bool = False
    reason: str | None = None
    digests: tuple[Digest, ...] = ()
    insecure_http: bool = False
    line: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "match", str(parse_scope(self.match)))
        except ValueError as error:
            raise InvalidTrustPolicy(f"{self.match}: {error}") from None

    @property
    def scope(self) -> Scope:
        return parse_scope(self.match)


@dataclass(frozen=True)
class TrustPolicy:
    """The scopes of one file; `source` names it in messages."""

    scopes: tuple[TrustScope, ...] = ()
    source: str = ""

    def rule_for(self, reference: Reference) -> TrustScope | None:
        """The one scope that decides about `reference`: the most exact that holds it; others are not looked at."""
        place = place_of(reference)
        named = [scope for scope in self.scopes if scope.scope.holds(place)]
        return max(named, key=lambda scope: scope.scope.rank, default=None)


def parse_trust_policy(text: str, source: str) -> TrustPolicy:
    """The policy that `text` is; empty text trusts nobody. Raises InvalidTrustPolicy with file, line, key and reason."""
    return TrustReader(source).policy(text)


def check_reason(text: object) -> str:
    """A reason as it may stand in the file: one line of printable text. Raises ValueError."""
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_REASON or not text.isprintable():
        raise ValueError(f"expected a reason: one line of text, at most {MAX_REASON} characters")
    return text


class TrustReader(StrictReader):
    """Reads one trust policy; `root` and `items` keep where things stand, for whoever edits the text."""

    def __init__(self, source: str) -> None:
        super().__init__(source, InvalidTrustPolicy)
        self.root: Value | None = None
        self.items: dict[str, Value] = {}

    def policy(self, text: str) -> TrustPolicy:
        self.root = root = self.read(text)
        entries = self._entries(root, ("version", "default", "scopes"))
        if root.data is not None and "version" not in entries:
            self.fail(root.place, "the key version is missing", "version: 1")
        for key, only in (("version", 1), ("default", "deny")):
            if key in entries and (entries[key].data != only or isinstance(entries[key].data, bool)):
                self.fail(entries[key].place, f"expected {only}, got {entries[key].text!r}", f"{key}: {only}")
        found = entries.get("scopes")
        if found is None or found.data is None:
            return TrustPolicy((), self.source)
        if not isinstance(found.data, list):
            self.fail(found.place, "expected a list of scopes", "- match: HOST/PATH")
        return TrustPolicy(tuple(self._scope(item) for item in found.data), self.source)

    def _entries(self, value: Value, known: tuple[str, ...]) -> dict[str, Value]:
        if value.data is None:
            return {}
        if not isinstance(value.data, dict):
            self.fail(value.place, "expected keys with values", f"one of {', '.join(known)}")
        for key in value.data:
            if key not in known:
                reason = NOT_YET if key in LATER else "not a key of a trust policy"
                self.fail(value.key_places[key], reason, f"one of {', '.join(known)}")
        return value.data

    def _scope(self, item: Value) -> TrustScope:
        entries = self._entries(item, ("match", "unsigned", "reason", "digests", "insecure_http"))
        match = self._match(item, entries.get("match"))
        unsigned = self._unsigned(entries.get("unsigned"))
        digests = self._digests(entries.get("digests"))
        if unsigned == bool(digests):
            wanted = "one of the two" if unsigned else "unsigned: allow (with a reason) or digests: [sha256:…]"
            self.fail(item.place, "a scope pins digests or accepts what is unsigned", wanted)
        reason = self._reason(item, entries.get("reason"), needed=unsigned)
        insecure_http = self._flag(entries.get("insecure_http"))
        if insecure_http and not match.is_loopback:
            self.fail(entries["insecure_http"].place, "plain HTTP is for registries on loopback hosts only", "remove insecure_http")
        return TrustScope(str(match), unsigned, reason, digests, insecure_http, item.place.line)

    def _match(self, item: Value, value: Value | None) -> Scope:
        if value is None:
            self.fail(item.place, "the key match is missing", "match: HOST/PATH")
        try:
            scope = parse_scope(self._text(value))
        except ValueError as error:
            self.fail(value.place, str(error))
        if str(scope) in self.items:
            self.fail(value.place, f"the scope {scope} stands here twice (line {self.items[str(scope)].place.line})", "keep one of the two")
        self.items[str(scope)] = item
        return scope

    def _unsigned(self, value: Value | None) -> bool:
        if value is None or value.data is None:
            return False
        if value.data != "allow":
            self._expected(value, "allow")
        return True

    def _digests(self, value: Value | None) -> tuple[Digest, ...]:
        if value is None:
            return ()
        if not isinstance(value.data, list) or not value.data:
            self.fail(value.place, "expected a list of digests", "digests: [sha256:…]")
        found: list[Digest] = []
        for item in value.data:
            try:
                digest = Digest.parse(self._text(item))
            except InvalidReference as error:
                self.fail(item.place, str(error), error.hint)
            if digest in found:
                self.fail(item.place, "this digest stands here twice", "keep one of the two")
            found.append(digest)
        return tuple(found)

    def _reason(self, item: Value, value: Value | None, *, needed: bool) -> str | None:
        if value is None:
            if needed:
                self.fail(item.place, "unsigned: allow needs a reason", "reason: why nobody has to sign this")
            return None
        try:
            return check_reason(value.data)
        except ValueError as error:
            self.fail(value.place, str(error))

    def _flag(self, value: Value | None) -> bool:
        if value is None:
            return False
        if not isinstance(value.data, bool):
            self._expected(value, "true or false")
        return value.data

    def _text(self, value: Value) -> str:
        if not isinstance(value.data, str):
            self._expected(value, "text")
        return value.data

    def _expected(self, value: Value, what: str) -> NoReturn:
        self.fail(value.place, f"expected {what}, got {value.text!r}")
