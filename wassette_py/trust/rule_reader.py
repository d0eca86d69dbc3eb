"""The part of trust.yaml that says what a scope asks of signatures, read strictly. What is not enforced is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from wassette_py.names import parse_repository
from wassette_py.strict_yaml import Value
from wassette_py.trust.evidence import FORMATS, Format
from wassette_py.trust.identities import Named
from wassette_py.trust.keys import PublicKey
from wassette_py.trust.rules import AttestationRule, Scalar, SignatureRule, SignedRepository
from wassette_py.trust.signer_reader import MAX_LISTED, Known, SignerReader
from wassette_py.trust.versions import Version, parse_version

RULE_KEYS = ("all", "any", "formats", "signed_repository", "annotations", "attestations", "tlog", "logs", "freshness")


def _by(attestations: tuple[AttestationRule, ...]) -> tuple[Named, ...]:
    return tuple(signer for one in attestations for signer in one.by)


class RuleReader(SignerReader):
    """Reads what a scope asks of signatures."""

    def rule(self, item: Value, entries: Mapping[str, Value], known: Known) -> SignatureRule | None:
        """What the scope `item` asks of signatures, None when nothing."""
        if not any(name in entries for name in RULE_KEYS):
            return None
        every = self.signers(entries["all"], known) if "all" in entries else ()
        at_least, some = self._any(entries["any"], known) if "any" in entries else (0, ())
        attestations = self.each(entries.get("attestations"), lambda one: self._attestation(one, known))
        if not (every or some or attestations):
            self.fail(item.place, "it says how signatures must be, and not whose", "all: [{key: NAME}]")
        tlog = self.one_of(entries["tlog"], ("required", "if-present", "ignore")) if "tlog" in entries else "ignore"
        logs = self.keys_of(entries["logs"], known) if "logs" in entries else ()
        if (tlog != "ignore") != bool(logs):
            hint = "tlog: required, logs: [{key: NAME}] (the public key of the log)"
            self.fail(entries["logs" if logs else "tlog"].place, "tlog says whether a log is asked, logs says which: both or none", hint)
        min_version, max_age = self._freshness(entries.get("freshness"))
        if max_age is not None and not logs and any(isinstance(one, PublicKey) for one in (*every, *some, *_by(attestations))):
            hint = "tlog: required, logs: [{key: NAME}] (the public key of the log)"
            self.fail(entries["freshness"].place, "nothing proves when a key has signed but a transparency log", hint)
        formats = self.each(entries.get("formats"), lambda one: cast(Format, self.one_of(one, FORMATS)))
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
            min_version=min_version,
            max_age=max_age,
        )

    def _any(self, value: Value, known: Known) -> tuple[int, tuple[Named, ...]]:
        entries = self.entries(value, ("at_least", "of"))
        if "of" not in entries:
            self.fail(value.place, "the key of is missing", "of: [{key: NAME}]")
        some = self.signers(entries["of"], known)
        wanted = entries.get("at_least")
        at_least = 1 if wanted is None else wanted.data
        if not isinstance(at_least, int) or isinstance(at_least, bool) or at_least < 1:
            self.expected(wanted or value, "a number from 1")
        if at_least > len(some):
            self.fail((wanted or value).place, f"at_least is {at_least}, and of names {len(some)}", f"at_least: {len(some)}")
        return at_least, some

    def _freshness(self, value: Value | None) -> tuple[Version | None, timedelta | None]:
        if value is None:
            return None, None
        entries = self.entries(value, ("min_version", "max_age"))
        if not entries:
            self.fail(value.place, "it says neither from which version on, nor how old a signature may be", "min_version, max_age")
        try:
            least = parse_version(self.text(entries["min_version"])) if "min_version" in entries else None
        except ValueError as error:
            self.fail(entries["min_version"].place, str(error))
        return least, self.age(entries["max_age"]) if "max_age" in entries else None

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

    def _attestation(self, item: Value, known: Known) -> AttestationRule:
        entries = self.entries(item, ("type", "by", "where"))
        for name in ("type", "by"):
            if name not in entries:
                self.fail(item.place, f"the key {name} is missing", '{type: "https://slsa.dev/provenance/v1", by: [{key: NAME}]}')
        where = entries.get("where")
        if where is not None and (not isinstance(where.data, dict) or not 0 < len(where.data) <= MAX_LISTED):
            self.fail(where.place, f"expected 1 to {MAX_LISTED} paths with values", 'where: {"runDetails.builder.id": "https://…"}')
        paths = where.data if where is not None and isinstance(where.data, dict) else {}
        wanted = tuple((path, self._scalar(value)) for path, value in paths.items())
        return AttestationRule(self.text(entries["type"]), self.signers(entries["by"], known), wanted)

    def _scalar(self, value: Value) -> Scalar:
        if not isinstance(value.data, str | int | float):
            self.expected(value, "a text, a number, true or false")
        return value.data
