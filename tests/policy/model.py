"""A second reading of the network rules, written apart from the first and as plainly as possible: regular expressions and the standard
library over the entries as they stand in a file. Slow, and that is fine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

PORT = {"http": 80, "https": 443}


class Sent(NamedTuple):
    """A request as it is sent: `scheme://host[:port]path`, nothing of it canonical."""

    method: str
    scheme: str
    host: str
    port: int | None
    path: str

    def url(self) -> str:
        return f"{self.scheme}://{self.host}{'' if self.port is None else f':{self.port}'}{self.path}"


def allowed(allow: Sequence[Mapping[str, Any]], deny: Sequence[Mapping[str, Any]], sent: Sent) -> bool:
    """Whether the request may be sent."""
    if sent.scheme not in PORT or sent.method.upper() in ("CONNECT", "TRACE"):
        return False
    sent = sent._replace(host=canonical(sent.host), port=PORT[sent.scheme] if sent.port is None else sent.port)
    return not any(concerns(entry, sent, doubt=True) for entry in deny) and any(concerns(entry, sent, doubt=False) for entry in allow)


def canonical(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        return str(ipaddress.IPv6Address(host[1:-1]))
    return host[:-1] if host.endswith(".") else host


def concerns(entry: Mapping[str, Any], sent: Sent, *, doubt: bool) -> bool:
    """Whether the entry is about the request; `doubt` is the answer for a path that servers may read differently."""
    if "cidr" in entry:
        try:
            return ipaddress.ip_address(sent.host) in ipaddress.ip_network(entry["cidr"])
        except ValueError:
            return False
    wanted = re.fullmatch(r"(?:(https?)://)?(\[.*\]|[^:]*)(?::(\d+))?", entry["host"])
    assert wanted is not None
    if wanted[1] and wanted[1] != sent.scheme:
        return False
    if sent.port != (int(wanted[3]) if wanted[3] else PORT[sent.scheme]):
        return False
    name = canonical(wanted[2])
    if not re.fullmatch(re.escape(name).replace(r"\*\.", r"([^.]+\.)+"), sent.host):
        return False
    if "methods" in entry and sent.method.upper() not in entry["methods"]:
        return False
    if "paths" not in entry:
        return True
    plain = readable(sent.path)
    return doubt if plain is None else any(glob(text).fullmatch(plain) for text in entry["paths"])


def readable(path: str) -> str | None:
    """The path without escapes and dot segments, or None when two servers could disagree."""
    if re.search(r"%(?![0-9a-f]{2})|%2f|%5c|%25(2f|5c|2e)|//", path, re.IGNORECASE):
        return None
    try:
        text = unquote_to_bytes(path or "/").decode()  # RFC 9110, 4.2.3: an empty path is sent as /
    except UnicodeDecodeError:
        return None
    if re.search(r"/\.\.?;", text) or re.search(r"%(2f|5c|2e)", text, re.IGNORECASE) or not text.isprintable():
        return None
    while "/./" in text + "/":
        text = re.sub(r"/\.(/|$)", "/", text, count=1)
    while re.search(r"/\.\.(/|$)", text):
        text = re.sub(r"^(?:(.*?)/(?!\.\.(?:/|$))[^/]*)?/\.\.(/|$)", r"\1/", text, count=1)
    return text


def glob(text: str) -> re.Pattern[str]:
    parts = re.split(r"(/\*\*|\*)", text)
    return re.compile("".join({"/**": "(/[^/]*)*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))
