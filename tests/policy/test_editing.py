"""Grants and revokes as text edits: they mean what the pure ones mean, and leave every other byte."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings

from tests.policy.strategies import permissions, policy_texts
from wassette_py.errors import InvalidPolicy, NotGranted
from wassette_py.policy.document import (
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
    parse_policy,
)
from wassette_py.policy.editing import grant_text, revoke_text
from wassette_py.policy.grants import AnyLimit, AnyStorage, LimitValue, Permission, Revocation, grant, granted, revoke

SOURCE = "p.yaml"
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of PyYAML's parsers: they put empty values at different places."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


def parse(text: str) -> PolicyDocument:
    return parse_policy(text, SOURCE, home=None)


def readable(text: str) -> PolicyDocument:
    """The document, or another example: not every random set of directories can stand together."""
    problem = ""
    try:
        return parse(text)
    except InvalidPolicy as error:
        problem = str(error)
    assert re.search("narrower|would see both", problem), (problem, text)
    assume(False)
    raise AssertionError


def comments(text: str, kind: str) -> list[str]:
    return re.findall(rf"# {kind} \d+: - {{x}}", text)


def kept(old: str, new: str) -> bool:
    """Whether `new` is `old` with something put in between."""
    position = 0
    for character in old:
        position = new.find(character, position) + 1
        if position == 0:
            return False
    return True


@SLOW
@given(policy_texts(), permissions)
def test_a_granted_text_means_the_granted_document_and_keeps_every_byte(text: str, permission: Permission) -> None:
    document = readable(text)
    try:
        intended = grant(document, permission)
    except InvalidPolicy:
        with pytest.raises(InvalidPolicy):
            grant_text(text, SOURCE, permission)
        return
    edited = grant_text(text, SOURCE, permission)
    assert parse(edited) == intended
    assert comments(edited, r"\w+") == comments(text, r"\w+")
    if not isinstance(permission, LimitValue):
        assert kept(re.sub(r"null|~| ", "", text), edited)
    if permission not in (*document.storage, *document.allow, *document.variables) and not isinstance(permission, LimitValue):
        assert parse(revoke_text(edited, SOURCE, permission)) == document


@SLOW
@given(policy_texts())
def test_every_entry_can_be_revoked_and_no_comment_beside_it_goes(text: str) -> None:
    document = readable(text)
    limits = [LimitValue(name, value) for name, value in document.limits.items()]
    everything: list[Revocation] = [*document.storage, *document.allow, *document.variables, *limits]
    everything += [AnyStorage(entry.path) for entry in document.storage] + [AnyLimit(name) for name in document.limits]
    for permission in everything:
        edited = revoke_text(text, SOURCE, permission)
        assert parse(edited) == revoke(document, permission)
        assert comments(edited, "keep") == comments(text, "keep")


@SLOW
@given(policy_texts())
def test_a_policy_can_be_emptied_entry_by_entry_and_filled_again(text: str) -> None:
    document = readable(text)
    entries: list[Permission] = [*document.storage, *document.allow, *document.variables, *document.secrets]
    assume(entries)
    for permission in entries:
        if granted(parse(text), permission):
            text = revoke_text(text, SOURCE, permission)
    emptied = parse(text)
    assert (emptied.storage, emptied.allow, emptied.variables, emptied.secrets) == ((), (), (), ())
    assert emptied.deny == document.deny
    for permission in entries:
        text = grant_text(text, SOURCE, permission)
    assert set(parse(text).storage) == set(document.storage)
    assert set(parse(text).allow) == set(document.allow)


@pytest.mark.parametrize(
    ("permission", "text"),
    [
        (NetworkHost("api.example.com"), 'version: "1.0"\npermissions:\n  network:\n    allow:\n      - host: api.example.com\n'),
        (
            NetworkHost("*.a.com", "https", 8443),
            'version: "1.0"\npermissions:\n  network:\n    allow:\n      - host: "https://*.a.com:8443"\n',
        ),
        (
            NetworkHost("a.com", methods=("GET",), paths=("/x/**",)),
            'version: "1.0"\npermissions:\n  network:\n    allow:\n      - {host: a.com, methods: [GET], paths: ["/x/**"]}\n',
        ),
        (NetworkCidr("10.0.0.0/8"), 'version: "1.0"\npermissions:\n  network:\n    allow:\n      - cidr: "10.0.0.0/8"\n'),
        (
            StorageGrant("/tmp/out", True, "/out"),
            'version: "1.0"\npermissions:\n  storage:\n    allow:\n      - {uri: "fs:///tmp/out", access: [read, write], guest: "/out"}\n',
        ),
        (Variable("LANG"), 'version: "1.0"\npermissions:\n  environment:\n    allow:\n      - key: LANG\n'),
        (Variable("NO"), 'version: "1.0"\npermissions:\n  environment:\n    allow:\n      - key: "NO"\n'),
        (SecretVariable("T", "API_T"), 'version: "1.0"\npermissions:\n  secrets:\n    - {name: T, env: API_T}\n'),
        (LimitValue("memory", 1 << 30), 'version: "1.0"\npermissions:\n  resources:\n    limits:\n      memory: 1Gi\n'),
        (LimitValue("memory", 1000), 'version: "1.0"\npermissions:\n  resources:\n    limits:\n      memory: "1000"\n'),
    ],
)
def test_a_first_grant_makes_the_file(permission: Permission, text: str) -> None:
    assert grant_text(None, SOURCE, permission) == text


def test_a_header_is_granted_and_revoked_in_the_text() -> None:
    text = 'version: "1.0"\npermissions:\n  network:\n    allow:\n      - host: a.com  # ours\n'
    header = SecretHeader("T", "a.com", "Authorization", "Bearer {}")
    edited = grant_text(text, SOURCE, header)
    assert edited == f'{text}  secrets:\n    - {{name: T, inject: {{host: a.com, header: Authorization, format: "Bearer {{}}"}}}}\n'
    assert parse(edited).secrets == (header,)
    assert revoke_text(edited, SOURCE, header) == f"{text}  secrets: []\n"
    with pytest.raises(InvalidPolicy, match="to which no request is granted"):
        revoke_text(edited, SOURCE, NetworkHost("a.com"))


BLOCK = """\
# what the weather tool may do
version: "1.0"
permissions:
  network:
    allow:
    - host: a.com   # the service
    # - host: later.com
  storage: null
  environment:    # none yet
  resources: {limits: {cpu: 500m}}  # half a core
