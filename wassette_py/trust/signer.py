"""Evidence of verification: who vouches for a component, as it is recorded, shown and compared. It proves nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

Kind: TypeAlias = 'Literal["local", "digest", "unsigned", "signed", "warned"]'
_KINDS = ("local", "digest", "unsigned", "signed", "warned")


@dataclass(frozen=True)
class VerifiedSigner:
    """Why these bytes may run: `text` for people, `scope` the trust scope that said so (None: no scope was needed), `signers` the distinct
    signers that counted (`key:sha256:…`, `keyless:ISSUER#IDENTITY`). `warned`: what the scope asks of signatures is not met, and it only
    warns. `until`: from when on (seconds since 1970) it has to be found anew, where age matters; None: only when something changes."""

    kind: Kind
    text: str
    scope: str | None = None
    signers: tuple[str, ...] = ()
    until: int | None = None

    def is_due(self, now: float) -> bool:
        """Whether time alone asks for a new decision."""
        return self.until is not None and now >= self.until

    @property
    def vouches(self) -> bool:
        """Whether a signer, or a person who typed the digest, vouches for these bytes; otherwise they only may run."""
        return self.kind in ("digest", "signed")

    @property
    def words(self) -> str:
        """Who verified it, for people: `no one` where nobody did."""
        return self.text if self.vouches else f"no one ({self.text})"

    def to_json(self) -> dict[str, Any]:
        known = {"kind": self.kind, "text": self.text, "scope": self.scope, "signers": list(self.signers)}
        return known if self.until is None else {**known, "until": self.until}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> VerifiedSigner:
        """The inverse of `to_json`; KeyError or ValueError when `value` is something else."""
        kind, signers, until = value["kind"], value.get("signers", []), value.get("until")  # records of earlier versions have none
        texts = (value["text"], *signers) if isinstance(signers, list) else (None,)
        if (
            kind not in _KINDS
            or not isinstance(value["scope"], str | None)
            or not all(isinstance(text, str) for text in texts)
            or type(until) not in (int, type(None))
        ):
            raise ValueError(f"not a signer: {value!r}")
        return cls(kind, value["text"], value["scope"], tuple(signers), until)
