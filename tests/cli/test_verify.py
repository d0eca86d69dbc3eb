"""`component verify`, `trust add --key` and loading what somebody signed, as a person does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, write_component
from tests.layout_writer import artifact, write_layout
from tests.signatures import SIGN, SLSA, Signer, b64, referrer, signer
from tests.signed_layout import add_referrer, write_signed, write_trust
from tests.trust.test_rekor import hashed, in_bundle, promise

RELEASE, STRANGER = signer(), signer("Ed25519")
Layout = Callable[..., str]


@pytest.fixture
def trust_file(home: Path) -> Path:
    return home / ".config" / "wassette" / "trust.yaml"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Makes a layout of one component, signed by these signers; returns its reference."""
    wasm = write_component(tmp_path, "one", ONE_TOOL).read_bytes()

    def make(*signers: Signer, name: str = "layout", predicate_type: str = SIGN) -> str:
        return write_signed(tmp_path / name, wasm, *signers, predicate_type=predicate_type)

    return make


def key_file(folder: Path, by: Signer, name: str = "release.pub") -> Path:
    path = folder / name
    path.write_text(by.pem)
    return path


def source(reference: str) -> str:
    return reference.rpartition(":")[0]


def test_a_signed_component_is_trusted_by_its_key_and_loaded(wassette: Wassette, layout: Layout, tmp_path: Path, trust_file: Path) -> None:
    reference = layout(RELEASE)
    added = wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE))
    assert (added.code, added.err) == (0, f"{source(reference)} is trusted now, when this key has signed\n")
    assert (trust_file.parent / "keys" / "release.pub").read_text() == RELEASE.pem
    assert "release: {file: keys/release.pub}" in trust_file.read_text()
    verified = wassette("component", "verify", reference)
    assert verified.code == 0
    assert "signed by key release (P-256, sha256:" in verified.out
    loaded = wassette("component", "load", reference, "-o", "json").json
    assert loaded["verified"]["kind"] == "signed"
    assert len(loaded["verified"]["signers"]) == 1
    assert wassette("trust", "show").out.splitlines()[1].split("  ")[1] == "signed by release"
    assert [key["name"] for key in wassette("trust", "show", "-o", "json").json["keys"]] == ["release"]


@pytest.mark.claim("trust:signed")
@pytest.mark.parametrize(("signers", "says"), [((), "it has no signatures"), ((STRANGER,), "no key of the trust policy made it")])
def test_what_is_not_signed_by_the_key_is_refused_with_exit_3(
    wassette: Wassette, layout: Layout, tmp_path: Path, signers: tuple[Signer, ...], says: str
) -> None:
    reference = layout(*signers)
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    for words in (("component", "verify", reference), ("component", "load", reference), ("run", reference)):
        ran = wassette(*words)
        assert ran.code == 3
        assert says in ran.err
        assert f"hint: wassette component verify {reference} --explain" in ran.err
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def test_explain_says_what_was_found_by_whom_and_which_rule_failed(wassette: Wassette, layout: Layout, tmp_path: Path) -> None:
    reference = layout(STRANGER, RELEASE)
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    good = wassette("component", "verify", reference, "--explain")
    assert good.code == 0
    text = good.out
    for part in (
        "trust scope: oci-layout://",
        "  met: signed by key release",
        "    by referrer sha256:",
        "found beside it: 2 signature objects",
        "nothing against it",
    ):
        assert part in text
    assert "nobody the trust policy names" in text
    document = wassette("component", "verify", reference, "-o", "json").json
    assert document["accepted"] is True
    assert document["scope"]["mode"] == "enforce"
    assert [one["met"] for one in document["requirements"]] == [True]
    assert sorted(len(one["signers"]) for one in document["signatures"]) == [0, 1]
    assert document["requirements"][0]["by"] == [one["where"] for one in document["signatures"] if one["signers"]]
    bad = layout(STRANGER, name="bad")
    assert wassette("trust", "add", source(bad), "--key", key_file(tmp_path, RELEASE)).code == 0
    refused = wassette("component", "verify", bad, "--explain")
    assert refused.code == 3
    assert "  NOT met: signed by key release" in refused.out
    assert "    by " not in refused.out
    assert wassette("component", "verify", bad, "-o", "json").json["error"].startswith(f"{bad} with digest sha256:")


def test_without_a_scope_verify_says_so(wassette: Wassette, layout: Layout, components: Path) -> None:
    reference = layout(RELEASE, predicate_type=SLSA)
    ran = wassette("component", "verify", reference, "--explain")
    assert (ran.code, "trust scope: none names this reference" in ran.out, SLSA in ran.out) == (0, True, True)
    file = wassette("component", "verify", "one.wasm", "--explain")
    assert "found beside it: no signatures" in file.out
    assert "manifest" not in file.out


