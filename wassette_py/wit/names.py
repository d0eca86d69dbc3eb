"""Tool names: `[A-Za-z][A-Za-z0-9_-]{0,39}`, one for each function of a component, the same ones on every machine.

A world-level function `f` is `f`, one of an interface is `<interface>_<f>`, with the package in front when two interfaces of the component
share a name. Clashes with built-in tools and with other components are the host's to refuse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from wassette_py.errors import InvalidArguments
from wassette_py.wit.types import FunctionType

MAX_LENGTH = 40
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19}")


def tool_names(functions: Iterable[FunctionType], prefix: str = "") -> dict[FunctionType, str]:
    """A name for each function, all different; with `prefix` P it starts with `P_`. Raises InvalidArguments for a prefix that is none."""
    if prefix and not _PREFIX.fullmatch(prefix):
        raise InvalidArguments(f"expected a prefix of at most 20 letters, digits and hyphens, starting with a letter, got {prefix!r}")
    functions = list(functions)
    interfaces = {f.interface for f in functions if f.interface}
    shared = Counter(local_name(interface) for interface in interfaces)
    names: dict[FunctionType, str] = {}
    taken: set[str] = set()
    plain = {f: _plain_name(f, shared, prefix) for f in functions}
    uses = Counter(plain.values())
    for f, name in plain.items():
        clashes = uses[name] > 1  # two versions of one interface
        names[f] = name if len(name) <= MAX_LENGTH and not clashes else _shortened(name, f, taken)
        taken.add(names[f])
    return names


def _plain_name(f: FunctionType, shared: Counter[str], prefix: str) -> str:
    parts = [f.name]
    if f.interface:
        local = local_name(f.interface)
        parts.insert(0, local)
        if shared[local] > 1:
            parts.insert(0, _package_name(f.interface))
    if prefix:
        parts.insert(0, prefix)
    return "_".join(re.sub(r"[^A-Za-z0-9-]", "-", part) for part in parts)


def _shortened(name: str, f: FunctionType, taken: set[str]) -> str:
    """`name`, cut to make room for the start of a digest; 24 bits can be made to clash on purpose, 128 cannot."""
    digest = sha256(f.export.encode()).hexdigest()
    short = f"{name[: MAX_LENGTH - 7]}_{digest[:6]}"
    return f"{name[: MAX_LENGTH - 33]}_{digest[:32]}" if short in taken else short


def local_name(interface: str) -> str:
    """`tools` of `acme:text/tools@1.0.0`."""
    return interface.rpartition("/")[2].partition("@")[0]


def _package_name(interface: str) -> str:
    """`text` of `acme:text/tools@1.0.0`."""
    return interface.partition("/")[0].rpartition(":")[2]
