"""The part of trust.yaml that is about signatures, read strictly: keys, and what a scope asks for. What is not enforced is refused by name.

Key files reach this through a reader that is passed in; nothing here opens a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar, cast

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.names import parse_repository, valid_id
from wassette_py.strict_yaml import Place, StrictReader, Value
from wassette_py.trust.evidence import FORMATS, Format
from wassette_py.trust.keys import HASHES, HashName, PublicKey, parse_public_key
from wassette_py.trust.rules import AttestationRule, Scalar, SignatureRule, SignedRepository
from wassette_py.trust.versions import Version, parse_version

ReadKey = Callable[[str], bytes]
T = TypeVar("T")
MAX_KEYS = 64
MAX_LISTED = 16
RULE_KEYS = ("all", "any", "formats", "signed_repository", "annotations", "attestations", "tlog", "logs", "freshness")
KEYLESS = "keyless signers are not verified yet"
LATER = {
    "roots": KEYLESS,
    "keyless": KEYLESS,
    "max_age": "the age of a signature is not enforced yet",
    "limits": "the limits of signatures are fixed: 64 objects, 4 MiB in all",
}


def no_files(path: str) -> bytes:
    """The reader for a policy that is read alone."""
    raise ValueError(f"the key file {path} cannot be read here")


class RuleReader(StrictReader):
    """Reads keys and rules; `seen` digests the key material, so that a changed key file is a changed policy."""

    def __init__(self, source: str, read_key: ReadKey = no_files) -> None:
        super().__init__(source, InvalidTrustPolicy)
        self.read_key = read_key
        self.seen = hashlib.sha256()

    def keys(self, value: Value | None) -> dict[str, PublicKey]:
        """The section `keys`."""
        if value is None or value.data is None:
            return {}
        if not isinstance(value.data, dict) or len(value.data) > MAX_KEYS:
            self.fail(value.place, f"expected at most {MAX_KEYS} names with keys", "NAME: {file: keys/NAME.pub}")
        return {name: self._key(name, item, value.key_places[name]) for name, item in value.data.items()}

    def _key(self, name: str, item: Value, place: Place) -> PublicKey:
        if not valid_id(name):
            self.fail(place, "a key's name is made of a-z, 0-9, '.', '_' and '-'")
        entries = self.entries(item, ("file", "pem", "hash"))
        if ("file" in entries) == ("pem" in entries):
            self.fail(item.place, "a key is given by its file or by its text", "one of file, pem")
        hash_name = None if "hash" not in entries else self._one_of(entries["hash"], HASHES)
        given = entries["file"] if "file" in entries else entries["pem"]
        text = self.text(given)
        try:
            pem = self.read_key(text).decode() if "file" in entries else text
            self.seen.update(pem.encode() + b"\0")
            return parse_public_key(name, pem, hash_name=cast(HashName | None, hash_name), line=place.line)
        except OSError as error:
            self.fail(given.place, f"the key file {text} cannot be read: {error.strerror or error}")
        except ValueError as error:
            self.fail(given.place, str(error))

    def rule(self, item: Value, entries: Mapping[str, Value], keys: Mapping[str, PublicKey]) -> SignatureRule | None:
        """What the scope `item` asks of signatures, None when nothing."""
        if not any(name in entries for name in RULE_KEYS):
            return None
        every = self._signers(entries["all"], keys) if "all" in entries else ()
        at_least, some = self._any(entries["any"], keys) if "any" in entries else (0, ())
        attestations = self._each(entries.get("attestations"), lambda one: self._attestation(one, keys))
        if not (every or some or attestations):
            self.fail(item.place, "it says how signatures must be, and not whose", "all: [{key: NAME}]")
        tlog = self._one_of(entries["tlog"], ("required", "if-present", "ignore")) if "tlog" in entries else "ignore"
        logs = self._signers(entries["logs"], keys) if "logs" in entries else ()
        if (tlog != "ignore") != bool(logs):
            hint = "tlog: required, logs: [{key: NAME}] (the public key of the log)"
            self.fail(entries["logs" if logs else "tlog"].place, "tlog says whether a log is asked, logs says which: both or none", hint)
        formats = self._each(entries.get("formats"), lambda one: cast(Format, self._one_of(one, FORMATS)))
        return SignatureRule(
            every=every,
            some=some,
            at_least=at_least,
            formats=formats or FORMATS,
            repository=self._repository(entries.get("signed_repository")),
            annotations=self._annotations(entries.get("annotations")),
            logs=logs,
            log_required=tlog == "required",
            attestations=attestations,
            min_version=self._min_version(entries["freshness"]) if "freshness" in entries else None,
        )

    def _any(self, value: Value, keys: Mapping[str, PublicKey]) -> tuple[int, tuple[PublicKey, ...]]:
        entries = self.entries(value, ("at_least", "of"))
        if "of" not in entries:
            self.fail(value.place, "the key of is missing", "of: [{key: NAME}]")
        some = self._signers(entries["of"], keys)
        wanted = entries.get("at_least")
        at_least = 1 if wanted is None else wanted.data
        if not isinstance(at_least, int) or isinstance(at_least, bool) or at_least < 1:
            self.expected(wanted or value, "a number from 1")
        if at_least > len(some):
            self.fail((wanted or value).place, f"at_least is {at_least}, and of names {len(some)}", f"at_least: {len(some)}")
        return at_least, some

    def _signers(self, value: Value, keys: Mapping[str, PublicKey]) -> tuple[PublicKey, ...]:
        found = self._each(value, lambda item: self._signer(item, keys))
        for number, key in enumerate(found):
            if key.fingerprint in {other.fingerprint for other in found[:number]}:
                assert isinstance(value.data, list)
                self.fail(value.data[number].place, f"the key {key.name} stands here twice: it is one signer", "keep one of the two")
        return found

    def _signer(self, item: Value, keys: Mapping[str, PublicKey]) -> PublicKey:
        entries = self.entries(item, ("key",))
        if "key" not in entries:
            self.fail(item.place, "the key key is missing", "{key: NAME}")
        name = self.text(entries["key"])
        if name not in keys:
            self.fail(entries["key"].place, f"no key {name!r} stands in keys", f"one of {', '.join(keys) or 'none'}")
        return keys[name]

    def _min_version(self, value: Value) -> Version:
        entries = self.entries(value, ("min_version",))
        if "min_version" not in entries:
            self.fail(value.place, "the key min_version is missing", "freshness: {min_version: 1.2.3}")
        try:
            return parse_version(self.text(entries["min_version"]))
        except ValueError as error:
            self.fail(entries["min_version"].place, str(error))

    def _repository(self, value: Value | None) -> SignedRepository:
        if value is None or value.data == "same":
            return SignedRepository()
        entries = self.entries(value, ("exact", "remap"))
        if len(entries) != 1:
            self.fail(value.place, "expected same, exact or remap", "signed_repository: {exact: REGISTRY/REPOSITORY}")
        if "exact" in entries:
            return SignedRepository(exact=self._repository_name(entries["exact"]))
        ends = self.entries(entries["remap"], ("from", "to"))
        if len(ends) != 2:
            self.fail(entries["remap"].place, "expected from and to", "remap: {from: MIRROR/PATH, to: REGISTRY/PATH}")
        return SignedRepository(source=self._repository_name(ends["from"]), target=self._repository_name(ends["to"]))

    def _repository_name(self, value: Value) -> str:
        found = parse_repository(self.text(value))
        if found is None:
            self.expected(value, "REGISTRY/REPOSITORY")
        return "/".join(found)

    def _annotations(self, value: Value | None) -> tuple[tuple[str, str], ...]:
        if value is None:
            return ()
        if not isinstance(value.data, dict) or not 0 < len(value.data) <= MAX_LISTED:
            self.fail(value.place, f"expected 1 to {MAX_LISTED} names with texts")
        return tuple((name, self.text(item)) for name, item in value.data.items())

    def _attestation(self, item: Value, keys: Mapping[str, PublicKey]) -> AttestationRule:
        entries = self.entries(item, ("type", "by", "where"))
        for name in ("type", "by"):
            if name not in entries:
                self.fail(item.place, f"the key {name} is missing", '{type: "https://slsa.dev/provenance/v1", by: [{key: NAME}]}')
        where = entries.get("where")
        if where is not None and (not isinstance(where.data, dict) or not 0 < len(where.data) <= MAX_LISTED):
            self.fail(where.place, f"expected 1 to {MAX_LISTED} paths with values", 'where: {"runDetails.builder.id": "https://…"}')
        paths = where.data if where is not None and isinstance(where.data, dict) else {}
        wanted = tuple((path, self._scalar(value)) for path, value in paths.items())
        return AttestationRule(self.text(entries["type"]), self._signers(entries["by"], keys), wanted)

    def _scalar(self, value: Value) -> Scalar:
        if not isinstance(value.data, str | int | float):
            self.expected(value, "a text, a number, true or false")
        return value.data

    def _each(self, value: Value | None, read: Callable[[Value], T]) -> tuple[T, ...]:
        if value is None:
            return ()
        if not isinstance(value.data, list) or not 0 < len(value.data) <= MAX_LISTED:
            self.fail(value.place, f"expected a list of 1 to {MAX_LISTED}")
        return tuple(read(item) for item in value.data)

    def _one_of(self, value: Value, known: tuple[str, ...], reason: str | None = None) -> str:
        if value.data not in known or not isinstance(value.data, str):
            self.fail(value.place, reason or f"got {value.text!r}", f"one of {', '.join(known)}")
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
        if not isinstance(value.data, str):
            self.expected(value, "text")
        return value.data

    def expected(self, value: Value, what: str) -> NoReturn:
        """Fails with what was expected at `value`."""
        self.fail(value.place, f"expected {what}, got {value.text!r}")
