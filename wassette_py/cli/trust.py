"""`wassette trust`: from where components are accepted, and on what evidence. The file is edited by text, every comment kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wassette_py.cli.arguments import read_text
from wassette_py.cli.options import Command, FetchCommand, noun, session_of
from wassette_py.cli.render import show, talk
from wassette_py.cli.signing import PasswordFile, read_password
from wassette_py.cli.trusted import evidence_of, root_document, show_policy
from wassette_py.errors import InvalidArguments
from wassette_py.files import write_new

app = noun("Decide from where components are accepted.")

Scope = Annotated[
    str, typer.Argument(metavar="SCOPE", help="registry/repository, by whole path components: ghcr.io, ghcr.io/acme, oci-layout:///dir.")
]


@app.command("show", cls=Command)
def show_trust(context: typer.Context) -> None:
    """Show the trust policy."""
    session = session_of(context)
    show_policy(session, session.host.verifier.trust(), str(session.settings.trust_file))


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
    identity: Annotated[
        str | None, typer.Option("--identity", metavar="TEXT", help="Accept what this identity signed keyless; needs --issuer.")
    ] = None,
    identity_regex: Annotated[
        str | None, typer.Option("--identity-regex", metavar="REGEX", help="The same, for identities it matches as a whole.")
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", metavar="URL", help="Who vouches for the identity.")] = None,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="FILE", help="The trust root of another instance than Sigstore's; it is copied.")
    ] = None,
) -> None:
    """Accept components of a scope."""
    from wassette_py.host.roots import Wanted, add_scope_with_identity
    from wassette_py.host.trusting import add_scope_with_key, edit_trust, key_reader
    from wassette_py.reference import Digest
    from wassette_py.trust.document import TrustScope
    from wassette_py.trust.editing import add_scope

    if name is not None and key is None:
        context.fail("--name is for a key: --key FILE")
    keyless = identity is not None or identity_regex is not None
    if keyless != (issuer is not None) or (identity is not None and identity_regex is not None) or (root is not None and not keyless):
        context.fail("a keyless signer is one identity and its issuer: --identity TEXT (or --identity-regex REGEX) --issuer URL")
    if keyless and key is not None:
        context.fail("a scope is added with a key or with an identity; both are for the file: all: [{key: …}, {keyless: …}]")
    new = TrustScope(scope, unsigned=unsigned, reason=reason, digests=tuple(map(Digest.parse, digest or ())))
    session = session_of(context)
    pem = None if key is None else read_text(key)
    folder = session.settings.trust_file.parent

    def edit(text: str, source: str) -> str:
        if issuer is not None:
            return add_scope_with_identity(text, new, source, folder=folder, wanted=Wanted(issuer, identity, identity_regex, root))
        if key is None or pem is None:
            return add_scope(text, new, source, key_reader(folder))
        return add_scope_with_key(text, new, source, folder=folder, name=name or key.stem.lower(), pem=pem)

    with session.host.recorder.operation("trust-add", None, scope=new.match) as learnt:
        edit_trust(session.settings.trust_file, edit)
        learnt["accepts"] = "; ".join(evidence_of(one) for one in session.host.verifier.trust().scopes if one.match == new.match)
    when = ", when this key has signed" if pem is not None else ", when this identity has signed" if keyless else ""
    talk(f"{new.match} is trusted now{when}")


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


@app.command("update-root", cls=FetchCommand)
def update_root(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which root (default: the one that says where it is published).")
    ] = None,
) -> None:
    """Ask the publisher of a trust root for the current one, and pin that."""
    from wassette_py.host.roots import update_root as update

    session = session_of(context)
    with session.host.recorder.operation("trust-update-root", None, root=name) as learnt:
        updated = session.wait_for(lambda _: update(session.settings, name), label="asking for the trust root")
        before, after = updated.before, updated.after
        learnt |= {"root": after.name, "sha256": after.fingerprint, "was": before.fingerprint}
    is_new = f"sha256:{after.fingerprint}, was sha256:{before.fingerprint}" if updated.changed else f"still sha256:{after.fingerprint}"
    talk(f"{after}: {is_new}; updated {after.updated}")
    if session.json:
        show(session, {**root_document(after), "was": before.fingerprint, "changed": updated.changed}, [])


@app.command("check", cls=Command)
def check(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A trust policy (-: stdin).")]) -> None:
    """Parse a trust policy and explain it."""
    from wassette_py.host.trusting import key_reader
    from wassette_py.trust.document import parse_trust_policy
    from wassette_py.trust.keys import load

    policy = parse_trust_policy(read_text(file), str(file), key_reader(file.parent))
    for key in policy.keys.values():
        load(key)
    show_policy(session_of(context), policy, str(file))
