"""Words of a command line -> permissions and targets, and back."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.strategies import permissions
from wassette_py.errors import InvalidPolicy
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
from wassette_py.policy.grants import AnyLimit, AnyStorage, LimitValue, Permission, Revocation
from wassette_py.policy.words import (
    Words,
    command_for,
    command_for_denial,
    parse_permission,
    parse_revocation,
    permission_words,
    storage_words,
)

HOME, BASE = Path("/home/me"), Path("/work/here")


@pytest.mark.parametrize(
    ("kind", "value", "options", "permission"),
    [
        ("storage", "/a", {"access": "read"}, StorageGrant("/a")),
        ("storage", "/a/", {"access": "read,write"}, StorageGrant("/a", True)),
        ("storage", "/a/**", {"access": ["write", "read"], "guest": "/x/"}, StorageGrant("/a", True, "/x")),
        ("storage", "/a", {"access": "read", "guest": "/a"}, StorageGrant("/a")),
        ("storage", "fs:///a", {"access": ["read"]}, StorageGrant("/a")),
        ("storage", "fs://~/a", {"access": ["read"]}, StorageGrant("/home/me/a")),
        ("storage", "~", {"access": "read"}, StorageGrant("/home/me")),
        ("storage", "notes", {"access": "read"}, StorageGrant("/work/here/notes")),
        ("storage", "../notes", {"access": "read"}, StorageGrant("/work/notes")),
        ("storage", ".", {"access": "read"}, StorageGrant("/work/here")),
        ("storage", "notes/**", {"access": "read"}, StorageGrant("/work/here/notes")),
        ("network", "API.example.com", {}, NetworkHost("api.example.com")),
        (
            "network",
            "https://*.a.com:8443",
            {"methods": ["get", "POST", "GET"], "paths": ["/x/**"]},
            NetworkHost("*.a.com", "https", 8443, ("GET", "POST"), ("/x/**",)),
        ),
        ("network", None, {"cidr": "10.0.0.0/8"}, NetworkCidr("10.0.0.0/8")),
        ("env", "LANG", {}, Variable("LANG")),
        ("environment", "LANG", {}, Variable("LANG")),
        ("environment-variable", "LANG", {}, Variable("LANG")),
        ("secret", "TOKEN", {"env": "API_TOKEN"}, SecretVariable("TOKEN", "API_TOKEN")),
        ("secret", "T", {"inject": "API.a.com"}, SecretHeader("T", "api.a.com", "Authorization", "Bearer {}")),
        ("secret", "T", {"inject": "https://a.com:8443", "header": "X-Key"}, SecretHeader("T", "a.com", "X-Key", "{}", 8443)),
        ("secret", "T", {"inject": "a.com", "format": "token {}"}, SecretHeader("T", "a.com", "Authorization", "token {}")),
        ("memory", "512Mi", {}, LimitValue("memory", 512 << 20)),
        ("cpu", "500m", {}, LimitValue("cpu", 0.5)),
        ("timeout", "30s", {}, LimitValue("timeout", 30)),
        ("output", "4Mi", {}, LimitValue("output", 4 << 20)),
    ],
)
def test_words_name_a_permission(kind: str, value: str | None, options: dict[str, Any], permission: Permission) -> None:
    assert parse_permission(kind, value, Words(**options), home=HOME, base=BASE) == permission
    assert parse_revocation(kind, value, Words(**options), home=HOME, base=BASE) == permission


@pytest.mark.parametrize(
    ("kind", "value", "options", "permission"),
    [
        ("storage", "/a", {}, AnyStorage("/a")),
        ("storage", "notes/", {}, AnyStorage("/work/here/notes")),
        ("storage", "fs:///a/**", {"access": []}, AnyStorage("/a")),
        ("memory", None, {}, AnyLimit("memory")),
    ],
)
def test_fewer_words_revoke_whatever_there_is(kind: str, value: str | None, options: dict[str, Any], permission: Revocation) -> None:
    assert parse_revocation(kind, value, Words(**options), home=HOME, base=BASE) == permission


@pytest.mark.parametrize(
    ("kind", "value", "options", "message"),
    [
        ("disk", "/a", {}, "'disk' is not a kind of permission: storage, network, env, secret, memory, cpu, timeout, output"),
        ("storage", None, {"access": "read"}, "storage needs a value"),
        ("storage", "/a", {}, "storage needs --access read or --access read,write"),
        ("storage", "/a", {"access": "read,execute"}, "access is read or read,write, not execute,read"),
        ("storage", "/a", {"access": "read", "cidr": "10.0.0.0/8"}, "storage does not take the options of network"),
        ("network", "a.com", {"access": "read"}, "network does not take the options of storage"),
        ("network", "a.com", {"cidr": "10.0.0.0/8"}, "network needs either a host or --cidr"),
        ("network", None, {}, "network needs either a host or --cidr"),
        ("env", "A", {"guest": "/a"}, "env does not take the options of storage"),
        ("env", None, {}, "env needs a value"),
        ("env", "A", {"env": "B"}, "env does not take the options of secret"),
        ("secret", None, {"env": "B"}, "secret needs a value"),
        ("secret", "T", {}, "secret needs either --env NAME (the component sees it) or --inject HOST (it never does)"),
        (
            "secret",
            "T",
            {"env": "A", "inject": "a.com"},
            "secret needs either --env NAME (the component sees it) or --inject HOST (it never does)",
        ),
        ("secret", "T", {"env": "A", "header": "X"}, "--header and --format belong to --inject"),
        ("memory", None, {}, "memory needs a value"),
    ],
)
def test_wrong_words_are_a_usage_error(kind: str, value: str | None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_permission(kind, value, Words(**options), home=HOME, base=BASE)


@pytest.mark.parametrize(
    ("kind", "value", "options", "message", "hint"),
    [
        ("storage", "/a", {"access": "write"}, "storage: a directory cannot be written without being read", "--access read,write"),
        (
            "storage",
            "/a/*",
            {"access": "read"},
            "storage: one level alone cannot be granted: a directory is granted with everything below it",
            "/a",
        ),
        (
            "storage",
            "a/*",
            {"access": "read"},
            "storage: one level alone cannot be granted: a directory is granted with everything below it",
            "/work/here/a",
        ),
        ("storage", "file:///a", {"access": "read"}, "storage: only directories can be granted, as fs://, not file://", "fs:///a"),
        ("storage", "", {"access": "read"}, "storage: a path must be absolute", "/absolute/path"),
        ("storage", "/a", {"access": "read", "guest": "x"}, "storage: a path must be absolute", "/absolute/path/x"),
        (
            "network",
            "*",
            {},
            "network: every host cannot be granted at once",
            "name the hosts one by one, or the names below one: *.example.com",
        ),
        ("network", "a.com/x", {}, "network: a path cannot be part of a host", '{host: "a.com", paths: ["/x"]}'),
        ("network", None, {"cidr": "10.0.0.1"}, "network: a range needs its length", "10.0.0.1/32"),
        (
            "network",
            None,
            {"cidr": "10.0.0.0/8", "methods": ["GET"]},
            "network: methods and paths cannot be combined with cidr",
            "name the host beside them",
        ),
        ("network", "a.com", {"paths": ["x"]}, "network: a path starts with /", "/x"),
        ("env", "A*", {}, "env: variables are granted one by one, not by a pattern", None),
        ("memory", "lots", {}, "memory: expected a number of bytes such as 512Mi (Ki, Mi, Gi, Ti), got 'lots'", None),
        ("secret", "T", {"inject": "http://a.com"}, "secret: a secret is sent over https only", "a.com"),
        ("secret", "T", {"inject": "*.a.com"}, "secret: a secret goes to exactly one host, not to all of a pattern", "api.a.com"),
        ("secret", "T", {"inject": "a.com", "header": "a b"}, "secret: 'a b' is not the name of a header", "Authorization"),
        (
            "secret",
            "T",
            {"inject": "a.com", "header": "Host"},
            "secret: the header Host belongs to the connection and not to what is asked",
            "Authorization",
        ),
        ("secret", "T", {"inject": "a.com", "format": "Bearer"}, "secret: expected {} once, where the value goes", "Bearer {}"),
        (
            "secret",
            "T",
            {"inject": "a.com", "format": "{}\n"},
            "secret: a header is printable ASCII without blanks around it",
            "Bearer {}",
        ),
        ("secret", "a b", {"env": "X"}, "secret: 'a b' is not the name of a secret: a letter or _, then letters, digits, _ . -", None),
        ("secret", "A", {"env": "X=1"}, "secret: 'X=1' is not the name of a variable", "X"),
    ],
)
def test_words_that_cannot_be_enforced_are_refused_with_the_nearest_form(
    kind: str, value: str | None, options: dict[str, Any], message: str, hint: str | None
) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse_permission(kind, value, Words(**options), home=HOME, base=BASE)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_path_to_revoke_is_read_like_one_to_grant() -> None:
    with pytest.raises(InvalidPolicy, match="storage: a path must be absolute"):
        parse_revocation("storage", "a")
    with pytest.raises(ValueError, match="storage needs a value"):
        parse_revocation("storage", None)


@pytest.mark.parametrize(
    ("permission", "command"),
    [
        (NetworkHost("api.example.com"), "wassette policy grant fetch network api.example.com"),
        (
            NetworkHost("*.a.com", "https", 8443, ("GET",), ("/x/**",)),
            "wassette policy grant fetch network 'https://*.a.com:8443' --method GET --path '/x/**'",
        ),
        (NetworkCidr("10.0.0.0/8"), "wassette policy grant fetch network --cidr 10.0.0.0/8"),
        (StorageGrant("/a b", True, "/x"), "wassette policy grant fetch storage '/a b' --access read,write --guest /x"),
        (StorageGrant("/a"), "wassette policy grant fetch storage /a --access read"),
        (Variable("LANG"), "wassette policy grant fetch env LANG"),
        (Variable("$(rm)"), "wassette policy grant fetch env '$(rm)'"),
        (LimitValue("timeout", 90), "wassette policy grant fetch timeout 90s"),
    ],
)
def test_a_permission_is_a_command_line_to_paste(permission: Permission, command: str) -> None:
    assert command_for("fetch", permission) == command


def test_what_revokes_anything_has_words_too() -> None:
    assert permission_words(AnyStorage("/a")) == ("storage", "/a")
    assert permission_words(AnyLimit("cpu")) == ("cpu",)


HEADERS = st.builds(
    SecretHeader, st.just("T"), st.just("a.com"), st.just("X"), st.sampled_from(["{}", "a {} b"]), st.sampled_from([None, 8443])
)


@given(permissions | HEADERS)
def test_the_words_of_a_permission_name_that_permission(permission: Permission) -> None:
    words = list(permission_words(permission))
    assert shlex.split(command_for("x", permission))[4:] == words
    options: dict[str, Any] = {"methods": [], "paths": []}
    positional = [words.pop(0)]
    while words:
        word = words.pop(0)
        match word:
            case "--method" | "--path":
                options[f"{word[2:]}s"].append(words.pop(0))
            case "--access" | "--guest" | "--cidr" | "--env" | "--inject" | "--header" | "--format":
                options[word[2:]] = words.pop(0)
            case _:
                positional.append(word)
    assert parse_permission(positional[0], positional[1] if len(positional) > 1 else None, Words(**options)) == permission


@pytest.mark.parametrize(
    ("capability", "target", "command"),
    [
        ("network", "GET https://api.example.com:443", "wassette policy grant fetch network api.example.com"),
        ("network", "GET http://[::1]:8080", "wassette policy grant fetch network 'http://[::1]:8080'"),
        ("environment", "env HOME", "wassette policy grant fetch env HOME"),
        ("network", "GET ftp://a.com", None),
        ("network", "GET https://a b.com", None),
        ("environment", "env a b", None),
        ("sockets", "tcp", None),
    ],
)
def test_a_denial_names_the_command_that_would_allow_it(capability: str, target: str, command: str | None) -> None:
    assert command_for_denial("fetch", capability, target) == command


def test_granted_directories_are_told_in_one_line() -> None:
    policy = PolicyDocument(storage=(StorageGrant("/a"), StorageGrant("/b", True, "/x")))
    assert storage_words(policy) == "/a (read), /x (read and write)"
    assert storage_words(EMPTY) == "none"
