from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.errors import InvalidTrustPolicy
from wassette_py.reference import Digest
from wassette_py.trust.document import TrustScope, parse_trust_policy
from wassette_py.trust.editing import add_scope, remove_scope

from .test_document import FILE, ONE, TWO

NEW = TrustScope("quay.io/x", unsigned=True, reason='it\'s "ours" # really: ü')
PIN = TrustScope("quay.io/x", digests=(Digest(ONE), Digest(TWO)))
LOCAL = TrustScope("localhost:5000", unsigned=True, reason="dev", insecure_http=True)
WILD = TrustScope("*.example.com", digests=(Digest(ONE),), reason="why")

BLOCK = f"""\
version: 1   # one
scopes:   # the list
# before the first
- match: ghcr.io/a
  unsigned: allow   # for now
  reason: ours
# between

- match: ghcr.io/b
  digests:
    - sha256:{ONE}   # the first
  # inside
# at the end
default: deny
# last
"""

FLOW = f'version: 1\nscopes: [{{match: ghcr.io/a, unsigned: allow, reason: x}}, {{match: "ghcr.io/b", digests: [sha256:{ONE}]}}] # flow\n'

TEXTS = [
    "",
    "# only a comment\n",
    "# no line end",
    "version: 1",
    "version: 1\nscopes:\ndefault: deny\n",
    "version: 1\nscopes:   # none yet\n# below\n",
    "version: 1\nscopes: []\n",
    "version: 1\nscopes: ~",
    "version: 1\nscopes:\n  []   # comment\n",
    "---\nversion: 1\nscopes: [\n  {match: ghcr.io/a, unsigned: allow, reason: x},\n]\n",
    FILE,
    BLOCK,
    FLOW,
    BLOCK.rstrip("\n"),
    "version: 1\nscopes:\n  - match: ghcr.io/b\n    unsigned: allow\n    reason: |-\n      a block",
    "{version: 1, scopes: [{match: ghcr.io/a, unsigned: allow, reason: x}]}",
]


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("scope", [NEW, PIN, LOCAL, WILD], ids=lambda scope: scope.match)
def test_an_added_scope_is_the_last_one_and_every_comment_stays(text: str, scope: TrustScope) -> None:
    before = parse_trust_policy(text, "t").scopes
    edited = add_scope(text, scope)
    assert parse_trust_policy(edited, "t").scopes == (*before, scope)
    assert all(comment in edited for comment in comments(text))


@pytest.mark.parametrize("text", TEXTS)
def test_a_scope_added_and_removed_leaves_the_policy_as_it_was(text: str) -> None:
    before = parse_trust_policy(text, "t").scopes
    after = remove_scope(add_scope(text, NEW), NEW.match)
    assert parse_trust_policy(after, "t").scopes == before
    assert all(comment in after for comment in comments(text))


@pytest.mark.parametrize("text", [FILE, BLOCK, FLOW])
def test_each_scope_can_be_removed_and_the_others_stay(text: str) -> None:
    scopes = parse_trust_policy(text, "t").scopes
    for scope in scopes:
        edited = remove_scope(text, scope.match)
        assert parse_trust_policy(edited, "t").scopes == tuple(other for other in scopes if other is not scope)


def test_all_scopes_can_be_removed_one_after_the_other_and_one_added() -> None:
    text = BLOCK
    for match in ("ghcr.io/a", "oci://GHCR.io/b"):
        text = remove_scope(text, match)
    assert parse_trust_policy(text, "t").scopes == ()
    assert parse_trust_policy(add_scope(text, NEW), "t").scopes == (NEW,)


def test_a_new_file_is_complete() -> None:
    assert add_scope("", TrustScope("ghcr.io/acme", unsigned=True, reason="ours")) == (
        'version: 1\ndefault: deny\nscopes:\n  - match: ghcr.io/acme\n    unsigned: allow\n    reason: "ours"\n'
    )


@pytest.mark.parametrize("text", [BLOCK, FLOW, FLOW.replace("]}]", ",]}]")])
def test_a_pin_is_added_to_those_a_scope_has(text: str) -> None:
    edited = add_scope(text, TrustScope("ghcr.io/b", digests=(Digest(ONE), Digest(TWO), Digest("c3" * 32))))
    assert parse_trust_policy(edited, "t").scopes[1].digests == (Digest(ONE), Digest(TWO), Digest("c3" * 32))
    assert comments(edited) == comments(text)


@pytest.mark.parametrize(
    "scope",
    [
        TrustScope("ghcr.io/a", unsigned=True, reason="again"),
        TrustScope("ghcr.io/a", digests=(Digest(ONE),)),
        TrustScope("ghcr.io/b", digests=(Digest(ONE),)),
        TrustScope("ghcr.io/b", unsigned=True, reason="no pin any more"),
    ],
)
def test_a_scope_that_is_named_already_is_not_changed_by_adding(scope: TrustScope) -> None:
    with pytest.raises(InvalidTrustPolicy, match=r"trust.yaml:\d+: ghcr.io/. is named already") as caught:
        add_scope(BLOCK, scope)
    assert caught.value.hint == f"wassette trust remove {scope.match}"


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        (TrustScope("quay.io"), "pins digests, or accepts"),
        (TrustScope("quay.io", unsigned=True, reason="x", digests=(Digest(ONE),)), "pins digests, or accepts"),
        (TrustScope("quay.io", unsigned=True), "expected a reason"),
        (TrustScope("quay.io", unsigned=True, reason="a\nb"), "expected a reason"),
        (TrustScope("quay.io", unsigned=True, reason="x", insecure_http=True), "cannot be edited"),
    ],
)
def test_a_scope_that_could_not_be_read_again_is_not_written(scope: TrustScope, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says):
        add_scope(FILE, scope)


def test_removing_what_is_not_there_says_so() -> None:
    with pytest.raises(InvalidTrustPolicy, match=r"names no scope ghcr\.io/c"):
        remove_scope(BLOCK, "ghcr.io/c")
    with pytest.raises(InvalidTrustPolicy, match="names no registry"):
        remove_scope(BLOCK, "acme")


def test_a_text_that_no_line_can_be_added_to_is_left_alone() -> None:
    with pytest.raises(InvalidTrustPolicy, match="cannot be edited"):
        add_scope("{version: 1}", NEW)


_names = st.sampled_from(["ghcr.io", "ghcr.io/a", "*.x.dev", "https://e.org/a", "file:///srv", "oci-layout:///l", "localhost:5000"])
_edits = st.lists(st.tuples(st.booleans(), _names), max_size=12)


@given(st.sampled_from(TEXTS), _edits)
def test_any_edits_do_what_they_say(text: str, edits: list[tuple[bool, str]]) -> None:
    wanted = list(parse_trust_policy(text, "t").scopes)
    for adding, name in edits:
        scope = TrustScope(name, unsigned=True, reason="because: # [x]")
        known = [other for other in wanted if other.match == name]
        if adding and not known:
            text, wanted = add_scope(text, scope), [*wanted, scope]
        elif known and not adding:
            text, wanted = remove_scope(text, name), [other for other in wanted if other.match != name]
        assert list(parse_trust_policy(text, "t").scopes) == wanted
