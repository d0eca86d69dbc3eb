"""What we push, others pull, and the reverse, over registries nobody here wrote."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette, components, wassette
from tests.interop.programs import cutting_proxy, run
from tests.interop.registries import PASSWORD, REGISTRIES, USER, RealRegistry
from wassette_py.control import Control
from wassette_py.errors import NotFound
from wassette_py.fetch import fetch
from wassette_py.oci.access import Access
from wassette_py.oci.credentials import Credential
from wassette_py.oci.login import login
from wassette_py.reference import parse_reference
from wassette_py.settings import RegistrySettings, Settings

pytestmark = pytest.mark.interop
__all__ = ["components", "wassette"]

CONFIG_TYPE = "application/vnd.wasm.config.v0+json"


@pytest.fixture(params=list(REGISTRIES))
def registry(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Iterator[RealRegistry]:
    """Each real registry; plain HTTP reaches it, and who may log in is logged in."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with REGISTRIES[request.param](folder) as running:
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        token_host = f", token_host: '{running.token_host}'" if running.token_host else ""
        config.write_text(f"registries:\n  {running.host}: {{insecure_http: true{token_host}}}\n")
        (config.parent / "trust.yaml").write_text(
            f"version: 1\ndefault: deny\nscopes:\n  - {{match: '{running.host}', unsigned: allow, reason: tests, insecure_http: true}}\n"
        )
        if running.private:
            login(running.host, Credential(USER, PASSWORD), Settings.load(), Control())
        yield running


def oras(registry: RealRegistry, verb: str, *rest: str | Path, folder: Path) -> str:
    credentials = ("-u", USER, "-p", PASSWORD) if registry.private else ()
    return run("oras", *verb.split(), "--plain-http", *credentials, *rest, folder=folder)


def wkg(registry: RealRegistry, *words: str | Path, folder: Path, good: bool = True) -> str:
    credentials = ("-u", USER, "-p", PASSWORD) if registry.private else ()
    return run("wkg", "oci", *words, "--insecure", registry.host, *credentials, folder=folder, good=good)


def test_what_we_push_we_load(registry: RealRegistry, wassette: Wassette, components: Path) -> None:
    reference = f"oci://{registry.host}/acme/text:1.0"
    pushed = wassette("registry", "push", reference, "text.wasm", "-o", "json")
    assert pushed.code == 0, pushed.err
    for name, asked in (("by-tag", reference), ("by-digest", pushed.json["reference"])):
        ran = wassette("component", "load", asked, "--name", name, "--prefix", name)
        assert ran.code == 0, ran.err
    assert wassette("tool", "call", "by-tag_add", "left=2", "right=3").out == "5\n"


def test_what_we_push_oras_and_wkg_pull(registry: RealRegistry, wassette: Wassette, components: Path, tmp_path: Path) -> None:
    name = f"{registry.host}/acme/text:1.0"
    assert wassette("registry", "push", f"oci://{name}", "text.wasm").code == 0
    wasm = (components / "text.wasm").read_bytes()
    oras(registry, "pull", name, "-o", tmp_path / "by-oras", folder=tmp_path)
    assert (tmp_path / "by-oras/text.wasm").read_bytes() == wasm
    wkg(registry, "pull", name, "-o", tmp_path / "by-wkg.wasm", folder=tmp_path)
    assert (tmp_path / "by-wkg.wasm").read_bytes() == wasm


