"""What a policy may say of secrets: as which variable a guest sees one, or into which header of requests to which host the host puts it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from wassette_py.names import valid_secret_name
from wassette_py.policy.document import NetworkCidr, NetworkEntry, SecretGrant, SecretHeader, Variable
from wassette_py.policy.network import Unenforceable, host_address, host_matches, parse_host_pattern

HEADER = "Authorization"
_SCHEMES = {"authorization": "Bearer {}"}
# What frames a message, or is said between two neighbours, is not a header that a value could be put into.
_NOT_OURS = frozenset(("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"))


def check_secret(text: str) -> str:
    """The name of a secret. Raises Unenforceable."""
    if not valid_secret_name(text):
        raise Unenforceable(f"{text!r} is not the name of a secret: a letter or _, then letters, digits, _ . -", None)
    return text


def check_host(text: str) -> tuple[str, int | None]:
    """`[https://]host[:port]` as host and port. Raises Unenforceable."""
    scheme, host, port = parse_host_pattern(text)
    if scheme == "http":
        raise Unenforceable("a secret is sent over https only", text.replace("http://", "", 1))
    if host.startswith("*"):
        raise Unenforceable("a secret goes to exactly one host, not to all of a pattern", f"api{host[1:]}")
    return host, port


def check_header(text: str) -> str:
    """The name of a header. Raises Unenforceable."""
    if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", text) is None:
        raise Unenforceable(f"{text!r} is not the name of a header", HEADER)
    if text.lower() in _NOT_OURS or text.lower().startswith("proxy-"):
        raise Unenforceable(f"the header {text} belongs to the connection and not to what is asked", HEADER)
    return text


def check_format(text: str) -> str:
    """The header's value with {} where the secret goes. Raises Unenforceable."""
    if text.count("{}") != 1:
        raise Unenforceable("expected {} once, where the value goes", "Bearer {}")
    if not text.isascii() or not text.isprintable() or len(text) > 1000 or text != text.strip():
        raise Unenforceable("a header is printable ASCII without blanks around it", "Bearer {}")
    return text


def usual_format(header: str) -> str:
    """How a value stands in that header when nobody says."""
    return _SCHEMES.get(header.lower(), "{}")


def check_together(variables: Iterable[Variable], secrets: Sequence[SecretGrant], new: Variable | SecretGrant) -> None:
    """One name, one value: a variable, and a header for a host, is given from one place. Raises Unenforceable."""
    known: list[Variable | SecretGrant] = [*variables, *secrets]
    if any(entry != new and _place(entry) == _place(new) for entry in known):
        what = f"the header {new.header} for {new.text()}" if isinstance(new, SecretHeader) else f"the variable {new.key}"
        raise Unenforceable(f"{what} is given twice, from different places", "keep one of the two")


def _place(entry: Variable | SecretGrant) -> tuple[str, ...]:
    if isinstance(entry, SecretHeader):
        return (entry.host, str(entry.port or 443), entry.header.lower())
    return (entry.key,)


def unreached(allow: Iterable[NetworkEntry], secrets: Iterable[SecretGrant]) -> list[SecretHeader]:
    """The headers that no request may be sent with."""
    entries = tuple(allow)
    headers = [secret for secret in secrets if isinstance(secret, SecretHeader)]
    return [secret for secret in headers if not any(_reaches(entry, secret) for entry in entries)]


def check_reached(allow: Iterable[NetworkEntry], secrets: Iterable[SecretGrant]) -> None:
    """A header is only put into requests that may be sent. Raises Unenforceable for one that could not be."""
    for secret in unreached(allow, secrets):
        raise Unenforceable(unreached_text(secret), f"network: {secret.text()}")


def unreached_text(secret: SecretHeader) -> str:
    """What is wrong with one that `unreached` names."""
    return f"the secret {secret.name} is for {secret.text()}, to which no request is granted"


def _reaches(entry: NetworkEntry, secret: SecretHeader) -> bool:
    if isinstance(entry, NetworkCidr):
        from ipaddress import ip_network

        address = host_address(secret.host)
        return address is not None and address in ip_network(entry.cidr)
    at_port = (entry.port or 443) == (secret.port or 443)
    return host_matches(entry.host, secret.host) and entry.scheme != "http" and at_port
