"""A keyring in a file, by the interface that backends of the package `keyring` have: as any of them is chosen, also by a child process
(PYTHON_KEYRING_BACKEND=tests.secrets.keyring_of_tests.FileKeyring)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Its file is named by a variable; one that holds `locked` cannot be read."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service}\n{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.write_text(json.dumps({**self._read(), f"{service}\n{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        entries = self._read()
        if f"{service}\n{username}" not in entries:
            raise PasswordDeleteError("there is none")
        del entries[f"{service}\n{username}"]
        self._path.write_text(json.dumps(entries))

    @property
    def _path(self) -> Path:
        return Path(os.environ["FILE_KEYRING"])

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        if self._path.read_text() == "locked":
            raise KeyringLocked("hunter2 is not for you")
        entries: dict[str, str] = json.loads(self._path.read_text())
        return entries