"""


@pytest.mark.parametrize(
    ("permission", "old", "new"),
    [
        (NetworkHost("b.com"), "    - host: a.com   # the service\n", "    - host: a.com   # the service\n    - host: b.com\n"),
        (
            StorageGrant("/n"),
            "  storage: null\n",
            '  storage: \n    allow:\n      - {uri: "fs:///n", access: [read]}\n',
        ),
        (Variable("TZ"), "  environment:    # none yet\n", "  environment:    # none yet\n    allow:\n      - key: TZ\n"),
        (LimitValue("cpu", 1.0), "{cpu: 500m}", '{cpu: "1"}'),
        (LimitValue("timeout", 1.0), "{cpu: 500m}", "{cpu: 500m, timeout: 1s}"),
    ],
)
def test_a_grant_changes_only_its_own_place(permission: Permission, old: str, new: str) -> None:
    assert BLOCK.count(old) == 1
    assert grant_text(BLOCK, SOURCE, permission) == BLOCK.replace(old, new)


@pytest.mark.parametrize(
    ("permission", "old", "new"),
    [
        (
            NetworkHost("a.com"),
            "    allow:\n    - host: a.com   # the service\n    # - host: later.com\n",
            "    allow: []\n    # - host: later.com\n",
        ),
        (LimitValue("cpu", 0.5), "{cpu: 500m}", "{}"),
        (AnyLimit("cpu"), "{cpu: 500m}", "{}"),
    ],
)
def test_a_revoke_changes_only_its_own_place(permission: Revocation, old: str, new: str) -> None:
    assert BLOCK.count(old) == 1
    assert revoke_text(BLOCK, SOURCE, permission) == BLOCK.replace(old, new)


@pytest.mark.parametrize(
    ("text", "permission", "edited"),
    [
        # flow style on one line
        ("{a}", Variable("B"), "{a}, {key: B}"),
    ],
)
def test_flow_lists_grow_on_their_line(text: str, permission: Permission, edited: str) -> None:
    whole = f'version: "1.0"\npermissions: {{environment: {{allow: [{text.replace("a", "key: A")}]}}}}\n'
    assert grant_text(whole, SOURCE, permission) == whole.replace("{key: A}", edited.replace("{a}", "{key: A}"))


TALL = """\
version: "1.0"
permissions:
  environment:
    allow: [
      {key: A},  # first
      # about the second
      {key: B}%s  # second
    ]
