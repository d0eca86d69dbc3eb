"""The operator's own HTTP proxy, from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. Pure.

Through such a proxy the policy still decides which URLs are requested, but the proxy resolves the name and so decides which address
that is. `localhost` and loopback addresses are never asked of it: they would be its own.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from wassette_py.dataclass import dataclass
from wassette_py.policy.network import RequestTarget, host_address
from wassette_py.sandbox.egress.route import NotSent


@dataclass(frozen=True)
class Upstream:
    """A proxy to be asked: `credentials` is the value of `Proxy-Authorization`, or None."""

    host: str
    port: int
    credentials: str | None = None


def upstream_for(environ: Mapping[str, str], target: RequestTarget) -> Upstream | None:
    """The proxy a request to `target` goes through, None: straight. Raises NotSent for a proxy that cannot be used."""
    name, url = _configured(environ, target.scheme)
    if not url or _is_local(target.host) or _is_excluded(_value(environ, "no_proxy")[1], target):
        return None
    return _parsed(name, url)


def _configured(environ: Mapping[str, str], scheme: str) -> tuple[str, str]:
    name, url = _value(environ, f"{scheme}_proxy")
    return (name, url) if url else _value(environ, "all_proxy")


def _value(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The lower-case variable wins, as with curl."""
    upper = name.upper()
    return (name, environ[name].strip()) if environ.get(name) else (upper, environ.get(upper, "").strip())


def _parsed(name: str, url: str) -> Upstream:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if host is None or parts.scheme != "http":
        # The value may hold a password: it is not repeated.
        raise NotSent(f"{name} is not the http:// URL of a proxy, and no other kind is supported")
    user = None
    if parts.username is not None:
        user = b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
    return Upstream(host, port or 80, f"Basic {user}" if user else None)


def _is_local(host: str) -> bool:
    address = host_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_excluded(entries: str, target: RequestTarget) -> bool:
    return any(_excludes(entry.strip().lower(), target) for entry in entries.split(","))


def _excludes(entry: str, target: RequestTarget) -> bool:
    """`*`, `name` (and all below it), `.name`, an address or a range of them, each perhaps with a port."""
    if entry in ("", "*"):
        return entry == "*"
    address = host_address(target.host)
    if address is not None:
        try:
            return address in ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    host, port = _split(entry)
    if port is not None and port != str(target.port):
        return False
    if address is not None:
        return host.strip("[]") == str(ip_address(address))
    name = host.removeprefix("*").lstrip(".")
    return bool(name) and (target.host == name or target.host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str | None]:
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and port.isdecimal() and not host.endswith(":") else (entry, None)
