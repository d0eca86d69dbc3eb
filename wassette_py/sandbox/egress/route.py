"""Where one request goes, as the gate read and granted it once: nothing behind it parses a URL again."""

from __future__ import annotations

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import NetworkCidr
from wassette_py.policy.network import DEFAULT_PORTS, RequestTarget


@dataclass(frozen=True)
class Route:
    """`path` is what the guest sent, query included; `connect_timeout` in seconds is the guest's own, None: it set none."""

    method: str
    target: RequestTarget
    path: str
    connect_timeout: float | None = None

    @property
    def host(self) -> str:
        """The canonical host as sockets and certificates write it: IPv6 without brackets."""
        return self.target.host.strip("[]")

    @property
    def authority(self) -> str:
        """The `Host` header: canonical host, port unless it is the scheme's."""
        usual = self.target.port == DEFAULT_PORTS[self.target.scheme]
        return self.target.host if usual else f"{self.target.host}:{self.target.port}"

    @property
    def name(self) -> str:
        """What people read of it; path and query may hold secrets."""
        return f"{self.method} {self.target}"


class NotSent(Exception):
    """A granted request that could not be sent, or not to its end. The text never holds path, query, headers or bodies."""


class AddressRefused(NotSent):
    """The name stands for an address that may not be reached; `grant` is the entry that would allow it, if one is worth telling."""

    def __init__(self, message: str, grant: NetworkCidr | None) -> None:
        super().__init__(message)
        self.grant = grant
