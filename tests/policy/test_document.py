"""Policy text -> PolicyDocument: what each line means, and what is refused with file, line, key, reason and hint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.vectors import REFUSED, Refused, document
from wassette_py.errors import InvalidPolicy
from wassette_py.policy.document import (
    EMPTY,
    NetworkCidr,
    NetworkHost,
    PolicyDocument,
    StorageGrant,
    Variable,
    document_json,
    parse_policy,
)

HOME = Path("/home/me")

EVERYTHING = """\
version: "1.0"                     # must start with "1."
description: fetches weather
permissions:
  storage:
    allow:
      - {uri: "fs:///home/me/notes", access: [read]}
      - {uri: "fs:///tmp/out", access: [read, write], guest: /out}
  network:
    allow:
      - host: api.example.com
      - host: "https://*.example.org:8443"
      - {host: api.github.com, methods: [GET], paths: ["/repos/acme/**"]}
      - cidr: 10.1.0.0/16
    deny:
      - host: admin.example.org
  environment:
    allow: [{key: LANG}, {key: API_BASE}]
  tools:
    allow: ["get-*"]
  resources:
    limits: {memory: 512Mi, cpu: 500m, timeout: 30s, output: 4Mi}
"""


def parse(lines: str) -> PolicyDocument:
    return parse_policy(document(lines), "p.yaml", home=HOME)


def test_every_section_is_read_with_the_line_of_each_entry() -> None:
    policy = parse_policy(EVERYTHING, "p.yaml", home=None)
    assert policy == PolicyDocument(
        version="1.0",
        description="fetches weather",
        storage=(StorageGrant("/home/me/notes"), StorageGrant("/tmp/out", True, "/out")),
        allow=(
            NetworkHost("api.example.com"),
            NetworkHost("*.example.org", "https", 8443),
            NetworkHost("api.github.com", methods=("GET",), paths=("/repos/acme/**",)),
            NetworkCidr("10.1.0.0/16"),
        ),
        deny=(NetworkHost("admin.example.org"),),
        variables=(Variable("LANG"), Variable("API_BASE")),
        tools=("get-*",),
        limits={"memory": 512 << 20, "cpu": 0.5, "timeout": 30.0, "output": 4 << 20},
        source="p.yaml",
    )
    assert [grant.line for grant in policy.storage] == [6, 7]
    assert [entry.line for entry in (*policy.allow, *policy.deny)] == [10, 11, 12, 13, 15]
    assert [variable.line for variable in policy.variables] == [17, 17]
    assert policy.tool_lines == (19,)


def test_the_permissions_as_json_are_those_of_the_file_and_read_back_as_the_same_policy() -> None:
    policy = parse_policy(EVERYTHING, "p.yaml", home=None)
    permissions = document_json(policy)
    assert permissions == {
        "storage": {
            "allow": [
                {"uri": "fs:///home/me/notes", "access": ["read"]},
                {"uri": "fs:///tmp/out", "access": ["read", "write"], "guest": "/out"},
            ]
        },
        "network": {
            "allow": [
                {"host": "api.example.com"},
                {"host": "https://*.example.org:8443"},
                {"host": "api.github.com", "methods": ["GET"], "paths": ["/repos/acme/**"]},
                {"cidr": "10.1.0.0/16"},
            ],
            "deny": [{"host": "admin.example.org"}],
        },
        "environment": {"allow": [{"key": "LANG"}, {"key": "API_BASE"}]},
        "tools": {"allow": ["get-*"]},
        "resources": {"limits": {"memory": "512Mi", "cpu": "500m", "timeout": "30s", "output": "4Mi"}},
    }
    text = json.dumps({"version": "1.0", "description": "fetches weather", "permissions": permissions})
    assert parse_policy(text, "p.yaml", home=None) == policy


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.lines[:60])
def test_a_line_that_cannot_be_enforced_is_refused_with_place_reason_and_hint(case: Refused) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse(case.lines)
    assert str(caught.value).startswith(f"p.yaml:{case.where}: ")
    assert case.reason in str(caught.value)
    assert caught.value.hint == case.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "p.yaml:1: expected keys (version, description, permissions)", None),
        ("# nothing\n", "p.yaml:1: expected keys (version, description, permissions)", None),
        ("[]", "p.yaml:1: expected keys (version, description, permissions)", None),
        ("permissions: {}\n", "p.yaml:1: version is missing", 'version: "1.0"'),
        ('version: "2.0"\n', "p.yaml:1: version: this program reads version \"1.0\", not '2.0'", 'version: "1.0"'),
        ('version: "1"\n', "p.yaml:1: version: this program reads version \"1.0\", not '1'", 'version: "1.0"'),
        ('version: "1.x"\n', "p.yaml:1: version: this program reads version \"1.0\", not '1.x'", 'version: "1.0"'),
        ("version: []\n", "p.yaml:1: version: this program reads version \"1.0\", not ''", 'version: "1.0"'),
        ('version: "1.0"\npermision: {}\n', "p.yaml:2: permision: this key is not known here", "did you mean permissions"),
        ('version: "1.0"\ndescription: 7\n', "p.yaml:2: description: expected text", '"7"'),
        ('version: "1.0"\npermissions: [\n', "p.yaml:3: not YAML: ", None),
    ],
)
def test_a_document_that_is_no_policy_is_refused(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse_policy(text, "p.yaml", home=None)
    assert str(caught.value).startswith(message)
    assert caught.value.hint == hint


@pytest.mark.parametrize("lines", ["", "permissions:", "permissions: {}", "permissions: null\ndescription: null"])
def test_a_policy_without_sections_grants_nothing(lines: str) -> None:
    assert parse_policy(f'version: "1.0"\n{lines}\n', "", home=None) == EMPTY


def test_null_and_empty_sections_are_fine_as_wassette_writes_them() -> None:
    lines = "storage: null\nnetwork:\nenvironment: ~\nruntime: null\nipc:\nresources: null\nsecrets: []\ntools:"
    assert parse(lines) == parse("storage: {allow: null, deny: []}\nnetwork: {allow: [], deny: null}\nresources: {io: null, limits: null}")
    assert parse(lines) == parse("resources: {limits: {memory: null, io: null}, memory: null}\nipc: {}")
    assert document_json(parse(lines)) == {}


def test_an_unquoted_version_is_read_as_it_stands() -> None:
    assert parse_policy("version: 1.0\n", "", home=None).version == "1.0"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("fs:///a", "/a"),
        ("fs:///a/", "/a"),
        ("fs:///a/**", "/a"),
        ("fs:///**", "/"),
        ("fs:///", "/"),
        ("fs:////a/./b//c/", "/a/b/c"),
        ("fs://~", "/home/me"),
        ("fs://~/notes/**", "/home/me/notes"),
        ("fs:///a b/ü/100%/[x]?", "/a b/ü/100%/[x]?"),
    ],
)
def test_a_storage_uri_is_an_absolute_normal_path(uri: str, path: str) -> None:
    assert parse(f'storage: {{allow: [{{uri: "{uri}", access: [read]}}]}}').storage == (StorageGrant(path),)


def test_a_home_that_is_not_known_refuses_the_tilde() -> None:
    text = document("storage: {allow: [{uri: fs://~/a, access: [read]}]}")
    with pytest.raises(InvalidPolicy, match="no home directory for ~"):
        parse_policy(text, "p.yaml", home=None)


def test_a_guest_path_equal_to_the_host_path_says_nothing() -> None:
    assert parse("storage: {allow: [{uri: 'fs:///a', access: [read], guest: /a/}]}").storage == (StorageGrant("/a"),)


def test_grants_that_widen_below_or_repeat_stand_beside_each_other() -> None:
    lines = "storage:\n  allow:\n" + "".join(
        f"  - {{uri: 'fs://{path}', access: [{access}]}}\n"
        for path, access in (("/a", "read"), ("/a/b", "read, write"), ("/a/b/c", "write, read"), ("/a", "read"), ("/ab", "read"))
    )
    assert [grant.write for grant in parse(lines).storage] == [False, True, True, False, False]


def test_the_same_directory_may_be_granted_twice_with_different_access() -> None:
    lines = "storage: {allow: [{uri: 'fs:///a', access: [read]}, {uri: 'fs:///a', access: [read, write]}]}"
    assert parse(lines).storage == (StorageGrant("/a"), StorageGrant("/a", True))


@pytest.mark.parametrize(
    ("host", "entry"),
    [
        ("API.Example.COM.", NetworkHost("api.example.com")),
        ("localhost", NetworkHost("localhost")),
        ("localhost:8080", NetworkHost("localhost", None, 8080)),
        ("HTTPS://a.com:443", NetworkHost("a.com", "https")),
        ("http://a.com:80", NetworkHost("a.com", "http")),
        ("http://a.com:443", NetworkHost("a.com", "http", 443)),
        ("a.com:443", NetworkHost("a.com", None, 443)),
        ("bücher.example", NetworkHost("xn--bcher-kva.example")),
        ("BÜCHER。example", NetworkHost("xn--bcher-kva.example")),
        ("*.Bücher.example:8443", NetworkHost("*.xn--bcher-kva.example", None, 8443)),
        ("10.1.2.3:8080", NetworkHost("10.1.2.3", None, 8080)),
        ("[2001:DB8:0::1]", NetworkHost("[2001:db8::1]")),
        ("https://[::1]:8443", NetworkHost("[::1]", "https", 8443)),
        ("_dmarc.a-b.com", NetworkHost("_dmarc.a-b.com")),
        ("*.com", NetworkHost("*.com")),
        ("x.0x", None),
    ],
)
def test_a_host_has_one_canonical_form(host: str, entry: NetworkHost | None) -> None:
    if entry is None:
        with pytest.raises(InvalidPolicy, match="is a number"):
            parse(f'network: {{allow: [{{host: "{host}"}}]}}')
    else:
        assert parse(f'network: {{allow: [{{host: "{host}"}}]}}').allow == (entry,)


@pytest.mark.parametrize(
    ("cidr", "canonical"), [("FD00::/8", "fd00::/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("fd00:0000:0000:0000:0000:0000:0000:0000/8", "fd00::/8")]
)
def test_a_range_of_addresses_has_one_canonical_form(cidr: str, canonical: str) -> None:
    assert parse(f'network: {{deny: [{{cidr: "{cidr}"}}]}}').deny == (NetworkCidr(canonical),)


def test_limits_are_read_as_numbers_and_units() -> None:
    assert parse('resources: {limits: {memory: "1048576", cpu: 2, timeout: 1500ms, output: 1000}}').limits == {
        "memory": 1 << 20,
        "cpu": 2.0,
        "timeout": 1.5,
        "output": 1000,
    }


def test_the_limits_of_older_policies_mean_megabytes_and_cores() -> None:
    assert parse("resources: {memory: 512, cpu: 0.5}").limits == {"memory": 512 << 20, "cpu": 0.5}


def test_a_variable_called_no_is_not_false() -> None:
    assert parse("environment: {allow: [{key: NO}, {key: on}]}").variables == (Variable("NO"), Variable("on"))


def test_an_empty_tool_list_allows_no_tool_and_an_absent_one_all() -> None:
    assert parse("tools: {allow: []}").tools == ()
    assert document_json(parse("tools: {allow: []}")) == {"tools": {"allow": []}}
    assert parse("").tools is None


def test_reading_a_policy_touches_no_file(tmp_path: Path) -> None:
    parse(f"storage: {{allow: [{{uri: 'fs://{tmp_path}/new', access: [read, write]}}]}}")
    assert list(tmp_path.iterdir()) == []


def test_importing_the_policy_room_does_not_import_yaml() -> None:
    rooms = ", ".join(f"wassette_py.policy.{name}" for name in ("document", "matching", "grants", "editing", "words"))
    heavy = ("yaml", "shlex", "difflib", "typer", "asyncio")
    code = f"import sys, {rooms}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
