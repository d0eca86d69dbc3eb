"""Hosts, ports, URLs and paths: one parser that gives policy entries and request targets the same canonical form.

Whatever this parser does not understand without doubt it refuses: in a policy that is an error with the nearest form that can be
enforced, in a request it is a denial. Nothing here resolves a name or opens a connection.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wassette_py.dataclass import dataclass

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NUMERIC = r"[0-9]+|0x[0-9a-f]*"
_URL = r"(?s)([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)([^?#\\]*)((?:\?[^#]*)?)((?:#.*)?)"
_UNSAFE_CHARACTER = r"[\x00-\x20\x7f-\x9f\u2028\u2029]"
# Characters that IDNA 2003 (what Python speaks) and IDNA 2008 (what registries speak) turn into different names.
_DEVIATIONS = frozenset("ßẞς\u200c\u200d")


class Unenforceable(ValueError):
    """What is written cannot be enforced: `str()` is the reason, `hint` the nearest form that can."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True)
class RequestTarget:
    """An absolute URL as a policy sees it: canonical host, port always there, path as sent ("/" when empty), no query."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def parse_url(url: str) -> RequestTarget:
    """Reads an absolute URL of any scheme (port 0 when the scheme has no default). Raises Unenforceable."""
    match = None if re.search(_UNSAFE_CHARACTER, url) else re.fullmatch(_URL, url)
    if match is None:
        raise Unenforceable("not an absolute URL such as https://api.example.com/path")
    scheme = match[1].lower()
    host, port = split_port(match[2])
    return RequestTarget(scheme, parse_host(host), DEFAULT_PORTS.get(scheme, 0) if port is None else port, match[3] or "/")


def split_port(authority: str) -> tuple[str, int | None]:
    """`host[:port]` in two; an IPv6 address needs its brackets. Raises Unenforceable."""
    if "@" in authority:
        raise Unenforceable("a user name or password cannot be part of a host", authority.rpartition("@")[2] or None)
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?", authority)
    if match is None:
        address = _address(authority.strip("[]"))
        raise Unenforceable("not host[:port]", f"[{address}]" if address else None)
    if match[2] is None:
        return match[1], None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", match[2]) or int(match[2]) > 65535:
        raise Unenforceable(f"{match[2]!r} is not a port (1 to 65535)", match[1] or None)
    return match[1], int(match[2])


def parse_host(text: str) -> str:
    """The canonical form: lower-case ASCII name without trailing dot, dotted IPv4, `[compressed IPv6]`. Raises Unenforceable."""
    if len(text) > 1000:
        raise Unenforceable("a host name has at most 253 characters")
    if text.startswith("["):
        return _bracketed(text)
    name = _ascii(text).lower().removesuffix(".")
    labels = name.split(".")
    if not all(re.fullmatch(_LABEL, label) for label in labels) or len(name) > 253:
        raise Unenforceable(f"{text!r} is not a host name", None)
    if re.fullmatch(_NUMERIC, labels[-1]):
        if (address := _address(name)) is None:
            # WHATWG's URL parser reads 0x7f.1, 127.1 and 2130706433 as 127.0.0.1; others do not.
            raise Unenforceable(f"{text!r} is a number that not everybody reads as the same address", "write it as four decimal numbers")
        return str(address)
    return name


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    if _DEVIATIONS & set(text):
        raise Unenforceable(f"{text!r} holds a character that two versions of IDNA read differently", "write the name in its xn-- form")
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        raise Unenforceable(f"{text!r} is not a host name", None) from None


def _bracketed(text: str) -> str:
    from ipaddress import IPv6Address

    address = _address(text[1:-1]) if text.endswith("]") and "%" not in text else None
    if not isinstance(address, IPv6Address):
        raise Unenforceable(f"{text!r} is not an IPv6 address in brackets", f"{address}" if address else None)
    if address.ipv4_mapped is not None:
        raise Unenforceable(f"{text!r} is an IPv4 address in disguise", str(address.ipv4_mapped))
    return f"[{address}]"


def _address(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None


def host_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address a canonical host is, or None for a name."""
    if not host.startswith("[") and not host[-1].isdigit():
        return None
    return _address(host.strip("[]"))


def parse_host_pattern(text: str) -> tuple[str | None, str, int | None]:
    """`[scheme://]host[:port]`, host perhaps `*.name`, as (scheme, canonical host, port or None for the usual). Raises Unenforceable."""
    if not text or re.search(_UNSAFE_CHARACTER, text):
        raise Unenforceable("expected a host such as api.example.com", None)
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme.lower() not in DEFAULT_PORTS:
        raise Unenforceable(f"only https and http can be granted, not {scheme}", f"https://{rest}")
    authority, path = _cut(rest)
    if path:
        raise Unenforceable("a path cannot be part of a host", _with_path(f"{scheme}://{authority}" if scheme else authority, path))
    host, port = split_port(authority)
    canonical = _pattern_host(host)
    scheme = scheme.lower()
    return scheme or None, canonical, None if port == DEFAULT_PORTS.get(scheme) else port


def _pattern_host(host: str) -> str:
    if "*" not in host:
        return parse_host(host)
    if host == "*":
        raise Unenforceable("every host cannot be granted at once", "name the hosts one by one, or the names below one: *.example.com")
    suffix = host.rpartition("*")[2].lstrip(".")
    if not host.startswith("*.") or "*" in host[1:]:
        raise Unenforceable("a * can only stand for whole labels in front: *.example.com", f"*.{suffix}" if suffix else None)
    base = parse_host(host[2:])
    if host_address(base) is not None:
        raise Unenforceable("an address has no names below it", "write a range of addresses as cidr: 10.1.0.0/16")
    return f"*.{base}"


def _cut(text: str) -> tuple[str, str]:
    match = re.search(r"[/?#\\]", text)
    return (text, "") if match is None else (text[: match.start()], text[match.start() :])


def _with_path(host: str, path: str) -> str:
    glob = re.split(r"[?#]", path.replace("\\", "/"))[0].rstrip("/")
    return f'{{host: "{host}", paths: ["{glob}"]}}' if glob else f'host: "{host}"'


def host_matches(pattern: str, host: str) -> bool:
    """Whether canonical `host` is canonical `pattern`, or stands one or more labels below it when that is `*.name`."""
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def parse_cidr(text: str) -> str:
    """A range of addresses in canonical form. Raises Unenforceable."""
    from ipaddress import IPv6Network, ip_network

    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        raise Unenforceable(f"{text!r} is not a range of addresses", "10.1.0.0/16")
    if "/" not in text:
        raise Unenforceable("a range needs its length", str(network))
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped is not None:
        mapped = f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}"
        raise Unenforceable("an IPv4 address in IPv6 disguise is never reached", mapped)
    if text.lower() not in (str(network), network.exploded):
        raise Unenforceable("bits are set behind its length, or it is not written as usual", str(network))
    return str(network)
