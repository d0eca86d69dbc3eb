"""The capability policy as values: what a component may use, entry by entry, in canonical form.

`parse_policy` is the only way from text to these values (`parser.py` reads, `storage.py` and `network.py` know what can be enforced);
`document_json` is the way back. Nothing here decides: that is `matching.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass, field
from wassette_py.limits import LimitName, format_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class StorageGrant:
    """A directory and everything below it: absolute normalised host `path`, read or read and write, `guest` path (None: the same)."""

    path: str
    write: bool = False
    guest: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class NetworkHost:
    """Requests to a host. `scheme` and `port` None: https on 443 and http on 80. Empty `methods` or `paths`: every one."""

    host: str
    scheme: str | None = None
    port: int | None = None
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)

    def text(self) -> str:
        """The entry's host as it is written in a policy."""
        return f"{self.scheme + '://' if self.scheme else ''}{self.host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True)
class NetworkCidr:
    """Requests to an address in a range, on any port; and addresses a granted name may resolve to."""

    cidr: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Variable:
    """An environment variable of the host that the guest sees."""

    key: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class SecretVariable:
    """The operator's secret `name`, which the guest sees as the variable `key`."""

    name: str
    key: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class SecretHeader:
    """The operator's secret `name`, put into a header of every https request to exactly `host`; the guest never sees it.

    `format` has {} where the value goes; `port` None: 443.
    """

    name: str
    host: str
    header: str
    format: str
    port: int | None = None
    line: int = field(default=0, compare=False)

    def text(self) -> str:
        """The host as it is written in a policy."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


NetworkEntry = NetworkHost | NetworkCidr
SecretGrant = SecretVariable | SecretHeader


@dataclass(frozen=True)
class PolicyDocument:
    """One policy. `tools` None: every export becomes a tool. `limits` holds only what the policy sets."""

    version: str = "1.0"
    description: str | None = None
    storage: tuple[StorageGrant, ...] = ()
    allow: tuple[NetworkEntry, ...] = ()
    deny: tuple[NetworkEntry, ...] = ()
    variables: tuple[Variable, ...] = ()
    secrets: tuple[SecretGrant, ...] = ()
    tools: tuple[str, ...] | None = None
    limits: Mapping[LimitName, float] = field(default_factory=dict)
    source: str = ""
    tool_lines: tuple[int, ...] = field(default=(), compare=False, repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables the guest sees, those with a secret in them included."""
        return (
            *(variable.key for variable in self.variables),
            *(secret.key for secret in self.secrets if isinstance(secret, SecretVariable)),
        )


EMPTY = PolicyDocument()
"""No policy: nothing is granted."""


def parse_policy(text: str, source: str, *, home: Path | None) -> PolicyDocument:
    """Reads a policy without touching anything else; `~` is `home`. Raises InvalidPolicy with `source:line: key: reason`."""
    from wassette_py.policy.parser import PolicyReader  # YAML is not needed until there is a policy to read

    return PolicyReader(source, home).document(text)


def document_json(policy: PolicyDocument) -> dict[str, object]:
    """What stands under `permissions`, in the form of the file and with the sections that say something."""
    sections: dict[str, object] = {}
    if policy.storage:
        sections["storage"] = {"allow": [storage_json(entry) for entry in policy.storage]}
    network = {"allow": [network_json(entry) for entry in policy.allow], "deny": [network_json(entry) for entry in policy.deny]}
    if policy.allow or policy.deny:
        sections["network"] = {name: entries for name, entries in network.items() if entries}
    if policy.variables:
        sections["environment"] = {"allow": [{"key": variable.key} for variable in policy.variables]}
    if policy.secrets:
        sections["secrets"] = [secret_json(secret) for secret in policy.secrets]
    if policy.tools is not None:
        sections["tools"] = {"allow": list(policy.tools)}
    if policy.limits:
        sections["resources"] = {"limits": {name: format_limit(name, value) for name, value in policy.limits.items()}}
    return sections


def storage_json(entry: StorageGrant) -> dict[str, object]:
    """One entry of `storage.allow`."""
    access = ["read", "write"] if entry.write else ["read"]
    return {"uri": f"fs://{entry.path}", "access": access, **({"guest": entry.guest} if entry.guest else {})}


def secret_json(entry: SecretGrant) -> dict[str, object]:
    """One entry of `secrets`."""
    if isinstance(entry, SecretHeader):
        return {"name": entry.name, "inject": {"host": entry.text(), "header": entry.header, "format": entry.format}}
    return {"name": entry.name, "env": entry.key}


def network_json(entry: NetworkEntry) -> dict[str, object]:
    """One entry of `network.allow` or `network.deny`."""
    if isinstance(entry, NetworkCidr):
        return {"cidr": entry.cidr}
    narrower = {"methods": list(entry.methods), "paths": list(entry.paths)}
    return {"host": entry.text(), **{name: values for name, values in narrower.items() if values}}