def test_the_time_at_which_a_log_took_a_signature_in_is_told(wassette: Wassette, tmp_path: Path, trust_file: Path) -> None:
    component = artifact(write_component(tmp_path, "one", ONE_TOOL).read_bytes())
    write_layout(tmp_path / "logged", {"one": component})
    signature = RELEASE.sign(component.manifest)
    log, content = signer("P-256", 9), {"messageSignature": {"signature": b64(signature)}}
    data = in_bundle(promise(hashed(component.manifest, signature, RELEASE), log=log), content).data
    add_referrer(tmp_path / "logged", referrer(component, data))
    reference = f"oci-layout://{tmp_path}/logged:one"
    write_trust(trust_file, reference, release=RELEASE)
    (trust_file.parent / "keys" / "log.pub").write_text(log.pem)
    text = trust_file.read_text().replace("scopes:", "  log: {file: keys/log.pub}\nscopes:")
    trust_file.write_text(text + "    tlog: required\n    logs: [{key: log}]\n")
    assert "logged at  2023-11-14T22:13:20Z" in wassette("component", "verify", reference, "--explain").out
    document = wassette("component", "verify", reference, "-o", "json").json
    assert document["signatures"][0]["logged_at"] == "2023-11-14T22:13:20Z"
    assert wassette("trust", "show", "-o", "json").json["scopes"][0]["signatures"]["log_required"] is True
    assert wassette("trust", "remove", reference.rpartition(":")[0]).code == 0


def test_warn_lets_in_and_warns(wassette: Wassette, layout: Layout, tmp_path: Path, trust_file: Path) -> None:
    reference = layout(STRANGER)
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    trust_file.write_text(trust_file.read_text().replace("  - match", "  - mode: warn\n    match"))
    loaded = wassette("component", "load", reference)
    assert loaded.code == 0
    assert f"warning: {reference}: accepted with a warning" in loaded.err
    assert "(warn)" in wassette("trust", "show").out
    assert wassette("trust", "show", "-o", "json").json["scopes"][0]["mode"] == "warn"


def test_one_key_is_one_file_and_a_taken_name_is_said(wassette: Wassette, tmp_path: Path, trust_file: Path) -> None:
    release, other = key_file(tmp_path, RELEASE), key_file(tmp_path, STRANGER, "Other.pub")
    assert wassette("trust", "add", "ghcr.io/a", "--key", release).code == 0
    assert wassette("trust", "add", "ghcr.io/b", "--key", release, "--name", "again").code == 0
    assert sorted(path.name for path in (trust_file.parent / "keys").iterdir()) == ["release.pub"]
    taken = wassette("trust", "add", "ghcr.io/c", "--key", other, "--name", "release")
    assert (taken.code, "release.pub is another key" in taken.err, "hint: --name OTHER-NAME" in taken.err) == (1, True, True)
    os.mkfifo(trust_file.parent / "keys" / "pipe.pub")
    pipe = wassette("trust", "add", "ghcr.io/c", "--key", other, "--name", "pipe")
    assert (pipe.code, "pipe.pub: it is not a file" in pipe.err) == (1, True)
    assert wassette("trust", "add", "ghcr.io/c", "--key", other).code == 0
    assert (trust_file.parent / "keys" / "other.pub").exists()
    assert wassette("trust", "remove", "ghcr.io/c").code == 0


def test_what_is_no_key_changes_nothing(wassette: Wassette, tmp_path: Path, trust_file: Path) -> None:
    nonsense = tmp_path / "Ü x.pub"
    nonsense.write_text("nonsense")
    for words, says in (
        (("--key", nonsense), "cannot name a key"),
        (("--key", nonsense, "--name", "x"), "expected one PEM block"),
        (("--key", tmp_path / "missing.pub"), "no such file"),
    ):
        ran = wassette("trust", "add", "ghcr.io/a", *words)
        assert (ran.code, says in ran.err) == (1, True)
    assert wassette("trust", "add", "ghcr.io/a", "--name", "x", "--unsigned", "--reason", "r").code == 2
    assert not trust_file.exists()


def test_check_reads_the_keys_beside_the_file_it_checks(wassette: Wassette, tmp_path: Path) -> None:
    key_file(tmp_path, RELEASE)
    file = tmp_path / "trust.yaml"
    rule = "any: {at_least: 1, of: [{key: r}]}, attestations: [{type: x, by: [{key: r}]}]"
    file.write_text(f"version: 1\nkeys: {{r: {{file: release.pub}}}}\nscopes: [{{match: ghcr.io, {rule}}}]\n")
    assert "signed by 1 of r and attested by r: x" in wassette("trust", "check", file).out
    (tmp_path / "release.pub").unlink()
    assert f"error: {file}:2: keys.r.file: the key file release.pub cannot be read: No such file" in wassette("trust", "check", file).err
    (tmp_path / "release.pub").mkdir()
    assert "cannot be read: Is a directory" in wassette("trust", "check", file).err


