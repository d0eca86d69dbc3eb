"""`wassette trust`: from where components are accepted, and on what evidence. The file is edited by text, every comment kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wassette_py.cli.arguments import read_text
from wassette_py.cli.options import Command, Session, noun, session_of
from wassette_py.cli.render import show, talk
from wassette_py.cli.signing import PasswordFile, read_password
from wassette_py.cli.text import columns, plural
from wassette_py.errors import InvalidArguments
from wassette_py.files import write_new

if TYPE_CHECKING:
    from wassette_py.trust.document import TrustPolicy, TrustScope
    from wassette_py.trust.keys import PublicKey
    from wassette_py.trust.rules import SignatureRule

app = noun("Decide from where components are accepted.")

Scope = Annotated[
    str, typer.Argument(metavar="SCOPE", help="registry/repository, by whole path components: ghcr.io, ghcr.io/acme, oci-layout:///dir.")
]


@app.command("show", cls=Command)
def show_trust(context: typer.Context) -> None:
    """Show the trust policy."""
    session = session_of(context)
    _show(session, session.host.verifier.trust(), str(session.settings.trust_file))


@app.command("add", cls=Command)
def add(
    context: typer.Context,
    scope: Scope,
    *,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Accept what nobody signed; needs --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads the file next.")] = None,
    digest: Annotated[
        list[str] | None, typer.Option("--digest", metavar="sha256:HEX", help="Accept exactly this digest (repeatable).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Accept what this public key signed; it is copied.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The key's name (default: from its file).")] = None,
) -> None:
    """Accept components of a scope."""
    from wassette_py.host.trusting import add_scope_with_key, edit_trust, key_reader
    from wassette_py.reference import Digest
    from wassette_py.trust.document import TrustScope
    from wassette_py.trust.editing import add_scope

    if name is not None and key is None:
        context.fail("--name is for a key: --key FILE")
    new = TrustScope(scope, unsigned=unsigned, reason=reason, digests=tuple(map(Digest.parse, digest or ())))
    session = session_of(context)
    pem = None if key is None else read_text(key)
    folder = session.settings.trust_file.parent

    def edit(text: str, source: str) -> str:
        if key is None or pem is None:
            return add_scope(text, new, source, key_reader(folder))
        return add_scope_with_key(text, new, source, folder=folder, name=name or key.stem.lower(), pem=pem)

    with session.host.recorder.operation("trust-add", None, scope=new.match) as learnt:
        edit_trust(session.settings.trust_file, edit)
        learnt["accepts"] = "; ".join(_evidence(one) for one in session.host.verifier.trust().scopes if one.match == new.match)
    talk(f"{new.match} is trusted now" + ("" if pem is None else ", when this key has signed"))


@app.command("remove", cls=Command)
def remove(context: typer.Context, scope: Scope) -> None:
    """Forget a scope; what is installed from it stays, and is not called any more until something trusts it."""
    from wassette_py.host.trusting import edit_trust, key_reader
    from wassette_py.trust.editing import remove_scope

    session = session_of(context)
    reader = key_reader(session.settings.trust_file.parent)
    with session.host.recorder.operation("trust-remove", None, scope=scope):
        edit_trust(session.settings.trust_file, lambda text, source: remove_scope(text, scope, source, reader))
    talk(f"{scope} is not trusted any more")


@app.command("generate-key", cls=Command)
def generate_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The files are NAME.key and NAME.pub.")] = "cosign",
    password_file: PasswordFile = None,
) -> None:
    """Make a key pair as cosign does: NAME.key, sealed with a password, and NAME.pub."""
    from wassette_py.trust.private_keys import generate, to_pem

    files = Path(f"{name}.key"), Path(f"{name}.pub")
    for file in files:
        if file.exists():
            raise InvalidArguments(f"{file} is there already, and a key is never overwritten", "wassette trust generate-key OTHER-NAME")
    password = read_password(password_file, f"Password for {files[0]}", twice=True)
    if not password:
        raise InvalidArguments("an empty password seals nothing")
    key = generate()
    write_new(files[0], to_pem(key, password).encode())
    write_new(files[1], key.public_pem.encode(), mode=0o644)
    talk(f"{files[0]} signs: keep it, and its password, to yourself", f"{files[1]} verifies: wassette trust add SCOPE --key {files[1]}")
    document = {"private_key": str(files[0]), "public_key": str(files[1]), "fingerprint": f"sha256:{key.public.fingerprint}"}
    show(session_of(context), document, [key.public_pem.rstrip()])


@app.command("check", cls=Command)
def check(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A trust policy (-: stdin).")]) -> None:
    """Parse a trust policy and explain it."""
    from wassette_py.host.trusting import key_reader
    from wassette_py.trust.document import parse_trust_policy
    from wassette_py.trust.keys import load

    policy = parse_trust_policy(read_text(file), str(file), key_reader(file.parent))
    for key in policy.keys.values():
        load(key)
    _show(session_of(context), policy, str(file))


def _show(session: Session, policy: TrustPolicy, source: str) -> None:
    if not policy.scopes:
        talk(f"{source} names no scope: nothing from a registry is trusted")
    else:
        talk(f"{source}: {plural(len(policy.scopes), 'scope')}")
    if policy.scopes or session.json:
        rows = [("SCOPE", "ACCEPTED", "REASON"), *((scope.match, _evidence(scope), scope.reason or "") for scope in policy.scopes)]
        keys, scopes = [_key(key) for key in policy.keys.values()], [_document(scope) for scope in policy.scopes]
        show(session, {"file": source, "keys": keys, "scopes": scopes}, columns(rows))


def _evidence(scope: TrustScope) -> str:
    pins = [str(digest) for digest in scope.digests]
    asked = [] if scope.signatures is None else [_asked(scope.signatures) + (" (warn)" if scope.warn else "")]
    return ", ".join([*(["unsigned"] if scope.unsigned else []), *asked, *pins])


def _asked(rule: SignatureRule) -> str:
    every = [f"signed by {key.name}" for key in rule.every]
    some = [f"signed by {rule.at_least} of {'|'.join(key.name for key in rule.some)}"] if rule.some else []
    attested = [f"attested by {'|'.join(key.name for key in one.by)}: {one.predicate_type}" for one in rule.attestations]
    return " and ".join([*every, *some, *attested])


def _document(scope: TrustScope) -> dict[str, Any]:
    return {
        "match": scope.match,
        "unsigned": scope.unsigned,
        "reason": scope.reason,
        "digests": [str(digest) for digest in scope.digests],
        "insecure_http": scope.insecure_http,
        "signatures": None if scope.signatures is None else _rule(scope.signatures),
        "mode": "warn" if scope.warn else "enforce",
    }


def _rule(rule: SignatureRule) -> dict[str, Any]:
    return {
        "all": [key.name for key in rule.every],
        "any": {"at_least": rule.at_least, "of": [key.name for key in rule.some]} if rule.some else None,
        "formats": list(rule.formats),
        "annotations": dict(rule.annotations),
        "logs": [key.name for key in rule.logs],
        "log_required": rule.log_required,
        "min_version": None if rule.min_version is None else str(rule.min_version),
        "attestations": [
            {"type": one.predicate_type, "by": [key.name for key in one.by], "where": dict(one.where)} for one in rule.attestations
        ],
    }


def _key(key: PublicKey) -> dict[str, Any]:
    return {"name": key.name, "kind": key.kind, "fingerprint": f"sha256:{key.fingerprint}"}
