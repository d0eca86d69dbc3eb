"""The keyring of the system, through the package `keyring` (the extra `keyring`): which one that is, and whether it asks its person first,
is decided there. Imported when a secret or the key of the store is kept in one; a start without pays nothing.

What a keyring says when it fails is not passed on, only of what kind it was: it might hold what nobody is to see.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from wassette_py.errors import SecretError

NEEDED = "keyring>=25.6,<26"


def need() -> None:
    """Raises SecretError where the package is not installed."""
    with _told("the keyring of the system", "used"):
        pass


def read(service: str, name: str) -> str | None:
    """The password kept there, None when there is none. Raises SecretError."""
    with _told(f"keyring:{service}/{name}", "read"):
        import keyring

        return keyring.get_password(service, name)


def write(service: str, name: str, password: str) -> None:
    """Keeps a password there. Raises SecretError."""
    with _told(f"keyring:{service}/{name}", "written"):
        import keyring

        keyring.set_password(service, name, password)


def drop(service: str, name: str) -> None:
    """Removes what is kept there, if anything is. Raises SecretError."""
    if read(service, name) is not None:
        with _told(f"keyring:{service}/{name}", "removed"):
            import keyring

            keyring.delete_password(service, name)


@contextlib.contextmanager
def _told(what: str, done: str) -> Iterator[None]:
    try:
        import keyring.errors
    except ImportError:
        reason, hint = "the package keyring is not installed", f"{sys.executable} -m pip install '{NEEDED}'"
        raise SecretError(f"{what} cannot be {done}: {reason}", hint) from None
    try:
        yield
    except keyring.errors.NoKeyringError:
        reason, hint = "this system has no keyring that can be used", f"{sys.executable} -m keyring --list-backends"
        raise SecretError(f"{what} cannot be {done}: {reason}", hint) from None
    except Exception as error:  # a backend raises what it likes
        raise SecretError(f"{what} cannot be {done}: {type(error).__name__}") from None
