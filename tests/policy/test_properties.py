"""What must hold of every policy: granting never takes away, denying never gives, and the matcher agrees with a second reading."""

from __future__ import annotations

import json
import re
import string
from contextlib import suppress
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.policy import model
from tests.policy.model import Sent
from tests.policy.strategies import (
    ADDRESSES,
    HOSTS,
    METHODS,
    NAMES,
    PATHS,
    network_entries,
    permissions,
    schemes,
    secrets,
    storage_grants,
    variables,
)
from tests.policy.vectors import decided, may_reach
from wassette_py.errors import InvalidPolicy
from wassette_py.policy.document import NetworkEntry, NetworkHost, PolicyDocument, StorageGrant, document_json, network_json, parse_policy
from wassette_py.policy.grants import LimitValue, Permission, grant, granted, revoke
from wassette_py.policy.matching import match_path
from wassette_py.policy.network import Unenforceable
from wassette_py.policy.paths import glob_matches, name_matches
from wassette_py.policy.targets import PathAccess, Target, VariableAccess, parse_target, test

RAW_SEGMENTS = st.sampled_from(
    ["a", "b", "ab", "", ".", "..", "%61", "%2e%2e", "%2F", "%5c", "%252e", "..;x", "%FF", "%", "%C3%BC", "a%20b", "%00"]
)
RAW_PATHS = st.lists(RAW_SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments) if segments else "")
SCHEMES = st.sampled_from(["https", "http", "https", "http", "ftp"])
PORTS = st.sampled_from([None, None, None, 443, 80, 8443])
URL_HOSTS = st.one_of(NAMES, NAMES.map(lambda name: name.upper() + "."), ADDRESSES)


requests = st.builds(Sent, METHODS | st.sampled_from(["get", "TRACE"]), SCHEMES, URL_HOSTS, PORTS, RAW_PATHS)
targets: st.SearchStrategy[Target] = st.one_of(
    requests.map(lambda sent: parse_target(f"{sent.method} {sent.url()}")),
    st.builds(PathAccess, PATHS, st.booleans()),
    st.builds(lambda variable: VariableAccess(variable.key), variables | secrets),
)
Network = tuple[NetworkEntry, ...]
entries = st.lists(network_entries, max_size=4).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> PolicyDocument:
    """A policy that can stand: directories that cannot be beside the others are left out."""
    policy = PolicyDocument(
        source="p.yaml", allow=draw(entries), deny=draw(entries), variables=draw(st.lists(variables, max_size=2).map(tuple))
    )
    for permission in draw(st.lists(storage_grants | secrets, max_size=4)):
        policy = attempt(policy, permission) or policy
    return policy


def attempt(policy: PolicyDocument, permission: Permission) -> PolicyDocument | None:
    try:
        return grant(policy, permission)
    except InvalidPolicy:
        return None


@given(entries, entries, requests)
def test_the_matcher_agrees_with_a_second_reading_of_the_rules(allow: Network, deny: Network, sent: Sent) -> None:
    raw_allow, raw_deny = [network_json(entry) for entry in allow], [network_json(entry) for entry in deny]
    text = json.dumps({"version": "1.0", "permissions": {"network": {"allow": raw_allow, "deny": raw_deny}}})
    assert may_reach(parse_policy(text, "p.yaml", home=None), sent.url(), sent.method) == model.allowed(raw_allow, raw_deny, sent)


@given(HOSTS.flatmap(schemes), st.booleans(), st.data())
def test_the_matcher_agrees_where_host_and_path_are_near(entry: NetworkHost, deny: bool, data: st.DataObject) -> None:
    """The same with a request made to fit the entry's host, so that methods, ports and paths decide."""
    host = entry.host.replace("*", data.draw(st.sampled_from(["a", "b.a"])))
    sent = data.draw(requests)._replace(host=host)
    mine, every = [network_json(entry)], [network_json(NetworkHost(entry.host, None, port)) for port in (None, 80, 443, 8443)]
    allow, denied = (every, mine) if deny else (mine, [])
    text = json.dumps({"version": "1.0", "permissions": {"network": {"allow": allow, "deny": denied}}})
    assert may_reach(parse_policy(text, "p.yaml", home=None), sent.url(), sent.method) == model.allowed(allow, denied, sent)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_a_star_stands_for_any_characters(pattern: str, name: str) -> None:
    assert name_matches(pattern, name) == bool(re.fullmatch(pattern.replace("*", ".*"), name))


