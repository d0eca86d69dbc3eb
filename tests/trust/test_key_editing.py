"""Keys are added to the text of a trust policy, every comment kept."""

from __future__ import annotations

import pytest

from tests.signatures import signer
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.names import Digest
from wassette_py.trust.document import TrustScope, parse_trust_policy
from wassette_py.trust.editing import add_key, add_scope, remove_scope
from wassette_py.trust.keys import parse_public_key
from wassette_py.trust.rules import SignatureRule

FILES = {"keys/a.pub": signer().pem, "keys/b.pub": signer("P-384").pem}
A, B = parse_public_key("a", FILES["keys/a.pub"]), parse_public_key("b", FILES["keys/b.pub"])
SCOPES = "scopes:\n  - match: ghcr.io/x # ours\n    unsigned: allow\n    reason: r\n"


def read_key(path: str) -> bytes:
    return FILES[path].encode()


TEXTS = [
    "",
    "# nothing yet\n",
    "version: 1",
    f"version: 1\n{SCOPES}",
    f"version: 1\nkeys: # none\n{SCOPES}",
    f"version: 1\nkeys: {{}} # none\n{SCOPES}",
    f"version: 1\nkeys: {{b: {{file: keys/b.pub}} }} # one\n{SCOPES}",
    f"version: 1\nkeys: {{b: {{file: keys/b.pub}},}}\n{SCOPES}",
    f"version: 1\nkeys:\n  b: {{file: keys/b.pub}} # one\n  # the end\n{SCOPES}",
    f"version: 1\nkeys:\n    b:\n      file: keys/b.pub\n{SCOPES}",
    f"version: 1\n{SCOPES}keys:\n  b:\n    file: keys/b.pub",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_key_and_its_scope_are_added_to_any_text(text: str) -> None:
    before = parse_trust_policy(text, "t", read_key)
    scope = TrustScope("quay.io/acme", signatures=SignatureRule(every=(A,)))
    new = add_scope(add_key(text, A, "keys/a.pub", "t", read_key), scope, "t", read_key)
    after = parse_trust_policy(new, "t", read_key)
    assert after.keys == {**before.keys, "a": A}
    assert after.scopes == (*before.scopes, scope)
    assert [line for line in text.splitlines() if "#" in line and line.split("#")[1] not in new] == []
    assert parse_trust_policy(remove_scope(new, "quay.io/acme", "t", read_key), "t", read_key).scopes == before.scopes


def test_a_list_without_scopes_in_a_flow_mapping_gets_its_first() -> None:
    scope = TrustScope("quay.io/acme", unsigned=True, reason="r")
    new = add_scope("{version: 1, scopes: [ ]} # x\n", scope)
    assert parse_trust_policy(new, "t").scopes == (scope,)
    assert new.endswith("]} # x\n")


def test_a_name_is_taken_once() -> None:
    text = add_key("", A, "keys/a.pub", "t", read_key)
    with pytest.raises(InvalidTrustPolicy, match="t:4: the key a stands there already"):
        add_key(text, parse_public_key("a", FILES["keys/b.pub"]), "keys/b.pub", "t", read_key)


def test_a_scope_that_asks_for_signatures_is_not_widened_by_an_edit() -> None:
    scope = TrustScope("quay.io/acme", signatures=SignatureRule(every=(A,)))
    text = add_scope(add_key("", A, "keys/a.pub", "t", read_key), scope, "t", read_key)
    for again in (scope, TrustScope("quay.io/acme", digests=(Digest("ab" * 32),))):
        with pytest.raises(InvalidTrustPolicy, match="is named already"):
            add_scope(text, again, "t", read_key)


def test_a_rule_that_no_command_can_write_is_not_half_written() -> None:
    text = add_key(add_key("", A, "keys/a.pub", "t", read_key), B, "keys/b.pub", "t", read_key)
    rich = TrustScope("quay.io/acme", signatures=SignatureRule(every=(A,), some=(B,), at_least=1))
    with pytest.raises(InvalidTrustPolicy, match="cannot be edited"):
        add_scope(text, rich, "t", read_key)


def test_a_text_that_is_one_flow_mapping_is_left_alone() -> None:
    with pytest.raises(InvalidTrustPolicy, match="cannot be edited"):
        add_key("{version: 1}", A, "keys/a.pub", "t", read_key)
