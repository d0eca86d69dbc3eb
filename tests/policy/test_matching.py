"""Decisions: deny wins, absent denies, and each names the line that decided."""

from __future__ import annotations

import pytest

from tests.policy.vectors import decided, document, may_reach
from wassette_py.policy.document import EMPTY, NetworkHost, PolicyDocument, parse_policy
from wassette_py.policy.matching import Decision, entry_text, match_path, match_tool, match_variable
from wassette_py.policy.network import Unenforceable, parse_url
from wassette_py.policy.paths import glob_matches, name_matches, normal_path


def network(*allow: str, deny: tuple[str, ...] = ()) -> PolicyDocument:
    lines = ["network:", "  allow:", *(f"  - {entry}" for entry in allow), "  deny:", *(f"  - {entry}" for entry in deny)]
    return parse_policy(document("\n".join(lines)), "p.yaml", home=None)


def reaches(entry: str, url: str, method: str = "GET") -> bool:
    """Whether an `allow` entry allows; a `deny` entry beside an entry for everything must deny the same."""
    return may_reach(network(entry), url, method)


def test_absent_network_section_denies_every_host() -> None:
    assert decided(EMPTY, "GET", "https://a.com") == Decision(False, None, "not in network.allow")
    assert decided(network(), "GET", "https://a.com") == decided(EMPTY, "GET", "https://a.com")


def test_absent_sections_deny_paths_and_variables_and_allow_every_tool() -> None:
    assert match_path(EMPTY, "/a", write=False) == Decision(False, None, "not in storage.allow")
    assert match_variable(EMPTY, "HOME") == Decision(False, None, "not in environment.allow")
    assert match_tool(EMPTY, "anything") == Decision(True, None, "every tool is allowed")


def test_a_secret_is_seen_under_the_variable_it_is_granted_as() -> None:
    policy = parse_policy('version: "1.0"\npermissions:\n  secrets:\n  - {name: TOKEN, env: API_TOKEN}\n', "p.yaml", home=None)
    assert match_variable(policy, "API_TOKEN") == Decision(True, "p.yaml:4", "in secrets: TOKEN as API_TOKEN")
    assert match_variable(policy, "TOKEN") == Decision(False, None, "not in environment.allow")


def test_a_decision_names_the_line_that_decided() -> None:
    policy = network("host: a.com", "{host: '*.b.com', methods: [GET], paths: [/x]}", deny=("host: c.b.com", "cidr: 10.0.0.0/8"))
    assert decided(policy, "GET", "https://a.com/") == Decision(True, "p.yaml:5", "in network.allow: a.com")
    assert decided(policy, "GET", "https://x.b.com/x") == Decision(True, "p.yaml:6", "in network.allow: GET *.b.com /x")
    assert decided(policy, "GET", "https://c.b.com/x") == Decision(False, "p.yaml:8", "in network.deny: c.b.com")
    assert decided(policy, "GET", "http://10.1.1.1") == Decision(False, "p.yaml:9", "in network.deny: 10.0.0.0/8")
    assert decided(policy, "GET", "https://x.b.com/%2f") == Decision(
        False, None, "not in network.allow: its path holds an encoded slash, backslash or dot"
    )


