"""A project in one file, for machines without a network: what was downloaded for it, its signatures, its policies and its lock.

A plain tar: `project/` holds a project file with policies and the lock, `cache/` what the download cache needs to install it offline,
`roots/` the trust roots that keyless signers of it were verified by. Nothing in a bundle is believed: every blob is hashed, and each
component is verified by the trust policy of the machine that loads it, with the signatures that came along; its policies, and roots newer
than those there, are for a person to accept. So a bundle carries no trust of its own, and may come by any way.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import FetchError, InvalidProject, NotFound, Refused, VerificationError
from wassette_py.files import opened_regular, private_folder, read_regular, replace_newer
from wassette_py.host.project import Wanted, lock_bytes, pinned, read_project
from wassette_py.host.sync import Synced, check_locked, sync
from wassette_py.names import HEX, ID, Digest
from wassette_py.oci.cache import MAX_NOTE, DownloadCache
from wassette_py.oci.reading import MAX_COMPONENT
from wassette_py.policy.document import document_json
from wassette_py.reference import HttpsReference, OciReference
from wassette_py.trust.scopes import place_of

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host.component_host import ComponentHost
    from wassette_py.host.roots import UpdatedRoot
    from wassette_py.trust.document import TrustPolicy
    from wassette_py.trust.roots import TrustRoot

MAX_MEMBERS = 10_000
MAX_TEXT = 4 << 20
_MEMBER = re.compile(
    rf"project/(?:wassette\.yaml|wassette\.lock|{ID}\.policy\.yaml)|cache/(?:sha256/{HEX}|notes/{HEX}\.json)|roots/{ID}@[0-9-]{{10}}\.json"
)


@dataclass(frozen=True)
class Unbundled:
    """What was done, and which trust roots were exchanged for newer ones first."""

    synced: Synced
    roots: tuple[UpdatedRoot, ...]


def save(host: ComponentHost, project: Path, file: Path, control: Control) -> tuple[str, ...]:
    """Writes the locked project to `file`; returns the ids in it. Raises Drift (the lock does not fit), VerificationError, FetchError."""
    wanted, known, trust = read_project(project), check_locked(project), host.verifier.trust()
    cache = DownloadCache(host.settings.download_dir)
    for one in wanted:
        if not isinstance(one.reference, OciReference | HttpsReference):
            raise InvalidProject(
                f"{one.id}: {one.text} is on this machine; a bundle holds what comes from a registry", "wassette registry push oci://… FILE"
            )
        judged = host.verifier.judged(pinned(one.reference, known[one.id]), control, cache=cache)
        if judged.judgement.error is not None:
            raise judged.judgement.error
    members = dict(_project_members(wanted))
    members["project/wassette.lock"] = lock_bytes({one.id: known[one.id] for one in wanted})
    members |= {f"roots/{root.name}@{root.known}.json": root.data for root in _roots_of(trust, wanted)}
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in members.items():
                _add(archive, name, data)
            for path in sorted(cache.used):
                _add(archive, f"cache/{path.relative_to(cache.folder).as_posix()}", read_regular(path, limit=MAX_COMPONENT))
        replace_newer(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
    return tuple(one.id for one in wanted)


def load(host: ComponentHost, file: Path, control: Control, *, accept_policies: bool, accept_roots: bool) -> Unbundled:
    """Installs the project in `file`, asking no registry. Raises FetchError for what is no bundle, VerificationError, Refused, Drift."""
    # NOTE: not where everybody's temporary files are: a guest that was granted /tmp could exchange what was checked before it is used.
    private_folder(host.settings.cache_dir)
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=host.settings.cache_dir) as folder:
        _unpacked(file, Path(folder), control)
        _check_words(host, read_project(Path(folder, "project", "wassette.yaml")), accept_policies=accept_policies)
        newer = list(_newer_roots(host.verifier.trust(), Path(folder, "roots")))
        exchanged = tuple(_exchanged(host, before, after) for before, after in newer) if accept_roots else ()
        cache = DownloadCache(host.settings.download_dir)
        # Only now that all of it is what it says does anything reach the cache.
        for path in sorted(Path(folder, "cache", "sha256").glob("*")):
            cache.keep(read_regular(path, limit=MAX_COMPONENT))
        for path in sorted(Path(folder, "cache", "notes").glob("*")):
            note = json.loads(read_regular(path, limit=MAX_NOTE))
            cache.note(note.pop("name"), note)
        offline = type(host)(replace(host.settings, offline=True))
        try:
            return Unbundled(sync(offline, Path(folder, "project", "wassette.yaml"), control, only_locked=True), exchanged)
        except VerificationError as error:
            if not newer or accept_roots:
                raise
            brought = ", ".join(f"{after} (sha256:{after.fingerprint}, updated {after.updated})" for _, after in newer)
            hint = f"the bundle brings a newer {brought}; if that is meant, add --accept-roots"
            raise type(error)(str(error), f"{error.hint}\n{hint}" if error.hint else hint) from None


def _roots_of(trust: TrustPolicy, wanted: tuple[Wanted, ...]) -> tuple[TrustRoot, ...]:
    rules = [rule.signatures for one in wanted if (rule := trust.rule_for(one.reference)) is not None and rule.signatures is not None]
    return tuple({root.name: root for rule in rules for root in rule.roots}.values())


def _newer_roots(trust: TrustPolicy, folder: Path) -> Iterator[tuple[TrustRoot, TrustRoot]]:
    """What a bundle brings for roots that the trust policy here has, and was known to be current after those were."""
    for path in sorted(folder.glob("*")):
        name, _, day = path.stem.partition("@")
        known, updated = trust.roots.get(name), date.fromisoformat(day)
        if known is not None and known.known < updated <= datetime.now(UTC).date():
            after = replace(known, data=path.read_bytes(), updated=updated)
            if after.fingerprint != known.fingerprint:
                yield known, after


def _exchanged(host: ComponentHost, before: TrustRoot, after: TrustRoot) -> UpdatedRoot:
    from wassette_py.host.roots import exchange

    facts = {"root": before.name, "sha256": after.fingerprint, "was": before.fingerprint}
    with host.recorder.operation("trust-update-root", None, **facts):
        return exchange(host.settings.trust_file, before, after)


def _check_words(host: ComponentHost, wanted: tuple[Wanted, ...], *, accept_policies: bool) -> None:
    """A bundle comes from anybody: no path, address or digest in it counts as typed by a person here, and no permission as granted."""
    trust = host.verifier.trust()
    for one in wanted:
        if trust.rule_for(one.reference) is None:
            raise VerificationError(
                f"{one.id}: no trust scope names {one.reference.source}, and a bundle vouches for nothing",
                f"wassette trust add {place_of(one.reference)} --key FILE",
            )
    new = [one for one in wanted if one.policy is not None and one.policy != host.store.read_policy(one.id)]
    if new and not accept_policies:
        granted = [f"{one.id}: {json.dumps(document_json(host.policies.parse(one.policy or '', one.id)))}" for one in new]
        raise Refused(
            "\n".join(["the bundle brings permissions that nobody here granted", *granted]),
            "if they are meant, add --accept-policies",
        )


def _project_members(wanted: tuple[Wanted, ...]) -> Iterator[tuple[str, bytes]]:
    entries = {}
    for one in wanted:
        entries[one.id] = {"reference": one.text, **({"prefix": one.prefix} if one.prefix else {})}
        if one.policy is not None:
            entries[one.id]["policy"] = f"{one.id}.policy.yaml"
            yield f"project/{one.id}.policy.yaml", one.policy.encode()
    yield "project/wassette.yaml", json.dumps({"version": 1, "components": entries}, indent=1).encode()  # JSON is YAML


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """The same content makes the same archive: no time, no owner."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    archive.addfile(member, io.BytesIO(data))


