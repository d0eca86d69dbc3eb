"""The part of trust.yaml that says who there is, read strictly: keys, trust roots, and the signers that a rule names.

Key and root files reach this through a reader that is passed in; nothing here opens a file. A root is what its digest says, or the policy
is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NoReturn, TypeVar, cast

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.names import is_loopback, valid_id
from wassette_py.strict_yaml import Place, StrictReader, Value
from wassette_py.trust.identities import Keyless, Named, check_pattern, check_text
from wassette_py.trust.keys import HASHES, HashName, PublicKey, parse_public_key
from wassette_py.trust.roots import SIGSTORE_TUF, TrustRoot

ReadKey = Callable[[str], bytes]
T = TypeVar("T")
MAX_KEYS = 64
MAX_ROOTS = 8
MAX_LISTED = 16
LATER = {
    "limits": "the limits of signatures are fixed: 64 objects, 4 MiB in all",
    "builtin": "a trust root is a file that is pinned by its sha256: wassette trust add SCOPE --identity … --issuer … writes one",
}
_KEYLESS = '{keyless: {root: NAME, issuer: "https://…", identity: "…"}}'
_ROOT = "NAME: {file: roots/NAME.json, sha256: HEX}"


@dataclass(frozen=True)
class Known:
    """What the policy names, for its scopes to choose from."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    roots: Mapping[str, TrustRoot] = field(default_factory=dict)


def no_files(path: str) -> bytes:
    """The reader for a policy that is read alone."""
    raise ValueError(f"the file {path} cannot be read here")