@pytest.mark.parametrize("method", ["CONNECT", "connect", "TRACE"])
def test_tunnels_and_echoes_are_granted_by_nothing(method: str) -> None:
    decision = decided(network("host: a.com"), method, "https://a.com")
    assert decision == Decision(False, None, f"{method.upper()} is never sent for a component")


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("host: a.com", "https://a.com", True),
        ("host: a.com", "https://a.com:443/x?y#z", True),
        ("host: a.com", "http://a.com:80", True),
        ("host: a.com", "HTTPS://A.COM.", True),
        ("host: a.com", "http://a.com:443", False),
        ("host: a.com", "https://a.com:80", False),
        ("host: a.com", "https://a.com:8443", False),
        ("host: a.com", "https://b.a.com", False),
        ("host: a.com", "https://a.com.evil.com", False),
        ("host: a.com", "https://evila.com", False),
        ("host: 'https://a.com'", "http://a.com", False),
        ("host: 'http://a.com'", "http://a.com", True),
        ("host: 'a.com:8443'", "https://a.com:8443", True),
        ("host: 'a.com:8443'", "http://a.com:8443", True),
        ("host: 'a.com:8443'", "https://a.com", False),
        ("host: '*.a.com'", "https://b.a.com", True),
        ("host: '*.a.com'", "https://c.b.a.com", True),
        ("host: '*.a.com'", "https://a.com", False),
        ("host: '*.a.com'", "https://ba.com", False),
        ("host: bücher.de", "https://b%C3%BCcher.de", False),
        ("host: bücher.de", "https://BÜCHER.de", True),
        ("host: bücher.de", "https://xn--bcher-kva.de", True),
        ("host: localhost", "http://localhost", True),
        ("host: localhost", "http://127.0.0.1", False),
        ("host: '[::1]'", "https://[0:0::1]", True),
        ("host: 10.0.0.1", "https://10.0.0.1", True),
        ("host: 10.0.0.1", "https://10.0.1", False),
        ("cidr: 10.0.0.0/8", "http://10.255.0.1:9999", True),
        ("cidr: 10.0.0.0/8", "http://11.0.0.1", False),
        ("cidr: 10.0.0.0/8", "http://[::ffff:10.0.0.1]", False),
        ("cidr: 10.0.0.0/8", "http://name10", False),
        ("cidr: 'fd00::/8'", "https://[fd00::1]:1", True),
        ("cidr: '::/0'", "http://10.0.0.1", False),
    ],
)
def test_an_entry_reaches_the_hosts_it_names_and_no_other(entry: str, url: str, allowed: bool) -> None:
    assert reaches(entry, url) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "a.com",
        "/x",
        "",
        "https://",
        "https:///x",
        "https://a.com:x",
        "https://a.com:99999",
        "https://a.com\\@b.com",
        "https://u@a.com",
        "https://a.com@b.com/",
        "https://a.com/a b",
        "https://a.com/\n",
        "https://a.com/\\..\\b",
        "https://[::1",
        "https://a.com%00.b.com",
        "https://0x7f.1",
        "https://a..com",
    ],
)
def test_a_url_that_does_not_parse_is_denied(url: str) -> None:
    assert not may_reach(network("host: a.com", "host: '*.com'", "cidr: '::/0'", "cidr: 0.0.0.0/0"), url)
    with pytest.raises(Unenforceable):
        parse_url(url)


@pytest.mark.parametrize("url", ["ftp://a.com", "ws://a.com:80/x", "file://localhost/etc", "x-y.z+1://a.com"])
def test_a_scheme_that_is_not_http_is_denied(url: str) -> None:
    decision = decided(network("host: a.com", "host: localhost"), "GET", url)
    assert decision == Decision(False, None, f"only https and http can be granted, not {url.partition(':')[0]}")


@pytest.mark.parametrize(("method", "allowed"), [("GET", True), ("get", True), ("POST", False), ("GETX", False)])
def test_methods_narrow_an_entry(method: str, allowed: bool) -> None:
    assert reaches("{host: a.com, methods: [GET, HEAD]}", "https://a.com", method) is allowed


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("/repos/acme/**", "/repos/acme", True),
        ("/repos/acme/**", "/repos/acme/", True),
        ("/repos/acme/**", "/repos/acme/x/y", True),
        ("/repos/acme/**", "/repos/acmex", False),
        ("/repos/acme/**", "/repos/acme/x/../../y", False),
        ("/repos/acme/**", "/repos/other/../acme/y", True),
        ("/repos/acme/**", "/repos/%61cme/y", True),
        ("/repos/acme/**", "/repos/acme/%2e%2e/y", False),
        ("/repos/acme/**", "/repos/acme/./y", True),
        ("/repos/acme/**", "/repos/acme%2Fy", False),
        ("/repos/acme/**", "/repos/acme/%2f..", False),
        ("/repos/acme/**", "/repos/acme/%5c", False),
        ("/repos/acme/**", "/repos/acme/%252e%252e/x", False),
        ("/repos/acme/**", "/repos/acme//x", False),
        ("/repos/acme/**", "/repos/acme/..;/x", False),
        ("/repos/acme/**", "/repos/acme/a;b", True),
        ("/repos/acme/**", "/repos/acme/%00", False),
        ("/repos/acme/**", "/repos/acme/%ff", False),
        ("/repos/acme/**", "/repos/acme/%", False),
        ("/repos/acme/**", "/repos/acme/%25", True),
        ("/**", "/", True),
        ("/**", "/a/b", True),
        ("/", "/", True),
        ("/", "/a/..", True),
        ("/", "/a", False),
        ("/a", "/a/", False),
        ("/a/", "/a/", True),
        ("/a/", "/a/b/..", True),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/b/c", False),
        ("/a/*/c", "/a/b/c", True),
        ("/a/**/c", "/a/c", True),
        ("/a/**/c", "/a/x/y/c", True),
        ("/a/**/c", "/a/x/y/d", False),
        ("/v*/x-*", "/v1/x-", True),
        ("/ü", "/%C3%BC", True),
        ("/a b", "/a%20b", True),
    ],
)
def test_paths_narrow_an_entry_after_decoding_and_removing_dot_segments(glob: str, path: str, matches: bool) -> None:
    assert reaches(f'{{host: a.com, paths: ["{glob}"]}}', f"https://a.com{path}") is matches


