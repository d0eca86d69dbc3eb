"""The grammar of names: hosts, repositories, tags, digests, ids. One spelling for each thing, so that two readers cannot disagree.

Whoever decides about a reference and whoever requests it use these and nothing else. Nothing here looks at a disk or a network.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

from __future__ import annotations

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidReference
from wassette_py.hashing import sha256_of

HOST = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])"
PORT = r"[1-9][0-9]{0,4}"
COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
REPOSITORY = rf"{COMPONENT}(?:/{COMPONENT})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
HEX = r"[0-9a-f]{64}"
ID = r"[a-z0-9][a-z0-9._-]{0,62}"

_HEX = frozenset("0123456789abcdef")
_ID = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_DOCKER_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, order=True)
class Digest:
    """The SHA-256 of some bytes."""

    hex: str

    def __post_init__(self) -> None:
        # Digests become file names and URLs: one that is not hexadecimal must not exist.
        if len(self.hex) != 64 or not _HEX.issuperset(self.hex):  # HEX, without importing re for it
            raise ValueError(f"not the hexadecimal form of a SHA-256: {self.hex!r}")

    algorithm = "sha256"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """The digest `sha256:…`. Raises InvalidReference."""
        try:
            algorithm, hex = text.split(":")
            if algorithm == cls.algorithm:
                return cls(hex)
        except ValueError:
            pass
        raise InvalidReference(f"not a digest: {text!r}", "a digest is sha256: and 64 lower-case hexadecimal digits")

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of `data`."""
        return cls(sha256_of(data).hex())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def valid_id(text: str) -> bool:
    """Whether `text` can be a component id, and so part of a file name."""
    return 1 <= len(text) <= 63 and text[0] not in "._-" and _ID.issuperset(text)  # ID, without importing re for it


def valid_secret_name(text: str) -> bool:
    """Whether `text` can be the name of a secret, and so part of a command line and a policy."""
    import re

    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", text) is not None


def is_loopback(host: str) -> bool:
    """Whether `host` (with or without port) can only be this machine, without asking a resolver."""
    import re

    name = re.sub(rf":{PORT}$", "", host).strip("[]")
    if name == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse_repository(text: str) -> tuple[str, str] | None:
    """(registry, repository) in their canonical form, or None when `text` is not `REGISTRY/REPOSITORY`."""
    import re

    host, _, repository = text.partition("/")
    registry = parse_registry(host)
    if registry is None or len(repository) > 255 or re.fullmatch(REPOSITORY, repository) is None:
        return None
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def parse_registry(text: str) -> str | None:
    """`parse_host` of a registry: all names of Docker Hub are docker.io."""
    host = parse_host(text)
    return "docker.io" if host in _DOCKER_HOSTS else host


def parse_host(text: str) -> str | None:
    """The canonical `HOST[:PORT]` that names a machine (a dot, a port, or localhost), or None."""
    import re

    match = re.fullmatch(rf"({HOST})(?::({PORT}))?", text.lower())
    if match is None or len(match[1]) > 253 or not (match[2] or "." in match[1] or match[1] == "localhost" or match[1].startswith("[")):
        return None
    if match[2] and int(match[2]) > 65535:
        return None
    # A loopback host keeps its port: there, plain HTTP may be allowed and 443 is not what no port means.
    return match[1] if match[2] == "443" and not is_loopback(match[1]) else match[0]