@given(st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), max_size=4), st.lists(st.sampled_from(["a", "b", "ab"]), max_size=5))
def test_globs_agree_with_regular_expressions(pattern: list[str], path: list[str]) -> None:
    text, wanted = "/" + "/".join(pattern), "/" + "/".join(path)
    assert glob_matches(text, wanted) == bool(model.glob(text).fullmatch(wanted))


@given(policies(), permissions)
def test_revoking_what_was_granted_gives_the_policy_back(policy: PolicyDocument, permission: Permission) -> None:
    assume(not isinstance(permission, LimitValue) and not granted(policy, permission))
    more = attempt(policy, permission)
    assume(more is not None)
    assert more is not None
    assert granted(more, permission)
    assert revoke(more, permission) == policy


@given(policies(), permissions, targets)
def test_granting_never_removes_a_permission(policy: PolicyDocument, permission: Permission, target: Target) -> None:
    more = attempt(policy, permission)
    assume(more is not None)
    assert more is not None
    assert test(more, target).allowed or not test(policy, target).allowed


@given(policies(), network_entries, targets)
def test_adding_a_deny_never_allows(policy: PolicyDocument, entry: NetworkEntry, target: Target) -> None:
    stricter = replace(policy, deny=(*policy.deny, entry))
    assert test(policy, target).allowed or not test(stricter, target).allowed


@given(policies(), st.data(), targets)
def test_removing_an_allow_never_allows(policy: PolicyDocument, data: st.DataObject, target: Target) -> None:
    present = [*policy.allow, *policy.storage, *policy.variables, *policy.secrets]
    assume(present)
    less = revoke(policy, data.draw(st.sampled_from(present)))
    assert test(policy, target).allowed or not test(less, target).allowed


@given(policies())
def test_a_policy_written_as_json_reads_back_as_itself(policy: PolicyDocument) -> None:
    text = json.dumps({"version": policy.version, "permissions": document_json(policy)})
    assert parse_policy(text, "p.yaml", home=None) == policy


@given(policies(), PATHS)
def test_what_may_be_written_may_be_read(policy: PolicyDocument, path: str) -> None:
    assert match_path(policy, path, write=False).allowed or not match_path(policy, path, write=True).allowed


@given(policies(), st.text(max_size=40) | st.text("htps:/.@%[]x0*\\ \n?#a", max_size=30).map(lambda rest: f"https://{rest}"))
def test_any_text_as_a_url_is_a_decision(policy: PolicyDocument, text: str) -> None:
    with suppress(Unenforceable):
        assert decided(policy, "GET", text).reason


@given(
    st.one_of(
        st.text(max_size=80),
        st.text("permissons:storagewk{}[],\n \"'-*/0.", max_size=120).map(lambda rest: f'version: "1.0"\npermissions: {rest}'),
        st.builds(
            lambda key, value: f'version: "1.0"\npermissions: {{network: {{allow: [{{{key}: "{value}"}}]}}}}\n',
            st.sampled_from(["host", "cidr", "methods"]),
            st.text(string.ascii_letters + string.digits + "*.:/[]@%-_~ü\u0660\u3002", max_size=30),
        ),
        st.text("*/.~fs:ab%-", max_size=20).map(
            lambda uri: f'version: "1.0"\npermissions: {{storage: {{allow: [{{uri: "fs://{uri}", access: [read]}}]}}}}'
        ),
    )
)
def test_any_text_is_a_policy_or_an_invalid_policy(text: str) -> None:
    error = None
    try:
        policy = parse_policy(text, "p.yaml", home=None)
        assert (
            parse_policy(json.dumps({"version": policy.version, "permissions": document_json(policy)}), "p.yaml", home=None).allow
            == policy.allow
        )
    except InvalidPolicy as caught:
        error = caught
    assert error is None or str(error).startswith("p.yaml:")


def test_a_directory_that_cannot_stand_beside_the_others_is_not_granted() -> None:
    policy = PolicyDocument(storage=(StorageGrant("/a", True),))
    assert attempt(policy, StorageGrant("/a/b")) is None
