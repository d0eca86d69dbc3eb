"""`bundle save` and `bundle load`: a locked project goes to a machine without a network, and is verified there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Wassette
from tests.cli.guests import ONE_TOOL, TEXT_TOOLS, write_component
from tests.keyless_layout import lab_root
from tests.layout_writer import INDEX, artifact, digest, index_of
from tests.patience import LONG
from tests.registry import Registry, running
from tests.signatures import Signer, dsse_bundle, referrer, referrers_index, signer
from tests.sigstore_lab import IDENTITY, ISSUER, Lab
from wassette_py.audit import flush
from wassette_py.control import Control
from wassette_py.host import bundle
from wassette_py.host.project import lock_bytes

RELEASE, STRANGER = signer(), signer("Ed25519")
POLICY = 'version: "1.0"\npermissions:\n  environment:\n    allow: [{key: LANG}]\n'


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """`acme/one:1`, signed by RELEASE, and the index `acme/text:1`, signed by nobody."""
    one = artifact(write_component(tmp_path, "one", ONE_TOOL).read_bytes())
    text = index_of(artifact(write_component(tmp_path, "text", TEXT_TOOLS).read_bytes()))
    signature = referrer(one, dsse_bundle(one.digest, RELEASE))
    with running(Registry()) as running_registry:
        running_registry.put("acme/one", "1", one)
        running_registry.put("acme/text", "1", text)
        running_registry.put("acme/one", "signature", signature)
        running_registry.manifests["acme/one", one.digest.replace(":", "-")] = (INDEX, referrers_index(signature))
        yield running_registry


@pytest.fixture
def new_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wassette: Wassette, registry: Registry) -> Callable[[str], Path]:
    """Makes an empty home, whose trust policy wants `acme/one` signed by RELEASE, and is there from now on."""
    (tmp_path / "release.pub").write_text(RELEASE.pem)

    def make(name: str) -> Path:
        home = tmp_path / name
        monkeypatch.setenv("HOME", str(home))
        for variable in ("DATA", "CONFIG", "CACHE", "STATE"):
            monkeypatch.setenv(f"XDG_{variable}_HOME", str(home / variable.lower()))
        (home / "config/wassette").mkdir(parents=True)
        (home / "config/wassette/config.yaml").write_text(f"registries:\n  {registry.host}: {{insecure_http: true}}\n")
        assert wassette("trust", "add", f"{registry.host}/acme/one", "--key", str(tmp_path / "release.pub")).code == 0
        assert wassette("trust", "add", f"{registry.host}/acme/text", "--unsigned", "--reason", "tests").code == 0
        return home

    return make


@pytest.fixture
def saved(
    tmp_path: Path, wassette: Wassette, registry: Registry, new_machine: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A bundle of both components, the first with a policy and a prefix, made on one machine; the next one is there now."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "one.policy.yaml").write_text(POLICY)
    (folder / "wassette.yaml").write_text(
        "version: 1\ncomponents:\n"
        f"  one: {{reference: 'oci://{registry.host}/acme/one:1', policy: one.policy.yaml, prefix: p}}\n"
        f"  text: {{reference: 'oci://{registry.host}/acme/text:1'}}\n"
    )
    new_machine("first")
    assert wassette("lock").code == 0
    ran = wassette("bundle", "save", "all.tar", "-o", "json")
    assert ran.code == 0, ran.err
    assert ran.json == {"file": "all.tar", "size": (folder / "all.tar").stat().st_size, "components": ["one", "text"]}
    before = (folder / "all.tar").read_bytes()
    assert wassette("bundle", "save", "all.tar", "--offline").code == 0
    assert (folder / "all.tar").read_bytes() == before
    registry.requests.clear()
    new_machine("second")
    return folder / "all.tar"


def test_a_bundle_installs_without_a_network_what_the_trust_policy_there_accepts(
    wassette: Wassette, saved: Path, registry: Registry
) -> None:
    refused = wassette("bundle", "load", str(saved))
    assert refused.code == 3
    assert 'one: {"environment": {"allow": [{"key": "LANG"}]}}' in refused.err
    assert "--accept-policies" in refused.err
    ran = wassette("bundle", "load", str(saved), "--accept-policies")
    assert (ran.code, ran.out) == (0, "installed: one\ninstalled: text\n")
    assert registry.requests == []
    assert wassette("tool", "call", "p_answer").out == "42\n"
    assert wassette("tool", "call", "add", "left=1", "right=2").out == "3\n"
    assert wassette("policy", "show", "one", "-o", "json").json["permissions"] == {"environment": {"allow": [{"key": "LANG"}]}}
    assert wassette("component", "inspect", "one", "-o", "json").json["verified"]["kind"] == "signed"
    again = wassette("bundle", "load", str(saved), "-o", "json")
    assert again.json == {"changed": [], "unchanged": ["one", "text"], "roots": []}


def test_a_bundle_carries_no_trust_of_its_own(wassette: Wassette, saved: Path, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "stranger.pub").write_text(STRANGER.pem)
    assert wassette("trust", "remove", f"{registry.host}/acme/one").code == 0
    assert wassette("bundle", "load", str(saved), "--accept-policies").code == 3
    assert wassette("trust", "add", f"{registry.host}/acme/one", "--key", str(tmp_path / "stranger.pub")).code == 0
    ran = wassette("bundle", "load", str(saved), "--accept-policies")
    assert ran.code == 3
    assert registry.requests == []
    assert wassette("component", "list", "-o", "json").json["total"] == 0


def test_a_bundle_is_unpacked_where_no_guest_can_be_granted_anything(
    wassette: Wassette, bare: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    folders: list[Path] = []
    real = bundle._unpacked

    def seen(file: Path, folder: Path, control: Control) -> None:
        folders.append(folder)
        real(file, folder, control)

    monkeypatch.setattr(bundle, "_unpacked", seen)
    assert wassette("bundle", "load", str(bare)).code == 0
    assert [folder.parent for folder in folders] == [home / ".cache" / "wassette"]
    assert not folders[0].exists()


@pytest.mark.claim("trust:deny-by-default")
@pytest.mark.parametrize("reference", ["https://evil.example/one.wasm#sha256={digest}", "file://{path}", "oci-layout://{path}:x"])
def test_what_a_bundle_says_of_itself_counts_as_typed_by_nobody(wassette: Wassette, bare: Path, tmp_path: Path, reference: str) -> None:
    named = reference.format(digest="0" * 64, path=tmp_path / "one.wasm")
    project = f"version: 1\ncomponents:\n  one: {{reference: '{named}'}}\n".encode()
    write(bare, {"project/wassette.yaml": project, "project/wassette.lock": lock_bytes({})})
    ran = wassette("bundle", "load", str(bare), "--accept-policies")
    assert ran.code == 3
    assert "no trust scope names" in ran.err


OLD, NEW = lab_root(), lab_root(Lab(1))
TODAY = datetime.now(UTC).date()
YESTERDAY, LATER = TODAY - timedelta(days=1), TODAY + timedelta(days=3)


def trusting(home: Path, registry: Registry, root: bytes, updated: date, *, by: Signer = RELEASE) -> Path:
    """The trust policy in which `by`, or an identity under `root`, must have signed."""
    file = home / "config/wassette/trust.yaml"
    (file.parent / "by.pub").write_text(by.pem)
    (file.parent / "root.json").write_bytes(root)
    pin = hashlib.sha256(root).hexdigest()
    identity = f"keyless: {{root: the.lab, issuer: '{ISSUER}', identity: '{IDENTITY}'}}"
    file.write_text(
        "version: 1\nkeys: {by: {file: by.pub}}\n"
        f"roots: {{the.lab: {{file: root.json, sha256: '{pin}', updated: {updated}}}}}\n"
        f"scopes: [{{match: '{registry.host}/acme/one', any: {{at_least: 1, of: [{{key: by}}, {{{identity}}}]}}}}]\n"
    )
    return file


@pytest.fixture
def rooted(
    tmp_path: Path, wassette: Wassette, registry: Registry, new_machine: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A bundle of `acme/one`, made where NEW was known to be current yesterday."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wassette.yaml").write_text(f"version: 1\ncomponents:\n  one: {{reference: 'oci://{registry.host}/acme/one:1'}}\n")
    trusting(new_machine("first"), registry, NEW, YESTERDAY)
    assert wassette("lock").code == 0
    assert wassette("bundle", "save", "rooted.tar").code == 0
    return tmp_path / "rooted.tar"


@pytest.mark.claim("trust:keyless")
def test_a_newer_trust_root_comes_along_and_a_person_takes_it(
    wassette: Wassette, rooted: Path, registry: Registry, new_machine: Callable[[str], Path]
) -> None:
    assert members(rooted)[f"roots/the.lab@{YESTERDAY}.json"] == NEW
    trust = trusting(new_machine("second"), registry, OLD, date(2024, 1, 31))
    loaded = wassette("bundle", "load", rooted, "-o", "json")
    assert (loaded.code, loaded.json["changed"], loaded.json["roots"]) == (0, ["one"], [])
    old, new = (hashlib.sha256(data).hexdigest() for data in (OLD, NEW))
    assert old in trust.read_text()
    taken = wassette("bundle", "load", rooted, "--accept-roots", "-o", "json")
    assert (taken.code, taken.json["roots"]) == (0, [{"name": "the.lab", "sha256": new, "was": old}])
    assert f"trust root the.lab: sha256:{new}, was sha256:{old}; updated {YESTERDAY}\n" in taken.err
    shown = wassette("trust", "show", "-o", "json").json
    assert [(root["sha256"], root["updated"]) for root in shown["roots"]] == [(new, str(YESTERDAY))]
    assert wassette("bundle", "load", rooted, "--accept-roots", "-o", "json").json["roots"] == []
    flush(LONG)
    event = next(event for event in wassette("audit", "show", "-o", "json").json["events"] if event["event"] == "trust-update-root")
    assert (event["outcome"], event["root"], event["sha256"], event["was"]) == ("ok", "the.lab", new, old)


@pytest.mark.claim("trust:keyless")
def test_where_verification_fails_a_newer_trust_root_is_told_and_no_other(
    wassette: Wassette, rooted: Path, registry: Registry, new_machine: Callable[[str], Path]
) -> None:
    new = hashlib.sha256(NEW).hexdigest()
    home = new_machine("second")
    trusting(home, registry, OLD, date(2024, 1, 31), by=STRANGER)
    refused = wassette("bundle", "load", rooted)
    told = f"the bundle brings a newer trust root the.lab (sha256:{new}, updated {YESTERDAY}); if that is meant, add --accept-roots"
    assert (refused.code, f"hint: {told}" in refused.err, "no key of the trust policy made it" in refused.err) == (3, True, True)
    assert wassette("bundle", "load", rooted, "--accept-roots").code == 3
    # Neither what is known from later, nor what is the same, nor what claims to come from the future.
    for root, updated in ((OLD, TODAY), (NEW, date(2024, 1, 31))):
        trusting(home, registry, root, updated, by=STRANGER)
        assert "--accept-roots" not in wassette("bundle", "load", rooted).err
    content = members(rooted)
    content[f"roots/the.lab@{LATER}.json"] = content.pop(f"roots/the.lab@{YESTERDAY}.json")
    write(rooted, content)
    trusting(home, registry, OLD, date(2024, 1, 31), by=STRANGER)
    assert "--accept-roots" not in wassette("bundle", "load", rooted).err


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def write(path: Path, content: dict[str, bytes], *special: tarfile.TarInfo) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in special:
            archive.addfile(member)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bundle of nothing."""
    write(tmp_path / "bare.tar", {"project/wassette.yaml": b"version: 1\ncomponents:\n", "project/wassette.lock": lock_bytes({})})
    return tmp_path / "bare.tar"


