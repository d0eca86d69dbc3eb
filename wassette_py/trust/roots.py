"""Trust roots: the certificate authorities, logs and clocks by which a keyless signature is verified, as Sigstore writes them down.

A root is a file that the trust policy pins by its digest; nothing here looks for another. Format:
https://github.com/sigstore/protobuf-specs (TrustedRoot 0.1)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from wassette_py.dataclass import dataclass, field
from wassette_py.trust.evidence import decode, read_json

SIGSTORE_TUF = "https://tuf-repo-cdn.sigstore.dev"
"""Where Sigstore publishes the root of its public instance."""
MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


@dataclass(frozen=True)
class TrustRoot:
    """A trusted root under the name the policy gives it. `updated`: when it was last known to be the current one; `max_age`: how long
    that is enough; `tuf`, `tuf_root`: where its owner publishes it, and the file that begins that chain (None: Sigstore's own)."""

    name: str
    data: bytes = field(repr=False)
    updated: date | None = None
    max_age: timedelta | None = None
    tuf: str | None = None
    tuf_root: str | None = None
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"trust root {self.name}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file: what the policy pins."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The root as it is written. Raises ValueError when it is none."""
        document = read_json(self.data)
        _check(document)
        return document

    @property
    def newest(self) -> date:
        """When the newest part of it began to be valid: it cannot be older than that."""
        logs = [one["publicKey"] for one in (*self.document["tlogs"], *self.document["ctlogs"])]
        return max(_window(one)[0] for one in (*logs, *self.document["certificateAuthorities"])).date()

    def age(self, today: date) -> str:
        """How old it is, in words."""
        if self.updated is None:
            return f"not updated since it was added; its newest part is of {self.newest}"
        return f"updated {self.updated}, {(today - self.updated).days} days ago"

    @property
    def known(self) -> date:
        """When it was last known to be the current one, at least."""
        return self.updated or self.newest

    def expires(self) -> datetime | None:
        """Until when it counts as current; None without `max_age`."""
        if self.max_age is None or self.updated is None:
            return None
        return datetime(self.updated.year, self.updated.month, self.updated.day, tzinfo=UTC) + self.max_age

    def at(self, when: datetime, issued: datetime) -> dict[str, Any]:
        """The root without what was not valid when something was signed (`when`) and its certificate `issued`. Raises ValueError."""
        # NOTE: the library that verifies accepts keys and authorities whose time is over, whenever they are said to have signed. An
        # authority counts by the time that a log or clock proves, since who has its old key writes any time into a certificate.
        document = dict(self.document)
        document["tlogs"] = [one for one in document["tlogs"] if _holds(one["publicKey"], when)]
        document["ctlogs"] = [one for one in document["ctlogs"] if _holds(one["publicKey"], issued)]
        document["certificateAuthorities"] = [one for one in document["certificateAuthorities"] if _holds(one, when)]
        for name, words in (("tlogs", "transparency log"), ("ctlogs", "certificate log"), ("certificateAuthorities", "authority")):
            if not document[name]:
                raise ValueError(f"{self} has no {words} for {when:%Y-%m-%d %H:%M}Z")
        return document

    @property
    def log_ids(self) -> frozenset[str]:
        """The (base64) ids of its transparency logs."""
        return frozenset(one["logId"]["keyId"] for one in self.document["tlogs"])

    def log_name(self, key_id: str) -> str:
        """Where the transparency log of that (base64) id is, as the root says."""
        return next((str(one["baseUrl"]) for one in self.document["tlogs"] if one["logId"]["keyId"] == key_id), "a log of the trust root")


def _check(document: Mapping[str, Any]) -> None:
    if document.get("mediaType") != MEDIA_TYPE:
        raise ValueError(f"its mediaType is {document.get('mediaType')!r}, not {MEDIA_TYPE!r}"[:200])
    try:
        for name in ("tlogs", "ctlogs", "certificateAuthorities"):
            if not isinstance(document[name], list) or not document[name]:
                raise ValueError(f"{name} is not a list with something in it")
        for one in (*document["tlogs"], *document["ctlogs"]):
            _window(one["publicKey"])
            decode(one["publicKey"]["rawBytes"], "rawBytes")
            decode(one["logId"]["keyId"], "keyId")
            str(one["baseUrl"])
        for one in document["certificateAuthorities"]:
            _window(one)
            if not one["certChain"]["certificates"]:
                raise ValueError("a certificate authority has no certificate")
            for certificate in one["certChain"]["certificates"]:
                decode(certificate["rawBytes"], "rawBytes")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a trusted root: {type(error).__name__} {error}") from None


def _window(one: Mapping[str, Any]) -> tuple[datetime, datetime | None]:
    period = one["validFor"]
    return _instant(period["start"]), _instant(period["end"]) if "end" in period else None


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} is a time without its zone")
    return found


def _holds(one: Mapping[str, Any], when: datetime) -> bool:
    start, end = _window(one)
    return start <= when and (end is None or when <= end)
