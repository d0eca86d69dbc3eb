"""Random permissions, policies, policy texts in every style people write, and targets; small vocabularies so that things meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from wassette_py.limits import LIMIT_NAMES
from wassette_py.policy.document import (
    NetworkCidr,
    NetworkHost,
    SecretVariable,
    StorageGrant,
    Variable,
    network_json,
    secret_json,
    storage_json,
)
from wassette_py.policy.grants import LimitValue, Permission

Raw = dict[str, Any]

LABELS = st.sampled_from(["a", "b", "com", "x-y"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
ADDRESSES = st.sampled_from(["10.0.0.1", "10.1.2.3", "192.168.0.9", "[::1]", "[fd00::7]"])
CIDRS = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "192.168.0.9/32", "::/0", "fd00::/8", "0.0.0.0/0"])
HOSTS = st.one_of(NAMES, NAMES.map(lambda name: f"*.{name}"), ADDRESSES)
METHODS = st.sampled_from(["GET", "POST", "DELETE"])
GLOB_SEGMENTS = st.sampled_from(["a", "b", "*", "**", "a*", "*b", "ü"])
GLOBS = st.lists(GLOB_SEGMENTS, min_size=1, max_size=3).map(lambda segments: "/" + "/".join(segments)) | st.just("/a/")
PATHS = st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/home/x y", "/ü"])


def unique(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, max_size=2, unique=True).map(tuple)


def schemes(host: str) -> st.SearchStrategy[NetworkHost]:
    origin = st.sampled_from([(None, None), ("https", None), ("http", None), ("https", 8443), (None, 8443), ("http", 443), (None, 80)])
    return st.builds(lambda at, methods, paths: NetworkHost(host, at[0], at[1], methods, paths), origin, unique(METHODS), unique(GLOBS))


storage_grants = st.builds(
    lambda path, write, guest: StorageGrant(path, write, None if guest == path else guest),
    PATHS,
    st.booleans(),
    st.none() | st.sampled_from(["/guest", "/data/in", "/a"]),
)
network_entries = st.one_of(HOSTS.flatmap(schemes), st.builds(NetworkCidr, CIDRS))
variables = st.builds(Variable, st.sampled_from(["LANG", "NO", "null", "a.b", "A1", "1", "~x", "ÜBER", "#x", "a:b"]))
limit_values = st.one_of(
    st.builds(LimitValue, st.just("memory"), st.sampled_from([1000.0, float(1 << 20), float(512 << 20)])),
    st.builds(LimitValue, st.just("cpu"), st.sampled_from([0.5, 1.0, 2.5])),
    st.builds(LimitValue, st.just("timeout"), st.sampled_from([0.5, 30.0, 90.0])),
    st.builds(LimitValue, st.just("output"), st.sampled_from([1000.0, float(4 << 20)])),
)
secrets = st.sampled_from(
    [SecretVariable("A", "SECRET_A"), SecretVariable("null", "SECRET_B"), SecretVariable("a.b-c", "b.2"), SecretVariable("_x", "#s")]
)
permissions: st.SearchStrategy[Permission] = st.one_of(storage_grants, network_entries, variables, secrets, limit_values)


def some(values: st.SearchStrategy[Raw]) -> st.SearchStrategy[list[Raw] | None]:
    return st.one_of(st.lists(values, min_size=1, max_size=3), st.lists(values, max_size=3), st.none())


def section(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Raw | None]:
    given = st.fixed_dictionaries({}, optional=keys)
    return st.one_of(given, given, st.fixed_dictionaries(keys), st.none())


NETWORK = section(allow=some(network_entries.map(network_json)), deny=some(network_entries.map(network_json)))
RESOURCES = section(
    limits=section(
        memory=st.sampled_from(["512Mi", "1Gi", None]),
        cpu=st.sampled_from(["500m", "2"]),
        timeout=st.just("30s"),
        output=st.sampled_from(["4Mi", None]),
    ),
    io=st.none(),
)
DOCUMENTS: st.SearchStrategy[Raw] = st.fixed_dictionaries(
    {"version": st.just("1.0")},
    optional={
        "description": st.sampled_from(["text", "two\nlines\n", None]),
        "permissions": section(
            storage=section(allow=some(storage_grants.map(storage_json)), deny=st.none()),
            network=NETWORK,
            environment=section(allow=some(variables.map(lambda variable: {"key": variable.key}))),
            secrets=st.none() | st.lists(secrets.map(secret_json), max_size=3),
            tools=st.none() | st.fixed_dictionaries({"allow": st.lists(st.sampled_from(["get-*", "x"]), max_size=2)}),
            resources=RESOURCES,
            ipc=st.none(),
        ),
    },
)


class Writer:
    """Writes a document as people do: block or flow, any indent, comments everywhere.

    `# keep N` stands on a line of its own and belongs to no entry; `# own N` stands beside or inside one, and may go with it.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.count = 0

    def chance(self, one_in: int = 3) -> bool:
        return bool(self.draw(st.integers(1, one_in)) == 1)

    def comment(self, kind: str) -> str:
        self.count += 1
        return f"# {kind} {self.count}: - {{x}}"

    def beside(self, kind: str = "own") -> str:
        return f"  {self.comment(kind)}" if self.chance() else ""

    def between(self, indent: int) -> list[str]:
        if not self.chance(4):
            return []
        return [str(self.draw(st.sampled_from(["", " " * indent + self.comment("keep"), self.comment("keep")])))]

    def scalar(self, text: object) -> str:
        if text is None:
            return str(self.draw(st.sampled_from(["null", "~"])))
        escaped = str(text).replace("\n", "\\n")
        return f'"{escaped}"' if "\n" in str(text) or self.chance(2) else "'" + str(text).replace("'", "''") + "'"

    def flow(self, value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {self.flow(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, list):
            comma = "," if value and self.chance(4) else ""
            return "[" + str(self.draw(st.sampled_from(["", " "]))) + ", ".join(self.flow(inner) for inner in value) + comma + "]"
        return self.scalar(value)

    def tall_flow(self, values: list[object], indent: int) -> list[str]:
        """`[`, one item a line, `]`."""
        lines = ["["]
        for position, value in enumerate(values):
            lines += self.between(indent)
            last = position == len(values) - 1
            comma = "" if last and self.chance(2) else ","
            lines.append(f"{' ' * indent}{self.flow(value)}{comma}{self.beside()}")
        return [*lines, *self.between(indent), " " * indent + "]"]

    def mapping(self, value: dict[str, object], indent: int) -> list[str]:
        lines = list[str]()
        for key, inner in value.items():
            lines += self.between(indent)
            lines += self.entry(f"{' ' * indent}{key}:", inner, indent)
        return lines

    def entry(self, head: str, value: object, indent: int) -> list[str]:
        if value is None and self.chance(2):
            return [head + self.beside("keep")]
        if not isinstance(value, dict | list) and isinstance(value, str) and value.endswith("\n") and self.chance(2):
            return [f"{head} |", *(f"{' ' * (indent + 2)}{line}" for line in value.splitlines())]
        if not isinstance(value, dict | list) or not value or self.chance():
            if isinstance(value, list) and value and self.chance(2):
                first, *rest = self.tall_flow(value, indent + 2)
                return [f"{head} {first}", *rest]
            return [f"{head} {self.flow(value)}{self.beside('own' if head.strip(' :') in LIMIT_NAMES else 'keep')}"]
        deeper = indent + self.draw(st.sampled_from([2, 4]))
        if isinstance(value, dict):
            return [head + self.beside("keep"), *self.mapping(value, deeper)]
        return [head + self.beside("keep"), *self.sequence(value, self.draw(st.sampled_from([indent, deeper])))]

    def sequence(self, values: list[object], indent: int) -> list[str]:
        lines = list[str]()
        for value in values:
            lines += self.between(indent)
            dash = " " * indent + "-" + " " * self.draw(st.sampled_from([1, 3]))
            if isinstance(value, dict) and not self.chance():
                for position, (key, inner) in enumerate(value.items()):
                    before = dash if position == 0 else " " * len(dash)
                    lines.append(f"{before}{key}: {self.flow(inner)}{self.beside()}")
            else:
                lines.append(f"{dash}{self.flow(value)}{self.beside()}")
        return lines


@st.composite
def policy_texts(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """A policy's text in some style."""
    writer = Writer(draw)
    raw = draw(DOCUMENTS)
    body = writer.mapping(raw, 0) if not writer.chance(8) else [writer.flow(raw)]
    lines = [*(["---"] if writer.chance(6) else []), *writer.between(0), *body, *writer.between(0)]
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    # A block scalar that the text ends in would grow by a line end with whatever is put behind it: that edit is refused.
    unfinished = list(raw)[-1] != "description" and writer.chance(5)
    return ("\ufeff" if writer.chance(10) else "") + str(newline).join(lines) + ("" if unfinished else str(newline))
