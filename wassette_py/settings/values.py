"""What the operator set: places, limits, registries, from flags, WASSETTE_ variables and config.yaml, in that order of strength.

The only reader of the environment: what a component may see of it later comes from `Settings.environ`. A key that is not known is an
error, here and in the environment, since a misspelt restriction would restrict nothing. Secrets are no settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidSettings
from wassette_py.files import StrPath
from wassette_py.limits import DEFAULT_CEILINGS, LIMIT_NAMES, Limits, format_limit
from wassette_py.settings.auditing import DEFAULT_AUDIT, AuditSettings, parse_age, parse_size
from wassette_py.settings.places import default_places
from wassette_py.settings.written import Text, count_of, file_of, known, limits_of, place_of, word_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Literal, TypeAlias

    from wassette_py.settings.written import Origin

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
        values = {name: Text(path, "default", "") for name, path in default_places(environ).items()}
        variables = _from_environment(environ)
        if "config_dir" in variables:
            values["config_dir"] = variables["config_dir"]
        config_dir = place_of(known(values, "config_dir"))
        registries: dict[str, RegistrySettings] = {}
        if os.path.lexists(os.path.join(config_dir, "config.yaml")):
            # A link that leads nowhere is a file that is missing, not one never made.
            # yaml costs 20 ms at every start; most machines have no such file.
            from pathlib import Path

            from wassette_py.settings.file import read_config

            document = read_config(Path(config_dir, "config.yaml"), frozenset(known_keys()))
            values |= {key: Text(text, "file", where) for key, (text, where) in document.values.items()}
            registries = {host: RegistrySettings(**given) for host, given in document.registries.items()}
        values |= variables
        if component_dir is not None:
            values["component_dir"] = Text(os.fspath(component_dir), "flag", "--component-dir")
        if offline:
            values["offline"] = Text("true", "flag", "--offline")
        return _settings(values, registries, environ)


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


def _from_environment(environ: Mapping[str, str]) -> dict[str, Text]:
    keys = {variable_of(key): key for key in known_keys()}
    found = {}
    for name in sorted(name for name in environ if name.startswith("WASSETTE_")):
        if name not in keys:
            raise InvalidSettings(f"{name}: not a setting", f"one of {', '.join(sorted(keys))}")
        if environ[name]:
            found[keys[name]] = Text(environ[name], "env", name)
    return found


def _settings(values: Mapping[str, Text], registries: Mapping[str, RegistrySettings], environ: Mapping[str, str]) -> Settings:
    places = {name: place_of(known(values, name)) for name in PLACES}
    words: dict[str, Any] = {name: word_of(values.get(name), choices) for name, choices in WORDS.items()}
    ceilings = limits_of("ceilings", values, DEFAULT_CEILINGS)
    limits = limits_of("limits", values, DEFAULT_LIMITS)
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
        in_flight=count_of(values.get("calls.in_flight"), COUNTS["calls.in_flight"]),
        abandoned=count_of(values.get("calls.abandoned"), COUNTS["calls.abandoned"]),
        audit=_audit(values, places["state_dir"], words.get("audit.arguments")),
        registries=dict(registries),
        ca_file=file_of(values["network.ca_file"]) if "network.ca_file" in values else None,
        log_level=words.get("log_level") or "warning",
        secrets_key_in=words.get("secrets.key_in") or "file",
        offline=words.get("offline") == "true",
        origins=origins,
        environ=environ,
    )


def _audit(values: Mapping[str, Text], state_dir: str, arguments: str | None) -> AuditSettings:
    retention, size = values.get("audit.retention"), values.get("audit.size")
    return AuditSettings(
        folder=place_of(values["audit.dir"]) if "audit.dir" in values else os.path.join(state_dir, "audit"),
        retention=retention.read(parse_age) if retention else DEFAULT_AUDIT.retention,
        size=size.read(parse_size) if size else DEFAULT_AUDIT.size,
        arguments="values" if arguments == "values" else "shape",
    )
