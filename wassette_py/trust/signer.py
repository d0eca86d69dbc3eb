"""Evidence of verification: who vouches for a component, as it is recorded, shown and compared. It proves nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

Kind = Literal["local", "digest", "unsigned"]
_KINDS = ("local", "digest", "unsigned")


@dataclass(frozen=True)
class VerifiedSigner:
    """Why these bytes may run: `text` for people, `scope` the trust scope that said so (None: no scope was needed)."""

    kind: Kind
    text: str
    scope: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "scope": self.scope}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> VerifiedSigner:
        """The inverse of `to_json`; KeyError or ValueError when `value` is something else."""
        if value["kind"] not in _KINDS or not isinstance(value["text"], str) or not isinstance(value["scope"], str | None):
            raise ValueError(f"not a signer: {value!r}")
        return cls(cast(Kind, value["kind"]), value["text"], value["scope"])
