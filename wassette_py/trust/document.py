"""The trust policy (trust.yaml): which places may bring components, and what has to vouch for them. Default deny.

A scope says who must have signed, pins digests, or, with a reason, accepts what nobody signed. What is not enforced is refused by name:
a file that asks for more than is checked must not pass for one that is enforced. Nothing here reads files: keys come through a reader.
`parse_trust_policy` is the only way from text to these values (`policy_reader.py`); where there is no file, nothing of that is imported.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidTrustPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.names import Digest
    from wassette_py.reference import Reference
    from wassette_py.trust.keys import PublicKey
    from wassette_py.trust.roots import TrustRoot
    from wassette_py.trust.rules import SignatureRule
    from wassette_py.trust.scopes import Scope
    from wassette_py.trust.signer_reader import ReadKey


@dataclass(frozen=True)
class TrustScope:
    """One rule: `match` in canonical form; the bytes must have one of `digests` and fulfil `signatures`, where those are given, or may be
    anybody's (`unsigned`, for `reason`). `warn`: what fails about signatures is said and not refused."""

    match: str
    unsigned: bool = False
    reason: str | None = None
    digests: tuple[Digest, ...] = ()
    insecure_http: bool = False
    signatures: SignatureRule | None = None
    warn: bool = False
    line: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        from wassette_py.trust.scopes import parse_scope

        try:
            object.__setattr__(self, "match", str(parse_scope(self.match)))
        except ValueError as error:
            raise InvalidTrustPolicy(f"{self.match}: {error}") from None

    @property
    def scope(self) -> Scope:
        from wassette_py.trust.scopes import parse_scope

        return parse_scope(self.match)


@dataclass(frozen=True)
class TrustPolicy:
    """The scopes of one file; `source` names it in messages, `keys` and `roots` are all it names, and `digest` changes with any of it."""

    scopes: tuple[TrustScope, ...] = ()
    source: str = ""
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    roots: Mapping[str, TrustRoot] = field(default_factory=dict)
    digest: str = field(default="", compare=False)

    def rule_for(self, reference: Reference) -> TrustScope | None:
        """The one scope that decides about `reference`: the most exact that holds it; others are not looked at."""
        from wassette_py.trust.scopes import place_of

        place = place_of(reference)
        named = [scope for scope in self.scopes if scope.scope.holds(place)]
        return max(named, key=lambda scope: scope.scope.rank, default=None)


def parse_trust_policy(text: str, source: str, read_key: ReadKey | None = None) -> TrustPolicy:
    """The policy that `text` is; empty text trusts nobody. Raises InvalidTrustPolicy with file, line, key and reason."""
    from wassette_py.trust.policy_reader import TrustReader
    from wassette_py.trust.signer_reader import no_files

    return TrustReader(source, read_key or no_files).policy(text)
