from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests import registry as faults
from tests.layout_writer import artifact
from tests.pulling import BYTES, QUICK, pull, settings_for, with_component
from tests.registry import IDENTITY, Registry, running
from tests.tls import make_authority
from wassette_py.control import Control
from wassette_py.errors import FetchError, RegistryError
from wassette_py.fetch import fetch
from wassette_py.oci.access import REALMS, Access, Challenge, Door, Refusal, parse_challenge
from wassette_py.oci.registry import RegistrySource
from wassette_py.reference import OciReference, parse_reference
from wassette_py.settings import RegistrySettings

SECRET = "hunter2-secret"
BASIC = base64.b64encode(f"u:{SECRET}".encode()).decode()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(with_component()) as running_registry:
        running_registry.users = {"u": SECRET}
        yield running_registry


def know(home: Path, entries: Mapping[str, object]) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(json.dumps({"auths": entries}))


def authorizations(registry: Registry) -> list[str]:
    return [request.headers.get("Authorization", "").partition(" ")[0] for request in registry.requests]


def test_a_registry_that_asks_for_a_password_gets_it_once_it_asked(registry: Registry, home: Path) -> None:
    know(home, {registry.host: {"auth": BASIC}})
    assert pull(registry).wasm == BYTES
    assert authorizations(registry) == ["", "Basic", "Basic"]


def test_a_token_server_gets_the_password_and_the_registry_only_the_token(registry: Registry, home: Path) -> None:
    registry.token_realm = f"{registry.url}/token"
    know(home, {f"{registry.host}/acme": {"auth": BASIC}})
    assert pull(registry).wasm == BYTES
    assert authorizations(registry) == ["", "Basic", "Bearer", "Bearer"]
    assert registry.paths()[1] == "/token?service=tests&scope=repository%3Aacme%2Ffetch%3Apull&account=u"


def test_an_identity_token_is_exchanged_without_standing_in_an_address(registry: Registry, home: Path) -> None:
    registry.token_realm = f"{registry.url}/token"
    know(home, {registry.host: {"identitytoken": IDENTITY}})
    assert pull(registry).wasm == BYTES
    asked = registry.requests[1]
    assert (asked.method, asked.path) == ("POST", "/token")
    assert asked.body == (
        b"grant_type=refresh_token&client_id=wassette-py&refresh_token=an-identity-token&service=tests&scope=repository%3Aacme%2Ffetch%3Apull"
    )


def test_an_identity_token_is_not_taken_along_a_redirect(registry: Registry, home: Path) -> None:
    with running(Registry()) as elsewhere:
        registry.token_realm = f"{registry.url}/token"
        registry.fault("/token", faults.redirect(f"{elsewhere.url}/token", 307))
        know(home, {registry.host: {"identitytoken": IDENTITY}})
        with pytest.raises(RegistryError, match="answered HTTP 307"):
            pull(registry)
        assert elsewhere.requests == []


def test_an_identity_token_is_no_password(registry: Registry, home: Path) -> None:
    know(home, {registry.host: {"identitytoken": IDENTITY}})
    with pytest.raises(RegistryError, match="does not let us in") as caught:
        pull(registry)
    assert caught.value.hint == f"wassette registry login {registry.host} --username USER"
    assert authorizations(registry) == [""]


@pytest.mark.parametrize("realm", [True, False])
def test_a_wrong_password_is_told_without_the_password(registry: Registry, home: Path, realm: bool) -> None:
    registry.token_realm = f"{registry.url}/token" if realm else None
    registry.users = {"u": "another"}
    know(home, {registry.host: {"auth": BASIC}})
    with pytest.raises(RegistryError, match="does not let us in: no") as caught:
        pull(registry)
    assert BASIC not in str(caught.value)
    assert SECRET not in str(caught.value)
    if realm:
        assert "no such user: Basic ***" in str(caught.value)


def test_a_credential_goes_to_no_other_token_server(registry: Registry, home: Path) -> None:
    with running(Registry()) as other:
        registry.token_realm = f"{other.url}/token"
        know(home, {registry.host: {"auth": BASIC}, other.host: {"auth": BASIC}})
        with pytest.raises(FetchError, match=f"refused to send the credentials of {registry.host} to http://{other.host}") as caught:
            pull(registry)
        assert caught.value.hint is not None
        assert f"{{token_host: {other.host}}}" in caught.value.hint
        assert other.requests == []
        other.users = registry.users
        known = settings_for(registry, token_host=other.host)
        reference = parse_reference(f"oci://{registry.host}/acme/fetch:1.0")
        assert fetch(reference, known, Control(), patience=QUICK).wasm == BYTES
        assert authorizations(other) == ["Basic"]


