"""What comes first, a secret's header or the requests that carry it."""

from __future__ import annotations

import shlex

import pytest

from wassette_py.errors import InvalidPolicy
from wassette_py.policy.document import NetworkCidr, NetworkHost, PolicyDocument, SecretHeader, SecretVariable, StorageGrant
from wassette_py.policy.grants import Permission, grant, revoke
from wassette_py.policy.order import check_grant_order, check_revoke_order
from wassette_py.policy.words import Words, parse_permission

HOST = NetworkHost("a.com")
HEADER = SecretHeader("T", "a.com", "Authorization", "Bearer {}")
OTHER = SecretHeader("U", "a.com", "X-Key", "{}")


@pytest.mark.parametrize(
    "header",
    [HEADER, SecretHeader("T", "a.com", "X", "{}", 8443), SecretHeader("T", "[::1]", "X", "{}"), SecretHeader("T", "10.1.2.3", "X", "{}")],
)
def test_the_command_that_is_told_makes_the_grant_possible(header: SecretHeader) -> None:
    with pytest.raises(InvalidPolicy, match="to which no request is granted") as caught:
        check_grant_order("fetch", PolicyDocument(), header)
    words = shlex.split(caught.value.hint or "")
    assert words[:5] == ["wassette", "policy", "grant", "fetch", "network"]
    policy = grant(PolicyDocument(), parse_permission("network", words[5], Words()))
    check_grant_order("fetch", policy, header)
    assert grant(policy, header).secrets == (header,)


@pytest.mark.parametrize("permission", [HOST, SecretVariable("T", "T"), StorageGrant("/a")])
def test_whatever_else_is_granted_needs_nothing_before(permission: Permission) -> None:
    check_grant_order("fetch", PolicyDocument(), permission)


def test_the_secrets_that_need_a_grant_are_revoked_first() -> None:
    policy = PolicyDocument(allow=(HOST,), secrets=(HEADER, OTHER, SecretVariable("T", "T")))
    with pytest.raises(InvalidPolicy, match=r"the secret T would be for a.com, .*; the secret U would be for a.com, ") as caught:
        check_revoke_order("fetch", policy, HOST)
    for line, secret in zip((caught.value.hint or "").splitlines(), (HEADER, OTHER), strict=True):
        *command, kind, name, where, host, header, title, form, pattern = shlex.split(line)
        assert (command, where, header, form) == (["wassette", "policy", "revoke", "fetch"], "--inject", "--header", "--format")
        assert parse_permission(kind, name, Words(inject=host, header=title, format=pattern)) == secret
        policy = revoke(policy, secret)
    check_revoke_order("fetch", policy, HOST)
    assert revoke(policy, HOST).allow == ()


def test_a_grant_that_is_not_the_only_one_or_not_there_may_go() -> None:
    policy = PolicyDocument(allow=(HOST, NetworkHost("*.com"), NetworkCidr("10.0.0.0/8")), secrets=(HEADER,))
    for permission in (HOST, NetworkCidr("10.0.0.0/8"), NetworkHost("b.com"), StorageGrant("/a")):
        check_revoke_order("fetch", policy, permission)
