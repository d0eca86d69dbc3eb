"""What somebody signed keyless, installed: offline, its verdict kept while nothing changes, and found anew when its time has come."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.host.conftest import call
from tests.keyless_layout import SIGNED, lab_root, write_keyless, write_policy
from tests.sigstore_lab import IDENTITY, ISSUER, Lab
from wassette_py.control import Control
from wassette_py.errors import InvalidTrustPolicy, UntrustedSigner
from wassette_py.host import ComponentHost
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return write_keyless(tmp_path)


def installed(layout: str, *, about_root: str = "", scope: str = "") -> ComponentHost:
    """A host with the component, whose source is gone."""
    host = ComponentHost(Settings.load())
    write_policy(host.settings.trust_file, layout.rpartition(":")[0], lab_root(), about_root=about_root, scope=scope)
    assert host.load(parse_reference(layout), component_id="one", control=Control()).record.signer.kind == "signed"
    shutil.rmtree(layout.removeprefix("oci-layout://").rpartition(":")[0])
    return host


def answer(host: ComponentHost) -> object:
    result = call(host, "answer")
    return result.value if result.error is None else result.error


def at(monkeypatch: pytest.MonkeyPatch, when: datetime) -> None:
    """Sets the clock by which trust is decided."""
    clock = SimpleNamespace(time=when.timestamp)
    monkeypatch.setattr("wassette_py.host.trusting.time", clock)
    monkeypatch.setattr("wassette_py.trust.verifier.time", clock)


@pytest.mark.claim("trust:keyless")
def test_while_nothing_changed_nothing_is_verified(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = installed(layout)
    assert host.store.record("one").signer.signers == (f"keyless:{ISSUER}#{IDENTITY}",)
    monkeypatch.setattr("wassette_py.trust.verifier.judge", pytest.fail)
    assert [answer(one) for one in (host, ComponentHost(Settings.load()))] == [42, 42]


@pytest.mark.claim("trust:keyless")
@pytest.mark.claim("trust:revocable")
def test_a_root_that_changes_is_asked_again_and_one_that_is_not_pinned_stops_everything(layout: str) -> None:
    host = installed(layout)
    source, trust_file = layout.rpartition(":")[0], host.settings.trust_file
    write_policy(trust_file, source, lab_root(Lab(1)))
    assert "one is not trusted any more" in str(answer(host))
    write_policy(trust_file, source, lab_root() + b"\n")
    assert answer(host) == 42
    (trust_file.parent / "lab.json").write_bytes(lab_root())
    with pytest.raises(InvalidTrustPolicy, match=r"lab\.json is not the root that was pinned"):
        host.vouching.check(host.store.record("one"))


@pytest.mark.claim("trust:keyless")
@pytest.mark.claim("trust:revocable")
def test_what_is_too_old_is_not_called_any_more_though_nothing_changed(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = installed(layout, scope="    freshness: {max_age: 30d}\n")
    made = SIGNED + timedelta(seconds=5)
    record = host.store.record("one")
    assert record.signer.until == int((made + timedelta(days=30)).timestamp())
    at(monkeypatch, made + timedelta(days=29))
    host.vouching.check(record)
    at(monkeypatch, made + timedelta(days=30))
    for one in (host, ComponentHost(Settings.load())):
        with pytest.raises(UntrustedSigner, match="longer ago than the scope allows"):
            one.vouching.check(record)


@pytest.mark.claim("trust:keyless")
def test_a_root_that_is_too_old_proves_nothing_any_more_until_it_is_updated(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC).date()
    host = installed(layout, about_root=f", updated: {today}, max_age: 30d")
    record = host.store.record("one")
    later = datetime.now(UTC) + timedelta(days=31)
    at(monkeypatch, later)
    with pytest.raises(UntrustedSigner, match=f"trust root lab was updated on {today}, too long ago"):
        host.vouching.check(record)
    write_policy(host.settings.trust_file, layout.rpartition(":")[0], lab_root(), about_root=f", updated: {later.date()}, max_age: 30d")
    host.vouching.check(host.store.record("one"))
    assert (host.store.record("one").signer.until or 0) > later.timestamp()
