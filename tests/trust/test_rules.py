"""The grammar of what a scope asks of signatures: what is enforced is read, everything else is refused with its line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.signatures import signer
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.trust.document import TrustPolicy, parse_trust_policy
from wassette_py.trust.rules import AttestationRule, SignatureRule, SignedRepository

FILES = {"keys/release.pub": signer().pem, "same.pub": signer().pem, "p384.pub": signer("P-384").pem, "ed.pub": signer("Ed25519").pem}
HEAD = """\
version: 1
keys:
  release: {file: keys/release.pub}
  again: {file: same.pub}
  audit: {file: p384.pub, hash: sha384}
  ed: {file: ed.pub}
scopes:
"""
SCOPE_LINE = 8
DIGEST = f"sha256:{'ab' * 32}"


def read_key(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path].encode()


def parsed(scope: str, head: str = HEAD) -> TrustPolicy:
    return parse_trust_policy(f"{head}  - {{match: ghcr.io/acme, {scope}}}\n", "trust.yaml", read_key)


def rule(scope: str) -> SignatureRule:
    found = parsed(scope).scopes[0].signatures
    assert found is not None
    return found


def test_every_part_of_a_rule_is_read() -> None:
    text = """\
  - match: ghcr.io/acme
    mode: warn
    all: [{key: release}]
    any:
      at_least: 2
      of: [{key: audit}, {key: ed}]
    formats: [bundle]
    tlog: ignore
    signed_repository: {remap: {from: ghcr.io/acme, to: quay.io/acme}}
    annotations: {env: prod, "no": "1"}
    attestations:
      - {type: "https://slsa.dev/provenance/v1", by: [{key: release}], where: {"runDetails.builder.id": "https://b", n: 1, ok: true}}
