from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from wassette_py.errors import FetchError
from wassette_py.oci import credentials
from wassette_py.oci.credentials import Credential, credential_files, find_credential, host_of_key


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def docker(home: Path, document: object) -> dict[str, str]:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return {"HOME": str(home), "PATH": str(home / "bin")}


def helper(home: Path, name: str, script: str) -> None:
    (home / "bin").mkdir(exist_ok=True)
    path = home / f"bin/docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def found(registry: str, repository: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    credential = find_credential(registry, repository, environ)
    return None if credential is None else (credential.username, credential.secret)


def test_files_are_looked_for_where_docker_and_podman_keep_them(home: Path) -> None:
    assert credential_files({"HOME": "/h"}) == (Path("/h/.docker/config.json"), Path("/h/.config/containers/auth.json"))
    environ = {"HOME": "/h", "DOCKER_CONFIG": "/d", "XDG_RUNTIME_DIR": "/run/user/1", "XDG_CONFIG_HOME": "/x"}
    assert [str(path) for path in credential_files(environ)] == [
        "/d/config.json",
        "/run/user/1/containers/auth.json",
        "/x/containers/auth.json",
    ]
    assert credential_files({**environ, "REGISTRY_AUTH_FILE": "/only"}) == (Path("/only"),)
    assert credential_files({})[0] == home / ".docker/config.json"


@pytest.mark.parametrize("key", ["ghcr.io", "https://ghcr.io", "http://ghcr.io/", "https://ghcr.io/v2/", "https://GHCR.io:443/v1"])
def test_a_registry_is_found_however_its_key_is_spelt(home: Path, key: str) -> None:
    environ = docker(home, {"auths": {key: auth("u", "p:w")}})
    assert found("ghcr.io", "acme/fetch", environ) == ("u", "p:w")
    assert found("ghcr.io.evil.com", "acme/fetch", environ) is None
    assert found("ghcr.io:8443", "acme/fetch", environ) is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_many_names(home: Path, key: str) -> None:
    assert found("docker.io", "library/redis", docker(home, {"auths": {key: auth("u", "p")}})) == ("u", "p")
    assert host_of_key(key) == "docker.io"


def test_the_longest_key_by_whole_components_wins(home: Path) -> None:
    keys = {"r.io": auth("all", "0"), "r.io/acme": auth("acme", "1"), "r.io/acme/a/b": auth("ab", "2"), "r.io/ac": auth("no", "3")}
    environ = docker(home, {"auths": keys})
    wanted = {"acme/a/b": "ab", "acme/a/b/c": "ab", "acme/a": "acme", "acmes": "all", "other": "all", "": "all"}
    for repository, user in wanted.items():
        credential = find_credential("r.io", repository, environ)
        assert credential is not None
        assert (repository, credential.username) == (repository, user)


def test_each_form_of_an_entry_is_read(home: Path) -> None:
    forms: dict[str, dict[str, str]] = {
        "a.io": {"username": "u", "password": "p"},
        "b.io": {"identitytoken": "long", **auth("00000", "x")},
        "c.io": {"auth": base64.b64encode(b"u:p\0\0").decode()},
        "d.io": {},
    }
    environ = docker(home, {"auths": {**forms, "e.io": "text"}})
    assert found("a.io", "x", environ) == ("u", "p")
    assert found("b.io", "x", environ) == ("<token>", "long")
    assert found("c.io", "x", environ) == ("u", "p")
    assert found("d.io", "x", environ) is None
    assert found("e.io", "x", environ) is None
    assert Credential("<token>", "s").is_identity_token


