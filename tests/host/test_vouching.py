"""What is installed stays callable while the trust policy accepts it: the verdict is found once, and anew when anything of it changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL, write_component
from tests.host.conftest import call
from tests.signatures import signer
from tests.signed_layout import write_signed, write_trust
from wassette_py.control import Control
from wassette_py.errors import InvalidTrustPolicy, StoreError, UntrustedSigner, VerificationError
from wassette_py.host import ComponentHost
from wassette_py.host.trusting import TrustFile
from wassette_py.host.verdicts import Verdicts
from wassette_py.names import Digest
from wassette_py.reference import parse_reference
from wassette_py.settings import Settings
from wassette_py.store import Record
from wassette_py.trust import verifier
from wassette_py.trust.verifier import Judgement

RELEASE, OTHER = signer(), signer("Ed25519")
Installed = tuple[ComponentHost, str]


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """A host with one signed component, whose source is gone: everything after is offline. And its reference."""
    host = ComponentHost(Settings.load())
    reference = write_signed(tmp_path / "layout", write_component(tmp_path, "one", ONE_TOOL).read_bytes(), RELEASE)
    write_trust(host.settings.trust_file, reference, release=RELEASE)
    assert host.load(parse_reference(reference), component_id="one", control=Control()).record.signer.kind == "signed"
    shutil.rmtree(tmp_path / "layout")
    return host, reference


def answer(host: ComponentHost) -> object:
    result = call(host, "answer")
    return result.value if result.error is None else result.kind


def status(host: ComponentHost) -> str:
    [entry] = host.entries()
    assert (entry.problem is None) == (entry.status == "ready")
    return entry.status


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_while_nothing_changed_nothing_is_verified(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wassette_py.trust.verifier.judge", pytest.fail)
    for host in (installed[0], ComponentHost(Settings.load())):
        assert (answer(host), status(host)) == (42, "ready")


def test_at_the_start_of_a_server_no_cryptography_is_imported(installed: Installed) -> None:
    code = """
import sys
from wassette_py.host import ComponentHost
from wassette_py.settings import Settings
host = ComponentHost(Settings.load())
assert [tool.name for tool in host.tools()] == ["answer"]
assert [entry.status for entry in host.entries()] == ["ready"]
print(sorted({name.partition(".")[0] for name in sys.modules} & {"cryptography", "sigstore", "oras", "requests", "wasmtime"}))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_policy_that_changed_elsewhere_is_met_again_and_that_is_written_down(installed: Installed) -> None:
    host, _ = installed
    before = host.store.record("one")
    append(host.settings.trust_file, "  - {match: ghcr.io, unsigned: allow, reason: tests}\n")
    assert answer(host) == 42
    after = host.store.record("one")
    assert after.verdict != before.verdict
    assert replace(after, verdict=before.verdict) == before
    assert (answer(host), status(ComponentHost(Settings.load()))) == (42, "ready")


def take_the_key_out(host: ComponentHost, reference: str) -> None:
    write_trust(host.settings.trust_file, reference, other=OTHER)


def replace_the_key_file(host: ComponentHost, reference: str) -> None:
    (host.settings.trust_file.parent / "keys" / "release.pub").write_text(OTHER.pem)


def ask_for_one_more(host: ComponentHost, reference: str) -> None:
    write_trust(host.settings.trust_file, reference, release=RELEASE, other=OTHER)


def pin_another_digest(host: ComponentHost, reference: str) -> None:
    append(host.settings.trust_file, f"    digests: [sha256:{'0' * 64}]\n")


def lose_the_signatures(host: ComponentHost, reference: str) -> None:
    (host.store.folder / "one.sigs").unlink()


def flip_a_signature(host: ComponentHost, reference: str) -> None:
    path = host.store.folder / "one.sigs"
    kept = json.loads(path.read_text())
    kept["objects"][0]["data"] = kept["objects"][0]["data"][:-8] + "AAAAAAA="
    path.write_text(json.dumps(kept))


def swap_the_manifest(host: ComponentHost, reference: str) -> None:
    path = host.store.folder / "one.sigs"
    path.write_text(json.dumps({**json.loads(path.read_text()), "manifest": "AAAA"}))


def garble_the_signatures(host: ComponentHost, reference: str) -> None:
    (host.store.folder / "one.sigs").write_text("garbled")


CHANGES = [
    take_the_key_out,
    replace_the_key_file,
    ask_for_one_more,
    pin_another_digest,
    lose_the_signatures,
    flip_a_signature,
    swap_the_manifest,
    garble_the_signatures,
]


