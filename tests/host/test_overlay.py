"""Changes to permissions that never reach disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.guests import TEXT_TOOLS, write_component
from tests.patience import LONG
from wassette_py.control import Control
from wassette_py.errors import InvalidPolicy, NotGranted, UnknownComponent
from wassette_py.host import ComponentHost
from wassette_py.host.overlay import Change, Granted, Revoked, compose
from wassette_py.policy.document import EMPTY, NetworkHost, PolicyDocument, StorageGrant, Variable
from wassette_py.policy.grants import LimitValue, grant, granted
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings

A, B = Variable("A"), Variable("B")
DIGEST = "sha256:00"


@pytest.fixture
def host(tmp_path: Path) -> ComponentHost:
    host = ComponentHost(Settings.load())
    host.load(parse_reference(str(write_component(tmp_path, "text", TEXT_TOOLS))), control=Control())
    return host


permissions = st.sampled_from([A, B, NetworkHost("https", "a.example", 443), StorageGrant("/a"), StorageGrant("/a", write=True)])
changes = st.one_of(
    st.builds(Granted, permissions, st.sampled_from([DIGEST, "sha256:11"]), st.booleans()),
    st.builds(Revoked, st.one_of(st.none(), permissions), st.booleans()),
)


@given(st.lists(permissions), st.lists(changes, max_size=6))
def test_nothing_is_granted_that_no_file_and_no_change_grants(on_disk: list[StorageGrant], laid: list[Change]) -> None:
    policy = EMPTY
    for permission in on_disk:
        try:
            policy = grant(policy, permission)
        except InvalidPolicy:
            continue
    composed = compose(policy, laid, DIGEST)
    given_ = {change.permission for change in laid if isinstance(change, Granted) and change.digest == DIGEST}
    for entry in (*composed.storage, *composed.allow, *composed.variables):
        assert granted(policy, entry) or entry in given_
    if laid and isinstance(laid[-1], Revoked) and laid[-1].permission is not None:
        assert not granted(composed, laid[-1].permission)


def test_taking_everything_away_keeps_what_is_forbidden() -> None:
    policy = PolicyDocument(variables=(A,), deny=(NetworkHost("https", "x.example", 443),), tools=("add",), limits={"memory": 1.0})
    composed = compose(policy, [Revoked(None, once=False)], DIGEST)
    assert (composed.variables, composed.limits) == ((), {})
    assert (composed.deny, composed.tools) == (policy.deny, ("add",))


def test_what_does_not_fit_over_the_file_any_more_is_left_out() -> None:
    one, other = StorageGrant("/a", guest="/x"), StorageGrant("/b", guest="/x")
    policy = PolicyDocument(storage=(one,))
    assert compose(policy, [Granted(other, DIGEST, once=False)], DIGEST) == policy
    assert compose(policy, [Revoked(A, once=False)], DIGEST) == policy


def test_a_once_is_used_up_by_one_of_many_calls_that_start_together(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="once")
    host.policies.grant("text", B, lasting="session")
    seen: list[PolicyDocument] = []
    gate = threading.Barrier(8)

    def claim() -> None:
        gate.wait(LONG)
        seen.append(host.policies.claimed("text"))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(seen) == 8
    assert sum(A in policy.variables for policy in seen) == 1
    assert all(B in policy.variables for policy in seen)


def test_the_operators_ceiling_holds_for_a_session_too(host: ComponentHost) -> None:
    above = LimitValue("memory", host.settings.ceilings.memory * 2)
    with pytest.raises(InvalidPolicy, match="above the operator's ceiling"):
        host.policies.grant("text", above, lasting="session")
    assert host.policies.changes("text") == ()
    host.policies.grant("text", LimitValue("memory", host.settings.ceilings.memory), lasting="session")


def test_a_directory_is_looked_at_for_a_session_too(host: ComponentHost, tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match="does not exist"):
        host.policies.grant("text", StorageGrant(str(tmp_path / "absent")), lasting="once")
    assert host.policies.changes("text") == ()


def test_what_is_granted_for_longer_replaces_what_was_for_shorter(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="once")
    host.policies.grant("text", A, lasting="session")
    assert [change.once for change in host.policies.changes("text")] == [False]
    host.policies.grant("text", A)
    assert host.policies.changes("text") == ()
    host.policies.grant("text", A, lasting="once")
    assert host.policies.changes("text") == ()  # it is granted always


def test_what_was_granted_for_the_session_is_revoked_for_ever_at_once(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="session")
    assert host.policies.revoke("text", A) == EMPTY
    with pytest.raises(NotGranted):
        host.policies.revoke("text", A)
    with pytest.raises(NotGranted):
        host.policies.revoke("text", A, lasting="once")


def test_a_grant_for_ever_is_seen_although_everything_was_taken_away_for_the_session(host: ComponentHost) -> None:
    host.policies.reset("text", lasting="session")
    assert host.policies.grant("text", A).variables == (A,)
    assert "key: A" in host.store.policy_path("text").read_text()


def test_a_grant_in_a_terminal_is_seen_under_what_is_laid_over_it(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="session")
    other = ComponentHost(host.settings)
    other.policies.grant("text", B)
    assert other.policies.of("text").variables == (B,)
    assert set(host.policies.of("text").variables) == {A, B}


@pytest.mark.parametrize("change", [lambda host: host.policies.grant("nope", A, lasting="once")])
def test_an_unknown_component_gets_nothing(change: Callable[[ComponentHost], object], host: ComponentHost) -> None:
    with pytest.raises(UnknownComponent):
        change(host)


def test_a_call_whose_policy_cannot_be_read_uses_nothing_up(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="once")
    host.store.policy_path("text").write_text("permissions: [")
    with pytest.raises(InvalidPolicy):
        host.policies.claimed("text")
    assert len(host.policies.changes("text")) == 1


def test_a_policy_given_by_hand_is_not_mixed_with_the_session(host: ComponentHost) -> None:
    host.policies.grant("text", A, lasting="session")
    call = host.opened_tool("add")
    assert replace(call, policy=EMPTY).policy == EMPTY
    assert call.claim is None
