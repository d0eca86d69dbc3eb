from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wassette_py.errors import InvalidSettings
from wassette_py.limits import Limits
from wassette_py.settings import AuditSettings, RegistrySettings, Settings, known_keys, settings_table, variable_of
from wassette_py.settings.places import default_places
from wassette_py.settings.places import home as home_of_user
from wassette_py.settings.quick import quick_component_dir

CONFIG = """\
component_dir: ~/components
cache_dir: /var/cache/w
grants: deny
limits: {memory: 256Mi, cpu: 2, timeout: 10s}
ceilings:
  output: 32Mi
calls: {in_flight: 8}
audit: {retention: 36h, dir: /var/log/w, size: 64Mi, arguments: values}
registries:
  Registry.Example.com:443: {ca_file: /etc/ca.pem}
  localhost:5000: {insecure_http: true, token_host: "localhost:5001"}
log_level: info
"""


@pytest.fixture
def config(home: Path) -> Path:
    path = home / ".config" / "wassette" / "config.yaml"
    path.parent.mkdir(parents=True)
    return path


def test_without_any_setting_the_places_are_the_xdg_folders(home: Path) -> None:
    settings = Settings.load()
    assert settings.component_dir == home / ".local/share/wassette/components"
    assert settings.config_dir == home / ".config/wassette"
    assert settings.cache_dir == home / ".cache/wassette"
    assert settings.state_dir == home / ".local/state/wassette"
    assert settings.trust_file == home / ".config/wassette/trust.yaml"
    assert settings.catalog_file == home / ".config/wassette/catalog.json"
    assert settings.audit == AuditSettings(str(settings.state_dir / "audit"), 90 * 86_400, 1 << 30, "shape")
    assert (settings.grants, settings.limits, settings.in_flight, settings.abandoned) == ("ask", Limits(), 64, 8)
    assert settings.log_level == "warning"
    assert set(settings.origins.values()) == {"default"}


def test_the_file_is_read_key_by_key(config: Path, home: Path) -> None:
    config.write_text(CONFIG)
    settings = Settings.load()
    assert settings.component_dir == home / "components"
    assert settings.cache_dir == Path("/var/cache/w")
    assert settings.grants == "deny"
    assert settings.limits == Limits(memory=256 << 20, cpu=2, timeout=10)
    assert settings.ceilings.output == 32 << 20
    assert (settings.in_flight, settings.abandoned) == (8, 8)
    assert settings.audit == AuditSettings("/var/log/w", 36 * 3600, 64 << 20, "values")
    assert settings.registry("registry.example.com") == RegistrySettings(ca_file=Path("/etc/ca.pem"))
    assert settings.registry("localhost:5000") == RegistrySettings(insecure_http=True, token_host="localhost:5001")
    assert settings.registry("ghcr.io") == RegistrySettings()
    assert settings.log_level == "info"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(CONFIG)
    monkeypatch.setenv("WASSETTE_COMPONENT_DIR", "/from/env")
    monkeypatch.setenv("WASSETTE_LIMITS_CPU", "500m")
    monkeypatch.setenv("WASSETTE_LOG_LEVEL", "")
    settings = Settings.load(component_dir=tmp_path)
    assert settings.component_dir == tmp_path
    assert Settings.load().component_dir == Path("/from/env")
    assert settings.limits.cpu == 0.5
    table = settings_table(settings)
    assert table["component_dir"] == {"value": str(tmp_path), "from": "flag"}
    assert table["limits.cpu"] == {"value": "500m", "from": "env"}
    assert table["limits.memory"] == {"value": "256Mi", "from": "file"}
    assert table["ceilings.memory"] == {"value": "4Gi", "from": "default"}
    assert table["registries.localhost:5000.insecure_http"] == {"value": True, "from": "file"}
    assert table["registries.localhost:5000.ca_file"] == {"value": None, "from": "file"}
    assert table["log_level"] == {"value": "info", "from": "file"}


def test_offline_is_a_word_in_the_file_and_a_flag(config: Path) -> None:
    config.write_text("offline: true\n")
    assert Settings.load().offline
    config.write_text("")
    assert not Settings.load().offline
    assert settings_table(Settings.load(offline=True))["offline"] == {"value": True, "from": "flag"}


