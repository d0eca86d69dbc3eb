from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.cli.conftest import Wassette
from tests.patience import LONG
from tests.pulling import with_component
from tests.registry import Registry, running
from wassette_py.audit import flush
from wassette_py.names import Digest
from wassette_py.trust.keys import parse_public_key

SECRET = "hunter2-secret"
BASIC = base64.b64encode(f"u:{SECRET}".encode()).decode()


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    """A registry that knows one user, and the setting that lets plain HTTP reach it."""
    with running(with_component()) as running_registry:
        running_registry.users = {"u": SECRET}
        config = home / ".config/wassette/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(f"registries:\n  {running_registry.host}: {{insecure_http: true}}\n")
        yield running_registry


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, SECRET)


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))


def docker(home: Path, document: object) -> Path:
    path = home / ".docker/config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize("realm", [True, False])
@pytest.mark.usefixtures("password")
def test_a_login_is_stored_for_its_owner_alone_and_serves_the_next_load(
    wassette: Wassette, registry: Registry, home: Path, realm: bool
) -> None:
    registry.token_realm = f"{registry.url}/token" if realm else None
    ran = wassette("registry", "login", registry.host, "--username", "u", "--password-stdin")
    path = home / ".docker/config.json"
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"logged in to {registry.host}; stored in {path}\n"
    assert json.loads(path.read_text()) == {"auths": {registry.host: {"auth": BASIC}}}
    assert path.stat().st_mode & 0o777 == 0o600
    wassette("component", "inspect", f"oci://{registry.host}/acme/fetch:1.0")
    assert registry.requests[-1].headers["Authorization"].startswith("Bearer" if realm else "Basic")


