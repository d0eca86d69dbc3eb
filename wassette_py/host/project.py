"""A project's wassette.yaml (what it wants) and wassette.lock (exactly what that was): read strictly, written so that a diff is readable.

```yaml
version: 1
components:
  fetch:                                  # the component's id
    reference: oci://ghcr.io/acme/fetch:1.2
    policy: policies/fetch.yaml           # optional, relative to this file; without it, no permission
    prefix: web                           # optional
```

Nothing here fetches or installs; `host/sync.py` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import InvalidProject, InvalidReference
from wassette_py.files import read_regular
from wassette_py.reference import Digest, FileReference, HttpsReference, Reference, parse_reference, valid_id
from wassette_py.strict_yaml import Place, StrictReader, Value

if TYPE_CHECKING:
    from wassette_py.store import Former, Record

MAX_FILE = 1 << 20
VERSION = 1


@dataclass(frozen=True)
class Wanted:
    """One component of a project; `text` is its reference as typed, `policy` the text of its policy file."""

    id: str
    text: str
    reference: Reference
    prefix: str = ""
    policy: str | None = None


@dataclass(frozen=True)
class Locked:
    """Exactly what a component was: its reference as typed, digests of manifest (None: it has none), component, policy text and tool
    definitions, and its signers."""

    reference: str
    manifest: Digest | None
    digest: Digest
    size: int
    signer: str
    signers: tuple[str, ...]
    imports: tuple[str, ...]
    tools: str
    policy: str | None
    prefix: str

    def to_json(self) -> dict[str, Any]:
        return {name: str(value) if isinstance(value, Digest) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Locked:
        """The inverse of `to_json`; KeyError, TypeError, ValueError or InvalidReference when `value` is something else."""
        manifest = None if value["manifest"] is None else Digest.parse(value["manifest"])
        texts = [value[name] for name in ("reference", "signer", "tools", "prefix")]
        signers, imports = tuple(value["signers"]), tuple(value["imports"])
        policy, size = value["policy"], value["size"]
        for text in (*texts, *signers, *imports, *(() if policy is None else (policy,))):
            if not isinstance(text, str):
                raise TypeError("expected text")
            text.encode()  # JSON can spell half a character, which no lock could be written with again
        if type(size) is not int or size < 0:
            raise TypeError("expected a size")
        reference, signer, tools, prefix = texts
        return cls(reference, manifest, Digest.parse(value["digest"]), size, signer, signers, imports, tools, policy, prefix)


def locked(record: Record, reference: str, policy: str | None) -> Locked:
    """What to write down of a component that was fetched as `reference` (as typed) and verified."""
    tools = json.dumps([tool.to_json() for tool in sorted(record.tools, key=lambda tool: tool.name)], sort_keys=True).encode()
    return Locked(
        reference=reference,
        manifest=record.manifest,
        digest=record.digest,
        size=record.size,
        signer=record.signer.kind,
        signers=tuple(sorted(record.signer.signers)),
        imports=record.imports,
        tools=str(Digest.of(tools)),
        policy=policy_digest(policy),
        prefix=record.prefix,
    )


def policy_digest(text: str | None) -> str | None:
    """What a lock says of a policy."""
    return None if text is None else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_project(path: Path) -> tuple[Wanted, ...]:
    """The components of the project file, by id, with the policies it names. Raises InvalidProject."""
    return parse_project(_text(path), path)


def parse_project(text: str, path: Path) -> tuple[Wanted, ...]:
    """The components of the project file at `path` with that text; the policies it names are read. Raises InvalidProject."""
    return _Reader(path).components(text)


def lock_path(project: Path) -> Path:
    """Where the lock of a project stands: `wassette.lock` beside `wassette.yaml`."""
    return project.with_suffix(".lock")


def read_lock(path: Path) -> dict[str, Locked] | None:
    """The lock at `path` by component id, None when there is none. Raises InvalidProject."""
    return parse_lock(_text(path), str(path)) if path.exists() else None


def parse_lock(text: str, source: str) -> dict[str, Locked]:
    """The components of a lock with that text. Raises InvalidProject."""
    try:
        document = json.loads(text)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']!r} is not {VERSION}")
        if not all(map(valid_id, document["components"])):
            raise ValueError("a component id that is none")
        return {component_id: Locked.from_json(value) for component_id, value in document["components"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, InvalidReference) as error:
        raise InvalidProject(f"{source} is no lock: {type(error).__name__}: {error}", "wassette lock") from None


def lock_bytes(components: Mapping[str, Locked]) -> bytes:
    """The lock file of these components; the same components make the same bytes."""
    document = {"version": VERSION, "components": {name: components[name].to_json() for name in sorted(components)}}
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _text(path: Path) -> str:
    try:
        return read_regular(path, limit=MAX_FILE).decode()
    except FileNotFoundError:
        raise InvalidProject(f"there is no {path}", "name the project file with --manifest FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidProject(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None


class _Reader(StrictReader):
    def __init__(self, path: Path) -> None:
        super().__init__(str(path), InvalidProject)
        self.folder = path.absolute().parent

    def components(self, text: str) -> tuple[Wanted, ...]:
        root = self._entries(self.read(text), "version: 1", ("version", "components"))
        version = root.get("version")
        if version is None or version.data != VERSION:
            raise InvalidProject(f"{self.source}: expected version: {VERSION}", f"version: {VERSION}")
        listed = root.get("components")
        form = "components: {NAME: {reference: oci://REGISTRY/REPOSITORY:TAG}}"
        entries = {} if listed is None or listed.data is None else self._entries(listed, form)
        found = []
        for name in sorted(entries):
            if listed is not None and not valid_id(name):
                self.fail(listed.key_places[name], "not a component id (a-z, 0-9, '.', '_' and '-')")
            found.append(self._wanted(name, entries[name]))
        return tuple(found)

    def _wanted(self, name: str, value: Value) -> Wanted:
        reference = json.dumps(value.data if isinstance(value.data, str) else f"oci://REGISTRY/{name}:TAG", ensure_ascii=False)
        entries = self._entries(value, f"{name}: {{reference: {reference}}}", ("reference", "policy", "prefix"))
        given = {key: entry.text for key, entry in entries.items() if isinstance(entry.data, str)}
        for key, entry in entries.items():
            if key not in given:
                self.fail(entry.place, "expected text")
        if "reference" not in given:
            self.fail(value.place, "it has no reference", f"reference: oci://REGISTRY/{name}:TAG")
        try:
            parsed = parse_reference(given["reference"], base=self.folder)
        except InvalidReference as error:
            self.fail(entries["reference"].place, str(error), error.hint)
        policy = self._policy(entries["policy"].place, given["policy"]) if "policy" in given else None
        return Wanted(name, given["reference"], parsed, given.get("prefix", ""), policy)

    def _policy(self, place: Place, path: str) -> str:
        try:
            return _text(self.folder / path)
        except InvalidProject as error:  # its hint is about the project file
            self.fail(place, str(error))

    def _entries(self, value: Value, form: str, known: tuple[str, ...] = ()) -> dict[str, Value]:
        if not isinstance(value.data, dict):
            self.fail(value.place, "expected keys with values", form)
        for key in value.data:
            if known and key not in known:
                self.fail(value.key_places[key], "not known here", f"one of {', '.join(known)}")
        return value.data


def pinned(reference: Reference, exact: Locked | Former) -> Reference:
    """The reference by the digest that was written down; of a file only what is read can be compared."""
    if isinstance(reference, FileReference):
        return reference
    return replace(reference, digest=exact.digest if isinstance(reference, HttpsReference) else exact.manifest)