TAG_NOTE = f"cache/notes/{digest(b'oci://a.io/b:1').removeprefix('sha256:')}.json"
BLOB = f"cache/sha256/{digest(b'x').removeprefix('sha256:')}"


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ({BLOB: b"y"}, "is not what its name says"),
        ({"cache/sha256/../../../evil": b"x"}, "does not belong into a bundle"),
        ({"/etc/passwd": b"x"}, "does not belong into a bundle"),
        ({"project/../x": b"x"}, "does not belong into a bundle"),
        ({"project/other.sh": b"x"}, "does not belong into a bundle"),
        ({"project/a.policy.yaml": b"x" * (5 << 20)}, "does not belong into a bundle"),
        ({f"cache/notes/{'0' * 64}.json": b'{"name": "x"}'}, "is not what its name says"),
        ({TAG_NOTE: b'{"name": "oci://a.io/b:1"}'}, "is not what its name says"),
        ({f"cache/notes/{'0' * 64}.json": b"[]"}, "is not what its name says"),
        ({f"cache/notes/{'0' * 64}.json": b"{"}, "is no bundle"),
        ({"roots/lab@yesterdays.json": b"{}"}, "does not belong into a bundle"),
        ({"roots/lab@2026-02-30.json": lab_root()}, "is no bundle"),
        ({"roots/lab@2026-02-28.json": b"{}"}, "is no bundle: its mediaType is None"),
    ],
)
def test_what_does_not_belong_into_a_bundle_is_refused_before_anything_is_kept(
    wassette: Wassette, bare: Path, added: dict[str, bytes], says: str
) -> None:
    write(bare, {**members(bare), **added})
    ran = wassette("bundle", "load", str(bare))
    assert ran.code == 1
    assert says in ran.err
    assert [path for path in (Path.home() / ".cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "member",
    [
        link(BLOB, "/etc/passwd"),
        link(BLOB, "project/wassette.yaml", tarfile.LNKTYPE),
        link(BLOB, "", tarfile.FIFOTYPE),
        link(BLOB, "", tarfile.GNUTYPE_SPARSE),
    ],
)
def test_a_link_a_device_or_a_file_of_holes_is_refused(wassette: Wassette, bare: Path, member: tarfile.TarInfo) -> None:
    write(bare, members(bare), member)
    assert "does not belong into a bundle" in wassette("bundle", "load", str(bare)).err


def test_a_name_that_stands_twice_is_refused(wassette: Wassette, bare: Path) -> None:
    again = tarfile.TarInfo("project/wassette.lock")
    write(bare, members(bare), again)
    assert "is not what its name says" in wassette("bundle", "load", str(bare)).err


def test_members_without_end_are_refused(wassette: Wassette, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 1)
    assert "has more than 1 members" in wassette("bundle", "load", str(bare)).err


def test_headers_about_headers_and_headers_as_long_as_the_file_are_refused(
    wassette: Wassette, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 12
    block = header.tobuf() + b"11 path=abc\n".ljust(tarfile.BLOCKSIZE, b"\0")
    bare.write_bytes(block * 3000)
    assert "is no bundle: maximum recursion depth exceeded" in wassette("bundle", "load", str(bare)).err
    monkeypatch.setattr(bundle, "MAX_COMPONENT", 1 << 20)
    header.size = 2 << 20
    bare.write_bytes(header.tobuf() + b"x" * header.size)
    assert "is no bundle: a header is larger than 1048576 bytes" in wassette("bundle", "load", str(bare)).err


def test_a_full_disk_says_nothing_about_a_bundle(wassette: Wassette, bare: Path, home: Path) -> None:
    large = b"x" * (64 << 10)
    write(bare, {f"cache/sha256/{digest(large).removeprefix('sha256:')}": large})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, before[1]))
    try:
        ran = wassette("bundle", "load", str(bare))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ran.code == 1
    assert f"{home / '.cache' / 'wassette'} cannot hold cache/sha256/" in ran.err
    assert ran.err.endswith(": file too large\nhint: make room, or name another place: WASSETTE_CACHE_DIR\n")
    assert not list((home / ".cache" / "wassette").glob("bundle-*"))


