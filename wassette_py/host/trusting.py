"""The trust policy as it stands on disk: its file, and the key files it names, which are kept beside it in `keys/`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wassette_py.errors import InvalidTrustPolicy

if TYPE_CHECKING:
    from wassette_py.trust.document import TrustPolicy, TrustScope

MAX_KEY_FILE = 64 << 10


def read_trust(path: Path) -> TrustPolicy:
    """The trust policy in `path`; without that file nobody is trusted. Raises InvalidTrustPolicy."""
    from wassette_py.trust.document import parse_trust_policy

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return parse_trust_policy(text, str(path), key_reader(path.parent))


def key_reader(folder: Path) -> Callable[[str], bytes]:
    """Reads key files, named relative to `folder`; what it returns raises OSError, ValueError."""

    def read(name: str) -> bytes:
        # Without O_NONBLOCK opening a FIFO waits for somebody to write to it.
        with open(folder / name, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{name} is not a file")
            data = file.read(MAX_KEY_FILE + 1)
        if len(data) > MAX_KEY_FILE:
            raise ValueError(f"{name} is larger than {MAX_KEY_FILE} bytes")
        return data

    return read


def add_scope_with_key(text: str, scope: TrustScope, source: str, *, folder: Path, name: str, pem: str) -> str:
    """`text` with `scope` asking for a signature of the key in `pem`, which is copied to `folder`/keys. Raises InvalidTrustPolicy."""
    from dataclasses import replace

    from wassette_py.files import private_folder, write_atomic
    from wassette_py.names import valid_id
    from wassette_py.trust.document import parse_trust_policy
    from wassette_py.trust.editing import add_key, add_scope
    from wassette_py.trust.keys import load, parse_public_key
    from wassette_py.trust.rules import SignatureRule

    if not valid_id(name):
        raise InvalidTrustPolicy(f"{name!r} cannot name a key (a-z, 0-9, '.', '_', '-')", "--name NAME")
    try:
        key = parse_public_key(name, pem)
    except ValueError as error:
        raise InvalidTrustPolicy(f"the key cannot be used: {error}", "--key FILE, a public key in PEM form, as cosign writes it") from None
    load(key)
    reader = key_reader(folder)
    known = {one.fingerprint: one for one in parse_trust_policy(text, source, reader).keys.values()}
    if key.fingerprint in known:
        return add_scope(text, replace(scope, signatures=SignatureRule(every=(known[key.fingerprint],))), source, reader)
    file = f"keys/{name}.pub"
    if (folder / file).exists() and (folder / file).read_text(errors="replace") != pem:
        raise InvalidTrustPolicy(f"{folder / file} is another key", "--name OTHER-NAME")

    def added(path: str) -> bytes:
        return pem.encode() if path == file else reader(path)

    text = add_key(text, key, file, source, added)
    text = add_scope(text, replace(scope, signatures=SignatureRule(every=(key,))), source, added)
    # Last, when nothing can be refused any more: a key file that nothing names trusts nobody.
    private_folder(folder / "keys")
    write_atomic(folder / file, pem.encode())
    return text