def test_a_key_file_is_a_file_and_no_larger_than_keys_are(wassette: Wassette, tmp_path: Path) -> None:
    file = tmp_path / "trust.yaml"
    file.write_text("version: 1\nkeys: {r: {file: k}}\n")
    os.mkfifo(tmp_path / "k")
    assert "k cannot be read: it is not a file" in wassette("trust", "check", file).err
    (tmp_path / "k").unlink()
    (tmp_path / "k").write_bytes(b"x" * (65 << 10))
    assert "k cannot be read: it is larger than 65536 bytes" in wassette("trust", "check", file).err


def test_an_installed_component_is_verified_from_what_is_kept(
    wassette: Wassette, layout: Layout, tmp_path: Path, trust_file: Path, components: Path
) -> None:
    reference = layout(STRANGER, RELEASE)
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    fetched = wassette("component", "verify", reference, "-o", "json").json
    assert fetched["id"] is None
    assert wassette("component", "load", reference, "--name", "mine").code == 0
    (tmp_path / "layout").rename(tmp_path / "gone")
    assert wassette("component", "verify", "mine", "-o", "json").json == {**fetched, "id": "mine"}
    text = wassette("component", "verify", "mine", "--explain").out
    assert (text.startswith("id         mine\n"), "  met: signed by key release" in text) == (True, True)
    # As it is now, not as it was when it was loaded.
    write_trust(trust_file, reference, other=signer("P-384"))
    inspected = wassette("component", "inspect", "mine")
    assert (inspected.code, "no one (mine is not trusted any more: " in inspected.out) == (0, True)
    assert wassette("component", "inspect", "mine", "-o", "json").json["verified"] is None
    refused = wassette("component", "verify", "mine", "-o", "json")
    assert (refused.code, refused.json["accepted"], refused.json["verified"], refused.json["reason"]) == (3, False, None, None)
    assert "signed by key other" in refused.json["error"]
    assert [one["met"] for one in refused.json["requirements"]] == [False]
    folder = Path(wassette("config", "show", "-o", "json").json["component_dir"]["value"])
    (folder / "mine.sigs").write_text("garbled")
    garbled = wassette("component", "verify", "mine", "-o", "json")
    assert (garbled.code, garbled.json["error"].startswith("its signatures cannot be read: ")) == (3, True)
    (folder / "mine.wasm").write_bytes(b"x" * len((folder / "mine.wasm").read_bytes()))
    altered = wassette("component", "verify", "mine")
    assert (altered.code, "digest mismatch" in altered.err) == (1, True)
    assert wassette("component", "verify", "nothere").code == 1


def test_who_vouches_has_one_shape_wherever_it_came_from(wassette: Wassette, layout: Layout, components: Path, tmp_path: Path) -> None:
    shapes = set()
    reference = layout(RELEASE)
    digest = wassette("component", "verify", reference, "-o", "json").json["manifest"]
    for words, kind, reason in (
        (None, None, "a file on this machine"),
        (("--unsigned", "--reason", "tests"), None, "not signed, accepted by trust scope"),
        (("--digest", digest), "digest", "pinned by trust scope"),
        (("--key", key_file(tmp_path, RELEASE)), "signed", "signed by key release"),
    ):
        if words is not None:
            assert wassette("trust", "add", source(reference), *words).code == 0
        for target in (reference, "one"):
            assert wassette("component", "load", reference).code == 0
            document = wassette("component", "verify", target, "-o", "json").json
            shapes.add(tuple(document))
            assert document["reason"].startswith(reason)
            assert (document["verified"] or {}).get("kind") == kind
            assert document["verified"] == wassette("component", "inspect", "one", "-o", "json").json["verified"]
        if words is not None:
            assert wassette("trust", "remove", source(reference)).code == 0
    shapes.add(tuple(wassette("component", "verify", "one.wasm", "-o", "json").json))
    assert len(shapes) == 1


def test_what_was_loaded_before_anything_asked_for_signatures_says_so_and_is_loaded_again(
    wassette: Wassette, layout: Layout, tmp_path: Path
) -> None:
    reference = layout(RELEASE)
    assert wassette("component", "load", reference).code == 0
    note = "signatures were not looked for when it was loaded: nothing asked for them"
    assert note in wassette("component", "verify", "one", "--explain").out
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    refused = wassette("component", "verify", "one", "-o", "json")
    assert (refused.code, refused.json["notes"]) == (3, [note])
    called = wassette("tool", "call", "answer")
    assert (called.code, called.err.splitlines()[0].endswith(f"; {note}")) == (3, True)
    assert wassette("component", "load", reference).code == 0
    assert wassette("component", "verify", "one", "-o", "json").json["notes"] == []
    assert wassette("tool", "call", "answer").code == 0


def test_where_keys_decide_nothing_of_sigstore_is_imported(wassette: Wassette, layout: Layout, tmp_path: Path) -> None:
    reference = layout(RELEASE)
    assert wassette("trust", "add", source(reference), "--key", key_file(tmp_path, RELEASE)).code == 0
    for words in (["component", "verify", reference], ["component", "load", reference], ["component", "verify", "one"]):
        code = f"import sys; from wassette_py.cli import main; assert main({words!r}) == 0; print('sigstore' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False"
