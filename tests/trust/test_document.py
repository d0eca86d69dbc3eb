from __future__ import annotations

from pathlib import Path

import pytest

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.reference import Digest, parse_reference
from wassette_py.trust.document import TrustPolicy, TrustScope, parse_trust_policy

ONE = "a1" * 32
TWO = "b2" * 32

FILE = f"""\
# who we trust
version: 1
default: deny
scopes:
  - match: ghcr.io/acme          # whole components
    digests: [sha256:{ONE}]
  - match: ghcr.io/acme/tools/fetch
    unsigned: allow
    reason: "built in our own pipeline"
  - match: "*.acme.dev"
    unsigned: allow
    reason: ours
  - match: internal.acme.dev
    digests:
      - sha256:{ONE}
      - sha256:{TWO}
  - {{match: "localhost:5000/dev", unsigned: allow, reason: local development, insecure_http: true}}
  - {{match: "https://example.com/tools", unsigned: allow, reason: ours}}
  - {{match: "https://example.org", unsigned: allow, reason: ours}}
  - {{match: "oci-layout:///srv/layouts", digests: [sha256:{ONE}]}}
  - {{match: "file:///srv/shared", digests: [sha256:{ONE}], insecure_http: false, unsigned: null}}
"""


def rule(reference: str, text: str = FILE) -> str | None:
    found = parse_trust_policy(text, "trust.yaml").rule_for(parse_reference(reference))
    return found.match if found else None


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("oci://ghcr.io/acme/x:1", "ghcr.io/acme"),
        ("oci://ghcr.io/acme:1", "ghcr.io/acme"),
        ("oci://GHCR.IO:443/acme/x:1", "ghcr.io/acme"),
        ("oci://ghcr.io/acme/tools:1", "ghcr.io/acme"),
        ("oci://ghcr.io/acme/tools/fetch:1", "ghcr.io/acme/tools/fetch"),
        ("oci://ghcr.io/acme/tools/fetch/x:1", "ghcr.io/acme/tools/fetch"),
        ("oci://ghcr.io/acme/tools/fetch-evil:1", "ghcr.io/acme"),
        ("oci://ghcr.io/acme-evil/x:1", None),
        ("oci://ghcr.io/x/acme:1", None),
        ("oci://ghcr.io:8443/acme/x:1", None),
        ("oci://a.acme.dev/x:1", "*.acme.dev"),
        ("oci://a.b.acme.dev/x:1", "*.acme.dev"),
        ("oci://internal.acme.dev/x:1", "internal.acme.dev"),
        ("oci://acme.dev/x:1", None),
        ("oci://evilacme.dev/x:1", None),
        ("oci://a.acme.dev:5000/x:1", None),
        ("oci://localhost:5000/dev/x:1", "localhost:5000/dev"),
        ("oci://localhost:5000/development/x:1", None),
        ("https://example.com/tools/x.wasm", "https://example.com/tools"),
        ("https://example.com/tool%73/x.wasm", "https://example.com/tools"),
        ("https://example.com/tools2/x.wasm", None),
        ("https://example.org/x.wasm?a=b", "https://example.org"),
        ("https://ghcr.io/acme/x.wasm", None),
        ("oci://example.org/x:1", None),
        ("oci-layout:///srv/layouts:x", "oci-layout:///srv/layouts"),
        ("oci-layout:///srv/layouts/a:x", "oci-layout:///srv/layouts"),
        ("oci-layout:///srv/layouts2:x", None),
        ("file:///srv/shared/x.wasm", "file:///srv/shared"),
        ("/srv/shared/../shared/x.wasm", "file:///srv/shared"),
        ("/srv/x.wasm", None),
    ],
)
def test_the_most_exact_scope_of_whole_components_decides(reference: str, match: str | None) -> None:
    assert rule(reference) == match


def test_a_longer_wildcard_wins_over_a_shorter_one() -> None:
    matches = ("*.acme.dev", "*.b.acme.dev", "*.b.acme.dev/team", "*.acme.dev/team", "*.acme.dev:5000")
    text = "version: 1\nscopes:\n" + "".join(f'  - {{match: "{match}", unsigned: allow, reason: r}}\n' for match in matches)
    assert rule("oci://a.b.acme.dev/x:1", text) == "*.b.acme.dev"
    assert rule("oci://a.b.acme.dev/team/x:1", text) == "*.b.acme.dev/team"
    assert rule("oci://b.acme.dev/team/x:1", text) == "*.acme.dev/team"
    assert rule("oci://b.acme.dev:5000/team/x:1", text) == "*.acme.dev:5000"