def test_the_next_file_is_asked_when_one_knows_nothing(home: Path) -> None:
    environ = docker(home, {"auths": {"a.io": auth("docker", "1")}})
    (home / ".config/containers").mkdir(parents=True)
    (home / ".config/containers/auth.json").write_text(json.dumps({"auths": {"a.io": auth("podman", "2"), "b.io/x": auth("podman", "3")}}))
    assert found("a.io", "x", environ) == ("docker", "1")
    assert found("b.io", "x/y", environ) == ("podman", "3")
    assert found("c.io", "x", environ) is None
    assert found("a.io", "x", {"HOME": "/nowhere"}) is None
    assert found("a.io", "x", docker(home, {"auths": []})) == ("podman", "2")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "it is not JSON"),
        ("[]", "is no configuration"),
        ("[" * 100_000, "it is not JSON"),
        ({"auths": {"a.io": {"auth": "***secret***"}}}, "an entry's auth is not base64"),
        ({"auths": {"a.io": {"auth": 5}}}, "an entry's auth is not base64"),
        ({"auths": {"a.io": {"auth": base64.b64encode(b"secret").decode()}}}, "is not USER:PASSWORD"),
        ({"auths": {"a.io": auth("u\r\nX: y", "secret")}}, "control characters"),
        ({"auths": {"a.io": {"identitytoken": ["secret"]}}}, "is no text"),
        ({"credsStore": "../evil"}, "'../evil' is no name of a credential helper"),
        ({"credsStore": "gone"}, "docker-credential-gone is not on the PATH"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_without_the_secret(home: Path, document: object, says: str) -> None:
    with pytest.raises(FetchError, match=says) as caught:
        find_credential("a.io", "x", docker(home, document))
    assert "secret" not in str(caught.value)


def test_an_unreadable_file_is_an_error(home: Path) -> None:
    (home / ".docker/config.json").mkdir(parents=True)
    with pytest.raises(FetchError, match="cannot be read: Is a directory"):
        find_credential("a.io", "x", {"HOME": str(home)})


def test_a_helper_is_asked_by_the_name_docker_uses(home: Path) -> None:
    helper(home, "one", 'echo "{\\"Username\\":\\"u-$1\\",\\"Secret\\":\\"$(/bin/cat)\\"}"')
    environ = docker(home, {"credHelpers": {"a.io": "one", "docker.io": "one"}, "auths": {"b.io": auth("file", "1")}})
    assert found("a.io", "x", environ) == ("u-get", "a.io")
    assert found("docker.io", "x", environ) == ("u-get", "https://index.docker.io/v1/")
    assert found("b.io", "x", environ) == ("file", "1")


def test_a_helper_that_knows_nothing_leaves_it_to_the_file(home: Path) -> None:
    helper(home, "store", 'echo "credentials not found in native keychain"; exit 1')
    environ = docker(home, {"credsStore": "store", "auths": {"b.io": auth("file", "1")}})
    assert found("a.io", "x", environ) is None
    assert found("b.io", "x", environ) == ("file", "1")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo secret; exit 2", "docker-credential-bad get failed with exit code 2"),
        ("echo secret", "answered something else than credentials"),
        ('echo "{\\"Username\\": 1, \\"Secret\\": \\"secret\\"}"', "is no text"),
        ("exec /bin/sleep 5", "gave no answer within 0.2 s"),
    ],
)
def test_a_helper_that_fails_is_an_error_without_the_secret(home: Path, script: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "HELPER_PATIENCE", 0.2 if "sleep" in script else 20.0)
    helper(home, "bad", script)
    with pytest.raises(FetchError, match=says) as caught:
        find_credential("a.io", "x", docker(home, {"credsStore": "bad"}))
    assert "secret" not in str(caught.value)


def test_a_helper_that_cannot_be_started_is_an_error(home: Path) -> None:
    helper(home, "bad", "")
    (home / "bin/docker-credential-bad").write_text("#!/nowhere\n")
    with pytest.raises(FetchError, match="docker-credential-bad cannot be run"):
        find_credential("a.io", "x", docker(home, {"credsStore": "bad"}))


def test_an_empty_secret_is_none(home: Path) -> None:
    helper(home, "empty", 'echo "{\\"Username\\":\\"\\",\\"Secret\\":\\"\\"}"')
    assert found("a.io", "x", docker(home, {"credsStore": "empty"})) is None


def test_a_credential_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(Credential("u", "hunter2"))
