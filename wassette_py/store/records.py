"""What is known of each installed component, and its form on disk: the record that binds an id to the bytes that were verified.

Reading one costs no engine: the tools it lists are those that were described when it was loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidReference, StoreError
from wassette_py.names import Digest
from wassette_py.trust.signer import VerifiedSigner
from wassette_py.wire import parse
from wassette_py.wit.describe import NotTool, ToolDefinition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

FORMAT = 1
MAX_RECORD = 16 << 20
# NOTE: JSON can spell what no text can be written with again; records are written without such escapes.
_SURROGATE = rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]"
Status: TypeAlias = 'Literal["ready", "broken", "unverified", "foreign"]'


@dataclass(frozen=True)
class Former:
    """What stood under an id before; `reference` as typed (None: an earlier version did not write it down)."""

    digest: Digest
    reference: str | None = None
    manifest: Digest | None = None

    def to_json(self) -> dict[str, Any]:
        return {"digest": str(self.digest), "reference": self.reference, "manifest": str(self.manifest) if self.manifest else None}

    @classmethod
    def from_json(cls, value: Any) -> Former:
        """The inverse of `to_json`; KeyError, TypeError or InvalidReference when `value` is something else."""
        if isinstance(value, str):
            return cls(Digest.parse(value))
        reference = None if value["reference"] is None else _text(value["reference"])
        return cls(Digest.parse(value["digest"]), reference, None if value["manifest"] is None else Digest.parse(value["manifest"]))


@dataclass(frozen=True)
class Record:
    """One installed component; `reference` as typed, `source` without tag and digest, `loaded_at` RFC 3339 in UTC. `verdict` binds `signer`
    to everything it was decided from (None: decided by an earlier version)."""

    id: str
    reference: str
    source: str
    digest: Digest
    size: int
    manifest: Digest | None
    signer: VerifiedSigner
    prefix: str
    imports: tuple[str, ...]
    tools: tuple[ToolDefinition, ...]
    not_tools: tuple[NotTool, ...]
    mapping_version: int
    loaded_at: str
    verdict: str | None = None
    created: str | None = None
    """When its artifact says it was made."""
    version: str | None = None
    """The version its artifact says it is of, as semantic versioning writes it."""
    replaced: tuple[Former, ...] = ()
    """What stood under this id before, newest first: a tag that leads back to one is going backwards."""

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "id": self.id,
            "reference": self.reference,
            "source": self.source,
            "digest": str(self.digest),
            "size": self.size,
            "manifest": str(self.manifest) if self.manifest else None,
            "signer": self.signer.to_json(),
            "prefix": self.prefix,
            "imports": list(self.imports),
            "tools": [tool.to_json() for tool in self.tools],
            "not_tools": [export.to_json() for export in self.not_tools],
            "mapping_version": self.mapping_version,
            "loaded_at": self.loaded_at,
            "verdict": self.verdict,
            "created": self.created,
            "version": self.version,
            "replaced": [former.to_json() for former in self.replaced],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The inverse of `to_json`; KeyError, TypeError, ValueError or InvalidReference when `value` is something else."""
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r} is not {FORMAT}")
        return cls(
            id=_text(value["id"]),
            reference=_text(value["reference"]),
            source=_text(value["source"]),
            digest=Digest.parse(value["digest"]),
            size=int(value["size"]),
            manifest=None if value["manifest"] is None else Digest.parse(value["manifest"]),
            signer=VerifiedSigner.from_json(value["signer"]),
            prefix=_text(value["prefix"]),
            imports=tuple(_text(name) for name in value["imports"]),
            tools=tuple(ToolDefinition.from_json(tool) for tool in value["tools"]),
            not_tools=tuple(NotTool.from_json(export) for export in value["not_tools"]),
            mapping_version=int(value["mapping_version"]),
            loaded_at=_text(value["loaded_at"]),
            verdict=None if value.get("verdict") is None else _text(value["verdict"]),
            created=None if value.get("created") is None else _time(value["created"]),
            version=None if value.get("version") is None else _version(value["version"]),
            replaced=tuple(Former.from_json(former) for former in value.get("replaced", ())),
        )

    def to_bytes(self) -> bytes:
        """The record as it stands on disk."""
        import json

        return json.dumps(self.to_json(), indent=1, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Entry:
    """One component of the directory: ready to be called, or the problem with it; `foreign` is a wasm file this program did not install."""

    id: str
    status: Status
    record: Record | None
    problem: str | None


def read_record(component_id: str, data: bytes) -> Record:
    """The record in `data`, of that component. Raises StoreError."""
    hint = f"wassette component unload {component_id}, then load it again"
    if len(data) > MAX_RECORD:
        raise StoreError(f"the record of {component_id!r} is larger than {MAX_RECORD} bytes", hint)
    try:
        if b"\\u" in data and _holds_half_a_character(data):
            raise ValueError("it holds half a character")
        record = Record.from_json(parse(data.decode()))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, InvalidReference) as error:
        raise StoreError(f"the record of {component_id!r} cannot be read: {type(error).__name__}: {error}", hint) from None
    if record.id != component_id:
        raise StoreError(f"the record of {component_id!r} is that of {record.id!r}", hint)
    return record


def _holds_half_a_character(data: bytes) -> bool:
    import re

    return re.search(_SURROGATE, data) is not None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _time(value: object) -> str:
    from datetime import datetime

    text = _text(value)
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"a time without its zone: {text!r}")
    return text


def _version(value: object) -> str:
    from wassette_py.trust.versions import parse_version

    return str(parse_version(_text(value)))
