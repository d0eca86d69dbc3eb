"""The trust policy as it stands on disk, and what that means for components that are installed already."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from wassette_py.dataclass import replace
from wassette_py.errors import DigestMismatch, InvalidTrustPolicy, StoreError, UntrustedSigner, VerificationError, command
from wassette_py.files import StrPath, read_regular, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.host.verdicts import Verdicts
    from wassette_py.names import Digest
    from wassette_py.reference import Reference
    from wassette_py.store import ComponentStore, Record
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.verifier import Judgement

MAX_KEY_FILE = 64 << 10
MAX_TRUST_FILE = 4 << 20


class TrustFile:
    """The trust policy, read again only when its file, or a key file that it names, has changed; and what a person accepted besides,
    for as long as this process runs."""

    def __init__(self, path: StrPath) -> None:
        self.path = os.fspath(path)
        self.accepted: dict[tuple[str, Digest], TrustScope] = {}
        self._read: tuple[object, tuple[str, ...], TrustPolicy] | None = None

    def policy(self) -> TrustPolicy:
        """The policy as it is now; without its file nobody is trusted. Raises InvalidTrustPolicy."""
        known = self._read
        if known is not None and stamp_of(*known[1]) == known[0]:
            return known[2]
        # Each stamp is taken before its file is read: what changes meanwhile is read again next time.
        paths, stamps = [self.path], [*stamp_of(self.path)]
        folder = os.path.dirname(self.path)
        reader = key_reader(folder)

        def read(name: str) -> bytes:
            paths.append(os.path.join(folder, name))
            stamps.extend(stamp_of(paths[-1]))
            return reader(name)

        policy = self._parsed(read)
        self._read = (tuple(stamps), tuple(paths), policy)
        return policy

    def accept(self, reference: Reference, pin: Digest) -> None:
        """Lets exactly these bytes from there run in this process."""
        from wassette_py.trust.document import TrustScope
        from wassette_py.trust.scopes import place_of

        self.accepted[str(reference), pin] = TrustScope(str(place_of(reference)), digests=(pin,))

    def trust_digest(self, reference: Reference, pin: Digest) -> None:
        """Writes a scope for exactly these bytes into the file. Raises InvalidTrustPolicy, OSError."""
        from wassette_py.trust.document import TrustScope
        from wassette_py.trust.editing import add_scope
        from wassette_py.trust.scopes import place_of

        scope, reader = TrustScope(str(place_of(reference)), digests=(pin,)), key_reader(os.path.dirname(self.path))
        edit_trust(self.path, lambda text, source: add_scope(text, scope, source, reader))

    def _parsed(self, read: Callable[[str], bytes]) -> TrustPolicy:
        from wassette_py.trust.document import TrustPolicy, parse_trust_policy

        text = trust_text(self.path)
        if text is None:
            return TrustPolicy(source=self.path, digest="none")
        return parse_trust_policy(text, self.path, read)


def trust_text(path: StrPath) -> str | None:
    """The text of the trust policy at `path`, None where none was ever made. Raises InvalidTrustPolicy."""
    try:
        return read_regular(path, limit=MAX_TRUST_FILE).decode()
    except (FileNotFoundError, NotADirectoryError):
        # A link that leads nowhere is a trust policy that is missing, not one that was never made.
        if os.path.islink(path):
            raise InvalidTrustPolicy(f"{path}: the link leads nowhere", command("ls", "-l", path)) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise InvalidTrustPolicy(f"{path}: cannot be read: {reason}") from None


class Vouching:
    """Whether what is installed may still be called: the verdict of its load while all it was made from is as it was, else a new one.

    Nothing here asks a network. A new verdict that accepts is written down, so that it is found once and not at every start.
    """

    def __init__(self, trust: TrustFile, store: ComponentStore, verdicts: Verdicts) -> None:
        self._trust = trust
        self._store = store
        self._verdicts = verdicts
        self._seen: dict[str, tuple[object, VerificationError | None]] = {}

    def check(self, record: Record) -> None:
        """Returns when the trust policy, as it is now, accepts the component. Raises VerificationError, InvalidTrustPolicy, StoreError."""
        policy = self._trust.policy()
        bound = (record.reference, record.digest, record.manifest, record.signer, record.verdict)
        due = record.signer.is_due(time.time())
        state = (policy.digest, *bound, due, self._store.signatures_stamp(record.id), len(self._trust.accepted))
        known = self._seen.get(record.id)
        if known is None or known[0] != state:
            known = self._seen[record.id] = (state, self._refusal(record, policy, due=due))
        if known[1] is not None:
            raise known[1].with_traceback(None)  # it is raised many times, and would remember each

    def judged(self, record: Record) -> Judgement:
        """The decision about an installed component, made anew from what is kept of it. Raises InvalidTrustPolicy, StoreError."""
        return _decided(record, self._store.signatures(record.id), self._trust.policy())

    def _refusal(self, record: Record, policy: TrustPolicy, *, due: bool) -> VerificationError | None:
        kept = self._store.signatures(record.id)
        if (not due and self._verdicts.holds(record, kept, policy)) or self._accepted(record, policy):
            return None
        judgement = _decided(record, kept, policy)
        if judgement.signer is None:
            assert judgement.error is not None
            # With the reason of a load, and what helps for something that is installed already.
            error, again = judgement.error, f"wassette component load {record.reference}"
            return type(error)(f"{record.id} is not trusted any more: {error}", f"{error.hint}\n{again}" if error.hint else again)
        renewed = replace(record, signer=judgement.signer)
        renewed = replace(renewed, verdict=self._verdicts.of(renewed, kept, policy) or record.verdict)
        if renewed != record:
            with contextlib.suppress(StoreError, OSError):  # a directory that cannot be written to costs the same work next time
                self._store.confirm(record, renewed)
        return None

    def _accepted(self, record: Record, policy: TrustPolicy) -> bool:
        """Whether a person accepted these bytes for this process, and the file says nothing about them."""
        from wassette_py.reference import parse_reference

        accepted = (record.reference, record.manifest or record.digest) in self._trust.accepted
        return accepted and policy.rule_for(parse_reference(record.reference)) is None


def _decided(record: Record, kept: bytes | None, policy: TrustPolicy) -> Judgement:
    """What `policy` says of an installed component with the signatures that are kept of it."""
    from wassette_py.reference import parse_reference
    from wassette_py.trust.kept import from_bytes
    from wassette_py.trust.verifier import NOT_LOOKED_FOR, Judgement, judge

    reference = parse_reference(record.reference)
    rule = policy.rule_for(reference)
    try:
        judgement = judge(
            reference=reference,
            digest=record.digest,
            manifest=record.manifest,
            rule=rule,
            evidence=None if kept is None else from_bytes(kept),
            keys=policy.keys.values(),
        )
    except (ValueError, DigestMismatch) as error:
        unreadable = UntrustedSigner(f"its signatures cannot be read: {error}")
        return Judgement(record.manifest or record.digest, rule, error=unreadable)
    return judgement if kept is not None else replace(judgement, notes=(NOT_LOOKED_FOR,))


def edit_trust(path: StrPath, edit: Callable[[str, str], str]) -> None:
    """Puts `edit(text, source)` in the place of the trust policy, under its lock. Raises InvalidTrustPolicy, OSError."""
    from wassette_py.files import private_folder, write_atomic
    from wassette_py.locking import release_lock, take_lock

    if os.path.islink(path):
        trust_text(path)  # which says what is wrong with a link that leads nowhere, and to no file, before anything is made there
    path = os.path.realpath(path)  # people link this file into a place they keep
    folder, name = os.path.split(path)
    private_folder(folder)
    lock = take_lock(os.path.join(folder, f".{name}.lock"))
    try:
        write_atomic(path, edit(trust_text(path) or "", path).encode())
    finally:
        release_lock(lock)


def key_reader(folder: StrPath) -> Callable[[str], bytes]:
    """Reads key files, named relative to `folder`; what it returns raises OSError."""

    def read(name: str) -> bytes:
        return read_regular(os.path.join(folder, name), limit=MAX_KEY_FILE)

    return read


def add_scope_with_key(text: str, scope: TrustScope, source: str, *, folder: StrPath, name: str, pem: str) -> str:
    """`text` with `scope` asking for a signature of the key in `pem`, which is copied to `folder`/keys. Raises InvalidTrustPolicy."""
    from wassette_py.files import private_folder, write_atomic
    from wassette_py.names import valid_id
    from wassette_py.trust.document import parse_trust_policy
    from wassette_py.trust.editing import add_key, add_scope
    from wassette_py.trust.keys import load, parse_public_key
    from wassette_py.trust.rules import SignatureRule

    if not valid_id(name):
        raise InvalidTrustPolicy(f"{name!r} cannot name a key (a-z, 0-9, '.', '_', '-')", "--name NAME")
    try:
        key = parse_public_key(name, pem)
    except ValueError as error:
        raise InvalidTrustPolicy(f"the key cannot be used: {error}", "--key FILE, a public key in PEM form, as cosign writes it") from None
    load(key)
    reader = key_reader(folder)
    known = {one.fingerprint: one for one in parse_trust_policy(text, source, reader).keys.values()}
    if key.fingerprint in known:
        return add_scope(text, replace(scope, signatures=SignatureRule(every=(known[key.fingerprint],))), source, reader)
    file = f"keys/{name}.pub"
    place = os.path.join(folder, file)
    if os.path.exists(place) and reader(file) != pem.encode():
        raise InvalidTrustPolicy(f"{place} is another key", "--name OTHER-NAME")

    def added(path: str) -> bytes:
        return pem.encode() if path == file else reader(path)

    text = add_key(text, key, file, source, added)
    text = add_scope(text, replace(scope, signatures=SignatureRule(every=(key,))), source, added)
    # Last, when nothing can be refused any more: a key file that nothing names trusts nobody.
    private_folder(os.path.dirname(place))
    write_atomic(place, pem.encode())
    return text
