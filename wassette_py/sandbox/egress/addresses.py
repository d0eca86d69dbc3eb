"""Which addresses may a granted request be sent to? Pure: text and policy in, a verdict out.

An address is judged in its canonical form, and by every IPv4 address it carries inside. The tables are the special-purpose registries
of IANA, not `is_global`: Python 3.11 calls `64:ff9b::a9fe:a9fe`, `::127.0.0.1`, `fec0::1` and `224.0.0.1` global.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from wassette_py.dataclass import dataclass
from wassette_py.policy.document import NetworkCidr, PolicyDocument
from wassette_py.policy.matching import match_target
from wassette_py.policy.network import RequestTarget, host_address

Address = IPv4Address | IPv6Address

_KINDS_4 = (
    ("169.254.169.254/32", "the metadata service of a cloud"),
    ("169.254.170.0/24", "the metadata service of a cloud"),
    ("100.100.100.200/32", "the metadata service of a cloud"),
    ("192.0.0.192/32", "the metadata service of a cloud"),
    ("168.63.129.16/32", "the platform service of a cloud"),
    ("0.0.0.0/8", "this host"),
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "shared by a provider's customers"),
    ("169.254.0.0/16", "link-local"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("192.88.99.0/24", "a relay of 6to4"),
    ("198.18.0.0/15", "for benchmarks"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_KINDS_6 = (
    ("fd00:ec2::/32", "the metadata service of a cloud"),
    ("fd20:ce::/32", "the metadata service of a cloud"),
    ("fd00:c1::/32", "the metadata service of a cloud"),
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("::/96", "an IPv4 address in a form given up long ago"),
    ("64:ff9b:1::/48", "a translation for private use"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    ("2001::/32", "a tunnel of Teredo"),
    ("2001::/23", "reserved for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
    ("2002::/16", "a tunnel of 6to4"),
)
_SPECIAL: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple((ip_network(text), kind) for text, kind in (*_KINDS_4, *_KINDS_6))
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
_LOW_32 = 0xFFFFFFFF

GRANTABLE = frozenset(["loopback", "private", "shared by a provider's customers"])
"""Kinds of addresses for which a person is told how to grant them; for the others one has to know why one wants to."""


@dataclass(frozen=True)
class Refusal:
    """Why an address is not dialled; `grant` is the entry that would allow it, where suggesting that is no bad advice."""

    reason: str
    grant: NetworkCidr | None = None


def canonical(text: str) -> Address:
    """The address as it is judged and dialled: IPv4 in IPv6 disguise is IPv4, and no zone. Raises ValueError."""
    address = ip_address(text.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def special(address: Address) -> str | None:
    """What kind of address it is, when it is none that the public internet routes; None for a public one."""
    for network, kind in _SPECIAL:
        if address in network:
            return kind
    if isinstance(address, IPv4Address) or address in _UNICAST:
        return None
    if address in _NAT64:
        return special(_inner(address))
    return "not in use on the internet"


def judge(policy: PolicyDocument, method: str, target: RequestTarget, address: Address) -> Refusal | None:
    """May a request to `target`, which the policy grants, be sent to canonical `address`? None: yes."""
    for form in _forms(address):
        if (reason := _denied(policy, method, target, form)) is not None:
            return Refusal(f"{target.host} is {address}, {reason}")
    kind = special(address)
    if kind is None or _is_named(policy, target, address):
        return None
    suggested = NetworkCidr(str(ip_network(address))) if kind in GRANTABLE else None
    return Refusal(f"{target.host} is {address}, an address that is {kind}", suggested)


def _inner(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & _LOW_32)


def _forms(address: Address) -> tuple[Address, ...]:
    """The address and the one it carries."""
    return (address, _inner(address)) if isinstance(address, IPv6Address) and address in _NAT64 else (address,)


def _denied(policy: PolicyDocument, method: str, target: RequestTarget, address: Address) -> str | None:
    """Why a request to the bare address would be denied by an entry of `network.deny`, if it would."""
    if not policy.deny:
        return None
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    bare = RequestTarget(target.scheme, host, target.port, target.path)
    decision = match_target(PolicyDocument(deny=policy.deny, source=policy.source), method, bare)
    return None if decision.by is None else decision.reason


def _is_named(policy: PolicyDocument, target: RequestTarget, address: Address) -> bool:
    """Whether the policy names the address itself: a granted URL of that address, `localhost`, a range it is in."""
    if host_address(target.host) is not None or (target.host == "localhost" and address.is_loopback):
        return True
    return any(isinstance(entry, NetworkCidr) and address in ip_network(entry.cidr) for entry in policy.allow)