"""


def test_tall_flow_lists_grow_by_a_line() -> None:
    assert grant_text(TALL % "", SOURCE, Variable("C")) == (TALL % ",").replace("# second\n", "# second\n      {key: C}\n")
    assert grant_text(TALL % ",", SOURCE, Variable("C")) == (TALL % ",").replace("# second\n", "# second\n      {key: C},\n")


def test_tall_flow_lists_shrink_by_a_line() -> None:
    assert revoke_text(TALL % "", SOURCE, Variable("A")) == (TALL % "").replace("      {key: A},  # first\n", "")
    assert revoke_text(TALL % "", SOURCE, Variable("B")) == (TALL % "").replace("      {key: B}  # second\n", "")


@pytest.mark.parametrize(
    ("before", "gone", "after"),
    [
        ("[{key: A}, {key: B}]", "A", "[{key: B}]"),
        ("[{key: A}, {key: B}]", "B", "[{key: A}]"),
        ("[{key: A}, {key: B},]", "B", "[{key: A}, ]"),
        ("[{key: A}]", "A", "[]"),
        ("[ {key: A}, ]", "A", "[ ]"),
        ("[key: A, key: B]", "A", "[key: B]"),
        ("[{key: A},\n   {key: B}]", "B", "[{key: A},\n   ]"),
        ("[{key: A}, {key: B}, {key: A}]", "A", "[{key: B}]"),
    ],
)
def test_flow_lists_shrink_on_their_line(before: str, gone: str, after: str) -> None:
    whole = 'version: "1.0"\npermissions: {environment: {allow: %s}}\n'
    assert revoke_text(whole % before, SOURCE, Variable(gone)) == whole % after


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "sections",
    [
        "{}",
        "{environment}",
        "{environment: }",
        "{environment: null, network: ~}",
        "{environment: {}}",
        "{environment: {allow}}",
        "{environment: {allow: null}}",
        "{network: , ipc: }",
        "{network: {deny: []}, }",
        "\n  environment:\n    allow:",
        "\n  environment:\n    allow: ~",
        "\n  environment:\n    null",
        "\n  environment:\n  # nothing\n  ipc:",
        "\n  network:\n    deny: []\n\n# the end\n...",
        "\n  environment: {allow: [\n  # none\n  ]}",
        "\n  'environment' : ",
        "",
        " # none",
        " ~ # none",
    ],
)
def test_missing_and_null_parents_are_made(sections: str) -> None:
    text = f'version: "1.0"\npermissions:{" " if sections[:1] == "{" else ""}{sections}\n'
    edited = grant_text(text, SOURCE, Variable("A"))
    assert parse(edited).variables == (Variable("A"),)
    assert parse(revoke_text(edited, SOURCE, Variable("A"))) == parse(text)
    limited = grant_text(text, SOURCE, LimitValue("cpu", 0.5))
    assert parse(limited).limits == {"cpu": 0.5}
    assert parse(revoke_text(limited, SOURCE, AnyLimit("cpu"))) == parse(text)


@pytest.mark.parametrize(
    "limits", ["{memory: null}", "{memory: }", "{memory}", "\n    memory:  # later\n    cpu: 1", "{'memory': \"1Gi\"}"]
)
def test_a_limit_is_set_where_its_key_stands(limits: str) -> None:
    text = f'version: "1.0"\npermissions:\n  resources:\n   limits:{" " if limits[:1] == "{" else ""}{limits}\n'
    edited = grant_text(text, SOURCE, LimitValue("memory", 512 << 20))
    assert parse(edited).limits["memory"] == 512 << 20
    assert edited.count("memory") == 1


def test_a_limit_of_an_older_policy_moves_to_where_limits_are() -> None:
    text = 'version: "1.0"\npermissions:\n  resources:\n    memory: 512 # MB\n    cpu: 1\n'
    edited = grant_text(text, SOURCE, LimitValue("memory", 1 << 30))
    assert edited == 'version: "1.0"\npermissions:\n  resources:\n    cpu: 1\n    limits:\n      memory: 1Gi\n'
    assert parse(revoke_text(text, SOURCE, AnyLimit("cpu"))).limits == {"memory": 512 << 20}


def test_revoking_a_path_takes_all_its_entries_and_no_other() -> None:
    text = None
    for permission in (StorageGrant("/a"), StorageGrant("/b"), StorageGrant("/a", True), StorageGrant("/a", True, "/x")):
        text = grant_text(text, SOURCE, permission)
    assert parse(revoke_text(text, SOURCE, AnyStorage("/a"))).storage == (StorageGrant("/b"),)


def test_line_ends_stay_what_they_are() -> None:
    edited = grant_text(BLOCK.replace("\n", "\r\n"), SOURCE, StorageGrant("/n"))
    assert edited == grant_text(BLOCK, SOURCE, StorageGrant("/n")).replace("\n", "\r\n")
    assert revoke_text(edited, SOURCE, StorageGrant("/n")).count("\n") == edited.count("\r\n") - 1


def test_a_grant_comes_behind_a_block_of_text() -> None:
    text = 'version: "1.0"\ndescription: |\n  one\n  two\n'
    assert grant_text(text, SOURCE, Variable("A")) == text + "permissions:\n  environment:\n    allow:\n      - key: A\n"


def test_granting_what_is_granted_changes_nothing() -> None:
    assert grant_text(BLOCK, SOURCE, NetworkHost("a.com")) == BLOCK


@pytest.mark.parametrize("text", [None, "", BLOCK])
def test_revoking_what_is_not_granted_says_so(text: str | None) -> None:
    with pytest.raises(NotGranted, match=r"p\.yaml: env TZ is not granted"):
        revoke_text(text, SOURCE, Variable("TZ"))


def test_a_home_directory_is_understood_when_it_is_known() -> None:
    text = 'version: "1.0"\npermissions: {storage: {allow: [{uri: "fs://~/a", access: [read]}]}}\n'
    edited = revoke_text(text, SOURCE, StorageGrant("/home/me/a"), home=Path("/home/me"))
    assert parse(edited).storage == ()
    assert "/home/me/b" in grant_text(text, SOURCE, StorageGrant("/home/me/b"), home=Path("/home/me"))


@pytest.mark.parametrize(
    "text",
    [
        'version: "1.0"\n? permissions\n: environment:\n    allow:\n    - key: A\n',
        'version: "1.0"\rpermissions:\r  environment:\r    allow:\r    - key: A\r',
        'version: "1.0"\npermissions:\n  environment:\n    allow:\n    - key:\n        A\n    - ? key\n      : B\n',
    ],
)
def test_rare_yaml_is_edited_right_or_not_at_all(text: str) -> None:
    edits: list[tuple[Callable[[], str], PolicyDocument]] = [
        (lambda: grant_text(text, SOURCE, NetworkHost("b.com")), grant(parse(text), NetworkHost("b.com"))),
        (lambda: revoke_text(text, SOURCE, Variable("A")), revoke(parse(text), Variable("A"))),
    ]
    for edit, expected in edits:
        problem = None
        try:
            assert parse(edit()) == expected
        except InvalidPolicy as error:
            problem = error
        assert problem is None or problem.hint == "edit the file by hand, then: wassette policy check FILE"


def test_a_text_that_cannot_be_edited_safely_is_left_to_a_person() -> None:
    text = 'version: "1.0"\ndescription: |\n  the end of this is the end of the file'
    with pytest.raises(InvalidPolicy, match=r"network b\.com: this text cannot be edited without changing more than that") as caught:
        grant_text(text, SOURCE, NetworkHost("b.com"))
    assert caught.value.hint == "edit the file by hand, then: wassette policy check FILE"


def test_what_is_edited_with_one_parser_is_read_by_the_other() -> None:
    text = 'version: "1.0"\npermissions: {network: , ipc: }\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        edited = grant_text(text, SOURCE, Variable("A"))
    assert edited == 'version: "1.0"\npermissions: {network: , ipc: , environment: {allow: [{key: A}]} }\n'
    assert parse(edited).variables == (Variable("A"),)