def test_the_values_of_a_scope_are_read() -> None:
    policy = parse_trust_policy(FILE, "trust.yaml")
    assert policy.source == "trust.yaml"
    first, second, *_ = policy.scopes
    assert first == TrustScope("ghcr.io/acme", digests=(Digest(ONE),))
    assert (first.line, second.line) == (5, 7)
    assert second == TrustScope("ghcr.io/acme/tools/fetch", unsigned=True, reason="built in our own pipeline")
    assert [scope.match for scope in policy.scopes if scope.insecure_http] == ["localhost:5000/dev"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\n", "version: 1\nscopes:\n", "version: 1\nscopes: []\n"])
def test_a_policy_without_scopes_trusts_nobody(text: str) -> None:
    assert parse_trust_policy(text, "t") == TrustPolicy((), "t")


@pytest.mark.parametrize(
    ("scope", "line", "says"),
    [
        ("{match: ghcr.io, keys: [a]}", 3, "keys: not a key of a trust policy"),
        (f"{{match: ghcr.io, mode: warn, digests: [sha256:{ONE}]}}", 3, "warn is about signatures"),
        ("{match: ghcr.io, mode: loud, unsigned: allow, reason: x}", 3, "got 'loud'"),
        ("{match: ghcr.io, unsined: allow}", 3, "unsined: not a key of a trust policy"),
        ("ghcr.io", 3, "expected keys with values"),
        ("{unsigned: allow, reason: x}", 3, "the key match is missing"),
        ("{match: 5, unsigned: allow, reason: x}", 3, "expected text"),
        ("{match: ghcr, unsigned: allow, reason: x}", 3, "names no registry"),
        ('{match: "*.dev", unsigned: allow, reason: x}', 3, "names no registry"),
        ('{match: "*", unsigned: allow, reason: x}', 3, "names no registry"),
        ('{match: "", unsigned: allow, reason: x}', 3, "names no registry"),
        ('{match: "gh*.io", unsigned: allow, reason: x}', 3, "names no registry"),
        ('{match: "ghcr.io/acme/*", unsigned: allow, reason: x}', 3, "whole repository components"),
        ('{match: "ghcr.io/acme//x", unsigned: allow, reason: x}', 3, "whole repository components"),
        ('{match: "ghcr.io/acme:1", unsigned: allow, reason: x}', 3, "not a tag or digest"),
        ('{match: "http://ghcr.io/acme", unsigned: allow, reason: x}', 3, "expected HOST"),
        ('{match: "https://example.com/a?b", unsigned: allow, reason: x}', 3, "without tag, digest or query"),
        ('{match: "https://u@example.com/a", unsigned: allow, reason: x}', 3, "not an https reference"),
        ('{match: "oci-layout:///srv:tag", unsigned: allow, reason: x}', 3, "without tag, digest or query"),
        ("{match: ghcr.io}", 3, "pins digests, or accepts"),
        (f"{{match: ghcr.io, unsigned: allow, reason: x, digests: [sha256:{ONE}]}}", 3, "pins digests, or accepts"),
        ("{match: ghcr.io, unsigned: allow}", 3, "needs a reason"),
        ('{match: ghcr.io, unsigned: allow, reason: " "}', 3, "expected a reason"),
        ("{match: ghcr.io, unsigned: allow, reason: 5}", 3, "expected a reason"),
        ('{match: ghcr.io, unsigned: allow, reason: "a\\nb"}', 3, "expected a reason"),
        ("{match: ghcr.io, unsigned: true, reason: x}", 3, "expected allow"),
        ("{match: ghcr.io, unsigned: off, reason: x}", 3, "expected allow"),
        ("{match: ghcr.io, digests: []}", 3, "expected a list of digests"),
        (f"{{match: ghcr.io, digests: sha256:{ONE}}}", 3, "expected a list of digests"),
        ("{match: ghcr.io, digests: [sha256:12]}", 3, "not a digest"),
        (f"{{match: ghcr.io, digests: [sha256:{ONE}, sha256:{ONE}]}}", 3, "this digest stands here twice"),
        ("{match: ghcr.io, unsigned: allow, reason: x, insecure_http: true}", 3, "loopback"),
        ('{match: "https://localhost/x", unsigned: allow, reason: x, insecure_http: true}', 3, "loopback"),
        ('{match: "localhost:5000", unsigned: allow, reason: x, insecure_http: "true"}', 3, "expected true or false"),
        ("{match: ghcr.io, match: quay.io, unsigned: allow, reason: x}", 3, "stands here twice"),
    ],
)
def test_a_scope_that_cannot_be_enforced_is_refused_with_its_line(scope: str, line: int, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says) as caught:
        parse_trust_policy(f"version: 1\nscopes:\n  - {scope}\n", "trust.yaml")
    assert str(caught.value).startswith(f"trust.yaml:{line}: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scopes: []", "t:1: the key version is missing"),
        ("version: 2", "t:1: version: expected 1"),
        ("version: yes", "t:1: version: expected 1"),
        ("version: 1\ndefault: allow", "t:2: default: expected deny"),
        ("version: 1\nroots: []", "t:2: roots: expected at most 8 names"),
        ("version: 1\nlimits: {}", "t:2: limits: the limits of signatures are fixed"),
        ("version: 1\nscope: []", "t:2: scope: not a key"),
        ("version: 1\nscopes: {}", "t:2: scopes: expected a list"),
        ("- a", "t:1: expected keys with values"),
        ("version: 1\nversion: 1", "t:2: the key 'version' stands here twice"),
    ],
)
def test_a_policy_that_is_not_understood_is_refused_whole(text: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says):
        parse_trust_policy(text, "t")


def test_two_spellings_of_one_scope_are_a_duplicate() -> None:
    scopes = "".join(f"- {{match: '{match}', unsigned: allow, reason: x}}\n" for match in ("ghcr.io", "oci://GHCR.IO:443"))
    with pytest.raises(InvalidTrustPolicy, match=r"t:4: scopes\[1\].match: the scope ghcr.io stands here twice \(line 3\)"):
        parse_trust_policy(f"version: 1\nscopes:\n{scopes}", "t")


def test_a_scope_that_is_typed_badly_is_an_error_with_the_reason() -> None:
    with pytest.raises(InvalidTrustPolicy, match="acme: 'acme' names no registry"):
        TrustScope("acme", unsigned=True, reason="x")


def test_a_scope_of_the_root_directory_holds_every_file() -> None:
    text = "version: 1\nscopes: [{match: 'file:///', unsigned: allow, reason: x}]\n"
    assert rule(str(Path("/srv/x.wasm")), text) == "file:///"
