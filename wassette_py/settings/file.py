"""Reads config.yaml into keys and texts: which keys there are is decided by `settings`, what a text means too.

Apart from `settings` because it needs yaml, which a start without a config.yaml does not pay for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidSettings, command
from wassette_py.files import read_regular
from wassette_py.names import is_loopback, parse_host, parse_registry
from wassette_py.strict_yaml import StrictReader, Value

MAX_FILE = 4 << 20
_PATHS = ("component_dir", "cache_dir", "state_dir", "audit.dir", "network.ca_file")
_GROUPS = ("limits", "ceilings", "calls", "audit", "network", "secrets")


@dataclass(frozen=True)
class ConfigDocument:
    """`values`: key -> (text, `file:line: key`); `registries`: canonical host -> what is set for it."""

    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    registries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_config(path: Path, known: frozenset[str]) -> ConfigDocument:
    """The document at `path`. Raises InvalidSettings with file, line and key."""
    try:
        text = read_regular(path, limit=MAX_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise InvalidSettings(f"{path}: cannot be read: {reason}", command("ls", "-l", path)) from None
    return _Reader(str(path), known).document(text)


class _Reader(StrictReader):
    def __init__(self, source: str, known: frozenset[str]) -> None:
        super().__init__(source, InvalidSettings)
        self.known = known - {"config_dir"}
        self.values: dict[str, tuple[str, str]] = {}

    def document(self, text: str) -> ConfigDocument:
        root = self.read(text)
        registries: dict[str, Mapping[str, Any]] = {}
        for key, value in self._entries(root).items():
            if key == "registries":
                registries = self._registries(value)
            elif key in _GROUPS:
                for name, member in self._entries(value).items():
                    self._keep(f"{key}.{name}", member, value)
            else:
                self._keep(key, value, root)
        return ConfigDocument(self.values, registries)

    def _entries(self, value: Value) -> dict[str, Value]:
        if value.data is None:
            return {}
        if not isinstance(value.data, dict):
            self.fail(value.place, "expected keys with values")
        return value.data

    def _keep(self, key: str, value: Value, parent: Value) -> None:
        if key not in self.known:
            names = [known for known in sorted(self.known) if known.startswith(key.rpartition(".")[0])]
            self.fail(parent.key_places[key.rpartition(".")[2]], "not a setting", f"one of {', '.join(names)}, registries")
        if value.data is None:
            return
        if isinstance(value.data, list | dict):
            self.fail(value.place, "expected one value")
        text = self._path(value) if key in _PATHS else value.text
        self.values[key] = (text, f"{self.source}:{value.place.line}: {value.place.path}")

    def _path(self, value: Value) -> str:
        path = os.path.expanduser(value.text)
        if not os.path.isabs(path):
            self.fail(value.place, f"expected an absolute path, got {value.text!r}", "begin it with / or ~/")
        return path

    def _registries(self, value: Value) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for name, entry in self._entries(value).items():
            place = value.key_places[name]
            host = parse_registry(name)
            if host is None:
                self.fail(place, "not the host of a registry", "HOST or HOST:PORT")
            if host in found:
                self.fail(place, f"the registry {host} stands here twice")
            found[host] = self._registry(host, entry)
        return found

    def _registry(self, host: str, entry: Value) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key, value in self._entries(entry).items():
            if key == "ca_file":
                given[key] = Path(self._path(value))
            elif key == "insecure_http":
                if not isinstance(value.data, bool):
                    self.fail(value.place, f"expected true or false, got {value.text!r}")
                if value.data and not is_loopback(host):
                    self.fail(value.place, "plain HTTP is for loopback hosts only", "a private certificate authority goes to ca_file")
                given[key] = value.data
            elif key == "token_host":
                given[key] = parse_host(value.text)
                if given[key] is None:
                    self.fail(value.place, f"expected a host, got {value.text!r}", "HOST or HOST:PORT")
            else:
                self.fail(entry.key_places[key], "not a setting", "one of ca_file, insecure_http, token_host")
        return given
