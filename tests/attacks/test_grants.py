"""Attacks on the grants themselves: what a person granted must not become more by what guests, or policies, do with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.attacks.guests import ESCAPER
from tests.cli.conftest import Wassette
from tests.cli.guests import write_component
from tests.host.conftest import Load, call
from tests.sandbox.conftest import Guests
from wassette_py.errors import InvalidPolicy
from wassette_py.host import ComponentHost
from wassette_py.policy.document import PolicyDocument, StorageGrant


def policy(*grants: tuple[Path | str, str]) -> str:
    entries = "".join(f"\n      - {{uri: 'fs://{path}', access: [{access}]}}" for path, access in grants)
    return f"version: '1.0'\npermissions:\n  storage:\n    allow:{entries}\n"


@pytest.mark.claim("storage:no-way-in")
def test_a_guest_cannot_turn_a_directory_that_another_was_granted_into_a_way_out(host: ComponentHost, load: Load, tmp_path: Path) -> None:
    shared, inner, outside = tmp_path / "shared", tmp_path / "shared" / "inner", tmp_path / "outside"
    inner.mkdir(parents=True)
    outside.mkdir()
    (outside / "key").write_text("secret")
    load("writer", ESCAPER, prefix="w", policy=policy((shared, "read, write")))
    load("victim", ESCAPER, prefix="v", policy=policy((inner, "read, write")))
    assert call(host, "w_rmdir", nth=0, path="inner").error is None
    assert call(host, "w_symlink", nth=0, old="../outside", new="inner").error is None
    for tool, arguments in (
        ("v_read", {"nth": 0, "follow": 1, "path": "key"}),
        ("v_write", {"nth": 0, "create": 1, "path": "planted", "flags": 2}),
    ):
        result = call(host, tool, **arguments)
        assert result.kind == "broken"
        assert f"{inner} leads through the link {inner}, which a guest could have made" in result.message
    assert os.listdir(outside) == ["key"]


@pytest.mark.claim("storage:no-way-in")
def test_a_guest_cannot_turn_its_own_second_grant_into_a_way_out(guests: Guests, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "key").write_text("secret")
    (tmp_path / "a" / "b").rmdir()
    (tmp_path / "a" / "b").symlink_to("..")  # as in the test above
    both = PolicyDocument(storage=(StorageGrant(str(tmp_path / "a"), write=True), StorageGrant(str(tmp_path / "a" / "b"), write=True)))
    report = guests.call(ESCAPER, "read", 1, 1, "key", policy=both)
    assert isinstance(report.error, InvalidPolicy)


@pytest.mark.claim("storage:no-way-in")
@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.parametrize("access", ["read", "read, write"])
def test_a_guest_cannot_be_granted_the_files_that_decide_what_it_may_do(host: ComponentHost, load: Load, access: str, home: Path) -> None:
    load("guest", ESCAPER)
    own = host.settings
    for folder in (own.component_dir, own.config_dir, own.cache_dir, own.state_dir):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "below").mkdir()
        for path in (folder, folder / "below", folder.parent, home):
            with pytest.raises(InvalidPolicy, match="holds what wassette itself lives by"):
                host.policies.grant("guest", StorageGrant(str(path), write="write" in access))
            with pytest.raises(InvalidPolicy, match="holds what wassette itself lives by"):
                host.policies.replace("guest", policy((path, access)), "set")
            host.store.policy_path("guest").write_text(policy((path, access)))  # by hand
            assert call(host, "read", nth=0, follow=1, path="guest.policy.yaml").kind == "broken"
            host.store.policy_path("guest").unlink()
        shutil.rmtree(folder / "below")


@pytest.mark.claim("storage:no-way-in")
@pytest.mark.parametrize("linked", ["config_dir/trust.yaml", "config_dir/config.yaml", "component_dir/guest.policy.yaml"])
def test_a_guest_cannot_be_granted_what_those_files_are_links_to(host: ComponentHost, load: Load, tmp_path: Path, linked: str) -> None:
    load("guest", ESCAPER)
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    grant = StorageGrant(str(dotfiles), write=True)
    host.policies.grant("guest", grant)
    text = host.store.read_policy("guest")
    assert text is not None
    folder, name = linked.split("/")
    link = Path(getattr(host.settings, folder)) / name
    link.parent.mkdir(parents=True, exist_ok=True)
    kept = dotfiles / name
    kept.write_text(text if folder == "component_dir" else "version: 1\n")
    link.unlink(missing_ok=True)
    link.symlink_to(kept)
    result = call(host, "read", nth=0, follow=1, path=name)
    assert result.kind == "broken"
    assert f"{dotfiles} holds what wassette itself lives by, in {kept}" in result.message
    load("other", ESCAPER, prefix="o")
    with pytest.raises(InvalidPolicy, match="holds what wassette itself lives by"):
        host.policies.grant("other", grant)


@pytest.mark.claim("storage:no-way-in")
def test_flags_of_run_cannot_grant_them_either(wassette: Wassette, tmp_path: Path, home: Path) -> None:
    path = write_component(tmp_path, "escaper", ESCAPER)
    ran = wassette("run", path, "read", "nth=0", "follow=1", "path=x", "--allow-read", home)
    assert ran.code != 0
    assert "holds what wassette itself lives by" in ran.err


@pytest.mark.claim("storage:no-way-in")
@pytest.mark.claim("environment:granted-only")
@pytest.mark.parametrize("folder", ["/", "/proc", "/proc/self", "/proc/1", "/proc/thread-self"])
def test_a_guest_cannot_be_granted_this_process(host: ComponentHost, load: Load, folder: str) -> None:
    load("guest", ESCAPER)
    with pytest.raises(InvalidPolicy):
        host.policies.grant("guest", StorageGrant(folder))
    host.store.policy_path("guest").write_text(policy((folder, "read")))
    path = "environ" if folder.count("/") > 1 else "self/environ" if folder == "/proc" else "proc/self/environ"
    assert call(host, "read", nth=0, follow=1, path=path).kind == "broken"


@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.parametrize("target", ["read /proc/self/environ", "read /etc/passwd"])
def test_a_policy_test_does_not_allow_what_the_sandbox_refuses(wassette: Wassette, tmp_path: Path, home: Path, target: str) -> None:
    assert wassette("component", "load", write_component(tmp_path, "guest", ESCAPER)).code == 0
    for folder in ("/", "/proc"):
        (home / ".local/share/wassette/components/guest.policy.yaml").write_text(policy((folder, "read")))
        ran = wassette("policy", "test", "guest", target)
        assert ran.code != 0
        assert "holds /proc" in ran.err


@pytest.mark.claim("policy:enforced-or-refused")
def test_reading_a_policy_makes_no_directory(host: ComponentHost, load: Load, tmp_path: Path) -> None:
    load("guest", ESCAPER)
    before = sorted(tmp_path.rglob("*"))
    host.policies.replace("guest", policy((tmp_path / "not-there", "read, write")), "set")
    assert host.policies.of("guest").storage
    assert call(host, "read", nth=0, follow=1, path="x").kind == "broken"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.claim("policy:enforced-or-refused")
@pytest.mark.parametrize("spelling", ["../x", "x", "//../x", "/a/../..", "/a/*", "/a\\0", "~root", "/a/**/b", "", "C:/x"])
def test_what_is_no_plain_absolute_path_is_refused(host: ComponentHost, load: Load, spelling: str) -> None:
    load("guest", ESCAPER)
    with pytest.raises(InvalidPolicy):
        host.policies.replace("guest", policy((spelling, "read")).replace("'", '"'), "set")
