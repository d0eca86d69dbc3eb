"""`trust show` and `trust check` in words and as JSON: from where components are accepted, on whose word, and how old the roots are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from wassette_py.cli.columns import table
from wassette_py.cli.options import Session
from wassette_py.cli.render import screen, show, talk
from wassette_py.cli.text import plural

if TYPE_CHECKING:
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.identities import Named
    from wassette_py.trust.keys import PublicKey
    from wassette_py.trust.roots import TrustRoot
    from wassette_py.trust.rules import SignatureRule


def show_policy(session: Session, policy: TrustPolicy, source: str) -> None:
    """`trust show` and `trust check`."""
    if not policy.scopes:
        talk(f"{source} names no scope: nothing from a registry is trusted")
    else:
        talk(f"{source}: {plural(len(policy.scopes), 'scope')}")
    if policy.scopes or policy.roots or session.json:
        rows = [("SCOPE", "ACCEPTED", "REASON"), *((scope.match, evidence_of(scope), scope.reason or "") for scope in policy.scopes)]
        keys, scopes = [_key(key) for key in policy.keys.values()], [_document(scope) for scope in policy.scopes]
        roots = [root_document(root) for root in policy.roots.values()]
        lines = [*(table(rows, screen()) if policy.scopes else []), *([""] if policy.scopes and roots else []), *_roots(policy)]
        show(session, {"file": source, "keys": keys, "roots": roots, "scopes": scopes}, lines)


def _roots(policy: TrustPolicy) -> Iterator[str]:
    today = datetime.now(UTC).date()
    if policy.roots:
        rows = [(root.name, root.age(today), f"sha256:{root.fingerprint[:16]}…", root.tuf or "-") for root in policy.roots.values()]
        yield from table([("ROOT", "AGE", "PINNED", "PUBLISHED AT"), *rows], screen())


def root_document(root: TrustRoot) -> dict[str, Any]:
    """A trust root, as JSON."""
    return {
        "name": root.name,
        "file": root.file,
        "sha256": root.fingerprint,
        "updated": None if root.updated is None else str(root.updated),
        "newest": str(root.newest),
        "max_age_seconds": None if root.max_age is None else int(root.max_age.total_seconds()),
        "tuf": root.tuf,
    }


def evidence_of(scope: TrustScope) -> str:
    """What a scope accepts, in a few words."""
    pins = [str(digest) for digest in scope.digests]
    asked = [] if scope.signatures is None else [_asked(scope.signatures) + (" (warn)" if scope.warn else "")]
    return ", ".join([*(["unsigned"] if scope.unsigned else []), *asked, *pins])


def _asked(rule: SignatureRule) -> str:
    every = [f"signed by {_name(one)}" for one in rule.every]
    some = [f"signed by {rule.at_least} of {'|'.join(map(_name, rule.some))}"] if rule.some else []
    attested = [f"attested by {'|'.join(map(_name, one.by))}: {one.predicate_type}" for one in rule.attestations]
    aged = [f"at most {_hours(rule.max_age)} ago"] if rule.max_age is not None else []
    return " and ".join([*every, *some, *attested, *aged])


def _hours(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return plural(hours // 24, "day") if hours % 24 == 0 else plural(hours, "hour")


def _name(one: Named) -> str:
    from wassette_py.trust.keys import PublicKey

    return one.name if isinstance(one, PublicKey) else str(one)


def _signer(one: Named) -> str | dict[str, str | None]:
    from wassette_py.trust.keys import PublicKey

    if isinstance(one, PublicKey):
        return one.name
    return {"root": one.root.name, "issuer": one.issuer, "identity": one.identity, "identity_regex": one.pattern}


def _document(scope: TrustScope) -> dict[str, Any]:
    return {
        "match": scope.match,
        "unsigned": scope.unsigned,
        "reason": scope.reason,
        "digests": [str(digest) for digest in scope.digests],
        "insecure_http": scope.insecure_http,
        "signatures": None if scope.signatures is None else _rule(scope.signatures),
        "mode": "warn" if scope.warn else "enforce",
    }


def _rule(rule: SignatureRule) -> dict[str, Any]:
    return {
        "all": [_signer(one) for one in rule.every],
        "any": {"at_least": rule.at_least, "of": [_signer(one) for one in rule.some]} if rule.some else None,
        "formats": list(rule.formats),
        "annotations": dict(rule.annotations),
        "logs": [key.name for key in rule.logs],
        "log_required": rule.log_required,
        "max_age_seconds": None if rule.max_age is None else int(rule.max_age.total_seconds()),
        "min_version": None if rule.min_version is None else str(rule.min_version),
        "attestations": [
            {"type": one.predicate_type, "by": [_signer(by) for by in one.by], "where": dict(one.where)} for one in rule.attestations
        ],
    }


def _key(key: PublicKey) -> dict[str, Any]:
    return {"name": key.name, "kind": key.kind, "fingerprint": f"sha256:{key.fingerprint}"}
