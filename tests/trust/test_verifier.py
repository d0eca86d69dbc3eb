from __future__ import annotations

import pytest

from wassette_py.errors import DigestMismatch, Unsigned
from wassette_py.reference import Digest, parse_reference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.verifier import VerifiedSigner, verify

WASM = Digest("a1" * 32)
MANIFEST = Digest("b2" * 32)
OTHER = Digest("c3" * 32)


def signer(text: str, rule: TrustScope | None = None, manifest: Digest | None = None) -> VerifiedSigner:
    return verify(reference=parse_reference(text), digest=WASM, manifest=manifest, rule=rule)


@pytest.mark.parametrize("text", ["/tmp/x.wasm", "oci-layout:///srv/l:x"])
def test_a_file_of_this_machine_runs_when_no_scope_names_it(text: str) -> None:
    assert signer(text) == VerifiedSigner("local", "a file on this machine", None)


def test_a_digest_typed_after_a_url_is_enough() -> None:
    assert signer(f"https://example.com/x.wasm#sha256={WASM.hex}").kind == "digest"


def test_a_web_page_without_digest_or_scope_is_refused_with_the_commands_that_would_allow_it() -> None:
    with pytest.raises(Unsigned, match=f"digest {WASM} is not trusted: no trust scope names it") as caught:
        signer("https://example.com/x.wasm?a=b")
    assert caught.value.exit_code == 3
    assert caught.value.hint == (
        f"wassette trust add https://example.com/x.wasm --digest {WASM}\n"
        'wassette trust add https://example.com/x.wasm --unsigned --reason "WHY"'
    )


@pytest.mark.parametrize("text", ["oci://ghcr.io/acme/x:1", f"oci://ghcr.io/acme/x@{MANIFEST}"])
def test_a_registry_is_never_trusted_without_a_scope(text: str) -> None:
    with pytest.raises(Unsigned, match=f"digest {MANIFEST} is not trusted") as caught:
        signer(text, manifest=MANIFEST)
    assert caught.value.hint is not None
    assert f"wassette trust add ghcr.io/acme/x --digest {MANIFEST}" in caught.value.hint
    assert "wassette trust add ghcr.io/acme/x --unsigned --reason" in caught.value.hint


def test_a_pin_is_the_digest_of_the_manifest() -> None:
    pinned = TrustScope("ghcr.io/acme", digests=(OTHER, MANIFEST))
    assert signer("oci://ghcr.io/acme/x:1", pinned, MANIFEST) == VerifiedSigner(
        "digest", "pinned by trust scope ghcr.io/acme", "ghcr.io/acme"
    )
    with pytest.raises(Unsigned, match="pins other digests") as caught:
        signer("oci://ghcr.io/acme/x:1", TrustScope("ghcr.io/acme", digests=(WASM,)), MANIFEST)
    assert caught.value.hint == f"wassette trust add ghcr.io/acme --digest {MANIFEST}"


def test_a_pin_of_a_file_is_the_digest_of_the_wasm() -> None:
    assert signer("/srv/x.wasm", TrustScope("file:///srv", digests=(WASM,))).kind == "digest"
    with pytest.raises(Unsigned, match="pins other digests"):
        signer("/srv/x.wasm", TrustScope("file:///srv", digests=(OTHER,)))


def test_what_nobody_signed_runs_for_a_written_reason() -> None:
    accepted = signer("oci://ghcr.io/acme/x:1", TrustScope("ghcr.io/acme", unsigned=True, reason="ours"), MANIFEST)
    assert accepted == VerifiedSigner("unsigned", "not signed, accepted by trust scope ghcr.io/acme: ours", "ghcr.io/acme")


@pytest.mark.parametrize(
    ("text", "manifest"), [(f"https://example.com/x.wasm#sha256={OTHER.hex}", None), (f"oci://ghcr.io/acme/x@{OTHER}", MANIFEST)]
)
def test_a_digest_in_the_reference_holds_whoever_is_trusted(text: str, manifest: Digest | None) -> None:
    rule = TrustScope("ghcr.io", unsigned=True, reason="anything")
    with pytest.raises(DigestMismatch):
        signer(text, rule, manifest)


def test_a_signer_is_stored_and_read_again() -> None:
    for original in (
        VerifiedSigner("local", "a file"),
        VerifiedSigner("digest", "pinned", "ghcr.io"),
        VerifiedSigner("signed", "by", "g", ("key:1",)),
        VerifiedSigner("signed", "by", "g", ("key:1",), 1_800_000_000),
    ):
        assert VerifiedSigner.from_json(original.to_json()) == original
    for changed in ({"kind": "root"}, {"text": 5}, {"scope": 5}, {"signers": "x"}, {"signers": [1]}, {"until": "x"}, {"until": True}):
        with pytest.raises(ValueError, match="not a signer"):
            VerifiedSigner.from_json({"kind": "local", "text": "a", "scope": None, **changed})