def test_every_key_but_the_registries_can_be_a_variable_and_is_shown() -> None:
    values = {"grants": "allow", "log_level": "error", "audit.arguments": "values", "audit.retention": "1h", "offline": "true"}
    values |= {"secrets.key_in": "keyring", "compile": "optimized"}
    environ = {
        variable_of(key): values.get(key, "7" if key.startswith("calls") else "1s" if key.endswith("timeout") else "1")
        for key in known_keys()
    }
    settings = Settings.load(environ=environ)
    table = settings_table(settings)
    assert {key: row["from"] for key, row in table.items()} == dict.fromkeys(known_keys(), "env")
    assert settings.environ == environ
    assert "WASSETTE" not in repr(settings)


def test_the_configuration_folder_is_where_the_variable_says(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("grants: allow\n")
    settings = Settings.load(environ={"WASSETTE_CONFIG_DIR": str(tmp_path), "HOME": "/home/x"})
    assert settings.grants == "allow"
    assert settings.config_file == tmp_path / "config.yaml"
    assert settings.component_dir == Path("/home/x/.local/share/wassette/components")


def test_certificates_for_components_requests_are_a_setting(config: Path) -> None:
    assert Settings.load().ca_file is None
    config.write_text("network: {ca_file: /etc/corp.pem}\n")
    assert Settings.load().ca_file == Path("/etc/corp.pem")
    assert settings_table(Settings.load())["network.ca_file"] == {"value": "/etc/corp.pem", "from": "file"}
    with pytest.raises(InvalidSettings, match="WASSETTE_NETWORK_CA_FILE: expected a file"):
        Settings.load(environ={"WASSETTE_NETWORK_CA_FILE": "a\0b", "HOME": "/x"})


def test_an_empty_file_sets_nothing(config: Path) -> None:
    config.write_text("limits:\ngrants: ~\n")
    assert Settings.load().origins["component_dir"] == "default"
    assert Settings.load().grants == "ask"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("component_directory: /x", ":1: component_directory: not a setting"),
        ("config_dir: /x", ":1: config_dir: not a setting"),
        ("limits: {memory: 1Gi,\n  memroy: 1Gi}", ":2: limits.memroy: not a setting"),
        ("limits: 5", ":1: limits: expected keys with values"),
        ("grants: [ask]", ":1: grants: expected one value"),
        ("grants: maybe", ":1: grants: expected one of ask, deny, allow, got 'maybe'"),
        ("log_level: loud", ":1: log_level: expected one of debug, info, warning, error"),
        ("component_dir: components", ":1: component_dir: expected an absolute path"),
        ("cache_dir: ''", ":1: cache_dir: expected an absolute path"),
        ("limits: {memory: lots}", ":1: limits.memory: expected a number of bytes"),
        ("limits: {memory: 8Gi}", ":1: limits.memory: limits.memory is above its ceiling of 4Gi"),
        ("ceilings: {memory: 1Mi}", ":1: ceilings.memory: limits.memory is above its ceiling of 1Mi"),
        ("audit: {retention: soon}", ":1: audit.retention: expected a time such as 90d (h, d, w), got 'soon'"),
        ("audit: {retention: 0d}", ":1: audit.retention: expected a time"),
        ("audit: {size: much}", ":1: audit.size: expected a number of bytes"),
        ("audit: {arguments: all}", ":1: audit.arguments: expected one of shape, values"),
        ("audit: {dir: here}", ":1: audit.dir: expected an absolute path"),
        ("network: {ca_file: mine.pem}", ":1: network.ca_file: expected an absolute path"),
        ("network: {proxy: http://x}", ":1: network.proxy: not a setting"),
        ("calls: {in_flight: 0}", ":1: calls.in_flight: expected a number from 1 to 10000"),
        ("calls: {in_flight: 100000}", ":1: calls.in_flight: expected a number"),
        ("calls: {abandoned: two}", ":1: calls.abandoned: expected a number"),
        ("registries: {acme: {}}", ":1: registries.acme: not the host of a registry"),
        ("registries: {ghcr.io: {}, GHCR.io: {}}", ":1: registries.GHCR.io: the registry ghcr.io stands here twice"),
        ("registries: {ghcr.io: {tls: false}}", ":1: registries.ghcr.io.tls: not a setting"),
        ("registries: {ghcr.io: {insecure_http: true}}", ":1: registries.ghcr.io.insecure_http: plain HTTP is for loopback hosts only"),
        ("registries: {'localhost:5000': {insecure_http: 1}}", "expected true or false"),
        ("registries: {ghcr.io: {ca_file: ca.pem}}", "expected an absolute path"),
        ("registries: {ghcr.io: {token_host: 'https://x.io'}}", "token_host: expected a host, got 'https://x.io'"),
        ("grants: ask\ngrants: ask", ":2: the key 'grants' stands here twice"),
        ("[", "not YAML"),
    ],
)
def test_a_setting_that_means_nothing_is_an_error_with_its_place(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    with pytest.raises(InvalidSettings) as caught:
        Settings.load()
    assert str(caught.value).startswith(str(config))
    assert says in str(caught.value)


def test_a_file_that_cannot_be_read_is_an_error(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match=r"config\.yaml: cannot be read: it is not UTF-8 text$"):
        Settings.load()


@pytest.mark.parametrize(("target", "says"), [("config.yaml", "Too many levels of symbolic links"), ("gone", "No such file or directory")])
def test_a_link_that_leads_nowhere_is_not_a_file_that_was_never_made(config: Path, target: str, says: str) -> None:
    assert quick_component_dir(None) is not None
    config.symlink_to(target)
    assert quick_component_dir(None) is None
    with pytest.raises(InvalidSettings, match=f"cannot be read: {says}$") as caught:
        Settings.load()
    assert caught.value.hint == f"ls -l {config}"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WASSETTE_GRANT", "deny", "WASSETTE_GRANT: not a setting"),
        ("WASSETTE_GRANTS", "none", "WASSETTE_GRANTS: expected one of ask, deny, allow, got 'none'"),
        ("WASSETTE_LIMITS_MEMORY", "-1", "WASSETTE_LIMITS_MEMORY: expected a number of bytes"),
        ("WASSETTE_CACHE_DIR", "a\0b", "WASSETTE_CACHE_DIR: expected a directory"),
    ],
)
def test_a_variable_that_means_nothing_is_an_error_with_its_name(name: str, value: str, says: str) -> None:
    with pytest.raises(InvalidSettings, match=says):
        Settings.load(environ={name: value, "HOME": "/home/x"})