class SignerReader(StrictReader):
    """Reads keys, roots and signers; `seen` digests the material, so that a changed file is a changed policy."""

    def __init__(self, source: str, read_key: ReadKey = no_files) -> None:
        super().__init__(source, InvalidTrustPolicy)
        self.read_key = read_key
        self.seen = hashlib.sha256()

    def keys(self, value: Value | None) -> dict[str, PublicKey]:
        """The section `keys`."""
        return self._section(value, MAX_KEYS, "NAME: {file: keys/NAME.pub}", self._key)

    def roots(self, value: Value | None) -> dict[str, TrustRoot]:
        """The section `roots`."""
        return self._section(value, MAX_ROOTS, _ROOT, self._root)

    def _section(self, value: Value | None, most: int, hint: str, read: Callable[[str, Value, Place], T]) -> dict[str, T]:
        if value is None or value.data is None:
            return {}
        if not isinstance(value.data, dict) or len(value.data) > most:
            self.fail(value.place, f"expected at most {most} names with what they stand for", hint)
        for name in value.data:
            if not valid_id(name):
                self.fail(value.key_places[name], "a name here is made of a-z, 0-9, '.', '_' and '-'")
        return {name: read(name, item, value.key_places[name]) for name, item in value.data.items()}

    def _key(self, name: str, item: Value, place: Place) -> PublicKey:
        entries = self.entries(item, ("file", "pem", "hash"))
        if ("file" in entries) == ("pem" in entries):
            self.fail(item.place, "a key is given by its file or by its text", "one of file, pem")
        hash_name = None if "hash" not in entries else self.one_of(entries["hash"], HASHES)
        given = entries["file"] if "file" in entries else entries["pem"]
        text = self.text(given)
        try:
            pem = self._file(given, "key").decode() if "file" in entries else text
            self.seen.update(pem.encode() + b"\0")
            return parse_public_key(name, pem, hash_name=cast(HashName | None, hash_name), line=place.line)
        except ValueError as error:
            self.fail(given.place, str(error))

    def _root(self, name: str, item: Value, place: Place) -> TrustRoot:
        entries = self.entries(item, ("file", "sha256", "updated", "max_age", "tuf", "tuf_root"))
        for needed in ("file", "sha256"):
            if needed not in entries:
                self.fail(item.place, f"the key {needed} is missing: a trust root is a file, pinned by its digest", _ROOT)
        if "max_age" in entries and "updated" not in entries:
            self.fail(entries["max_age"].place, "how old it is nobody knows: the key updated is missing", "updated: 2026-01-31")
        pin = self.text(entries["sha256"])
        try:
            data = self._file(entries["file"], "root")
            root = TrustRoot(
                name,
                data,
                updated=self._date(entries["updated"]) if "updated" in entries else None,
                max_age=self.age(entries["max_age"]) if "max_age" in entries else None,
                tuf=self._tuf(item, entries),
                tuf_root=self.text(entries["tuf_root"]) if "tuf_root" in entries else None,
                file=self.text(entries["file"]),
                line=place.line,
            )
            if root.fingerprint != pin:
                self.fail(entries["sha256"].place, f"{root.file} is not the root that was pinned: its sha256 is {root.fingerprint}")
            _ = root.document  # read now, so that what is no root is refused with its line
        except ValueError as error:
            self.fail(entries["file"].place, str(error))
        self.seen.update(data + b"\0")
        return root

    def _tuf(self, item: Value, entries: Mapping[str, Value]) -> str | None:
        """Where a root is published. The chain of any publisher but Sigstore has to begin with a file."""
        if "tuf" not in entries:
            if "tuf_root" in entries:
                self.fail(entries["tuf_root"].place, "the key tuf is missing: where the root is published", "tuf: https://…")
            return None
        url = self.text(entries["tuf"])
        match = re.fullmatch(r"(https?)://([^/?#@]+)(?:/[^?#]*[^?#/])?", url)
        if match is None or not (match[1] == "https" or is_loopback(match[2])):
            self.expected(entries["tuf"], "https://HOST/PATH")
        if url != SIGSTORE_TUF and "tuf_root" not in entries:
            self.fail(item.place, "the key tuf_root is missing: the file that the chain of this publisher begins with", "tuf_root: FILE")
        return url

    def _file(self, value: Value, what: str) -> bytes:
        try:
            return self.read_key(self.text(value))
        except OSError as error:
            self.fail(value.place, f"the {what} file {value.text} cannot be read: {error.strerror or error}")

    def _date(self, value: Value) -> date:
        try:
            return date.fromisoformat(self.text(value))
        except ValueError:
            self.expected(value, "a day such as 2026-01-31")

    def age(self, value: Value) -> timedelta:
        """A length of time in days or hours."""
        match = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", self.text(value))
        if match is None:
            self.expected(value, "an age such as 90d or 12h")
        return timedelta(**{{"d": "days", "h": "hours"}[match[2]]: int(match[1])})

    def signers(self, value: Value, known: Known) -> tuple[Named, ...]:
        """The signers a rule names, each once."""
        found = self.each(value, lambda item: self._signer(item, known))
        for number, one in enumerate(found):
            if one.id in {other.id for other in found[:number]}:
                assert isinstance(value.data, list)
                self.fail(value.data[number].place, f"{one} stands here twice: it is one signer", "keep one of the two")
        return found

    def keys_of(self, value: Value, known: Known) -> tuple[PublicKey, ...]:
        """The keys of logs."""
        found = self.signers(value, known)
        keys = tuple(one for one in found if isinstance(one, PublicKey))
        if keys != found:
            self.fail(value.place, "a log is named by its key; those of keyless signers are in their trust root", "[{key: NAME}]")
        return keys

    def _signer(self, item: Value, known: Known) -> Named:
        entries = self.entries(item, ("key", "keyless"))
        if len(entries) != 1:
            self.fail(item.place, "a signer is a key or keyless", f"{{key: NAME}} or {_KEYLESS}")
        if "keyless" in entries:
            return self._keyless(entries["keyless"], known.roots)
        return self._one_known(entries["key"], "key", known.keys)

    def _one_known(self, value: Value, what: str, known: Mapping[str, T]) -> T:
        name = self.text(value)
        if name not in known:
            new = f"{what}s: {{{name}: {{file: PATH{', sha256: HEX' if what == 'root' else ''}}}}}"
            self.fail(value.place, f"no {what} {name!r} stands in {what}s", f"one of {', '.join(known)}" if known else new)
        return known[name]

    def _keyless(self, item: Value, roots: Mapping[str, TrustRoot]) -> Keyless:
        entries = self.entries(item, ("root", "issuer", "identity", "identity_regex"))
        for name in ("root", "issuer"):
            if name not in entries:
                self.fail(item.place, f"the key {name} is missing: a keyless signer is an identity, its issuer, and a trust root", _KEYLESS)
        if ("identity" in entries) == ("identity_regex" in entries):
            self.fail(item.place, "a keyless signer has one identity", "one of identity, identity_regex")
        given = entries["identity"] if "identity" in entries else entries["identity_regex"]
        issuer = self._checked(entries["issuer"], lambda text: check_text(text, "an issuer"))
        root = self._one_known(entries["root"], "root", roots)
        if "identity" in entries:
            return Keyless(root, issuer, self._checked(given, lambda text: check_text(text, "an identity")), line=item.place.line)
        return Keyless(root, issuer, pattern=self._checked(given, check_pattern), line=item.place.line)

    def _checked(self, value: Value, check: Callable[[str], str]) -> str:
        try:
            return check(self.text(value))
        except ValueError as error:
            self.fail(value.place, str(error))

    def each(self, value: Value | None, read: Callable[[Value], T]) -> tuple[T, ...]:
        """A list of a few, each read."""
        if value is None:
            return ()
        if not isinstance(value.data, list) or not 0 < len(value.data) <= MAX_LISTED:
            self.fail(value.place, f"expected a list of 1 to {MAX_LISTED}")
        return tuple(read(item) for item in value.data)

    def one_of(self, value: Value, known: tuple[str, ...]) -> str:
        """One of these words."""
        if value.data not in known or not isinstance(value.data, str):
            self.fail(value.place, f"got {value.text!r}", f"one of {', '.join(known)}")
        return value.data

    def entries(self, value: Value, known: tuple[str, ...]) -> dict[str, Value]:
        """The keys of a mapping, all of them known."""
        if value.data is None:
            return {}
        if not isinstance(value.data, dict):
            self.fail(value.place, "expected keys with values", f"one of {', '.join(known)}")
        for key in value.data:
            if key not in known:
                self.fail(value.key_places[key], LATER.get(key, "not a key of a trust policy"), f"one of {', '.join(known)}")
        return value.data

    def text(self, value: Value) -> str:
        """Text, and nothing that only looks like it."""
        if not isinstance(value.data, str):
            self.expected(value, "text")
        return value.data

    def expected(self, value: Value, what: str) -> NoReturn:
        """Fails with what was expected at `value`."""
        self.fail(value.place, f"expected {what}, got {value.text!r}")
