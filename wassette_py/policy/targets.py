"""Targets of `policy test` and of denials: text -> Target -> Decision, and the permission that would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import NetworkHost, PolicyDocument, StorageGrant, Variable
from wassette_py.policy.grants import Permission
from wassette_py.policy.matching import Decision, match_path, match_target, match_variable
from wassette_py.policy.network import DEFAULT_PORTS, RequestTarget, Unenforceable, parse_url
from wassette_py.policy.storage import parse_path
from wassette_py.policy.terms import check_variable, read_method

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Request:
    """Sending `method` to `target`."""

    method: str
    target: RequestTarget


@dataclass(frozen=True)
class PathAccess:
    """Reading or writing what an absolute, normalised host path names."""

    path: str
    write: bool


@dataclass(frozen=True)
class VariableAccess:
    """Seeing a variable."""

    key: str


Target = Request | PathAccess | VariableAccess
_EXPECTED = "expected 'GET https://host/path', 'read /path', 'write /path' or 'env NAME'"


def parse_target(text: str, *, home: Path | None = None) -> Target:
    """Reads what `policy test` is asked about. Raises ValueError for what is no target."""
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if not rest:
        raise ValueError(_EXPECTED)
    try:
        if word in ("read", "write"):
            return PathAccess(parse_path(rest, home), word == "write")
        if word == "env":
            return VariableAccess(check_variable(rest))
        return Request(read_method(word.upper()), parse_url(rest))
    except Unenforceable as error:
        raise ValueError(f"{text!r}: {error}; {_EXPECTED}") from None


def test(policy: PolicyDocument, target: Target) -> Decision:
    """Whether the policy allows the target."""
    match target:
        case Request():
            return match_target(policy, target.method, target.target)
        case PathAccess():
            return match_path(policy, target.path, write=target.write)
        case VariableAccess():
            return match_variable(policy, target.key)
    assert_never(target)


test.__test__ = False  # type: ignore[attr-defined]  # pytest takes a function of this name for one of its own


def permission_for(target: Target) -> Permission | None:
    """The smallest usual permission that would allow a denied target; None when nothing can."""
    match target:
        case Request(target=at):
            if at.scheme not in DEFAULT_PORTS:
                return None
            usual = at.port == DEFAULT_PORTS[at.scheme]
            return NetworkHost(at.host) if usual else NetworkHost(at.host, at.scheme, at.port)
        case PathAccess():
            return StorageGrant(target.path, target.write)
        case VariableAccess():
            return Variable(target.key)
    assert_never(target)
