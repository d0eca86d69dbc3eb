"""Grant and revoke on documents: entries are never merged, limits are replaced, and what is not granted cannot be revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wassette_py.errors import InvalidPolicy, NotGranted
from wassette_py.policy.document import (
    EMPTY,
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    SecretHeader,
    SecretVariable,
    StorageGrant,
    Variable,
)
from wassette_py.policy.grants import AnyLimit, AnyStorage, LimitValue, Permission, Revocation, describe, grant, granted, revoke


def policy_of(*permissions: Permission) -> PolicyDocument:
    policy = PolicyDocument(source="p.yaml")
    for permission in permissions:
        policy = grant(policy, permission)
    return policy


def test_a_granted_entry_comes_last_and_is_not_merged() -> None:
    policy = policy_of(
        StorageGrant("/a"), StorageGrant("/a", True), NetworkHost("b.com"), NetworkHost("a.com"), NetworkHost("b.com", methods=("GET",))
    )
    assert policy.storage == (StorageGrant("/a"), StorageGrant("/a", True))
    assert policy.allow == (NetworkHost("b.com"), NetworkHost("a.com"), NetworkHost("b.com", methods=("GET",)))


def test_granting_twice_is_granting_once() -> None:
    policy = policy_of(Variable("A"), LimitValue("cpu", 0.5))
    assert grant(policy, Variable("A")) is policy
    assert grant(policy, LimitValue("cpu", 0.5)) is policy


def test_a_limit_is_replaced() -> None:
    assert policy_of(LimitValue("cpu", 0.5), LimitValue("memory", 1024), LimitValue("cpu", 2)).limits == {"cpu": 2, "memory": 1024}


def test_a_directory_narrower_than_one_above_it_is_refused_with_the_way_out() -> None:
    policy = policy_of(StorageGrant("/a", True))
    with pytest.raises(InvalidPolicy, match=r"^p.yaml: permissions.storage.allow: read access to /a/b is narrower") as caught:
        grant(policy, StorageGrant("/a/b"))
    assert caught.value.hint == "grant read and write for /a/b, or only read for /a"


@pytest.mark.parametrize(
    "permission",
    [
        StorageGrant("/b", True, "/x"),
        NetworkHost("a.com", "https", 8443, ("GET",), ("/x",)),
        NetworkCidr("10.0.0.0/8"),
        Variable("B"),
        SecretVariable("T", "B"),
        LimitValue("timeout", 5.0),
    ],
)
def test_revoking_takes_exactly_that_entry(permission: Permission) -> None:
    before = policy_of(StorageGrant("/b"), NetworkHost("a.com"), Variable("A"), LimitValue("cpu", 1))
    assert not granted(before, permission)
    assert granted(grant(before, permission), permission)
    assert revoke(grant(before, permission), permission) == before


def test_a_variable_is_given_from_one_place() -> None:
    for first, second, section in (
        (Variable("A"), SecretVariable("T", "A"), "secrets"),
        (SecretVariable("T", "A"), SecretVariable("U", "A"), "secrets"),
        (SecretVariable("T", "A"), Variable("A"), "environment.allow"),
    ):
        with pytest.raises(InvalidPolicy, match=rf"^p.yaml: permissions.{section}: the variable A is given twice, from different places$"):
            grant(policy_of(first), second)
    assert policy_of(SecretVariable("T", "A"), SecretVariable("T", "B")).keys == ("A", "B")


HEADER = SecretHeader("T", "api.a.com", "Authorization", "Bearer {}")


@pytest.mark.parametrize(
    ("allow", "secret", "reached"),
    [
        (NetworkHost("api.a.com"), HEADER, True),
        (NetworkHost("*.a.com", "https"), HEADER, True),
        (NetworkHost("api.a.com", "https", 443, ("GET",), ("/x/**",)), HEADER, True),
        (NetworkHost("api.a.com", "http"), HEADER, False),
        (NetworkHost("api.a.com", None, 8443), HEADER, False),
        (NetworkHost("api.a.com", None, 8443), replace(HEADER, port=8443), True),
        (NetworkHost("api.a.com"), replace(HEADER, port=8443), False),
        (NetworkHost("a.com"), HEADER, False),
        (NetworkCidr("10.0.0.0/8"), HEADER, False),
        (NetworkCidr("10.0.0.0/8"), replace(HEADER, host="10.1.2.3"), True),
        (NetworkCidr("10.0.0.0/8"), replace(HEADER, host="11.1.2.3"), False),
    ],
)
def test_a_header_needs_a_grant_of_requests_that_carry_it(allow: Permission, secret: SecretHeader, reached: bool) -> None:
    policy = policy_of(allow)
    if not reached:
        with pytest.raises(InvalidPolicy, match=r"permissions\.secrets: the secret T is for .*, to which no request is granted"):
            grant(policy, secret)
        return
    with_secret = grant(policy, secret)
    assert (with_secret.secrets, with_secret.keys) == ((secret,), ())
    with pytest.raises(InvalidPolicy, match=r"permissions\.network\.allow: the secret T is for"):
        revoke(with_secret, allow)
    assert revoke(revoke(with_secret, secret), allow) == policy_of()


def test_a_header_for_a_host_is_given_from_one_place() -> None:
    policy = policy_of(NetworkHost("api.a.com"), HEADER)
    with pytest.raises(InvalidPolicy, match=r"the header authorization for api\.a\.com:443 is given twice"):
        grant(policy, replace(HEADER, name="U", header="authorization", port=443))
    assert len(grant(policy, replace(HEADER, header="X-Key")).secrets) == 2


def test_revoking_a_path_or_a_limit_takes_it_whatever_it_is() -> None:
    policy = policy_of(StorageGrant("/a"), StorageGrant("/a", True, "/x"), StorageGrant("/b"), LimitValue("cpu", 1))
    assert revoke(policy, AnyStorage("/a")).storage == (StorageGrant("/b"),)
    assert revoke(policy, AnyLimit("cpu")).limits == {}


@pytest.mark.parametrize(
    ("permission", "words", "hint"),
    [
        (
            SecretVariable("T", "X"),
            "secret T as env X (the component sees its value)",
            "granted is secret T as env Y (the component sees its value)",
        ),
        (
            SecretHeader("U", "a.com", "X", "k {}"),
            "secret U as X: k … to https://a.com (the component never sees it)",
            None,
        ),
        (StorageGrant("/a", True), "read and write /a", "granted is read /a; read and write /a as /x"),
        (StorageGrant("/c"), "read /c", None),
        (AnyStorage("/c"), "storage /c", None),
        (NetworkHost("a.com"), "network a.com", "granted is network GET,POST a.com /x /y"),
        (NetworkHost("b.com", "https"), "network https://b.com", None),
        (NetworkCidr("10.0.0.0/8"), "network 10.0.0.0/8", None),
        (Variable("B"), "env B", None),
        (LimitValue("memory", 1 << 20), "memory 1Mi", "granted is memory 512Mi"),
        (LimitValue("cpu", 0.5), "cpu 500m", None),
        (AnyLimit("cpu"), "cpu", None),
    ],
)
def test_revoking_what_is_not_granted_says_so_and_what_is(permission: Revocation, words: str, hint: str | None) -> None:
    policy = policy_of(
        StorageGrant("/a"),
        StorageGrant("/a", True, "/x"),
        NetworkHost("a.com", methods=("GET", "POST"), paths=("/x", "/y")),
        SecretVariable("T", "Y"),
        LimitValue("memory", 512 << 20),
    )
    assert describe(permission) == words
    with pytest.raises(NotGranted) as caught:
        revoke(policy, permission)
    assert str(caught.value) == f"p.yaml: {words} is not granted"
    assert caught.value.hint == hint
    assert caught.value.exit_code == 1


def test_the_empty_policy_grants_nothing() -> None:
    assert not granted(EMPTY, AnyStorage("/"))