def test_a_relative_xdg_folder_is_ignored_and_a_relative_variable_of_ours_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(environ={"HOME": "/home/x", "XDG_CACHE_HOME": "cache", "WASSETTE_COMPONENT_DIR": "here"})
    assert settings.cache_dir == Path("/home/x/.cache/wassette")
    assert settings.component_dir == tmp_path / "here"


@pytest.mark.parametrize("environ", [{"HOME": "here"}, {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "HOME": "~"}])
def test_without_a_home_nothing_is_put_where_one_happens_to_stand(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings, match=r"HOME names no directory, and nothing else says where (config|component)_dir is") as caught:
        Settings.load(environ=environ)
    assert caught.value.hint == "export HOME=/path/to/a/directory"


def test_without_a_home_what_is_said_otherwise_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {variable_of(name): f"/w/{name}" for name in ("component_dir", "config_dir", "cache_dir", "state_dir")}
    assert Settings.load(environ={**places, "HOME": "."}).state_dir == Path("/w/state_dir")
    monkeypatch.setenv("HOME", "not/absolute")
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    assert (home_of_user(), quick_component_dir(None)) == (None, None)


def test_other_systems_have_their_own_places() -> None:
    places = default_places({}, platform="darwin")
    assert set(places) == {"component_dir", "config_dir", "cache_dir", "state_dir"}
    assert Path(places["component_dir"]).name == "components"
    assert all(Path(path).is_absolute() for path in default_places({}, platform="linux").values())


def test_reading_settings_imports_neither_yaml_nor_platformdirs_when_there_is_no_file(home: Path) -> None:
    code = (
        "import sys; from wassette_py.settings import Settings; Settings.load(); print(sorted({'yaml', 'platformdirs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