@pytest.mark.claim("trust:revocable")
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_vouched_for_any_more_is_refused_offline_and_at_once(
    installed: Installed, change: Callable[[ComponentHost, str], None]
) -> None:
    host, reference = installed
    assert answer(host) == 42
    saved = {path: path.read_bytes() for path in (host.settings.trust_file, host.store.folder / "one.sigs")}
    key = host.settings.trust_file.parent / "keys" / "release.pub"
    change(host, reference)
    for one in (host, ComponentHost(Settings.load())):
        assert answer(one) == "denied"
        assert status(one) == "unverified"
        with pytest.raises(VerificationError, match="one is not trusted any more: ") as caught:
            one.opened_tool("answer")
        assert caught.value.exit_code == 3
        assert caught.value.hint is not None
        assert f"wassette component load {reference}" in caught.value.hint
    # The record is as it was: when the policy, or the signatures, are put right, it is called again.
    for path, data in saved.items():
        path.write_bytes(data)
    key.write_text(RELEASE.pem)
    assert (answer(host), status(host)) == (42, "ready")


@pytest.mark.claim("trust:revocable")
def test_a_scope_that_is_removed_is_trust_that_is_gone_unless_none_was_needed(installed: Installed) -> None:
    host, _ = installed
    host.settings.trust_file.unlink()
    # A layout on this machine needs no scope; what a registry brought does.
    assert (answer(host), host.store.record("one").signer.kind) == (42, "local")
    record = host.store.record("one")
    moved = replace(record, reference="oci://ghcr.io/acme/one:1", source="oci://ghcr.io/acme/one")
    host.store.confirm(record, moved)
    assert (answer(host), status(host)) == ("denied", "unverified")
    with pytest.raises(UntrustedSigner, match="no trust scope names it"):
        host.vouching.check(host.store.record("one"))


@pytest.mark.claim("trust:revocable")
def test_a_trust_policy_that_cannot_be_read_lets_nothing_run(installed: Installed) -> None:
    host, _ = installed
    append(host.settings.trust_file, "nonsense: 1\n")
    assert status(host) == "unverified"
    with pytest.raises(InvalidTrustPolicy):
        host.opened_tool("answer")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
@pytest.mark.parametrize(
    "make",
    [
        _fifo,
        Path.mkdir,
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.symlink_to("gone"),
        lambda path: path.symlink_to("/dev/zero"),
    ],
)
def test_what_is_no_trust_file_lets_nothing_run_and_holds_nobody(installed: Installed, make: Callable[[Path], object]) -> None:
    host, _ = installed
    host.settings.trust_file.unlink()
    make(host.settings.trust_file)
    assert status(host) == "unverified"
    with pytest.raises(InvalidTrustPolicy, match=str(host.settings.trust_file)):
        host.opened_tool("answer")


def test_warn_lets_it_run_and_the_record_says_so(installed: Installed) -> None:
    host, reference = installed
    write_trust(host.settings.trust_file, reference, mode="warn", other=OTHER)
    assert answer(host) == 42
    assert host.store.record("one").signer.kind == "warned"