def test_a_wrong_password_is_not_stored(wassette: Wassette, registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for realm in (None, f"{registry.url}/token"):
        registry.token_realm = realm
        typed(monkeypatch, "wrong-word")
        ran = wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
        assert ran.code == 1
        assert "wrong-word" not in ran.err
        assert base64.b64encode(b"u:wrong-word").decode() not in ran.err
    assert not (home / ".docker/config.json").exists()


@pytest.mark.usefixtures("password")
def test_what_else_stands_in_the_file_stays(wassette: Wassette, registry: Registry, home: Path) -> None:
    path = docker(home, {"auths": {f"http://{registry.host}/v2/": {"auth": "b2xk"}, "ghcr.io": {"auth": "eDp5"}}, "psFormat": "x"})
    path.chmod(0o644)
    assert wassette("registry", "login", registry.host, "-u", "u", "--password-stdin", "-o", "json").json == {
        "registry": registry.host,
        "username": "u",
        "stored": str(path),
    }
    assert json.loads(path.read_text()) == {"auths": {"ghcr.io": {"auth": "eDp5"}, registry.host: {"auth": BASIC}}, "psFormat": "x"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert wassette("registry", "logout", registry.host).err == f"logged out of {registry.host}; removed from {path}\n"
    assert json.loads(path.read_text()) == {"auths": {"ghcr.io": {"auth": "eDp5"}}, "psFormat": "x"}
    assert wassette("registry", "logout", registry.host).err == f"nobody was logged in to {registry.host}\n"


@pytest.mark.usefixtures("password")
def test_a_file_that_is_a_link_stays_one(wassette: Wassette, registry: Registry, home: Path) -> None:
    docker(home, {}).rename(home / "kept.json")
    (home / ".docker/config.json").symlink_to(home / "kept.json")
    assert wassette("registry", "login", registry.host, "-u", "u", "--password-stdin").code == 0
    assert (home / ".docker/config.json").is_symlink()
    assert registry.host in (home / "kept.json").read_text()


@pytest.mark.usefixtures("password")
def test_a_credential_helper_keeps_the_password_when_one_is_configured(
    wassette: Wassette, registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = home / "bin/docker-credential-box"
    program.parent.mkdir()
    answers = f"[ $1 = get ] && exec cat {home}/stored\n[ $1 = erase ] && exec rm {home}/stored"
    program.write_text(f"#!/bin/sh\n{answers}\nexec cat >{home}/stored\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    path = docker(home, {"credsStore": "box"})
    ran = wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
    assert ran.err == f"logged in to {registry.host}; stored in docker-credential-box\n"
    assert json.loads((home / "stored").read_text()) == {"ServerURL": registry.host, "Username": "u", "Secret": SECRET}
    assert json.loads(path.read_text()) == {"credsStore": "box"}
    wassette("component", "inspect", f"oci://{registry.host}/acme/fetch:1.0")
    assert registry.requests[-1].headers["Authorization"] == f"Basic {BASIC}"
    ran = wassette("registry", "logout", registry.host, "-o", "json")
    assert ran.json == {"registry": registry.host, "removed": "docker-credential-box"}
    assert not (home / "stored").exists()


@pytest.mark.usefixtures("password")
def test_a_registry_that_takes_everybody_cannot_say_whether_a_password_is_right(wassette: Wassette, registry: Registry, home: Path) -> None:
    registry.users = {}
    ran = wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
    assert ran.code == 1
    assert "lets everybody in" in ran.err
    assert not (home / ".docker").exists()


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "does not know this user and password"), (403, "answered HTTP 403")],
)
@pytest.mark.usefixtures("password")
def test_a_registry_that_refuses_what_its_token_server_took_is_believed(
    wassette: Wassette, registry: Registry, home: Path, status: int, says: str
) -> None:
    registry.token_realm = f"{registry.url}/token"
    challenge = {"WWW-Authenticate": f'Bearer realm="{registry.token_realm}"'}
    registry.fault("/v2/$", lambda handler: handler.error(401, "NO", challenge), times=1)
    registry.fault("/v2/$", lambda handler: handler.error(status, "NO", challenge))
    ran = wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
    assert ran.code == 1
    assert says in ran.err
    assert not (home / ".docker").exists()


@pytest.mark.parametrize("document", ["{", '{"auths": []}'])
@pytest.mark.usefixtures("password")
def test_a_file_that_is_none_is_left_alone(wassette: Wassette, registry: Registry, home: Path, document: str) -> None:
    path = docker(home, document)
    ran = wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
    assert ran.code == 1
    assert str(path) in ran.err
    assert path.read_text() == document


def test_logging_out_where_nobody_ever_logged_in_makes_no_file(wassette: Wassette, home: Path) -> None:
    assert wassette("registry", "logout", "docker.io").err == "nobody was logged in to docker.io\n"
    assert list(home.iterdir()) == []


def test_words_that_cannot_be_are_errors(wassette: Wassette, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "names no registry" in wassette("registry", "login", "nodots", "-u", "u", "--password-stdin").err
    assert "a user name has no colon" in wassette("registry", "login", "a.io", "-u", "u:x", "--password-stdin").err
    typed(monkeypatch, "")
    assert "the password is empty" in wassette("registry", "login", "a.io", "-u", "u", "--password-stdin").err
    assert "--password-stdin" in wassette("registry", "login", "a.io", "-u", "u").err
    assert "hint: --username USER\n" in wassette("registry", "login", "a.io").err


@pytest.mark.parametrize("words", [(), ("-u", "u")])
def test_a_person_at_a_terminal_is_asked_for_name_and_password(
    wassette: Wassette, registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(typer, "prompt", lambda text, *, hide_input, err: SECRET if hide_input and err else "u")
    assert wassette("registry", "login", registry.host, *words).code == 0


# Push and search.


def test_a_component_is_pushed_and_loaded_again(wassette: Wassette, registry: Registry, components: Path, home: Path) -> None:
    registry.users = {}
    reference = f"oci://{registry.host}/acme/text:1.0"
    (components / "policy.yaml").write_text('version: "1.0"\npermissions: {}\n')
    ran = wassette("registry", "push", reference, "text.wasm", "--policy", "policy.yaml", "-o", "json")
    assert ran.code == 0, ran.err
    wasm = (components / "text.wasm").read_bytes()
    assert ran.json == {
        "reference": f"{reference}@{Digest.of(registry.manifests['acme/text', '1.0'][1])}",
        "digest": str(Digest.of(wasm)),
        "size": len(wasm),
    }
    assert wassette("trust", "add", registry.host, "--unsigned", "--reason", "tests").code == 0
    assert wassette("component", "load", reference).code == 0
    assert wassette("tool", "call", "add", "left=1", "right=2").out == "3\n"


def test_a_component_is_pushed_into_a_layout(wassette: Wassette, components: Path) -> None:
    ran = wassette("registry", "push", f"oci-layout://{components}/layout:text", "text.wasm")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"pushed oci-layout://{components}/layout:text@sha256:")
    config = [
        json.loads(path.read_text()) for path in (components / "layout/blobs/sha256").iterdir() if b"layerDigests" in path.read_bytes()
    ]
    assert sorted(config[0]["component"]["exports"]) == ["add", "break", "echo", "refuse", "spin"]
    assert wassette("run", f"oci-layout://{components}/layout:text", "echo", "text=hi").out == "hi\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("text.wasm", "text.wasm"), "is pushed to a tag of a registry or a layout"),
        (("oci://localhost:1/a@sha256:" + "0" * 64, "text.wasm"), "is pushed to a tag"),
        (("oci-layout:///tmp/x", "text.wasm"), "is pushed to a tag"),
        (("oci-layout:///tmp/x:a", "oci://ghcr.io/a/b:1"), "only a file can be pushed"),
        (("oci-layout:///tmp/x:a", "gone.wasm"), "there is no file"),
        (("oci-layout:///tmp/x:a", "text.wasm", "--policy", "bad.yaml"), "policy:1"),
        (("oci-layout:///tmp/x:a", "bad.yaml"), "not a WebAssembly component"),
    ],
)
def test_what_cannot_be_published_is_refused(wassette: Wassette, components: Path, words: tuple[str, ...], says: str) -> None:
    (components / "bad.yaml").write_text("5")
    ran = wassette("registry", "push", *words)
    assert ran.code == 1
    assert says in ran.err