def _write(folder: Path, name: str, data: bytes) -> None:
    """Raises FetchError: what this machine cannot hold says nothing about the bundle."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise FetchError(f"{folder.parent} cannot hold {name}: {words}", "make room, or name another place: WASSETTE_CACHE_DIR") from None


def _unpacked(file: Path, folder: Path, control: Control) -> None:
    """Writes the members below `folder`, each checked. Raises NotFound, FetchError, Cancelled."""
    try:
        with opened_regular(file) as whole:
            for name, data in members(whole, str(file), control):
                _write(folder, name, data)
    except FileNotFoundError:
        raise NotFound(f"there is no {file}") from None
    except OSError as error:
        raise FetchError(f"{file} is no bundle: {(error.strerror or str(error)).lower()}") from None
    for name in ("wassette.yaml", "wassette.lock"):
        if not (folder / "project" / name).exists():
            raise FetchError(f"{file} is no bundle: it has no project/{name}")


class _Whole:
    """A file of which nobody reads more at once than one member may hold: a header may claim to be as long as all of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > MAX_COMPONENT + tarfile.RECORDSIZE:
            raise tarfile.ReadError(f"a header is larger than {MAX_COMPONENT} bytes")
        return self._file.read(size)


def members(whole: BinaryIO, what: str, control: Control) -> Iterator[tuple[str, bytes]]:
    """The members of a bundle, each of which is what its name says; `what` names it in errors. Raises FetchError, Cancelled."""
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("Any", _Whole(whole)), mode="r:") as archive:
            for number, member in enumerate(archive):
                control.step("fetch", number)
                if number >= MAX_MEMBERS:
                    raise FetchError(f"{what} has more than {MAX_MEMBERS} members")
                data = _content(archive, member, what)
                if member.name in seen or not _is_itself(member.name, data):
                    raise FetchError(f"{what}: {member.name} is not what its name says")
                seen.add(member.name)
                yield member.name, data
    except (tarfile.TarError, ValueError, RecursionError) as error:  # the last: a header about a header about a header, and so on
        raise FetchError(f"{what} is no bundle: {error}") from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, what: str) -> bytes:
    limit = MAX_COMPONENT if member.name.startswith("cache/sha256/") else MAX_NOTE if member.name.startswith("cache/") else MAX_TEXT
    # A sparse member is small here and large on the disk.
    if not member.isreg() or member.issparse() or _MEMBER.fullmatch(member.name) is None or member.size > limit:
        raise FetchError(f"{what}: {member.name[:200]!r} does not belong into a bundle")
    content: IO[bytes] | None = archive.extractfile(member)
    assert content is not None
    return content.read(limit + 1)


def _is_itself(name: str, data: bytes) -> bool:
    """Whether a blob has the digest in its name, a note is about a digest, and about what its name was made from, and a root is one."""
    stem = name.rpartition("/")[2].partition(".")[0]
    if name.startswith("cache/sha256/"):
        return Digest.of(data).hex == stem
    if name.startswith("cache/notes/"):
        note = json.loads(data)
        about = note.get("name") if isinstance(note, dict) else None
        # What a tag means is for registries to say: a bundle speaks of digests.
        return isinstance(about, str) and re.search(rf"@sha256:{HEX}$", about) is not None and Digest.of(about.encode()).hex == stem
    if name.startswith("roots/"):
        from wassette_py.trust.roots import TrustRoot

        date.fromisoformat(name.rpartition("@")[2].removesuffix(".json"))
        return bool(TrustRoot("", data).document)
    return True
