"""Policy text -> PolicyDocument: the grammar, key by key. What cannot be enforced is an error, never ignored.

Each refusal names `file:line: key`, the reason, and as hint the nearest thing that can be enforced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from wassette_py.errors import InvalidPolicy
from wassette_py.limits import LIMIT_NAMES, LimitName, format_limit, parse_limit
from wassette_py.policy.document import (
    NetworkCidr,
    NetworkEntry,
    NetworkHost,
    PolicyDocument,
    SecretGrant,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
)
from wassette_py.policy.network import Unenforceable, parse_cidr, parse_host_pattern
from wassette_py.policy.paths import check_glob
from wassette_py.policy.secrets import (
    HEADER,
    check_format,
    check_header,
    check_host,
    check_reached,
    check_secret,
    check_together,
    usual_format,
)
from wassette_py.policy.storage import check_together as check_directories
from wassette_py.policy.storage import parse_storage_uri
from wassette_py.policy.terms import check_access, check_guest, check_method, check_tool_pattern, check_variable
from wassette_py.strict_yaml import StrictReader, Value

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
MAX_ENTRIES = 1000
_REFUSED_SECTIONS: dict[str, tuple[str, str | None]] = {
    "ipc": ("a component cannot reach other processes, so there is nothing to grant", "leave ipc out"),
    "runtime": ("components do not run in containers, so this would say nothing", "leave runtime out"),
}
_IO = ("input and output cannot be limited", "limits: {output: 4Mi} bounds what a call returns")


class PolicyReader(StrictReader):
    """Reads one policy document."""

    def __init__(self, source: str, home: Path | None) -> None:
        super().__init__(source, InvalidPolicy)
        self.home = home

    def document(self, text: str) -> PolicyDocument:
        """The whole document. Raises InvalidPolicy."""
        root = self.read(text)
        keys = self._mapping(root, ("version", "description", "permissions"))
        if "version" not in keys:
            self.fail(root.place, "version is missing", 'version: "1.0"')
        version = keys["version"]
        if re.fullmatch(r"1\.[0-9]+(\.[0-9]+)*", version.text) is None:
            self.fail(version.place, f'this program reads version "1.0", not {version.text!r}', 'version: "1.0"')
        sections = self._section(
            keys.get("permissions"), ("storage", "network", "environment", "secrets", "tools", "resources", *_REFUSED_SECTIONS)
        )
        for name, (reason, hint) in _REFUSED_SECTIONS.items():
            self._refuse(sections.get(name), reason, hint)
        network = self._section(sections.get("network"), ("allow", "deny"))
        tools = self._tools(sections.get("tools"))
        variables = self._variables(sections.get("environment"))
        allow = tuple(self._network_entry(item) for item in self._list(network.get("allow")))
        return PolicyDocument(
            version=version.text,
            description=self._description(keys.get("description")),
            storage=self._storage(sections.get("storage")),
            allow=allow,
            deny=tuple(self._network_entry(item) for item in self._list(network.get("deny"))),
            variables=variables,
            secrets=self._secrets(sections.get("secrets"), variables, allow),
            tools=None if tools is None else tuple(pattern for pattern, _ in tools),
            limits=self._limits(sections.get("resources")),
            source=self.source,
            tool_lines=tuple(line for _, line in tools or ()),
        )

    # sections

    def _storage(self, section: Value | None) -> tuple[StorageGrant, ...]:
        keys = self._section(section, ("allow", "deny"))
        self._refuse(keys.get("deny"), "a granted directory has no holes", "grant only the directories below it that are meant")
        grants = list[StorageGrant]()
        for item in self._list(keys.get("allow")):
            grant = self._storage_grant(item)
            with self._refusals(item):
                check_directories(grants, grant)
            grants.append(grant)
        return tuple(grants)

    def _storage_grant(self, item: Value) -> StorageGrant:
        keys = self._entry(item, ("uri", "access", "guest"), required="uri")
        path = self._checked(keys["uri"], lambda text: parse_storage_uri(text, self.home))
        if "access" not in keys:
            self.fail(item.place, "access is missing", "access: [read]")
        access = [self._checked(word, check_access) for word in self._list(keys["access"])]
        if not access or len(set(access)) < len(access):
            self.fail(keys["access"].place, "expected read, or read and write", "access: [read]")
        if "read" not in access:
            self.fail(keys["access"].place, "a directory cannot be written without being read", "access: [read, write]")
        guest = self._checked(keys["guest"], check_guest) if "guest" in keys else None
        return StorageGrant(path, "write" in access, None if guest == path else guest, item.place.line)

    def _network_entry(self, item: Value) -> NetworkEntry:
        keys = self._entry(item, ("host", "cidr", "methods", "paths"), required=None)
        if ("host" in keys) == ("cidr" in keys):
            self.fail(item.place, "expected either host or cidr", "host: api.example.com")
        if "cidr" in keys:
            for name in ("methods", "paths"):
                if name in keys:
                    self.fail(keys[name].place, f"{name} cannot be combined with cidr", f"name the host beside the {name}")
            return NetworkCidr(self._checked(keys["cidr"], parse_cidr), item.place.line)
        scheme, host, port = self._checked(keys["host"], parse_host_pattern)
        methods = self._narrower(keys.get("methods"), check_method)
        return NetworkHost(host, scheme, port, methods, self._narrower(keys.get("paths"), check_glob), item.place.line)

    def _narrower(self, value: Value | None, check: Callable[[str], str]) -> tuple[str, ...]:
        if value is None:
            return ()
        items = tuple(self._checked(item, check) for item in self._list(value))
        if not items:
            self.fail(value.place, "an empty list reads as none and as all", "leave it out for all, or take the whole entry out for none")
        if len(set(items)) < len(items):
            self.fail(value.place, "one of them stands here twice", "keep one of the two")
        return items

    def _variables(self, section: Value | None) -> tuple[Variable, ...]:
        keys = self._section(section, ("allow",))
        variables = list[Variable]()
        for item in self._list(keys.get("allow")):
            entry = self._entry(item, ("key",), required="key")
            variables.append(Variable(self._checked(entry["key"], check_variable), item.place.line))
        return tuple(variables)

    def _secrets(self, section: Value | None, variables: tuple[Variable, ...], allow: tuple[NetworkEntry, ...]) -> tuple[SecretGrant, ...]:
        secrets = list[SecretGrant]()
        for item in self._list(section):
            keys = self._entry(item, ("name", "env", "inject"), required="name")
            name = self._checked(keys["name"], check_secret)
            if ("env" in keys) == ("inject" in keys):
                self.fail(item.place, "expected either env or inject", f"env: {name}")
            at = keys["env"] if "env" in keys else keys["inject"]
            secret = (
                SecretVariable(name, self._checked(at, check_variable), item.place.line)
                if "env" in keys
                else self._secret_header(name, at, item)
            )
            with self._refusals(at):
                check_together(variables, secrets, secret)
                check_reached(allow, (secret,))
            secrets.append(secret)
        return tuple(secrets)

    def _secret_header(self, name: str, value: Value, item: Value) -> SecretHeader:
        keys = self._entry(value, ("host", "header", "format"), required="host")
        host, port = self._checked(keys["host"], check_host)
        header = self._checked(keys["header"], check_header) if "header" in keys else HEADER
        pattern = self._checked(keys["format"], check_format) if "format" in keys else usual_format(header)
        return SecretHeader(name, host, header, pattern, port, item.place.line)

    def _tools(self, section: Value | None) -> list[tuple[str, int]] | None:
        if section is None or section.data is None:
            return None
        keys = self._section(section, ("allow",))
        if "allow" not in keys or keys["allow"].data is None:
            self.fail(section.place, "no list reads as none and as all", "leave tools out for all, or write tools: {allow: []} for none")
        return [(self._checked(item, check_tool_pattern), item.place.line) for item in self._list(keys["allow"])]

    def _limits(self, section: Value | None) -> dict[LimitName, float]:
        keys = self._section(section, ("limits", "memory", "cpu", "io"))
        self._refuse(keys.get("io"), *_IO)
        inner = self._section(keys.get("limits"), (*LIMIT_NAMES, "io"))
        self._refuse(inner.get("io"), *_IO)
        limits: dict[LimitName, float] = {}
        for name in LIMIT_NAMES:
            value, legacy = inner.get(name), keys.get(name)
            if legacy is not None and legacy.data is not None:
                if value is not None and value.data is not None:
                    self.fail(legacy.place, f"{name} stands here and under limits", "keep the one under limits")
                limits[name] = self._legacy_limit(name, legacy)
            elif value is not None and value.data is not None:
                limits[name] = self._limit(name, value)
        return limits

    def _limit(self, name: LimitName, value: Value) -> float:
        if name == "memory" and isinstance(value.data, int) and not isinstance(value.data, bool) and value.data > 0:
            # Wassette 0.8 reads a number as megabytes and a text as bytes; a reader of the file cannot know which was meant.
            likely = f"{value.data}Mi" if value.data < 1 << 20 else format_limit(name, value.data)
            self.fail(value.place, f"{value.data} may mean bytes or megabytes", f"memory: {likely}")
        return self._checked(value, lambda text: parse_limit(name, text), numbers=True)

    def _legacy_limit(self, name: LimitName, value: Value) -> float:
        """`resources.memory` (megabytes) and `resources.cpu` (cores), as 0.8 still reads them beside `limits`."""
        if (
            isinstance(value.data, bool)
            or not isinstance(value.data, int | float)
            or (name == "memory" and not isinstance(value.data, int))
        ):
            self.fail(
                value.place,
                f"expected a number, as Wassette wrote {name} here before there was limits",
                f"limits: {{{name}: {value.text}}}",
            )
        return self._checked(value, lambda text: parse_limit(name, f"{text}Mi" if name == "memory" else text), numbers=True)

    # shapes

    def _description(self, value: Value | None) -> str | None:
        return None if value is None or value.data is None else self._text(value)

    def _refuse(self, value: Value | None, reason: str, hint: str | None) -> None:
        """A section that says nothing is fine; one that says something is not."""
        if value is not None and value.data is not None and value.data not in ({}, []):
            self.fail(value.place, reason, hint)

    def _section(self, value: Value | None, known: tuple[str, ...]) -> dict[str, Value]:
        return {} if value is None or value.data is None else self._mapping(value, known)

    def _mapping(self, value: Value, known: tuple[str, ...]) -> dict[str, Value]:
        if not isinstance(value.data, dict):
            self.fail(value.place, f"expected keys ({', '.join(known)})", None)
        for key in value.data:
            if key not in known:
                self.fail(value.key_places[key], "this key is not known here", _nearest(key, known))
        return value.data

    def _entry(self, value: Value, known: tuple[str, ...], *, required: str | None) -> dict[str, Value]:
        if not isinstance(value.data, dict):
            self.fail(value.place, f"expected {known[0]}: …", f"{known[0]}: {value.text}" if value.text else None)
        keys = self._mapping(value, known)
        if required is not None and required not in keys:
            self.fail(value.place, f"{required} is missing", None)
        return keys

    def _list(self, value: Value | None) -> Iterator[Value]:
        if value is None or value.data is None:
            return
        if not isinstance(value.data, list):
            self.fail(value.place, "expected a list", f"[{value.text}]" if value.text else None)
        if len(value.data) > MAX_ENTRIES:
            self.fail(value.place, f"more than {MAX_ENTRIES} entries", None)
        yield from value.data

    def _text(self, value: Value, *, numbers: bool = False) -> str:
        if not isinstance(value.data, str) and not (numbers and isinstance(value.data, int | float)):
            self.fail(value.place, "expected text", f'"{value.text}"' if value.text else None)
        return value.text

    def _checked(self, value: Value, check: Callable[[str], T], *, numbers: bool = False) -> T:
        """What `check` makes of the value's text."""
        text = self._text(value, numbers=numbers)
        with self._refusals(value):
            return check(text)

    @contextmanager
    def _refusals(self, value: Value) -> Iterator[None]:
        """A refusal inside gets the file, line and key of `value`."""
        try:
            yield
        except Unenforceable as error:
            self.fail(value.place, str(error), error.hint)
        except ValueError as error:
            self.fail(value.place, str(error), None)


def _nearest(key: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, known, n=1)
    return f"did you mean {close[0]}" if close else f"known are {', '.join(known)}"
