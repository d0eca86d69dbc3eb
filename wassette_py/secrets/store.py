"""SecretStore: names with values, in `<config>/secrets/`. Values are encrypted with a key of this folder, or kept elsewhere and only named.

The encryption keeps values out of backups, searches and glances; whoever can read the key (a file, 0600, or the system's keyring) can
read them, as can everything that runs as this user. A value is read when a component needs it, never earlier, and every value that was
read is known to `redactor`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from wassette_py.dataclass import dataclass
from wassette_py.errors import MissingSecret, SecretError, command
from wassette_py.files import StrPath, opened_regular, private_folder, read_regular, write_atomic
from wassette_py.locking import release_lock, take_lock
from wassette_py.names import valid_secret_name
from wassette_py.secrets.redaction import Redactor
from wassette_py.wire import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from wassette_py.secrets.sealing import Place

FILE = "secrets.json"
SHORTEST = 4
"""Characters. A shorter value cannot be told from ordinary text, and so not be kept out of it."""
LONGEST = 64 << 10
MOST = 16 << 20
"""Bytes of the file in which they are."""
REFERENCES = ("env", "file", "keyring")
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)
"""What a reference to a file meets where there is no regular one."""


@dataclass(frozen=True)
class Secret:
    """A secret as it may be shown: `kind` is stored, env, file or keyring; `place` says where, but for the first."""

    name: str
    kind: str
    place: str | None = None

    @property
    def source(self) -> str:
        """In one word: `stored`, `env:NAME`, `file:/path`, `keyring:SERVICE/NAME`."""
        return self.kind if self.place is None else f"{self.kind}:{self.place}"


def parse_source(text: str) -> tuple[str, str]:
    """`env:NAME`, `file:/path` or `keyring:SERVICE/NAME` as kind and place. Raises ValueError."""
    kind, _, place = text.partition(":")
    if kind not in REFERENCES or not place or "\0" in place or "=" in (place if kind == "env" else ""):
        raise ValueError(f"expected env:NAME, file:/path or keyring:SERVICE/NAME, got {text!r}")
    if kind == "keyring" and not all(in_keyring(place)):
        raise ValueError(f"expected keyring:SERVICE/NAME, got {text!r}")
    if kind == "file" and not os.path.isabs(place):
        raise ValueError(f"expected an absolute path, got {place!r}")
    return kind, place


def in_keyring(place: str) -> tuple[str, str]:
    """Service and name of a keyring's entry: a service may be a URL, so the last slash parts them."""
    service, _, name = place.rpartition("/")
    return service, name


@dataclass
class _Kept:
    """What the file holds: the entries, and where the key of those that are sealed is."""

    entries: dict[str, dict[str, str]]
    key_in: Place = "file"