def test_the_catalogue_is_searched(wassette: Wassette, home: Path) -> None:
    assert "time" in wassette("registry", "search").out
    found = wassette("registry", "search", "time", "-o", "json").json
    assert found["components"][0]["name"] == "time"
    assert found["total"] == len(found["components"])
    ran = wassette("registry", "search", "no-such-word")
    assert (ran.code, ran.out) == (0, "")
    assert "catalog.json" in ran.err
    assert wassette("registry", "search", "no-such-word", "-o", "json").json == {"components": [], "total": 0}
    own = home / ".config/wassette/catalog.json"
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps({"components": [{"name": "mine", "description": "d", "uri": "oci://a.io/b:1"}]}))
    assert wassette("registry", "search").out.splitlines()[1].split() == ["mine", "oci://a.io/b:1", "d"]
    own.unlink()
    os.mkfifo(own)
    assert f"{own} is no catalogue: it is not a file\n" in wassette("registry", "search").err
    own.unlink()
    own.write_text("[" * 200_000)
    assert f"{own} is no catalogue: RecursionError: " in wassette("registry", "search").err


def test_who_was_logged_in_what_was_pushed_signed_and_trusted_is_in_the_audit_log_and_no_password(
    wassette: Wassette, registry: Registry, components: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for password in ("wrong-word", SECRET):
        typed(monkeypatch, password)
        wassette("registry", "login", registry.host, "-u", "u", "--password-stdin")
    (components / "password").write_text("sealing-word")
    sealed = ("--password-file", "password")
    assert wassette("trust", "generate-key", "ours", *sealed).code == 0
    layout = f"oci-layout://{components}/layout"
    pushed = wassette("registry", "push", f"{layout}:1", "text.wasm", "--sign", "ours.key", *sealed, "-o", "json").json["reference"]
    assert wassette("trust", "add", layout, "--key", "ours.pub").code == 0
    assert wassette("trust", "add", layout, "--digest", "sha256:" + "0" * 64).code == 1  # it is named already
    assert wassette("trust", "remove", layout).code == 0
    for _ in range(2):
        assert wassette("registry", "logout", registry.host).code == 0
    flush(LONG)
    events = wassette("audit", "show", "-o", "json").json["events"]
    key = f"sha256:{parse_public_key('ours', (components / 'ours.pub').read_text()).fingerprint}"
    assert [[event[name] for name in ("event", "outcome", *names)] for event, names in zip(events, TOLD, strict=True)] == [
        ["login", "failed", registry.host, "u"],
        ["login", "ok", registry.host, "u"],
        ["push", "ok", pushed],
        ["sign", "ok", pushed, key],
        ["trust-add", "ok", layout, "signed by ours"],
        ["trust-add", "failed", layout],
        ["trust-remove", "ok", layout],
        ["logout", "ok", registry.host],
        ["logout", "unchanged", registry.host],
    ]
    assert f"trust-add - ok {events[4]['ms']:.4g} ms {layout} signed by ours" in wassette("audit", "show").out
    for text in (SECRET, "wrong-word", "sealing-word"):
        assert text not in json.dumps(events)


TOLD = (
    *[("registry", "user")] * 2,
    ("reference",),
    ("reference", "key"),
    ("scope", "accepts"),
    ("scope",),
    ("scope",),
    *[("registry",)] * 2,
)