def test_what_is_no_bundle_is_told(wassette: Wassette, bare: Path, tmp_path: Path) -> None:
    assert "there is no" in wassette("bundle", "load", "gone.tar").err
    (tmp_path / "text.tar").write_text("hello")
    assert "is no bundle" in wassette("bundle", "load", str(tmp_path / "text.tar")).err
    assert wassette("bundle", "load", str(tmp_path)).err == f"error: {tmp_path} is no bundle: is a directory\n"
    os.mkfifo(tmp_path / "pipe.tar")
    assert "is no bundle: it is not a file" in wassette("bundle", "load", str(tmp_path / "pipe.tar")).err
    content = members(bare)
    del content["project/wassette.lock"]
    write(bare, content)
    assert "it has no project/wassette.lock" in wassette("bundle", "load", str(bare)).err


def test_a_bundle_whose_parts_are_missing_or_exchanged_installs_nothing(wassette: Wassette, saved: Path) -> None:
    content = members(saved)
    wasm = next(name for name, data in content.items() if data.startswith(b"\0asm"))
    write(saved, {name: data for name, data in content.items() if name != wasm})
    assert "offline nothing is fetched" in wassette("bundle", "load", str(saved), "--accept-policies").err
    lock = json.loads(content["project/wassette.lock"])
    lock["components"]["one"]["tools"] = digest(b"other")
    write(saved, {**content, "project/wassette.lock": json.dumps(lock).encode()})
    ran = wassette("bundle", "load", str(saved), "--accept-policies")
    assert ran.code == 3
    assert "one: tools is sha256:" in ran.err


def test_only_what_is_locked_and_accepted_and_comes_from_elsewhere_is_bundled(
    wassette: Wassette, registry: Registry, new_machine: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "wassette.yaml"
    project.write_text(f"version: 1\ncomponents:\n  one: {{reference: 'oci://{registry.host}/acme/one:1'}}\n")
    new_machine("first")
    assert wassette("bundle", "save", "x.tar").code == 3
    assert wassette("lock").code == 0
    (tmp_path / "stranger.pub").write_text(STRANGER.pem)
    assert wassette("trust", "remove", f"{registry.host}/acme/one").code == 0
    assert wassette("bundle", "save", "x.tar").code == 3
    project.write_text("version: 1\ncomponents:\n  one: {reference: one.wasm}\n")
    assert wassette("lock").code == 0
    ran = wassette("bundle", "save", "x.tar")
    assert ran.code == 1
    assert "one: one.wasm is on this machine" in ran.err
    assert not (tmp_path / "x.tar").exists()
    project.write_text("version: 1\ncomponents:\n")
    assert wassette("lock").code == 0
    assert wassette("bundle", "save", "x.tar").code == 0
    assert wassette("bundle", "load", "x.tar").out == "the bundle has no components\n"
