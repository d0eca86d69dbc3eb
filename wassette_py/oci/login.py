"""Logging in to a registry and out again: a password is stored only after the registry has taken it.

Stored where docker and podman look (`credentials.py`): in the credential helper that is configured, else in the file itself, which is then
readable by its owner alone. Everything else in that file stays as it was.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from wassette_py.control import Control
from wassette_py.errors import FetchError, RegistryError
from wassette_py.files import private_folder, write_atomic
from wassette_py.locking import release_lock, take_lock
from wassette_py.names import is_loopback
from wassette_py.oci.access import Access, Door, Refusal
from wassette_py.oci.credentials import Credential, credential_files, helper_for, helper_key, host_of_key, read_document, run_helper
from wassette_py.oci.reading import Patience
from wassette_py.oci.registry import check_online, network_host
from wassette_py.oci.transport import Web
from wassette_py.settings import Settings


def login(registry: str, credential: Credential, settings: Settings, control: Control) -> str:
    """Shows `credential` to the registry and stores it; returns where. Raises FetchError, RegistryError when it is not taken."""
    check(registry, credential, settings, control)
    path = credential_files(settings.environ)[0]
    with _edited(path) as document:
        helper = helper_for(document, registry)
        if helper is not None:
            entry = {"ServerURL": helper_key(registry), "Username": credential.username, "Secret": credential.secret}
            run_helper(helper, "store", json.dumps(entry), settings.environ)
            return f"docker-credential-{helper}"
        auths = document.setdefault("auths", {})
        for key in [key for key in auths if host_of_key(key) == registry]:
            del auths[key]
        pair = f"{credential.username}:{credential.secret}".encode()
        auths[helper_key(registry)] = {"auth": base64.b64encode(pair).decode()}
    return str(path)


def logout(registry: str, settings: Settings) -> str | None:
    """Forgets the credential of that registry; returns where it was, None when there was none. Raises FetchError."""
    path = credential_files(settings.environ)[0]
    if not path.exists():
        return None
    with _edited(path) as document:
        helper = helper_for(document, registry)
        if helper is not None and run_helper(helper, "get", helper_key(registry), settings.environ) is not None:
            run_helper(helper, "erase", helper_key(registry), settings.environ)
            return f"docker-credential-{helper}"
        auths = document.get("auths", {})
        found = [key for key in auths if host_of_key(key) == registry]
        for key in found:
            del auths[key]
    return str(path) if found else None


def check(registry: str, credential: Credential, settings: Settings, control: Control) -> None:
    """Asks the registry whether it knows `credential`. Raises RegistryError when it does not, or takes everybody; FetchError."""
    check_online(registry, settings)
    known = settings.registry(registry)
    plain = is_loopback(registry) and known.insecure_http
    host = network_host(registry)
    url = f"{'http' if plain else 'https'}://{host}/v2/"
    door = Door(registry, "", "pull", host)
    access = Access(settings)
    with requests.Session() as session:
        web = Web(session, control=control, patience=Patience(), ca_file=known.ca_file, insecure_http=plain, environ=settings.environ)

        def asked(authorization: str | None) -> tuple[int, str]:
            headers = {"Authorization": authorization} if authorization else {}
            with web.open(url, headers) as response:
                if response.status_code not in (200, 401):
                    raise web.refusal(response, str(door))
                return response.status_code, response.headers.get("WWW-Authenticate", "")

        status, challenge = web.retried(lambda: asked(None))
        if status == 200:
            raise RegistryError(f"{registry} lets everybody in: it has no use for a password, and none was stored", status=200)
        header = web.retried(lambda: access.answer(web, door, Refusal(challenge), credential))
        if web.retried(lambda: asked(header))[0] != 200:
            raise RegistryError(f"{registry} does not know this user and password", "check both; nothing was stored", status=401)


@contextlib.contextmanager
def _edited(path: Path) -> Iterator[dict[str, Any]]:
    """The document at `path`, written back when it has changed; nobody else edits meanwhile. Raises FetchError."""
    path = Path(os.path.realpath(path))  # people link this file into a place they keep
    private_folder(path.parent)
    lock = take_lock(path.with_name(f".{path.name}.lock"))
    try:
        document = read_document(path)
        if not isinstance(document.get("auths", {}), dict):
            raise FetchError(f"{path} is no configuration of docker or podman", f"mend {path}")
        before = json.dumps(document)
        yield document
        if json.dumps(document) != before:
            write_atomic(path, json.dumps(document, indent="\t").encode())
    finally:
        release_lock(lock)