def test_the_query_is_not_part_of_the_path() -> None:
    assert reaches("{host: a.com, paths: [/a]}", "https://a.com/a?x=/../b")
    assert reaches("{host: a.com, paths: [/]}", "https://a.com?x")


@pytest.mark.parametrize("path", ["/admin", "/admin/x", "/x/../admin/y", "/x%2fadmin", "//admin", "/admin/..;/x", "/%61dmin", "/%ff"])
def test_a_path_that_servers_may_read_as_a_denied_one_is_denied(path: str) -> None:
    policy = network("host: a.com", deny=("{host: a.com, paths: ['/admin/**']}",))
    assert not may_reach(policy, f"https://a.com{path}")
    assert may_reach(policy, "https://a.com/other")


def test_an_encoded_slash_matters_only_where_paths_are_named() -> None:
    assert reaches("host: a.com", "https://a.com/projects/a%2Fb")


def test_a_glob_does_not_take_long_on_a_hostile_path() -> None:
    assert not glob_matches("/**/a/**/a/**/a/**/b", "/a" * 5000)
    assert not name_matches("*a*a*a*a*b", "a" * 5000)


def test_a_path_has_a_normal_form_or_a_reason_not_to() -> None:
    assert normal_path("/a/./b/../%63/") == ("/a/c/", "")
    assert normal_path("/../..") == ("/", "")
    assert normal_path("/%80") == (None, "its path is not UTF-8")
    assert normal_path("//") == (None, "its path holds an empty segment")


def test_a_target_shows_with_its_port() -> None:
    assert str(parse_url("https://A.com/x")) == "https://a.com:443"


def test_an_entry_is_written_in_one_line() -> None:
    entry = NetworkHost("a.com", "https", 8443, ("GET", "POST"), ("/a", "/b"))
    assert entry_text(entry) == "GET,POST https://a.com:8443 /a,/b"


STORAGE = """\
storage:
  allow:
  - {uri: "fs:///a", access: [read]}
  - {uri: "fs:///a/w", access: [read, write], guest: /w}
  - {uri: "fs:///b", access: [read, write]}
"""


@pytest.mark.parametrize(
    ("path", "write", "decision"),
    [
        ("/a", False, Decision(True, "p.yaml:5", "in storage.allow: /a")),
        ("/a/x/../y", False, Decision(False, None, "not a target a policy can name: a path must not hold ..")),
        ("/a/x", True, Decision(False, "p.yaml:5", "in storage.allow for reading only: /a")),
        ("/a/w/x", True, Decision(True, "p.yaml:6", "in storage.allow: /a/w")),
        ("/b//x/*.txt", True, Decision(True, "p.yaml:7", "in storage.allow: /b")),
        ("/ab", False, Decision(False, None, "not in storage.allow")),
        ("/", False, Decision(False, None, "not in storage.allow")),
        ("a", False, Decision(False, None, "not a target a policy can name: a path must be absolute")),
    ],
)
def test_access_to_a_path_is_the_union_of_the_grants_above_it(path: str, write: bool, decision: Decision) -> None:
    assert match_path(parse_policy(document(STORAGE), "p.yaml", home=None), path, write=write) == decision


def test_a_variable_is_granted_by_its_exact_name() -> None:
    policy = parse_policy(document("environment: {allow: [{key: LANG}]}"), "p.yaml", home=None)
    assert match_variable(policy, "LANG") == Decision(True, "p.yaml:3", "in environment.allow: LANG")
    assert not match_variable(policy, "lang").allowed
    assert not match_variable(policy, "LANGUAGE").allowed


def test_tools_are_allowed_by_pattern() -> None:
    policy = parse_policy(document('tools:\n  allow:\n  - "get-*"\n  - exact'), "p.yaml", home=None)
    assert match_tool(policy, "get-x") == Decision(True, "p.yaml:5", "in tools.allow: get-*")
    assert match_tool(policy, "exact") == Decision(True, "p.yaml:6", "in tools.allow: exact")
    assert match_tool(policy, "exactly") == Decision(False, None, "not in tools.allow")
    assert not match_tool(PolicyDocument(tools=()), "get-x").allowed
    assert match_tool(PolicyDocument(tools=("x",), source="s"), "x").by == "s:0"
