"""The credentials a person already has: docker's and podman's files, and the credential helpers they name.

Formats: https://github.com/docker/cli/blob/master/cli/config/configfile/file.go, containers-auth.json(5) and docker-credential-helpers.
It reads, and starts helpers; to whom a credential may be sent is decided in `oci/access.py`. Nothing here ever shows a secret.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import FetchError
from wassette_py.files import read_regular
from wassette_py.names import parse_registry

MAX_FILE = 4 << 20
HELPER_PATIENCE = 60.0
"""Seconds a helper may take: some ask a person to unlock a keychain."""
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
TOKEN_USER = "<token>"  # noqa: S105 - the user name by which helpers mark an identity token


@dataclass(frozen=True)
class Credential:
    """A user name and a password; with the user name `<token>`, the secret is an identity token (OAuth 2 refresh token)."""

    username: str
    secret: str = field(repr=False)

    @property
    def is_identity_token(self) -> bool:
        return self.username == TOKEN_USER

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()


def credential_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where credentials are looked for, in this order; the first is where a login is written to."""
    if environ.get("REGISTRY_AUTH_FILE"):
        return (Path(environ["REGISTRY_AUTH_FILE"]),)
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    docker = Path(environ["DOCKER_CONFIG"]) if environ.get("DOCKER_CONFIG") else home / ".docker"
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    runtime = [Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"] if environ.get("XDG_RUNTIME_DIR") else []
    return (docker / "config.json", *runtime, config / "containers" / "auth.json")


def find_credential(registry: str, repository: str, environ: Mapping[str, str]) -> Credential | None:
    """The most specific credential of the first file that has one. Raises FetchError for a file or a helper that cannot be used."""
    for path in credential_files(environ):
        document = read_document(path)
        found = _from_helper(document, registry, environ) or _from_auths(document, registry, repository, path)
        if found is not None:
            return found
    return None


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object at `path`, {} where there is none. Raises FetchError."""
    try:
        document = json.loads(read_regular(path, limit=MAX_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        # NOTE: a JSON error's text is its place; the document, which it holds, is never shown.
        raise FetchError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not JSON'}", f"mend {path}") from None
    if not isinstance(document, dict):
        raise FetchError(f"{path} is no configuration of docker or podman", f"mend {path}")
    return document


def helper_for(document: Mapping[str, Any], registry: str) -> str | None:
    """The credential helper that is responsible for `registry`. Raises FetchError for a name that is none."""
    helpers = document.get("credHelpers")
    named = {host_of_key(key): name for key, name in helpers.items()} if isinstance(helpers, dict) else {}
    name = named.get(registry, document.get("credsStore"))
    if not name:
        return None
    if not isinstance(name, str) or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is None:
        raise FetchError(f"{str(name)[:80]!r} is no name of a credential helper")
    return name


def run_helper(helper: str, action: str, text: str, environ: Mapping[str, str]) -> str | None:
    """What `docker-credential-HELPER ACTION` answers to `text`, None when it has nothing. Raises FetchError."""
    program = shutil.which(f"docker-credential-{helper}", path=environ.get("PATH"))
    if program is None:
        raise FetchError(f"the credential helper docker-credential-{helper} is not on the PATH", "install it, or take it out of credsStore")
    try:
        done = subprocess.run(
            [program, action], input=text.encode(), capture_output=True, env=dict(environ), timeout=HELPER_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"docker-credential-{helper} gave no answer within {HELPER_PATIENCE:g} s") from None
    except OSError as error:
        raise FetchError(f"docker-credential-{helper} cannot be run: {error.strerror or error}") from None
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    if b"credentials not found" in done.stdout + done.stderr:
        return None
    # NOTE: what it printed may be a secret, and is not repeated.
    raise FetchError(f"docker-credential-{helper} {action} failed with exit code {done.returncode}")


def helper_key(registry: str) -> str:
    """What helpers, and docker's own file, call `registry`."""
    return DOCKER_HUB_KEY if registry == "docker.io" else registry


def host_of_key(key: str) -> str | None:
    """The registry that a key without a path names (`https://ghcr.io`, `https://index.docker.io/v1/`), canonical."""
    return parse_registry(_bare(key))


def _from_helper(document: Mapping[str, Any], registry: str, environ: Mapping[str, str]) -> Credential | None:
    helper = helper_for(document, registry)
    answer = None if helper is None else run_helper(helper, "get", helper_key(registry), environ)
    if answer is None:
        return None
    try:
        found = json.loads(answer)
        username, secret = found["Username"], found["Secret"]
    except (ValueError, KeyError, TypeError):
        raise FetchError(f"docker-credential-{helper} answered something else than credentials") from None
    return checked_credential(username, secret, f"docker-credential-{helper}") if secret else None


def _from_auths(document: Mapping[str, Any], registry: str, repository: str, path: Path) -> Credential | None:
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return None
    known = {_canonical(key): entry for key, entry in auths.items()}
    # Podman's keys may go on into the repository; the longest that fits, by whole components, wins.
    parts = [registry, *repository.split("/")] if repository else [registry]
    for length in range(len(parts), 0, -1):
        entry = known.get("/".join(parts[:length]))
        found = _entry(entry, f"{path}: auths") if isinstance(entry, dict) else None
        if found is not None:
            return found
    return None


def _entry(entry: Mapping[str, Any], where: str) -> Credential | None:
    """The credential of one entry of `auths`; an empty entry says only that a helper knows it."""
    if entry.get("identitytoken"):
        return checked_credential(TOKEN_USER, entry["identitytoken"], where)
    if entry.get("username") and entry.get("password"):
        return checked_credential(entry["username"], entry["password"], where)
    if not entry.get("auth"):
        return None
    try:
        text = base64.b64decode(entry["auth"], validate=True).decode()
    except (ValueError, TypeError):
        raise FetchError(f"{where}: an entry's auth is not base64") from None
    username, colon, secret = text.partition(":")
    if not colon:
        raise FetchError(f"{where}: an entry's auth is not USER:PASSWORD in base64")
    return checked_credential(username, secret.rstrip("\0"), where)


def checked_credential(username: object, secret: object, where: str) -> Credential:
    """The credential of these two. Raises FetchError for what no header can carry."""
    if not isinstance(username, str) or not isinstance(secret, str) or re.search(r"[\x00-\x1f\x7f]", username + secret):
        raise FetchError(f"{where}: a user name or password has control characters or is no text")
    return Credential(username, secret)


def _canonical(key: str) -> str:
    host, slash, path = _bare(key).partition("/")
    return f"{parse_registry(host)}{slash}{path}"


def _bare(key: str) -> str:
    """`key` without scheme and API version: docker writes URLs, podman host and path."""
    return re.sub(r"^https?://|/?(v[12]/?)?$", "", key)
