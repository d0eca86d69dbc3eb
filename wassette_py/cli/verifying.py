"""`component verify` in words and as JSON: what was found, whose it is, what the scope asks for, and whether that is met."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wassette_py.cli.columns import facts, folded
from wassette_py.cli.render import screen
from wassette_py.cli.text import plural

if TYPE_CHECKING:
    from wassette_py.host import Judged
    from wassette_py.trust.findings import Finding
    from wassette_py.trust.identities import Proven


def document(judged: Judged) -> dict[str, Any]:
    """`component verify -o json`, the same for every source: `verified` is who vouches for it, as `inspect` says, `reason` why it is
    accepted, also where nobody does; `error` why it is not."""
    judgement = judged.judgement
    scope, error, signer = judgement.scope, judgement.error, judgement.signer
    return {
        "id": judged.id,
        "reference": str(judged.reference),
        "digest": str(judged.digest),
        "manifest": str(judged.manifest) if judged.manifest else None,
        "accepted": error is None,
        "verified": signer.to_json() if signer and signer.vouches else None,
        "reason": signer.text if signer else None,
        "scope": None if scope is None else {"match": scope.match, "line": scope.line, "mode": "warn" if scope.warn else "enforce"},
        "requirements": [{"text": one.text, "met": one.met, "by": list(one.by)} for one in judgement.requirements],
        "signatures": [_found(one) for one in judgement.findings],
        "notes": list(judgement.notes),
        "error": None if error is None else str(error),
    }


def _found(found: Finding) -> dict[str, Any]:
    return {
        "where": found.where,
        "what": found.what,
        "media_type": found.media_type,
        "format": found.signed.format if found.signed else None,
        "signers": [_signer(one) for one in found.signers],
        "logged_at": None if found.logged_at is None else _time(found.logged_at),
        "clock": found.clock,
        "problem": found.problem,
    }


def _signer(one: Proven) -> dict[str, Any]:
    from wassette_py.trust.identities import Certified

    if isinstance(one, Certified):
        return {"kind": "keyless", "identity": one.identity, "issuer": one.issuer}
    return {"name": one.name, "kind": one.kind, "fingerprint": f"sha256:{one.fingerprint}"}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def lines(judged: Judged, *, explain: bool) -> Iterator[str]:
    """`component verify`, for people."""
    judgement = judged.judgement
    words = judgement.signer.words if judgement.signer else "not trusted"
    installed = [("id", judged.id)] if judged.id else []
    manifest = [("manifest", str(judged.manifest))] if judged.manifest else []
    told = [*installed, ("reference", str(judged.reference)), *manifest, ("wasm", str(judged.digest)), ("verified", words)]
    yield from facts(told, screen())
    if not explain:
        return
    scope = judgement.scope
    yield ""
    named = "none names this reference" if scope is None else f"{scope.match} (line {scope.line}, {'warn' if scope.warn else 'enforce'})"
    yield f"trust scope: {named}"
    for requirement in judgement.requirements:
        yield from folded([f"  {'met' if requirement.met else 'NOT met'}: {requirement.text}"], screen())
        yield from folded([f"    by {where}" for where in requirement.by], screen())
    found = judgement.findings
    yield f"found beside it: {plural(len(found), 'signature object') if found else 'no signatures'}"
    for one in found:
        yield from folded([f"  {one.where}"], screen())
        signers = ", ".join(map(str, one.signers)) or "nobody the trust policy names"
        verdict = one.problem or "about this manifest, nothing against it"
        cells: list[tuple[str, str]] = [("what", one.what), ("format", one.signed.format if one.signed else one.media_type or "-")]
        logged = [] if one.logged_at is None else [("logged at", f"{_time(one.logged_at)} ({one.clock})")]
        yield from facts([*cells, ("signed by", signers), *logged, ("result", verdict)], screen(), indent="    ")
    yield from folded([f"  {note}" for note in judgement.notes], screen())