"""
    policy = parse_trust_policy(HEAD + text, "trust.yaml", read_key)
    keys = policy.keys
    [scope] = policy.scopes
    assert scope.warn
    assert scope.signatures == SignatureRule(
        every=(keys["release"],),
        some=(keys["audit"], keys["ed"]),
        at_least=2,
        formats=("bundle",),
        repository=SignedRepository(source="ghcr.io/acme", target="quay.io/acme"),
        annotations=(("env", "prod"), ("no", "1")),
        attestations=(
            AttestationRule(
                "https://slsa.dev/provenance/v1", (keys["release"],), (("runDetails.builder.id", "https://b"), ("n", 1), ("ok", True))
            ),
        ),
    )
    assert (keys["audit"].hashes, keys["ed"].hashes) == (("sha384",), ())


def test_how_old_a_signature_may_be_is_read_where_a_log_can_prove_it() -> None:
    found = rule("all: [{key: release}], tlog: required, logs: [{key: audit}], freshness: {max_age: 90d, min_version: 1.2.0}")
    assert (found.max_age, str(found.min_version)) == (timedelta(days=90), "1.2.0")
    assert rule("all: [{key: release}], freshness: {min_version: 1.2.0}").max_age is None


def test_what_is_left_out_has_the_strict_meaning() -> None:
    found = rule("any: {of: [{key: release}, {key: audit}]}")
    assert (found.at_least, found.formats, found.repository) == (1, ("bundle", "cosign-legacy"), SignedRepository())
    assert not parsed("all: [{key: release}]").scopes[0].warn
    assert rule("all: [{key: release}], signed_repository: same").repository == SignedRepository()
    assert rule("all: [{key: release}], signed_repository: {exact: nginx.example/a}").repository == SignedRepository(
        exact="nginx.example/a"
    )


def test_a_log_is_named_by_its_key() -> None:
    found = rule("all: [{key: release}], tlog: if-present, logs: [{key: audit}]")
    assert ([key.name for key in found.logs], found.log_required) == (["audit"], False)
    assert rule("all: [{key: release}], tlog: required, logs: [{key: audit}]").log_required
    assert found.keys == rule("all: [{key: release}]").keys


def test_a_least_version_is_read() -> None:
    assert str(rule("all: [{key: release}], freshness: {min_version: 1.2.3-rc.1}").min_version) == "1.2.3-rc.1"


def test_pins_may_stand_beside_signatures() -> None:
    [scope] = parsed(f"all: [{{key: release}}], digests: [{DIGEST}], mode: enforce").scopes
    assert scope.digests == (Digest("ab" * 32),)
    assert scope.signatures is not None


def test_a_key_may_be_written_into_the_file() -> None:
    pem = signer().pem.replace("\n", "\n      ")
    policy = parse_trust_policy(f"version: 1\nkeys:\n  a:\n    pem: |\n      {pem}\n", "t")
    assert policy.keys["a"].fingerprint == parsed("all: [{key: release}]").keys["release"].fingerprint


def test_a_changed_key_file_is_a_changed_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    before = parsed("all: [{key: ed}]")
    assert parsed("all: [{key: ed}]").digest == before.digest
    assert parsed("all: [{key: audit}]").digest != before.digest
    monkeypatch.setitem(FILES, "ed.pub", signer("Ed25519", 2).pem)
    after = parsed("all: [{key: ed}]")
    assert after.digest != before.digest
    assert after.scopes != before.scopes


def test_a_name_that_stands_nowhere_is_told_with_those_that_do_or_with_the_line_that_is_missing() -> None:
    for head, hint in ((HEAD, "one of release, again, audit, ed"), ("version: 1\nscopes:\n", "keys: {nobody: {file: PATH}}")):
        with pytest.raises(InvalidTrustPolicy) as caught:
            parsed("all: [{key: nobody}]", head)
        assert caught.value.hint == hint
    with pytest.raises(InvalidTrustPolicy) as caught:
        parsed("all: [{keyless: {root: lab, issuer: x, identity: a}}]")
    assert caught.value.hint == "roots: {lab: {file: PATH, sha256: HEX}}"


@pytest.mark.claim("trust:enforced-or-refused")
@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ("all: []", "all: expected a list of 1 to 16"),
        ("all: [{key: nobody}]", r"all\[0\].key: no key 'nobody' stands in keys"),
        ("all: [release]", r"all\[0\]: expected keys with values"),
        ("all: [{}]", r"all\[0\]: a signer is a key or keyless"),
        ("all: [{key: release, as: x}]", "as: not a key of a trust policy"),
        ("all: [{key: release}, {key: again}]", "key again .* stands here twice: it is one signer"),
        ("any: {of: []}", "expected a list of 1 to 16"),
        ("any: {at_least: 1}", "the key of is missing"),
        ("any: {at_least: 3, of: [{key: release}, {key: audit}]}", "at_least is 3, and of names 2"),
        ("any: {at_least: 2, of: [{key: release}, {key: again}]}", "it is one signer"),
        ("any: {at_least: 0, of: [{key: release}]}", "expected a number from 1"),
        ("any: {at_least: true, of: [{key: release}]}", "expected a number from 1"),
        ("all: [{keyless: {issuer: x}}]", "keyless: the key root is missing"),
        ("all: [{key: release}], tlog: required", "tlog: tlog says whether a log is asked, logs says which"),
        ("all: [{key: release}], tlog: if-present", "tlog: tlog says whether a log is asked, logs says which"),
        ("all: [{key: release}], logs: [{key: audit}]", "logs: tlog says whether a log is asked, logs says which"),
        ("all: [{key: release}], tlog: ignore, logs: [{key: audit}]", "logs: tlog says whether a log is asked, logs says which"),
        ("all: [{key: release}], tlog: maybe", "tlog: got 'maybe'"),
        ("tlog: required, logs: [{key: audit}]", "it says how signatures must be, and not whose"),
        ("all: [{key: release}], freshness: {max_age: 90d}", "nothing proves when a key has signed but a transparency log"),
        ("attestations: [{type: x, by: [{key: release}]}], freshness: {max_age: 90d}", "nothing proves when a key has signed"),
        ("all: [{key: release}], tlog: required, logs: [{key: audit}], freshness: {max_age: 0d}", "expected an age such as 90d"),
        ("all: [{key: release}], freshness: {}", "it says neither from which version on, nor how old"),
        ("all: [{key: release}], freshness: {min_version: 1.2}", "expected text"),
        ("all: [{key: release}], freshness: {min_version: 1.2.x}", "'1.2.x' is not a version"),
        ("freshness: {min_version: 1.2.3}", "it says how signatures must be, and not whose"),
        ("all: [{key: release}], formats: []", "formats: expected a list"),
        ("all: [{key: release}], formats: [notation]", "got 'notation'"),
        ("all: [{key: release}], mode: audit", "mode: got 'audit'"),
        ("all: [{key: release}], signed_repository: any", "expected keys with values"),
        ("all: [{key: release}], signed_repository: {}", "expected same, exact or remap"),
        ("all: [{key: release}], signed_repository: {exact: acme}", "expected REGISTRY/REPOSITORY"),
        ("all: [{key: release}], signed_repository: {remap: {from: ghcr.io/a}}", "expected from and to"),
        ("all: [{key: release}], annotations: {}", "annotations: expected 1 to 16 names"),
        ("all: [{key: release}], annotations: {a: 1}", "annotations.a: expected text"),
        ("all: [{key: release}], attestations: [{by: [{key: release}]}]", "the key type is missing"),
        ("all: [{key: release}], attestations: [{type: x}]", "the key by is missing"),
        ("all: [{key: release}], attestations: [{type: x, by: []}]", "expected a list of 1 to 16"),
        ("all: [{key: release}], attestations: [{type: x, by: [{key: release}], where: {}}]", "expected 1 to 16 paths"),
        ("all: [{key: release}], attestations: [{type: x, by: [{key: release}], where: {a: [1]}}]", "expected a text, a number"),
        ("all: [{key: release}], attestations: [{type: x, by: [{key: release}], where: {a: null}}]", "expected a text, a number"),
        ("formats: [bundle]", "it says how signatures must be, and not whose"),
        ("all: [{key: release}], unsigned: allow, reason: x", "or accepts what is unsigned"),
        ("all: [{key: release}], roots: {}", "roots: not a key of a trust policy"),
    ],
)
def test_what_is_half_said_or_not_enforced_is_refused_with_its_line(scope: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parsed(scope)
    assert str(caught.value).startswith(f"trust.yaml:{SCOPE_LINE}: ")


@pytest.mark.claim("trust:enforced-or-refused")
@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("[a]", "expected at most 64 names"),
        ("{A: {file: ed.pub}}", "a name here is made of"),
        ("{a: ed.pub}", "expected keys with values"),
        ("{a: {hash: sha256}}", "one of file, pem|by its file or by its text"),
        ("{a: {file: ed.pub, pem: x}}", "by its file or by its text"),
        ("{a: {file: missing.pub}}", "the key file missing.pub cannot be read: No such file"),
        ("{a: {pem: nonsense}}", "expected one PEM block"),
        ("{a: {file: p384.pub, hash: md5}}", "got 'md5'"),
        ("{a: {file: ed.pub, hash: sha256}}", "remove hash"),
        ("{a: {file: ed.pub, algorithm: x}}", "algorithm: not a key of a trust policy"),
        ("{a: {file: ed.pub}, a: {file: ed.pub}}", "stands here twice"),
        ("{a: null}", "by its file or by its text"),
    ],
)
def test_keys_that_cannot_be_used_refuse_the_file(keys: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parse_trust_policy(f"version: 1\nkeys: {keys}\n", "trust.yaml", read_key)
    assert str(caught.value).startswith("trust.yaml:2: ")


def test_too_many_keys_are_refused_and_none_are_fine() -> None:
    many = "{" + ", ".join(f"k{number}: {{file: ed.pub}}" for number in range(65)) + "}"
    with pytest.raises(InvalidTrustPolicy, match="at most 64"):
        parse_trust_policy(f"version: 1\nkeys: {many}\n", "t", read_key)
    assert parse_trust_policy("version: 1\nkeys:\n", "t").keys == {}


def test_a_policy_read_alone_opens_no_file() -> None:
    with pytest.raises(InvalidTrustPolicy, match=r"the file a\.pub cannot be read here"):
        parse_trust_policy("version: 1\nkeys: {a: {file: a.pub}}\n", "t")


@pytest.mark.parametrize("match", ["https://example.com/x", "file:///srv"])
def test_signatures_are_asked_for_where_they_can_be_kept(match: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match="not beside files"):
        parse_trust_policy(f'{HEAD}  - {{match: "{match}", all: [{{key: release}}]}}\n', "t", read_key)


REFERENCE = parse_reference("oci://ghcr.io/acme/fetch:1.0")


@pytest.mark.parametrize(
    ("rule_of", "signed_for"),
    [
        (SignedRepository(), "ghcr.io/acme/fetch"),
        (SignedRepository(), "GHCR.IO:443/acme/fetch"),
        (SignedRepository(), "ghcr.io/acme/fetch:1.0"),
        (SignedRepository(), f"ghcr.io/acme/fetch@{DIGEST}"),
        (SignedRepository(exact="quay.io/x/y"), "quay.io/x/y"),
        (SignedRepository(source="ghcr.io/acme", target="quay.io/home"), "quay.io/home/fetch"),
        (SignedRepository(source="ghcr.io/other", target="quay.io/home"), "ghcr.io/acme/fetch"),
        (SignedRepository(source="ghcr.io/ac", target="quay.io/home"), "ghcr.io/acme/fetch"),
    ],
)
def test_a_signature_for_the_repository_that_is_asked_for_fits(rule_of: SignedRepository, signed_for: str) -> None:
    rule_of.check(signed_for, REFERENCE)


@pytest.mark.parametrize(
    ("rule_of", "signed_for", "says"),
    [
        (SignedRepository(), "ghcr.io/acme/fetch-evil", "not for ghcr.io/acme/fetch"),
        (SignedRepository(), "ghcr.io/acme", "not for ghcr.io/acme/fetch"),
        (SignedRepository(), "ghcr.io/acme/fetch:2.0", "it was made for the tag 2.0, not for 1.0"),
        (SignedRepository(), "acme/fetch", "which is no repository"),
        (SignedRepository(), "", "which is no repository"),
        (SignedRepository(exact="quay.io/x/y"), "ghcr.io/acme/fetch", "not for quay.io/x/y"),
        (SignedRepository(source="ghcr.io/acme", target="quay.io/home"), "ghcr.io/acme/fetch", "not for quay.io/home/fetch"),
    ],
)
def test_a_signature_for_another_repository_does_not(rule_of: SignedRepository, signed_for: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rule_of.check(signed_for, REFERENCE)


def test_docker_hub_has_one_name() -> None:
    SignedRepository().check("index.docker.io/library/x", parse_reference("oci://docker.io/x:1"))


def test_in_a_layout_a_legacy_signature_needs_the_repository_said() -> None:
    layout = parse_reference("oci-layout:///srv/l:x")
    with pytest.raises(ValueError, match="not for oci-layout:///srv/l"):
        SignedRepository().check("ghcr.io/acme/fetch", layout)
    SignedRepository(exact="ghcr.io/acme/fetch").check("ghcr.io/acme/fetch", layout)


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        ({"a.b": "x"}, True),
        ({"a.b": "x", "n": 1}, True),
        ({"n": 1.0}, False),
        ({"n": True}, False),
        ({"t": True}, True),
        ({"t": 1}, False),
        ({"a.c": "x"}, False),
        ({"a.b.c": "x"}, False),
        ({"list.0": "x"}, False),
        ({"a": "x"}, False),
    ],
)
def test_where_compares_values_of_one_type_at_whole_paths(wanted: dict[str, str | int | float | bool], met: bool) -> None:
    predicate = {"a": {"b": "x"}, "n": 1, "t": True, "list": ["x"]}
    assert (AttestationRule("t", (), tuple(wanted.items())).unmet(predicate) is None) is met
