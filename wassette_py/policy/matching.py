"""May this policy reach this target? Pure: plain values in, a Decision out. Deny wins over allow, absent denies.

Names are not resolved here: for a name, allowed means that it may be reached if it resolves to an address that may be.
"""

from __future__ import annotations

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import NetworkCidr, NetworkEntry, NetworkHost, PolicyDocument, SecretVariable
from wassette_py.policy.network import DEFAULT_PORTS, RequestTarget, Unenforceable, host_address, host_matches
from wassette_py.policy.paths import glob_matches, name_matches, normal_path
from wassette_py.policy.storage import covers, parse_path
from wassette_py.policy.terms import NEVER_SENT


@dataclass(frozen=True)
class Decision:
    """`by` is `file:line` of the entry that decided, None when no entry did; `reason` says it in words."""

    allowed: bool
    by: str | None
    reason: str


def match_target(policy: PolicyDocument, method: str, target: RequestTarget) -> Decision:
    """May a request be sent to `target`?"""
    if target.scheme not in DEFAULT_PORTS:
        return Decision(False, None, f"only https and http can be granted, not {target.scheme}")
    if method.upper() in NEVER_SENT:
        return Decision(False, None, f"{method.upper()} is never sent for a component")
    path, problem = normal_path(target.path)
    for entry in policy.deny:
        if _reaches(entry, method, target) and (not _paths(entry) or path is None or _on_path(entry, path)):
            return Decision(False, _by(policy, entry.line), f"in network.deny: {entry_text(entry)}")
    reason = "not in network.allow"
    for entry in policy.allow:
        if _reaches(entry, method, target):
            if not _paths(entry) or (path is not None and _on_path(entry, path)):
                return Decision(True, _by(policy, entry.line), f"in network.allow: {entry_text(entry)}")
            reason = f"not in network.allow: {problem}" if path is None else reason
    return Decision(False, None, reason)


def entry_text(entry: NetworkEntry) -> str:
    """A network entry in one line for people."""
    if isinstance(entry, NetworkCidr):
        return entry.cidr
    return " ".join(part for part in (",".join(entry.methods), entry.text(), ",".join(entry.paths)) if part)


def _reaches(entry: NetworkEntry, method: str, target: RequestTarget) -> bool:
    """Whether the entry is about this method, scheme, host and port, whatever the path."""
    if isinstance(entry, NetworkCidr):
        return _in_range(entry.cidr, target.host)
    return (
        host_matches(entry.host, target.host)
        and (entry.scheme is None or entry.scheme == target.scheme)
        and target.port == (entry.port or DEFAULT_PORTS[target.scheme])
        and (not entry.methods or method.upper() in entry.methods)
    )


def _in_range(cidr: str, host: str) -> bool:
    address = host_address(host)
    if address is None:
        return False
    from ipaddress import ip_network

    return address in ip_network(cidr)


def _paths(entry: NetworkEntry) -> tuple[str, ...]:
    return entry.paths if isinstance(entry, NetworkHost) else ()


def _on_path(entry: NetworkEntry, path: str) -> bool:
    return any(glob_matches(glob, path) for glob in _paths(entry))


def match_path(policy: PolicyDocument, path: str, *, write: bool) -> Decision:
    """May the guest read (or write) what the absolute host path names? The union of the grants above it; links are not followed here."""
    try:
        wanted = parse_path(path, None)
    except Unenforceable as error:
        return Decision(False, None, f"not a target a policy can name: {error}")
    above = [grant for grant in policy.storage if covers(grant.path, wanted)]
    for grant in above:
        if grant.write or not write:
            return Decision(True, _by(policy, grant.line), f"in storage.allow: {grant.path}")
    if above:
        return Decision(False, _by(policy, above[0].line), f"in storage.allow for reading only: {above[0].path}")
    return Decision(False, None, "not in storage.allow")


def match_variable(policy: PolicyDocument, key: str) -> Decision:
    """May the guest see this variable?"""
    for variable in policy.variables:
        if variable.key == key:
            return Decision(True, _by(policy, variable.line), f"in environment.allow: {key}")
    for secret in policy.secrets:
        if isinstance(secret, SecretVariable) and secret.key == key:
            return Decision(True, _by(policy, secret.line), f"in secrets: {secret.name} as {key}")
    return Decision(False, None, "not in environment.allow")


def match_tool(policy: PolicyDocument, name: str) -> Decision:
    """Does the export of this name (without prefix) become a tool?"""
    if policy.tools is None:
        return Decision(True, None, "every tool is allowed")
    for pattern, line in zip(policy.tools, policy.tool_lines or (0,) * len(policy.tools), strict=True):
        if name_matches(pattern, name):
            return Decision(True, _by(policy, line), f"in tools.allow: {pattern}")
    return Decision(False, None, "not in tools.allow")


def _by(policy: PolicyDocument, line: int) -> str:
    return f"{policy.source}:{line}"
