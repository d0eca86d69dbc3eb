"""Trust roots in a policy: pinned, whole, with their age; and who may be named under them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.signatures import signer
from tests.sigstore_lab import IDENTITY, ISSUER, NOW, Lab, key, key_id, spki
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.trust.document import TrustPolicy, parse_trust_policy
from wassette_py.trust.fulcio import logs_of
from wassette_py.trust.identities import Certified, Keyless, distinct
from wassette_py.trust.keys import parse_public_key
from wassette_py.trust.roots import SIGSTORE_TUF, TrustRoot

LAB = Lab()
ROOT = LAB.root()
PIN = hashlib.sha256(ROOT).hexdigest()


def read(name: str) -> bytes:
    if name != "lab.json":
        raise FileNotFoundError(2, "No such file or directory")
    return ROOT


def parsed(roots: str = f"{{lab: {{file: lab.json, sha256: {PIN}}}}}", rule: str = "unsigned: allow, reason: x") -> TrustPolicy:
    pem = json.dumps(signer().pem)
    text = f"version: 1\nroots: {roots}\nkeys: {{release: {{pem: {pem}}}}}\nscopes:\n- {{match: ghcr.io/acme, {rule}}}\n"
    return parse_trust_policy(text, "trust.yaml", read)


def test_a_root_is_read_with_its_age() -> None:
    policy = parsed(f"{{lab: {{file: lab.json, sha256: {PIN}, updated: 2026-06-01, max_age: 36h}}}}")
    root = policy.roots["lab"]
    assert (root.fingerprint, root.updated, root.max_age) == (PIN, date(2026, 6, 1), timedelta(hours=36))
    assert root.expires() == datetime(2026, 6, 2, 12, tzinfo=UTC)
    assert root.newest == date(2026, 1, 1)
    assert (str(root), root.line, policy.source) == ("trust root lab", 2, "trust.yaml")


def test_a_root_that_changes_is_a_policy_that_changes() -> None:
    def digest(data: bytes) -> str:
        text = f"version: 1\nroots:\n  lab: {{file: lab.json, sha256: {hashlib.sha256(data).hexdigest()}}}\n"
        return parse_trust_policy(text, "t", lambda _: data).digest

    assert digest(ROOT) != digest(ROOT + b"\n")
    assert parsed().digest == parsed().digest


@pytest.mark.claim("trust:keyless")
@pytest.mark.claim("trust:enforced-or-refused")
@pytest.mark.parametrize(
    ("roots", "says"),
    [
        ("[]", "expected at most 8 names"),
        (f"{{{', '.join(f'r{number}: {{}}' for number in range(9))}}}", "expected at most 8 names"),
        ("{A: {}}", "a name here is made of"),
        ("{lab: {}}", "the key file is missing: a trust root is a file, pinned by its digest"),
        ("{lab: {file: lab.json}}", "the key sha256 is missing"),
        ("{lab: {builtin: sigstore-public-good}}", "a trust root is a file that is pinned by its sha256"),
        (f"{{lab: {{file: lab.json, sha256: {'0' * 64}}}}}", f"is not the root that was pinned: its sha256 is {PIN}"),
        (f"{{lab: {{file: lab.json, sha256: {PIN.upper()}}}}}", "is not the root that was pinned"),
        (f"{{lab: {{file: other.json, sha256: {PIN}}}}}", "the root file other.json cannot be read: No such file"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, max_age: 90d}}}}", "the key updated is missing"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, updated: yesterday}}}}", "expected a day such as"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, updated: 2026-01-01, max_age: 90}}}}", "expected text"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, updated: 2026-01-01, max_age: 3m}}}}", "expected an age such as 90d"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, tuf_root: x}}}}", "the key tuf is missing"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, tuf: https://tuf.example}}}}", "the key tuf_root is missing"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, tuf: http://tuf.example, tuf_root: x}}}}", "expected https://HOST/PATH"),
        (f"{{lab: {{file: lab.json, sha256: {PIN}, tuf: https://tuf.example/, tuf_root: x}}}}", "expected https://HOST/PATH"),
    ],
)
def test_a_root_that_is_not_pinned_refuses_the_policy(roots: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parsed(roots)
    assert str(caught.value).startswith("trust.yaml:2: ")


def test_a_root_says_where_it_is_published_and_where_that_chain_begins() -> None:
    def read_root(text: str) -> TrustRoot:
        return parsed(f"{{lab: {{file: lab.json, sha256: {PIN}, {text}}}}}").roots["lab"]

    own = read_root("tuf: http://localhost:5000/tuf, tuf_root: start.json")
    assert (own.tuf, own.tuf_root) == ("http://localhost:5000/tuf", "start.json")
    assert read_root(f"tuf: {SIGSTORE_TUF}").tuf_root is None


def test_the_age_of_a_root_is_told() -> None:
    root, today = TrustRoot("lab", ROOT, updated=date(2026, 6, 1)), date(2026, 6, 11)
    assert root.age(today) == "updated 2026-06-01, 10 days ago"
    assert TrustRoot("lab", ROOT).age(today) == "not updated since it was added; its newest part is of 2026-01-01"


def test_a_policy_read_alone_opens_no_root() -> None:
    with pytest.raises(InvalidTrustPolicy, match=r"the file lab\.json cannot be read here"):
        parse_trust_policy(f"version: 1\nroots:\n  lab: {{file: lab.json, sha256: {PIN}}}\n", "t")


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(ROOT)
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda root: root.update(mediaType="x"), "its mediaType is 'x'"),
        (lambda root: root.update(tlogs=[]), "tlogs is not a list with something in it"),
        (lambda root: root.pop("ctlogs"), "not a trusted root: KeyError"),
        (lambda root: root["tlogs"].append(5), "not a trusted root: TypeError"),
        (lambda root: root["tlogs"][0]["publicKey"].pop("validFor"), "not a trusted root: KeyError"),
        (lambda root: root["tlogs"][0]["publicKey"].update(rawBytes="*"), "rawBytes is not base64"),
        (lambda root: root["ctlogs"][0]["publicKey"]["validFor"].update(start="2026-01-01T00:00:00"), "a time without its zone"),
        (lambda root: root["ctlogs"][0]["publicKey"]["validFor"].update(start="once"), "Invalid isoformat"),
        (lambda root: root["certificateAuthorities"][0]["certChain"].update(certificates=[]), "has no certificate"),
        (lambda root: root["certificateAuthorities"][0].update(certChain={"certificates": ["x"]}), "not a trusted root: TypeError"),
    ],
)
def test_a_file_that_is_no_root_is_told(change: Callable[[dict[str, Any]], object], says: str) -> None:
    data = changed(change)
    text = f"version: 1\nroots:\n  lab: {{file: lab.json, sha256: {hashlib.sha256(data).hexdigest()}}}\n"
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parse_trust_policy(text, "t", lambda _: data)
    assert str(caught.value).startswith("t:3: roots.lab.file: ")


def test_a_log_has_the_name_that_its_root_gives_it() -> None:
    root = TrustRoot("lab", ROOT)
    assert root.log_name(json.loads(ROOT)["tlogs"][0]["logId"]["keyId"]) == "https://rekor.lab.example"
    assert root.log_name("AAAA") == "a log of the trust root"
    assert root.expires() is None


def test_keys_of_logs_that_are_of_another_kind_are_passed_over() -> None:
    def listed(data: str) -> dict[str, Any]:
        return {"publicKey": {"rawBytes": data}}

    [log] = logs_of([listed("AAAA"), json.loads(ROOT)["tlogs"][0]])
    assert (log.fingerprint, log.der) == (key_id(LAB.log_key).hex(), spki(LAB.log_key))


@pytest.mark.claim("trust:keyless")
@pytest.mark.claim("trust:enforced-or-refused")
@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("{}", "the key root is missing: a keyless signer is an identity, its issuer, and a trust root"),
        (f"{{root: lab, identity: {IDENTITY}}}", "the key issuer is missing"),
        (f"{{root: lab, identity_regex: {IDENTITY}}}", "the key issuer is missing"),
        (f'{{issuer: "{ISSUER}", identity: {IDENTITY}}}', "the key root is missing"),
        (f'{{root: lab, issuer: "{ISSUER}"}}', "a keyless signer has one identity"),
        (f'{{root: lab, issuer: "{ISSUER}", identity: a, identity_regex: a}}', "a keyless signer has one identity"),
        (f'{{root: other, issuer: "{ISSUER}", identity: a}}', "no root 'other' stands in roots"),
        ('{root: lab, issuer: "", identity: a}', "expected an issuer"),
        ("{root: lab, issuer: 5, identity: a}", "expected text"),
        ('{root: lab, issuer: x, identity: ""}', "expected an identity"),
        ('{root: lab, issuer: x, identity: " a"}', "expected an identity"),
        (r'{root: lab, issuer: x, identity: "a\u200bb"}', "expected an identity"),
        (f"{{root: lab, issuer: x, identity: {'a' * 1025}}}", "at most 1024"),
        ("{root: lab, issuer: x, identity_regex: .*}", "it matches any identity"),
        ("{root: lab, issuer: x, identity_regex: .+}", "it matches any identity"),
        (r"{root: lab, issuer: x, identity_regex: '\S+@\S+'}", "it matches any identity"),
        ("{root: lab, issuer: x, identity_regex: (}", "not a regular expression"),
        ("{root: lab, issuer_regex: x, identity: a}", "issuer_regex: not a key of a trust policy"),
    ],
)
def test_a_half_given_identity_is_refused(named: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parsed(rule=f"all: [{{keyless: {named}}}]")
    assert str(caught.value).startswith("trust.yaml:5: ")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (f'all: [{{key: release, keyless: {{root: lab, issuer: "{ISSUER}", identity: a}}}}]', "a signer is a key or keyless"),
        ("all: [{keyless: {root: lab, issuer: x, identity: a}}, {keyless: {root: lab, issuer: x, identity: a}}]", "it is one signer"),
        (
            "all: [{key: release}], tlog: required, logs: [{keyless: {root: lab, issuer: x, identity: a}}]",
            "logs: a log is named by its key",
        ),
    ],
)
def test_a_signer_is_named_once_and_in_one_way(rule: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says):
        parsed(rule=rule)


def test_a_signer_stands_for_one_line_of_a_rule() -> None:
    root = TrustRoot("lab", ROOT)

    def entry(pattern: str) -> Keyless:
        return Keyless(root, ISSUER, pattern=pattern)

    def who(identity: str, root_digest: str = PIN) -> Certified:
        return Certified(ISSUER, identity, root_digest, NOW, "clock")

    pem = parse_public_key("k", signer().pem)
    assert distinct([entry("a|b"), entry("a")], [who("a"), who("b")]) == 2
    assert distinct([entry("a"), entry("a|b")], [who("a"), who("b")]) == 2
    assert distinct([entry("a"), entry("b|a")], [who("a")]) == 1
    assert distinct([entry("a|b|c")], [who("a"), who("b")]) == 1
    assert distinct([entry("a|b"), entry("a|b"), entry("a|b")], [who("a"), who("b")]) == 2
    assert distinct([entry("a"), pem], [who("a"), pem]) == 2
    assert distinct([pem], [parse_public_key("other", key(5).pem)]) == 0
    # One identity under two roots is one signer, and both are looked at.
    assert distinct([entry("a")], [who("a", "0"), who("a")]) == 1
    assert distinct([entry("a")], [who("a", "0")]) == 0


def test_text_of_a_certificate_is_shown_as_one_line() -> None:
    assert str(Certified("x\ny", "a" * 2000, PIN, NOW, "clock")) == f"{'a' * 100!r} (issuer 'x\\ny')"