def test_docker_hub_and_gitlab_have_token_servers_of_their_own() -> None:
    assert REALMS == {"docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


def test_a_credential_never_goes_over_plain_http(home: Path, tmp_path: Path) -> None:
    authority, tls = make_authority(tmp_path)
    with running(Registry(tls=tls)) as secure, running(Registry()) as plain:
        secure.token_realm = f"{plain.url}/token"
        know(home, {secure.host: {"auth": BASIC}})
        secure.put("acme/fetch", "1.0", artifact(BYTES))
        known = settings_for(secure, insecure_http=False, ca_file=authority, token_host=plain.host)
        with pytest.raises(FetchError, match=r"refused to go to http://127\.0\.0\.1: only https is followed"):
            fetch(parse_reference(f"oci://{secure.host}/acme/fetch:1.0"), known, Control(), patience=QUICK)
        assert plain.requests == []


def test_a_private_authority_is_trusted_for_its_registry_alone(home: Path, tmp_path: Path) -> None:
    authority, tls = make_authority(tmp_path)
    with running(Registry(tls=tls, users={"u": SECRET})) as secure:
        know(home, {secure.host: {"auth": BASIC}})
        secure.put("acme/fetch", "1.0", artifact(BYTES))
        reference = parse_reference(f"oci://{secure.host}/acme/fetch:1.0")
        known = settings_for(secure, insecure_http=False, ca_file=authority)
        assert fetch(reference, known, Control(), patience=QUICK).wasm == BYTES
        with pytest.raises(FetchError, match="did not prove who it is"):
            fetch(reference, replace(known, registries={"other.io": RegistrySettings(authority)}), Control(), patience=QUICK)


def test_a_redirect_leaves_the_password_behind_and_its_challenge_unanswered(registry: Registry, home: Path) -> None:
    with running(Registry(users={"u": SECRET})) as elsewhere:
        know(home, {registry.host: {"auth": BASIC}, elsewhere.host: {"auth": BASIC}})
        registry.fault("/blobs/", faults.redirect(f"{elsewhere.url}/v2/x/blobs/y"))
        with pytest.raises(RegistryError, match="does not let us in"):
            pull(registry)
        assert authorizations(elsewhere) == [""]


def test_a_file_that_cannot_be_used_hinders_only_what_needs_it(registry: Registry, home: Path) -> None:
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text('{"credsStore": "gone"}')
    with pytest.raises(RegistryError, match=r"does not let us in \(the credential helper docker-credential-gone is not") as caught:
        pull(registry)
    assert caught.value.hint == "install it, or take it out of credsStore"
    registry.users = {}
    registry.token_realm = f"{registry.url}/token"
    assert pull(registry).wasm == BYTES


def test_one_access_serves_many_repositories_and_threads(registry: Registry, home: Path) -> None:
    registry.token_realm = f"{registry.url}/token"
    know(home, {registry.host: {"auth": BASIC}})
    components = {f"acme/tool{number}": b"\0asm" + bytes([number]) * 5000 for number in range(4)}
    for name, wasm in components.items():
        registry.put(name, "1", artifact(wasm))
    settings = settings_for(registry)
    access = Access(settings)

    def pulled(name: str) -> bytes:
        return fetch(parse_reference(f"oci://{registry.host}/{name}:1"), settings, Control(), access=access).wasm

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(pulled, components))
    tokens = sum(path.startswith("/token") for path in registry.paths())
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(pulled, [*components] * 4))
    assert first == list(components.values())
    assert again == first * 4
    assert tokens == len(components)
    assert sum(path.startswith("/token") for path in registry.paths()) == tokens
    for request in registry.requests:
        if "Bearer" in request.headers.get("Authorization", ""):
            assert request.path.split("/")[3] in request.headers["Authorization"]


def test_a_token_another_thread_fetched_meanwhile_is_taken(registry: Registry, home: Path) -> None:
    settings = settings_for(registry)
    reference = parse_reference(f"oci://{registry.host}/acme/fetch:1.0")
    access = Access(settings)
    assert isinstance(reference, OciReference)
    source = RegistrySource(reference, settings, Control(), insecure_http=True, patience=QUICK, access=access)
    know(home, {registry.host: {"auth": BASIC}})
    door = Door(registry.host, "acme/fetch", "pull", registry.host)
    header = access.answer(source.web, door, Refusal('Basic realm="x"'))
    assert header == f"Basic {BASIC}"
    assert access.answer(source.web, door, Refusal("whatever", "Bearer old")) == header


@pytest.mark.parametrize(
    ("text", "challenge"),
    [
        ('Bearer realm="https://a/t",service="s"', Challenge("bearer", {"realm": "https://a/t", "service": "s"})),
        ('Basic realm="x", Bearer realm="https://a/t"', Challenge("bearer", {"realm": "https://a/t"})),
        ('Bearer realm="https://a/t", Basic realm="x"', Challenge("bearer", {"realm": "https://a/t"})),
        ('basic realm="x"', Challenge("basic", {"realm": "x"})),
        ("Negotiate", None),
        ("", None),
    ],
)
def test_a_challenge_is_read(text: str, challenge: Challenge | None) -> None:
    assert parse_challenge(text) == challenge