def test_a_policy_that_is_pushed_beside_a_component_is_a_layer_of_its_own(
    registry: RealRegistry, wassette: Wassette, components: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/acme/text:1.0"
    (components / "text.policy.yaml").write_text('version: "1.0"\npermissions:\n  environment:\n    allow: [{key: LANG}]\n')
    pushed = wassette("registry", "push", f"oci://{name}", "text.wasm", "--policy", "text.policy.yaml")
    assert pushed.code == 0, pushed.err
    wasm, policy = ((components / file).read_bytes() for file in ("text.wasm", "text.policy.yaml"))
    # oras pulls every layer that has a name.
    oras(registry, "pull", name, "-o", tmp_path / "by-oras", folder=tmp_path)
    assert sorted(path.read_bytes() for path in (tmp_path / "by-oras").iterdir()) == sorted([wasm, policy])
    manifest, _ = json.JSONDecoder().raw_decode(oras(registry, "manifest fetch", name, folder=tmp_path))  # warnings come after it
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm", "application/vnd.wasm.policy.v1+yaml"]
    # wkg takes artifacts of one layer alone, as the specification says a consumer should; push says so.
    assert "wkg takes no artifact with a second layer" in pushed.err
    refused = wkg(registry, "pull", name, "-o", tmp_path / "by-wkg.wasm", folder=tmp_path, good=False)
    assert "Incompatible layer media type: application/vnd.wasm.policy.v1+yaml" in refused
    # And to us it is shown, and grants nothing.
    assert "env LANG" in wassette("component", "inspect", f"oci://{name}").out
    assert wassette("component", "load", f"oci://{name}").code == 0
    assert "LANG" not in wassette("policy", "show", "text").out


def test_what_wkg_pushes_we_load(registry: RealRegistry, wassette: Wassette, components: Path) -> None:
    name = f"{registry.host}/acme/by-wkg:1.0.0"
    wkg(registry, "push", name, "text.wasm", folder=components)
    ran = wassette("component", "load", f"oci://{name}")
    assert ran.code == 0, ran.err
    assert wassette("tool", "call", "echo", "text=hi").out == "hi\n"


def test_what_oras_pushes_we_load_with_and_without_a_policy(registry: RealRegistry, wassette: Wassette, components: Path) -> None:
    (components / "config.json").write_text(json.dumps({"architecture": "wasm", "os": "wasip2", "layerDigests": [], "component": {}}))
    (components / "policy.yaml").write_text('version: "1.0"\npermissions: {}\n')
    layers = ["text.wasm:application/wasm", "policy.yaml:application/vnd.wasm.policy.v1+yaml"]
    for count, name in ((1, "plain"), (2, "policy")):
        reference = f"{registry.host}/acme/{name}:1"
        oras(registry, "push", "--config", f"config.json:{CONFIG_TYPE}", reference, *layers[:count], folder=components)
        fetched = fetch(parse_reference(f"oci://{reference}"), Settings.load(), Control())
        assert fetched.wasm == (components / "text.wasm").read_bytes()
        assert (fetched.policy is None) == (count == 1)
    oras(registry, "push", f"{registry.host}/acme/bare:1", "text.wasm:application/wasm", folder=components)
    assert wassette("component", "load", f"oci://{registry.host}/acme/bare:1").code == 0


def test_many_repositories_are_pulled_at_once_through_one_access(registry: RealRegistry, wassette: Wassette, components: Path) -> None:
    names = [f"oci://{registry.host}/acme/tool{number}:1" for number in range(4)]
    for name in names:
        assert wassette("registry", "push", name, "one.wasm").code == 0
    settings = Settings.load()
    access = Access(settings)
    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(lambda name: fetch(parse_reference(name), settings, Control(), access=access).wasm, names * 4))
    assert set(fetched) == {(components / "one.wasm").read_bytes()}


def test_what_is_not_there_is_told(registry: RealRegistry, wassette: Wassette, components: Path) -> None:
    assert wassette("registry", "push", f"oci://{registry.host}/acme/text:1.0", "text.wasm").code == 0
    for rest in ("acme/text:2.0", f"acme/text@sha256:{'0' * 64}", "acme/other:1"):
        with pytest.raises(NotFound, match="has no such"):
            fetch(parse_reference(f"oci://{registry.host}/{rest}"), Settings.load(), Control())


@pytest.mark.parametrize("registry", ["docker-basic", "docker-token"], indirect=True)
def test_a_private_registry_lets_in_who_is_known_and_nobody_else(
    registry: RealRegistry, wassette: Wassette, components: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wassette("registry", "logout", registry.host).code == 0
    ran = wassette("registry", "push", f"oci://{registry.host}/acme/text:1.0", "text.wasm")
    assert ran.code == 1
    assert f"wassette registry login {registry.host} --username USER" in ran.err
    for password, code in (("wrong", 1), (PASSWORD, 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        assert wassette("registry", "login", registry.host, "-u", USER, "--password-stdin").code == code
    assert wassette("registry", "push", f"oci://{registry.host}/acme/text:1.0", "text.wasm").code == 0


@pytest.mark.parametrize("registry", ["docker", "olareg"], indirect=True)
def test_a_download_that_broke_off_goes_on_where_it_was(registry: RealRegistry, tmp_path: Path) -> None:
    wasm = b"\0asm" + bytes(range(256)) * 4000
    (tmp_path / "large.wasm").write_bytes(wasm)
    oras(registry, "push", f"{registry.host}/acme/large:1", "large.wasm:application/wasm", folder=tmp_path)
    with cutting_proxy(registry.host, after=400_000) as (proxy, carried):
        settings = replace(Settings.load(), registries={proxy: RegistrySettings(insecure_http=True)})
        assert fetch(parse_reference(f"oci://{proxy}/acme/large:1"), settings, Control()).wasm == wasm
    assert len(carried) >= 2
    assert len(wasm) < sum(carried) < len(wasm) + 200_000
