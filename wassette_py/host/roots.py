"""Trust roots of the trust policy: pinned when a keyless signer is added, and exchanged for what their publishers say is current."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import FetchError, InvalidTrustPolicy
from wassette_py.files import private_folder, read_regular, write_atomic
from wassette_py.host.trusting import MAX_KEY_FILE, edit_trust, key_reader, trust_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from wassette_py.settings import Settings
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.roots import TrustRoot

SIGSTORE = "sigstore"


@dataclass(frozen=True)
class Wanted:
    """A keyless signer as somebody names it: an identity, or a pattern for it, at an issuer, under the root in `root_file` (None: that of
    Sigstore's public instance)."""

    issuer: str
    identity: str | None
    pattern: str | None
    root_file: Path | None


@dataclass(frozen=True)
class UpdatedRoot:
    """A root before and after it was updated."""

    before: TrustRoot
    after: TrustRoot

    @property
    def changed(self) -> bool:
        """Whether it is another root now, and not only one known to be current."""
        return self.before.fingerprint != self.after.fingerprint


def add_scope_with_identity(text: str, scope: TrustScope, source: str, *, folder: Path, wanted: Wanted) -> str:
    """`text` with `scope` asking for a signature of `wanted`, whose root is copied to `folder`/roots and pinned. Raises
    InvalidTrustPolicy, FetchError."""
    from wassette_py.trust.document import parse_trust_policy
    from wassette_py.trust.editing import add_root, add_scope
    from wassette_py.trust.identities import Keyless, check_pattern, check_text
    from wassette_py.trust.rules import SignatureRule

    try:
        issuer = check_text(wanted.issuer, "an issuer")
        identity = None if wanted.identity is None else check_text(wanted.identity, "an identity")
        pattern = None if wanted.pattern is None else check_pattern(wanted.pattern)
    except ValueError as error:
        raise InvalidTrustPolicy(f"{scope.match}: {error}") from None
    reader = key_reader(folder)
    policy = parse_trust_policy(text, source, reader)
    root = _chosen(policy, wanted.root_file)
    signed = replace(scope, signatures=SignatureRule(every=(Keyless(root, issuer, identity, pattern),)))
    if policy.roots.get(root.name) == root:
        return add_scope(text, signed, source, reader)
    added = _with(reader, root)
    text = add_scope(add_root(text, root, source, added), signed, source, added)
    _write(folder, root)
    return text


def _chosen(policy: TrustPolicy, file: Path | None) -> TrustRoot:
    """The root of `policy` that is meant, or a new one that is not pinned yet."""
    from wassette_py.rooting import TRUSTED_ROOT, embedded
    from wassette_py.trust.roots import SIGSTORE_TUF, TrustRoot

    if file is None:
        if SIGSTORE in policy.roots:
            return policy.roots[SIGSTORE]
        return _named(TrustRoot(SIGSTORE, embedded(TRUSTED_ROOT), tuf=SIGSTORE_TUF))
    name = re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-") or "root"
    try:
        root = _named(TrustRoot(name, read_regular(file, limit=MAX_KEY_FILE)))
        _ = root.document
    except (OSError, ValueError) as error:
        raise InvalidTrustPolicy(f"{file} cannot be used as a trust root: {getattr(error, 'strerror', None) or error}") from None
    known = next((one for one in policy.roots.values() if one.fingerprint == root.fingerprint), None)
    if known is None and name in policy.roots:
        raise InvalidTrustPolicy(f"{policy.source}:{policy.roots[name].line}: another root {name} stands there already")
    return known or root


def update_root(settings: Settings, name: str | None) -> UpdatedRoot:
    """Asks its publisher for the root `name` of the trust policy, and pins what that is now. Raises InvalidTrustPolicy, FetchError."""
    from wassette_py.rooting import published
    from wassette_py.trust.document import parse_trust_policy

    path = settings.trust_file
    folder = path.parent
    reader = key_reader(folder)
    before = _published_by(parse_trust_policy(trust_text(path) or "", str(path), reader), name)
    assert before.tuf is not None
    if settings.offline:
        raise FetchError(f"offline: {before.tuf} is not asked")
    data = published(before.tuf, _bootstrap(before, reader), folder / "roots" / f"{before.name}.tuf")
    after = replace(before, data=data, updated=datetime.now(UTC).date())
    try:
        _ = after.document
    except ValueError as error:
        raise FetchError(f"what {before.tuf} publishes is no trust root that is read here: {error}") from None
    return exchange(path, before, after)


def exchange(path: Path, before: TrustRoot, after: TrustRoot) -> UpdatedRoot:
    """Pins `after` where the trust policy at `path` pins `before`. Raises InvalidTrustPolicy, OSError."""
    from wassette_py.trust.editing import replace_root

    folder = path.parent
    reader = key_reader(folder)
    after = replace(after, file=before.file) if after.fingerprint == before.fingerprint else _named(after)

    def edit(text: str, source: str) -> str:
        edited = replace_root(text, after, source, _with(reader, after))
        if after.file != before.file:
            # Under a name of its own and before the policy names it: whenever this ends, the policy and its root fit each other.
            _write(folder, after)
        return edited

    edit_trust(path, edit)
    if after.file != before.file and before.file == _named(before).file:
        (folder / before.file).unlink(missing_ok=True)
    return UpdatedRoot(before, after)


def _published_by(policy: TrustPolicy, name: str | None) -> TrustRoot:
    """The root that is meant: the one of that name, or the only one that says where it is published."""
    known, add = ", ".join(policy.roots), "wassette trust add SCOPE --identity TEXT --issuer URL"
    if name is not None and name not in policy.roots:
        raise InvalidTrustPolicy(f"{policy.source} has no trust root {name!r}", f"one of {known}" if known else add)
    found = [one for one in policy.roots.values() if (one.name == name if name is not None else one.tuf is not None)]
    if not found:
        hint = "tuf: https://…" if known else add
        raise InvalidTrustPolicy(f"{policy.source} pins no trust root that says where it is published", hint)
    if len(found) != 1:
        raise InvalidTrustPolicy(f"{policy.source} has {len(found)} trust roots that say where they are published", f"name one of {known}")
    if found[0].tuf is None:
        raise InvalidTrustPolicy(f"{policy.source}:{found[0].line}: {found[0]} does not say where it is published", "tuf: https://…")
    return found[0]


def _bootstrap(root: TrustRoot, reader: Callable[[str], bytes]) -> bytes:
    from wassette_py.rooting import TUF_ROOT, embedded

    if root.tuf_root is None:
        return embedded(TUF_ROOT)
    try:
        return reader(root.tuf_root)
    except OSError as error:
        raise InvalidTrustPolicy(f"{root}: {root.tuf_root} cannot be read: {error.strerror or error}") from None


def _named(root: TrustRoot) -> TrustRoot:
    """`root` in the file that is named after what it is."""
    return replace(root, file=f"roots/{root.name}-{root.fingerprint[:8]}.json")


def _with(reader: Callable[[str], bytes], root: TrustRoot) -> Callable[[str], bytes]:
    return lambda name: root.data if name == root.file else reader(name)


def _write(folder: Path, root: TrustRoot) -> None:
    private_folder((folder / root.file).parent)
    write_atomic(folder / root.file, root.data)
