from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.signatures import dsse_bundle, found, signer
from wassette_py.errors import UntrustedSigner
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.document import TrustScope
from wassette_py.trust.evidence import Evidence
from wassette_py.trust.keys import parse_public_key
from wassette_py.trust.rules import SignatureRule
from wassette_py.trust.verifier import judge
from wassette_py.trust.versions import parse_version, version_of

# The order of semver.org, point 11.
ORDER = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.9",
    "1.0.10",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]


def test_versions_are_ordered_as_semver_orders_them() -> None:
    for one, other in pairwise(map(parse_version, ORDER)):
        assert one < other
        assert other >= one
        assert one != other
    assert [str(parse_version(text)) for text in ORDER] == ORDER
    assert parse_version("v1.2.3+build.5") == parse_version("1.2.3")


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3-", "1.2.3 ", "1.2.³", "1" * 200 + ".0.0", "latest"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version such as"):
        parse_version(text)


def manifest(version: object) -> bytes:
    return json.dumps({"annotations": {"org.opencontainers.image.version": version}}).encode()


@pytest.mark.parametrize("data", [b"{}", b'{"annotations": 5}', manifest(5), manifest("latest"), b"["])
def test_a_manifest_without_a_version_has_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"names no version|not a version|not JSON"):
        version_of(data)


BY = signer()


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize(
    ("data", "accepted", "says"),
    [
        (manifest("1.2.3"), True, ""),
        (manifest("v1.10.0"), True, ""),
        (manifest("1.2.2"), False, "of version 1.2.3 or later (it is 1.2.2)"),
        (manifest("1.2.3-rc.1"), False, "(it is 1.2.3-rc.1)"),
        (manifest("new"), False, "('new' is not a version such as 1.2.3)"),
        (b"{}", False, "(its manifest names no version)"),
    ],
)
def test_an_older_version_is_refused_however_well_it_is_signed(data: bytes, accepted: bool, says: str) -> None:
    digest = Digest.of(data)
    rule = SignatureRule(every=(parse_public_key("k", BY.pem),), min_version=parse_version("1.2.3"))
    judgement = judge(
        reference=parse_reference("oci://ghcr.io/acme/x:1"),
        digest=digest,
        manifest=digest,
        rule=TrustScope("ghcr.io", signatures=rule),
        evidence=Evidence(data, (found(dsse_bundle(str(digest), BY)),)),
    )
    assert (judgement.error is None) is accepted
    assert says in str(judgement.error)
    assert accepted or isinstance(judgement.error, UntrustedSigner)


def test_without_evidence_there_is_no_version() -> None:
    rule = SignatureRule(every=(parse_public_key("k", BY.pem),), min_version=parse_version("0.0.1"))
    digest = Digest.of(b"x")
    scope = TrustScope("ghcr.io", signatures=rule)
    judgement = judge(reference=parse_reference("oci://ghcr.io/acme/x:1"), digest=digest, manifest=digest, rule=scope)
    assert [requirement.met for requirement in judgement.requirements] == [False, False]
