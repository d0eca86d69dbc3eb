"""Grants: made at once, seen at the next call, refused where they could not work or could hang a call."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.guests import ONE_TOOL
from tests.host.conftest import Load
from wassette_py.errors import InvalidPolicy, NotGranted, UnknownComponent
from wassette_py.host import ComponentHost, reach
from wassette_py.policy.document import EMPTY, StorageGrant, Variable
from wassette_py.policy.words import parse_permission


def test_a_grant_is_seen_by_another_host_and_a_revoke_takes_it_away(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    other = ComponentHost(host.settings)
    assert other.policies.of("one") == other.policies.claimed("one") == EMPTY
    variable = parse_permission("env", "LANG")
    assert [v.key for v in host.policies.grant("one", variable).variables] == ["LANG"]
    assert [v.key for v in other.policies.of("one").variables] == ["LANG"]
    host.policies.revoke("one", variable)
    assert other.policies.of("one").variables == ()


def test_revoking_what_is_not_granted_says_so(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    with pytest.raises(NotGranted, match="env LANG is not granted"):
        host.policies.revoke("one", Variable("LANG", 0))


def test_nothing_is_granted_to_a_component_that_is_not_there(host: ComponentHost) -> None:
    with pytest.raises(UnknownComponent):
        host.policies.grant("nobody", Variable("LANG", 0))
    with pytest.raises(UnknownComponent):
        host.policies.replace("nobody", "version: '1.0'\n", "text")


def test_a_reset_leaves_no_policy(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL, policy="version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}]\n")
    assert host.policies.replace("one", None, "reset") == EMPTY
    assert host.store.read_policy("one") is None


def test_a_grant_above_the_ceiling_changes_nothing(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    with pytest.raises(InvalidPolicy, match=r"^memory: 64Gi is above the operator's ceiling of 4Gi$") as refused:
        host.policies.grant("one", parse_permission("memory", "64Gi"))
    assert refused.value.hint == "wassette policy grant one memory 4Gi"
    assert host.store.read_policy("one") is None


def test_unloading_takes_the_policy_along_unless_it_is_to_be_kept(host: ComponentHost, load: Load) -> None:
    policy = "version: '1.0'\npermissions:\n  environment:\n    allow: [{key: LANG}]\n"
    load("one", ONE_TOOL, policy=policy)
    assert host.unload("one", keep_policy=True) is None
    assert host.store.read_policy("one") == policy
    load("one", ONE_TOOL)
    assert host.unload("one") == policy
    assert host.tools() == ()


def test_a_directory_that_is_not_there_or_is_a_file_cannot_be_granted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name, why in (("missing", "does not exist"), ("file", "is not a directory")):
        with pytest.raises(InvalidPolicy, match=why):
            reach.check_grantable(StorageGrant(str(tmp_path / name), False, None, 0))


def test_a_directory_that_holds_a_fifo_or_a_device_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    reach.check_grantable(StorageGrant(str(tmp_path), False, None, 0))
    os.mkfifo(deep / "pipe")
    with pytest.raises(InvalidPolicy, match="is a FIFO or a device"):
        reach.check_grantable(StorageGrant(str(tmp_path), False, None, 0))
    with pytest.raises(InvalidPolicy, match="is a FIFO or a device"):
        reach.check_grantable(StorageGrant("/dev", False, None, 0))


def test_the_search_for_fifos_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "SEARCHED_ENTRIES", 3)
    for number in range(5):
        (tmp_path / f"{number}").write_text("")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe")
    reach.check_grantable(StorageGrant(str(tmp_path), False, None, 0))


def test_a_file_that_goes_away_while_looking_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").write_text("")
    monkeypatch.setattr(os, "walk", lambda *_, **__: [(str(tmp_path), [], ["was-there"])])
    reach.check_grantable(StorageGrant(str(tmp_path), False, None, 0))


def test_a_flag_above_the_ceiling_is_refused_without_naming_a_file(host: ComponentHost) -> None:
    with pytest.raises(InvalidPolicy, match=r"^timeout: 7200s is above the operator's ceiling of 3600s$"):
        host.policies.limits(replace(EMPTY, limits={"timeout": 7200}))