def test_a_directory_that_cannot_be_written_to_is_no_reason_to_refuse(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _ = installed
    append(host.settings.trust_file, "# changed\n")

    def full(*_: object) -> None:
        raise StoreError("no space")

    monkeypatch.setattr(host.store, "confirm", full)
    assert answer(host) == 42


@pytest.mark.claim("trust:revocable")
def test_a_record_without_a_verdict_is_verified_before_it_is_called(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _ = installed
    path = host.store.folder / "one.json"
    document = json.loads(path.read_text())
    del document["verdict"]
    path.write_text(json.dumps(document))
    assert host.store.record("one").verdict is None
    assert answer(host) == 42
    assert host.store.record("one").verdict is not None


def with_verdicts_of(key: Path) -> Callable[[ComponentHost, Record], str | None]:
    def forge(host: ComponentHost, record: Record) -> str | None:
        return Verdicts(key).of(record, host.store.signatures("one"), host.verifier.trust())

    return forge


FORGERIES: dict[str, Callable[[ComponentHost, Record], str | None]] = {
    "the true one of other bytes": lambda host, _: host.store.record("one").verdict,
    "none": lambda *_: None,
    "made up": lambda *_: "0" * 64,
    "not even ASCII": lambda *_: "\N{SNOWMAN}" * 64,
    "with another key": lambda host, record: with_verdicts_of(host.store.folder / "verdicts.key")(host, record),
    "without a key": lambda host, record: hmac.new(b"", json.dumps(record.to_json()).encode(), hashlib.sha256).hexdigest(),
}


@pytest.mark.claim("trust:revocable")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_verdict_lets_nothing_run(
    installed: Installed, tmp_path: Path, forge: Callable[[ComponentHost, Record], str | None]
) -> None:
    host, _ = installed
    evil = write_component(tmp_path, "evil", ONE_TOOL.replace("42", "13")).read_bytes()
    record = replace(host.store.record("one"), digest=Digest.of(evil), size=len(evil), manifest=None)
    record = replace(record, verdict=forge(host, record))
    (host.store.folder / "one.wasm").write_bytes(evil)
    (host.store.folder / "one.json").write_bytes(record.to_bytes())
    for one in (host, ComponentHost(Settings.load())):
        assert (answer(one), status(one)) == ("denied", "unverified")


def test_a_signer_that_somebody_wrote_into_a_record_is_found_out_and_put_right(installed: Installed) -> None:
    host, _ = installed
    record = host.store.record("one")
    forged = replace(record, signer=replace(record.signer, text="signed by everybody"))
    (host.store.folder / "one.json").write_bytes(forged.to_bytes())
    assert status(host) == "ready"
    assert host.store.record("one") == record


def test_the_key_of_verdicts_is_its_users_alone_or_each_process_verifies(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host, _ = installed
    key = host.settings.config_dir / "verdicts.key"
    assert (key.stat().st_mode & 0o777, len(key.read_bytes())) == (0o600, 32)
    key.chmod(0o644)
    record, judged, judge = host.store.record("one"), list[object](), verifier.judge

    def counted(**given: Any) -> Judgement:
        judged.append(given)
        return judge(**given)

    monkeypatch.setattr(verifier, "judge", counted)
    for count in (1, 2):
        one = ComponentHost(Settings.load())
        assert (answer(one), answer(one), status(one)) == (42, 42, "ready")
        assert len(judged) == count
        assert one.store.record("one") == record
    assert f"verdicts are not kept: {key}: others have access to it (mode 644)" in caplog.text
    key.chmod(0o600)
    assert answer(ComponentHost(Settings.load())) == 42
    assert len(judged) == 2


def test_a_load_after_a_change_of_policy_renews_the_verdict_and_compiles_nothing(tmp_path: Path) -> None:
    host = ComponentHost(Settings.load())
    reference = write_signed(tmp_path / "layout", write_component(tmp_path, "one", ONE_TOOL).read_bytes(), RELEASE)
    write_trust(host.settings.trust_file, reference, release=RELEASE)
    first = host.load(parse_reference(reference), control=Control()).record
    append(host.settings.trust_file, "# changed\n")
    again = host.load(parse_reference(reference), control=Control())
    assert (again.changed, again.record.verdict == first.verdict) == (False, False)
    assert host.store.record("one") == again.record
    assert host.load(parse_reference(reference), control=Control()).record == again.record


def test_unload_takes_the_signatures_with_it_and_a_load_without_any_too(installed: Installed, tmp_path: Path) -> None:
    host, _ = installed
    assert (host.store.folder / "one.sigs").exists()
    host.unload("one")
    assert list(host.store.folder.glob("one.*")) == []
    assert host.store.signatures("../one") is None


def test_a_key_file_that_changes_while_it_is_read_is_read_again(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _ = installed
    path = host.settings.trust_file.parent / "keys" / "release.pub"

    def racing(folder: str) -> Callable[[str], bytes]:
        def read(name: str) -> bytes:
            data = Path(folder, name).read_bytes()
            path.write_text(OTHER.pem)
            return data

        return read

    trust = TrustFile(host.settings.trust_file)
    monkeypatch.setattr("wassette_py.host.trusting.key_reader", racing)
    assert trust.policy().keys["release"].kind == "P-256"
    assert trust.policy().keys["release"].kind == "Ed25519"


def test_a_refusal_that_is_told_often_grows_nothing(installed: Installed) -> None:
    host, reference = installed
    take_the_key_out(host, reference)
    depths = set()
    for _ in range(3):
        with pytest.raises(VerificationError) as caught:
            host.vouching.check(host.store.record("one"))
        depths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert len(depths) == 1


def test_a_verdict_is_not_written_over_a_record_that_was_replaced_meanwhile(installed: Installed) -> None:
    host, _ = installed
    record = host.store.record("one")
    host.store.confirm(replace(record, prefix="x"), replace(record, verdict="stale"))
    assert host.store.record("one") == record
