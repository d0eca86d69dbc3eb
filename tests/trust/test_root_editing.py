"""Edits of the trust policy about roots and keyless signers: the least that says it, every comment kept, or refused."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest

from tests.sigstore_lab import Lab
from wassette_py.errors import InvalidTrustPolicy
from wassette_py.trust.document import TrustScope, parse_trust_policy
from wassette_py.trust.editing import add_root, add_scope, replace_root
from wassette_py.trust.identities import Keyless
from wassette_py.trust.roots import TrustRoot
from wassette_py.trust.rules import SignatureRule

DATA = {"old.json": Lab().root(), "new.json": Lab(1).root()}
PINS = {name: hashlib.sha256(data).hexdigest() for name, data in DATA.items()}
OLD = TrustRoot("lab", DATA["old.json"], file="old.json")
NEW = TrustRoot("lab", DATA["new.json"], updated=date(2026, 6, 1), file="new.json")
ENTRY = f'lab: {{file: old.json, sha256: "{PINS["old.json"]}"}}'


def read(name: str) -> bytes:
    return DATA[name]


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", f"version: 1\ndefault: deny\nroots:\n  {ENTRY}\n"),
        ("version: 1\nroots:\n", f"version: 1\nroots: {{{ENTRY}}}\n"),
        ("version: 1\nroots: {} # none\n", f"version: 1\nroots: {{{ENTRY}}} # none\n"),
        (
            f"version: 1\nroots:\n  a: {{file: new.json, sha256: {PINS['new.json']}}} # a\nkeys: {{}}\n",
            f"version: 1\nroots:\n  a: {{file: new.json, sha256: {PINS['new.json']}}} # a\n  {ENTRY}\nkeys: {{}}\n",
        ),
    ],
)
def test_a_root_is_added_to_those_there_are(text: str, edited: str) -> None:
    assert add_root(text, OLD, "t", read) == edited


@pytest.mark.parametrize(
    ("item", "edited"),
    [
        (
            f"{{file: old.json, sha256: {PINS['old.json']}}} # one line",
            f'{{file: "new.json", sha256: "{PINS["new.json"]}", updated: "2026-06-01"}} # one line',
        ),
        (
            f"\n    updated: 2026-01-01 # then\n    file: old.json\n    sha256: {PINS['old.json']}",
            f'\n    updated: "2026-06-01" # then\n    file: "new.json"\n    sha256: "{PINS["new.json"]}"',
        ),
    ],
)
def test_what_a_root_is_now_takes_the_place_of_what_it_was(item: str, edited: str) -> None:
    text = f"version: 1\nroots:\n  lab: {item}\nscopes: []\n"
    assert replace_root(text, NEW, "t", read) == f"version: 1\nroots:\n  lab: {edited}\nscopes: []\n"


OVER_LINES = f"\n    file: old.json\n    sha256: |-\n      {PINS['old.json']}\n    updated: 2026-01-01"
OTHERWISE = f" {{file: old.json, sha256: {PINS['old.json']}, max_age: 1d, updated: 2026-01-01}}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "t names no root lab"),
        ("version: 1\nroots: []\n", "t names no root lab"),
        (f"version: 1\nroots:\n  lab:{OVER_LINES}\n", "cannot be edited"),
        (f"version: 1\nroots:\n  lab:{OTHERWISE}\n", "cannot be edited"),
    ],
)
def test_what_cannot_be_edited_without_losing_something_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidTrustPolicy, match=says):
        replace_root(text, NEW, "t", read)


@pytest.mark.parametrize("start", ["", "scopes: [{match: a.example, unsigned: allow, reason: x}]\n"])
def test_a_keyless_signer_is_written_so_that_it_is_read_as_the_same(start: str) -> None:
    text = f"version: 1\nroots: {{{ENTRY}}}\n{start}"
    signers = (
        Keyless(OLD, 'https://issuer.example/"x"', "me@acme.example"),
        Keyless(OLD, "https://issuer.example", pattern=r"https://git\.example/[a-zé]+: .*@x"),
    )
    for number, one in enumerate(signers):
        text = add_scope(text, TrustScope(f"b{number}.example", signatures=SignatureRule(every=(one,))), "t", read)
    found = [scope.signatures for scope in parse_trust_policy(text, "t", read).scopes][-2:]
    assert found == [SignatureRule(every=(one,)) for one in signers]
