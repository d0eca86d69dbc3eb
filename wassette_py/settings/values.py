"""What the operator set: places, limits, registries, from flags, WASSETTE_ variables and config.yaml, in that order of strength.

The only reader of the environment: what a component may see of it later comes from `Settings.environ`. A key that is not known is an
error, here and in the environment, since a misspelt restriction would restrict nothing. Secrets are no settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidSettings
from wassette_py.files import StrPath
from wassette_py.limits import DEFAULT_CEILINGS, LIMIT_NAMES, LimitName, Limits, format_limit, parse_limit
from wassette_py.settings.auditing import DEFAULT_AUDIT, AuditSettings, parse_age, parse_size
from wassette_py.settings.places import default_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Literal, TypeAlias, TypeVar

    T = TypeVar("T")

Origin: TypeAlias = 'Literal["flag", "env", "file", "default"]'
Grants: TypeAlias = 'Literal["ask", "deny", "allow"]'
KeyPlace: TypeAlias = 'Literal["file", "keyring"]'
Compile: TypeAlias = 'Literal["quick", "optimized"]'

PLACES = ("component_dir", "config_dir", "cache_dir", "state_dir")
WORDS: dict[str, tuple[str, ...]] = {
    "grants": ("ask", "deny", "allow"),
    "compile": ("quick", "optimized"),
    "log_level": ("debug", "info", "warning", "error"),
    "audit.arguments": ("shape", "values"),
    "offline": ("true", "false"),
    "secrets.key_in": ("file", "keyring"),
}
DEFAULT_LIMITS = Limits()
COUNTS = {"calls.in_flight": 64, "calls.abandoned": 8}


@dataclass(frozen=True)
class RegistrySettings:
    """How one registry is spoken to: a private CA, plain HTTP (loopback only), the host that gives tokens for its credentials."""

    ca_file: Path | None = None
    insecure_http: bool = False
    token_host: str | None = None


@dataclass(frozen=True)
class Settings:
    """All settings, with where each came from; `environ` is this process' environment as it was at the start."""

    places: Mapping[str, str]
    """Each of PLACES as text, which is what a start needs of them: importing pathlib costs more than reading all settings."""
    grants: Grants = "ask"
    compile: Compile = "quick"
    """What a large component is compiled by before its first call: "quick" for a build that an optimised one replaces a little later."""
    limits: Limits = DEFAULT_LIMITS
    ceilings: Limits = DEFAULT_CEILINGS
    in_flight: int = COUNTS["calls.in_flight"]
    abandoned: int = COUNTS["calls.abandoned"]
    audit: AuditSettings = DEFAULT_AUDIT
    registries: Mapping[str, RegistrySettings] = field(default_factory=dict)
    ca_file: Path | None = None  # certificates trusted for components' requests beside the system's: network.ca_file
    log_level: str = "warning"
    secrets_key_in: KeyPlace = "file"
    """Where the key is that secrets are sealed with."""
    offline: bool = False
    """Nothing is asked of any registry or web server; what was fetched before comes from the cache."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def component_dir(self) -> Path:
        return self._path("component_dir")

    @cached_property
    def config_dir(self) -> Path:
        return self._path("config_dir")

    @cached_property
    def cache_dir(self) -> Path:
        return self._path("cache_dir")

    @cached_property
    def state_dir(self) -> Path:
        return self._path("state_dir")

    def _path(self, place: str) -> Path:
        from pathlib import Path

        return Path(self.places[place])

    def inside(self, place: str, *names: str) -> str:
        """What has those names below one of PLACES, as text."""
        return os.path.join(self.places[place], *names)

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.yaml"

    @property
    def trust_file(self) -> Path:
        return self.config_dir / "trust.yaml"

    @property
    def catalog_file(self) -> Path:
        return self.config_dir / "catalog.json"

    @property
    def download_dir(self) -> Path:
        return self.cache_dir / "downloads"

    @property
    def is_usual(self) -> bool:
        """Whether no file and no variable has a say: what differs at most is what a flag said."""
        return "env" not in self.origins.values() and not os.path.lexists(self.inside("config_dir", "config.yaml"))

    def registry(self, host: str) -> RegistrySettings:
        """What is set for that registry, or nothing."""
        return self.registries.get(host, RegistrySettings())

    @classmethod
    def load(cls, *, environ: Mapping[str, str] | None = None, component_dir: StrPath | None = None, offline: bool = False) -> Settings:
        """The settings of this process; `component_dir` and `offline` are flags. Raises InvalidSettings."""
        environ = dict(os.environ if environ is None else environ)
        values = {name: _Text(path, "default", "") for name, path in default_places(environ).items()}
        variables = _from_environment(environ)
        if "config_dir" in variables:
            values["config_dir"] = variables["config_dir"]
        config_dir = _place(_known(values, "config_dir"))
        registries: dict[str, RegistrySettings] = {}
        if os.path.lexists(os.path.join(config_dir, "config.yaml")):
            # A link that leads nowhere is a file that is missing, not one never made.
            # yaml costs 20 ms at every start; most machines have no such file.
            from pathlib import Path

            from wassette_py.settings.file import read_config

            document = read_config(Path(config_dir, "config.yaml"), frozenset(known_keys()))
            values |= {key: _Text(text, "file", where) for key, (text, where) in document.values.items()}
            registries = {host: RegistrySettings(**given) for host, given in document.registries.items()}
        values |= variables
        if component_dir is not None:
            values["component_dir"] = _Text(os.fspath(component_dir), "flag", "--component-dir")
        if offline:
            values["offline"] = _Text("true", "flag", "--offline")
        return _settings(values, registries, environ)


@dataclass(frozen=True)
class _Text:
    """A value as somebody wrote it, whose it is, and where it stands."""

    text: str
    origin: Origin
    where: str

    def refuse(self, expected: str) -> InvalidSettings:
        return InvalidSettings(f"{self.where}: expected {expected}, got {self.text!r}")

    def read(self, parse: Callable[..., T], *about: object) -> T:
        """What `parse(*about, text)` makes of it. Raises InvalidSettings."""
        try:
            return parse(*about, self.text)
        except ValueError as error:
            raise InvalidSettings(f"{self.where}: {error}") from None


def known_keys() -> tuple[str, ...]:
    """Every key with one value; `registries` has hosts below it and is read from the file alone, config_dir from the environment alone."""
    limits = [f"{group}.{name}" for group in ("limits", "ceilings") for name in LIMIT_NAMES]
    return (*PLACES, *WORDS, *COUNTS, *limits, "audit.dir", "audit.retention", "audit.size", "network.ca_file")


def variable_of(key: str) -> str:
    """The environment variable that sets `key`."""
    return f"WASSETTE_{key.replace('.', '_').upper()}"


def settings_table(settings: Settings) -> dict[str, dict[str, object]]:
    """Every setting in force, with its origin: what `config show` prints."""
    values: dict[str, object] = {name: settings.places[name] for name in PLACES}
    values |= {"grants": settings.grants, "compile": settings.compile}
    for group, limits in (("limits", settings.limits), ("ceilings", settings.ceilings)):
        values |= {f"{group}.{name}": text for name, text in limits.texts().items()}
    values |= {"calls.in_flight": settings.in_flight, "calls.abandoned": settings.abandoned}
    values |= {f"audit.{name}": text for name, text in settings.audit.texts().items()}
    values["network.ca_file"] = str(settings.ca_file) if settings.ca_file else None
    for host, registry in settings.registries.items():
        values[f"registries.{host}.ca_file"] = str(registry.ca_file) if registry.ca_file else None
        values[f"registries.{host}.insecure_http"] = registry.insecure_http
        values[f"registries.{host}.token_host"] = registry.token_host
    values |= {"log_level": settings.log_level, "offline": settings.offline, "secrets.key_in": settings.secrets_key_in}
    return {key: {"value": value, "from": settings.origins.get(key, "default")} for key, value in values.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Text]:
    keys = {variable_of(key): key for key in known_keys()}
    found = {}
    for name in sorted(name for name in environ if name.startswith("WASSETTE_")):
        if name not in keys:
            raise InvalidSettings(f"{name}: not a setting", f"one of {', '.join(sorted(keys))}")
        if environ[name]:
            found[keys[name]] = _Text(environ[name], "env", name)
    return found


def _settings(values: Mapping[str, _Text], registries: Mapping[str, RegistrySettings], environ: Mapping[str, str]) -> Settings:
    places = {name: _place(_known(values, name)) for name in PLACES}
    words: dict[str, Any] = {name: _word(values.get(name), choices) for name, choices in WORDS.items()}
    ceilings = _limits("ceilings", values, DEFAULT_CEILINGS)
    limits = _limits("limits", values, DEFAULT_LIMITS)
    for name in LIMIT_NAMES:
        if getattr(limits, name) > getattr(ceilings, name):
            where = values.get(f"limits.{name}") or values[f"ceilings.{name}"]
            ceiling = format_limit(name, getattr(ceilings, name))
            raise InvalidSettings(f"{where.where}: limits.{name} is above its ceiling of {ceiling}", f"raise ceilings.{name} as well")
    origins: dict[str, Origin] = {key: value.origin for key, value in values.items()}
    for host in registries:
        origins |= {f"registries.{host}.{name}": "file" for name in ("ca_file", "insecure_http", "token_host")}
    return Settings(
        places=places,
        grants=words.get("grants") or "ask",
        compile=words.get("compile") or "quick",
        limits=limits,
        ceilings=ceilings,
        in_flight=_count("calls.in_flight", values),
        abandoned=_count("calls.abandoned", values),
        audit=_audit(values, places["state_dir"], words.get("audit.arguments")),
        registries=dict(registries),
        ca_file=_file(values["network.ca_file"]) if "network.ca_file" in values else None,
        log_level=words.get("log_level") or "warning",
        secrets_key_in=words.get("secrets.key_in") or "file",
        offline=words.get("offline") == "true",
        origins=origins,
        environ=environ,
    )


def _known(values: Mapping[str, _Text], name: str) -> _Text:
    if name not in values:
        raise InvalidSettings(f"HOME names no directory, and nothing else says where {name} is", "export HOME=/path/to/a/directory")
    return values[name]


def _place(value: _Text, expected: str = "a directory") -> str:
    # A variable is relative to where the command was typed, as a flag is; a file has no such place, and its reader wants absolute paths.
    if not value.text or "\0" in value.text:
        raise value.refuse(expected)
    return os.path.abspath(value.text)


def _file(value: _Text) -> Path:
    from pathlib import Path

    return Path(_place(value, "a file"))


def _word(value: _Text | None, choices: tuple[str, ...]) -> str | None:
    if value is not None and value.text not in choices:
        raise value.refuse(f"one of {', '.join(choices)}")
    return value.text if value else None


def _count(key: str, values: Mapping[str, _Text]) -> int:
    value = values.get(key)
    if value is None:
        return COUNTS[key]
    if not value.text.isascii() or not value.text.isdecimal() or not 1 <= int(value.text[:6]) <= 10000 or len(value.text) > 5:
        raise value.refuse("a number from 1 to 10000")
    return int(value.text)


def _audit(values: Mapping[str, _Text], state_dir: str, arguments: str | None) -> AuditSettings:
    retention, size = values.get("audit.retention"), values.get("audit.size")
    return AuditSettings(
        folder=_place(values["audit.dir"]) if "audit.dir" in values else os.path.join(state_dir, "audit"),
        retention=retention.read(parse_age) if retention else DEFAULT_AUDIT.retention,
        size=size.read(parse_size) if size else DEFAULT_AUDIT.size,
        arguments="values" if arguments == "values" else "shape",
    )


def _limits(group: str, values: Mapping[str, _Text], defaults: Limits) -> Limits:
    keys: dict[LimitName, str] = {name: f"{group}.{name}" for name in LIMIT_NAMES}
    return defaults.merged({name: values[key].read(parse_limit, name) for name, key in keys.items() if key in values})
