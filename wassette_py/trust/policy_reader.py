"""From text to a trust policy: the grammar of trust.yaml but for rules (`rule_reader.py`) and signers (`signer_reader.py`)."""

from __future__ import annotations

from wassette_py.errors import InvalidReference
from wassette_py.names import Digest
from wassette_py.strict_yaml import Value
from wassette_py.trust.document import TrustPolicy, TrustScope
from wassette_py.trust.rule_reader import RULE_KEYS, RuleReader
from wassette_py.trust.scopes import Scope, parse_scope
from wassette_py.trust.signer_reader import Known, ReadKey, no_files

MAX_REASON = 500
SCOPE_KEYS = ("match", "mode", "unsigned", "reason", "digests", "insecure_http", *RULE_KEYS)


def check_reason(text: object) -> str:
    """A reason as it may stand in the file: one line of printable text. Raises ValueError."""
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_REASON or not text.isprintable():
        raise ValueError(f"expected a reason: one line of text, at most {MAX_REASON} characters")
    return text


class TrustReader(RuleReader):
    """Reads one trust policy; `root` and `items` keep where things stand, for whoever edits the text."""

    def __init__(self, source: str, read_key: ReadKey = no_files) -> None:
        super().__init__(source, read_key)
        self.root: Value | None = None
        self.items: dict[str, Value] = {}

    def policy(self, text: str) -> TrustPolicy:
        self.seen.update(text.encode(errors="surrogatepass") + b"\0")
        self.root = root = self.read(text)
        entries = self.entries(root, ("version", "default", "keys", "roots", "scopes"))
        if root.data is not None and "version" not in entries:
            self.fail(root.place, "the key version is missing", "version: 1")
        for key, only in (("version", 1), ("default", "deny")):
            if key in entries and (entries[key].data != only or isinstance(entries[key].data, bool)):
                self.fail(entries[key].place, f"expected {only}, got {entries[key].text!r}", f"{key}: {only}")
        known = Known(self.keys(entries.get("keys")), self.roots(entries.get("roots")))
        found, items = entries.get("scopes"), list[Value]()
        if found is not None and found.data is not None:
            if not isinstance(found.data, list):
                self.fail(found.place, "expected a list of scopes", "- match: HOST/PATH")
            items = found.data
        scopes = tuple(self._scope(item, known) for item in items)
        return TrustPolicy(scopes, self.source, known.keys, known.roots, self.seen.hexdigest())

    def _scope(self, item: Value, known: Known) -> TrustScope:
        entries = self.entries(item, SCOPE_KEYS)
        match = self._match(item, entries.get("match"))
        unsigned = self._unsigned(entries.get("unsigned"))
        digests = self._digests(entries.get("digests"))
        rule = self.rule(item, entries, known)
        if unsigned == bool(digests or rule):
            wanted = "one of the two" if unsigned else "all: [{key: NAME}], or digests: [sha256:…], or unsigned: allow (with a reason)"
            self.fail(item.place, "a scope says who must have signed or pins digests, or accepts what is unsigned", wanted)
        reason = self._reason(item, entries.get("reason"), needed=unsigned)
        insecure_http = self._flag(entries.get("insecure_http"))
        if insecure_http and not match.is_loopback:
            self.fail(entries["insecure_http"].place, "plain HTTP is for registries on loopback hosts only", "remove insecure_http")
        if rule is not None and match.kind in ("https", "file"):
            self.fail(
                item.place, "signatures are kept beside artifacts in registries and OCI layouts, not beside files", "digests: [sha256:…]"
            )
        warn = "mode" in entries and self.one_of(entries["mode"], ("enforce", "warn")) == "warn"
        if warn and rule is None:
            self.fail(entries["mode"].place, "warn is about signatures, and none are asked for", "remove mode")
        return TrustScope(str(match), unsigned, reason, digests, insecure_http, rule, warn, item.place.line)

    def _match(self, item: Value, value: Value | None) -> Scope:
        if value is None:
            self.fail(item.place, "the key match is missing", "match: HOST/PATH")
        try:
            scope = parse_scope(self.text(value))
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
            self.expected(value, "allow")
        return True

    def _digests(self, value: Value | None) -> tuple[Digest, ...]:
        if value is None:
            return ()
        if not isinstance(value.data, list) or not value.data:
            self.fail(value.place, "expected a list of digests", "digests: [sha256:…]")
        found: list[Digest] = []
        for item in value.data:
            try:
                digest = Digest.parse(self.text(item))
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
            self.expected(value, "true or false")
        return value.data
