"""Targets as people write them, what a policy says of them, and the permission that would change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wassette_py.policy.document import NetworkHost, PolicyDocument, StorageGrant, Variable
from wassette_py.policy.grants import Permission, grant
from wassette_py.policy.network import RequestTarget
from wassette_py.policy.targets import PathAccess, Request, VariableAccess, parse_target, permission_for, test

HOME = Path("/home/me")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("GET https://X.com/y?z", Request("GET", RequestTarget("https", "x.com", 443, "/y"))),
        ("post http://x.com:8080", Request("POST", RequestTarget("http", "x.com", 8080, "/"))),
        ("GET ftp://x.com", Request("GET", RequestTarget("ftp", "x.com", 0, "/"))),
        (" read  /a//b ", PathAccess("/a/b", False)),
        ("write ~/a b", PathAccess("/home/me/a b", True)),
        ("env LANG", VariableAccess("LANG")),
    ],
)
def test_a_target_is_read_as_people_write_it(text: str, target: object) -> None:
    assert parse_target(text, home=HOME) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET",
        "read",
        "read a",
        "read /a/../b",
        "write ~",
        "env",
        "env A=b",
        "GET x.com",
        "GET https://",
        "G*T https://x.com",
        "https://x.com",
    ],
)
def test_a_target_that_does_not_parse_is_a_usage_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected 'GET https://host/path', 'read /path', 'write /path' or 'env NAME'"):
        parse_target(text)


POLICY = PolicyDocument(
    storage=(StorageGrant("/a"), StorageGrant("/b", True, "/x")), allow=(NetworkHost("a.com"),), variables=(Variable("LANG"),), source="p"
)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("GET https://a.com/x", True),
        ("GET https://b.com/x", False),
        ("GET ftp://a.com/x", False),
        ("read /a/x", True),
        ("write /a/x", False),
        ("write /b", True),
        ("env LANG", True),
        ("env HOME", False),
    ],
)
def test_a_policy_is_asked_about_a_target(text: str, allowed: bool) -> None:
    assert test(POLICY, parse_target(text)).allowed is allowed


@pytest.mark.parametrize(
    ("text", "permission"),
    [
        ("GET https://b.com/x", NetworkHost("b.com")),
        ("GET http://b.com", NetworkHost("b.com")),
        ("GET https://b.com:8443", NetworkHost("b.com", "https", 8443)),
        ("GET http://10.0.0.1:443", NetworkHost("10.0.0.1", "http", 443)),
        ("read /c", StorageGrant("/c")),
        ("write /a/c", StorageGrant("/a/c", True)),
        ("env HOME", Variable("HOME")),
    ],
)
def test_the_permission_for_a_denied_target_allows_it(text: str, permission: Permission) -> None:
    target = parse_target(text)
    assert permission_for(target) == permission
    assert test(grant(POLICY, permission), target).allowed


def test_nothing_can_allow_a_scheme_that_is_not_http() -> None:
    assert permission_for(parse_target("GET ftp://a.com")) is None