class SecretStore:
    """The secrets below `folder`; `environ` is what `env:` means; values that are set from now on are sealed with a key in `key_in`, and
    all others with them. Safe to use from many threads and processes."""

    def __init__(self, folder: StrPath, environ: Mapping[str, str], *, key_in: Place = "file") -> None:
        self._root = os.fspath(folder)
        self.redactor = Redactor()
        self._environ = environ
        self._key_in = key_in
        self._decrypted: dict[tuple[str, str], str] = {}

    @cached_property
    def folder(self) -> Path:
        """Where they are kept."""
        from pathlib import Path

        return Path(self._root)

    def secrets(self) -> tuple[Secret, ...]:
        """All of them, by name, without values. Raises SecretError."""
        return tuple(_secret(name, entry) for name, entry in sorted(self._read().entries.items()))

    def set_value(self, name: str, value: str) -> None:
        """Keeps `value`, encrypted. Raises SecretError."""
        from wassette_py.secrets.sealing import made_key, seal

        _check(name, value)
        with self._edited() as kept:
            values = {name: value}
            if kept.key_in != self._key_in:  # all of them move to the other key
                sealed = {known: entry["sealed"] for known, entry in kept.entries.items() if "sealed" in entry and known != name}
                values |= {known: self._unsealed(known, text, kept.key_in) for known, text in sealed.items()}
                kept.key_in = self._key_in
            key = made_key(self.folder, self._key_in)
            kept.entries |= {known: {"sealed": seal(key, known, text)} for known, text in values.items()}

    def set_reference(self, name: str, kind: str, place: str) -> None:
        """Keeps where the value is. Raises SecretError."""
        _check_name(name)
        if kind == "keyring":
            from wassette_py.secrets import keyrings

            keyrings.need()
        with self._edited() as kept:
            kept.entries[name] = {kind: place}

    def delete(self, name: str) -> None:
        """Forgets a secret. Raises MissingSecret."""
        with self._edited() as kept:
            if name not in kept.entries:
                raise MissingSecret((name,))
            del kept.entries[name]

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that have no value now. Raises SecretError."""
        missing = []
        for name in dict.fromkeys(names):
            try:
                self.values([name])
            except MissingSecret:
                missing.append(name)
        return missing

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """The values of `names`. Raises MissingSecret with all that have none, SecretError."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        found = self._found(wanted)
        missing = [name for name, value in found.items() if value is None]
        if missing:
            raise MissingSecret(missing)
        values = {name: value for name, value in found.items() if value is not None}
        self.redactor.learn(values.values())
        return values

    def _found(self, wanted: Iterable[str]) -> dict[str, str | None]:
        kept = self._read()
        while True:
            try:
                return {name: self._value(name, kept.entries.get(name), kept.key_in) for name in wanted}
            except SecretError:
                before, kept = kept, self._read()
                if kept == before:  # else all values have moved to another key meanwhile
                    raise

    def _value(self, name: str, entry: Mapping[str, str] | None, key_in: Place) -> str | None:
        if entry is None:
            return None
        ((kind, place),) = entry.items()
        if kind == "sealed":
            if (name, place) not in self._decrypted:  # a sealed text is of its name alone
                self._decrypted[name, place] = self._unsealed(name, place, key_in)
            return self._decrypted[name, place]
        value = self._environ.get(place) if kind == "env" else _read_file(place) if kind == "file" else _read_keyring(place)
        if value is None or value == "":
            return None
        _check(name, value)
        return value

    def _unsealed(self, name: str, sealed: str, key_in: Place) -> str:
        from wassette_py.secrets.sealing import key_text, read_key, unseal

        try:
            return unseal(read_key(self.folder, key_in), name, sealed)
        except ValueError:
            where = key_text(self.folder, key_in)
            raise SecretError(f"the value of {name} cannot be decrypted with {where}", f"wassette secret set {name}") from None

    def _read(self) -> _Kept:
        path = os.path.join(self._root, FILE)
        try:
            document = parse(read_regular(path, limit=MOST).decode())
            entries, key_in = document["secrets"], document.get("key_in", "file")
            for name, entry in entries.items():
                if not valid_secret_name(name) or len(entry) != 1 or not entry.keys() <= {"sealed", *REFERENCES}:
                    raise ValueError(name)
                if not all(isinstance(place, str) for place in entry.values()):
                    raise TypeError(name)
            if key_in not in ("file", "keyring"):
                raise ValueError("key_in")
        except FileNotFoundError:
            return _Kept({}, self._key_in)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not what was written there"
            raise SecretError(f"{path} cannot be read: {reason}", command("mv", path, f"{path}.old")) from None
        return _Kept(dict(entries), key_in)

    @contextlib.contextmanager
    def _edited(self) -> Iterator[_Kept]:
        try:
            private_folder(self.folder)
            lock = take_lock(self.folder / ".lock")
            try:
                kept = self._read()
                before = kept.key_in
                yield kept
                place = {} if kept.key_in == "file" else {"key_in": kept.key_in}
                import json

                data = json.dumps({"version": 1, **place, "secrets": kept.entries}, indent=1, sort_keys=True).encode()
                if len(data) >= MOST:
                    raise SecretError(f"{self.folder / FILE} would be larger than {MOST} bytes", "wassette secret delete NAME")
                write_atomic(self.folder / FILE, data + b"\n")
                if kept.key_in != before:
                    from wassette_py.secrets.sealing import drop_key

                    drop_key(self.folder, before)
            finally:
                release_lock(lock)
        except OSError as error:
            raise SecretError(f"cannot write {self.folder}: {error.strerror or error}") from error


def _secret(name: str, entry: Mapping[str, str]) -> Secret:
    [(kind, place)] = entry.items()
    return Secret(name, "stored") if kind == "sealed" else Secret(name, kind, place)


def _check_name(name: str) -> None:
    if not valid_secret_name(name):
        raise SecretError(f"{name!r} is not the name of a secret: a letter or _, then letters, digits, _ . -, 63 in all")


def _check(name: str, value: str) -> None:
    """Refuses what could not be kept out of a log, or what no variable and no header can hold. Never says the value."""
    _check_name(name)
    if len(value) < SHORTEST:
        raise SecretError(f"the value of {name} has less than {SHORTEST} characters: it could not be kept out of logs and errors")
    if len(value.encode(errors="surrogatepass")) > LONGEST or "\0" in value or not _is_text(value):
        raise SecretError(f"the value of {name} is no text of at most {LONGEST} bytes")


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _read_keyring(place: str) -> str | None:
    from wassette_py.secrets import keyrings

    return keyrings.read(*in_keyring(place))


def _read_file(path: str) -> str | None:
    try:
        # A FIFO or a device would hold the call; nothing else about the file is this program's business.
        with opened_regular(path) as file:
            data = file.read(LONGEST + 3)  # a value that is too long is told from one with a line end
        return data.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise SecretError(f"{path} cannot be read: {type(error).__name__}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{path} cannot be read: it is not UTF-8 text") from None
