"""Trust roots on the command line: pinned when an identity is added, shown with their age, exchanged for what their publisher says."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from tests.cli.conftest import Wassette
from tests.keyless_layout import lab_root, write_keyless
from tests.patience import LONG
from tests.sigstore_lab import IDENTITY, ISSUER, Lab
from tests.tuf_lab import Publisher, served
from wassette_py.audit import flush
from wassette_py.rooting import TRUSTED_ROOT, TUF_ROOT, embedded
from wassette_py.trust.roots import SIGSTORE_TUF

OLD, NEW = lab_root(), lab_root(Lab(1))


@pytest.fixture
def trust_file(home: Path) -> Path:
    return home / ".config" / "wassette" / "trust.yaml"


@pytest.fixture
def root_file(tmp_path: Path) -> Path:
    path = tmp_path / "Lab Root.json"
    path.write_bytes(OLD)
    return path


def pin(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.claim("trust:keyless")
def test_an_identity_is_trusted_under_a_root_that_is_copied_and_pinned(
    wassette: Wassette, trust_file: Path, tmp_path: Path, root_file: Path
) -> None:
    reference = write_keyless(tmp_path)
    source = reference.rpartition(":")[0]
    added = wassette("trust", "add", source, "--identity", IDENTITY, "--issuer", ISSUER, "--root", root_file)
    assert (added.code, added.err) == (0, f"{source} is trusted now, when this identity has signed\n")
    file = f"roots/lab-root-{pin(OLD)[:8]}.json"
    assert (trust_file.parent / file).read_bytes() == OLD
    assert f'lab-root: {{file: {file}, sha256: "{pin(OLD)}"}}' in trust_file.read_text()
    assert wassette("component", "load", reference, "-o", "json").json["verified"]["signers"] == [f"keyless:{ISSUER}#{IDENTITY}"]
    shown = wassette("trust", "show").out.splitlines()
    assert f"signed by {IDENTITY} (issuer {ISSUER})" in shown[1]
    assert shown[3].split() == ["ROOT", "AGE", "PINNED", "PUBLISHED", "AT"]
    assert shown[4] == f"lab-root  not updated since it was added; its newest part is of 2020-01-01  sha256:{pin(OLD)[:16]}…  -"
    document = wassette("trust", "show", "-o", "json").json
    assert document["scopes"][0]["signatures"]["all"] == [
        {"root": "lab-root", "issuer": ISSUER, "identity": IDENTITY, "identity_regex": None}
    ]
    assert document["roots"] == [
        {
            "name": "lab-root",
            "file": file,
            "sha256": pin(OLD),
            "updated": None,
            "newest": "2020-01-01",
            "max_age_seconds": None,
            "tuf": None,
        }
    ]
    # The same root under another name is the root that is there; another under that name is not taken for it.
    again = tmp_path / "copy.json"
    again.write_bytes(OLD)
    assert wassette("trust", "add", "b.example", "--identity-regex", r".+@b\.example", "--issuer", ISSUER, "--root", again).code == 0
    assert trust_file.read_text().count("sha256: ") == 1
    root_file.write_bytes(NEW)
    ran = wassette("trust", "add", "c.example", "--identity", "c", "--issuer", ISSUER, "--root", root_file)
    assert (ran.code, "another root lab-root stands there already" in ran.err) == (1, True)


@pytest.mark.claim("trust:keyless")
def test_without_a_root_file_it_is_sigstore_s_public_instance(wassette: Wassette, trust_file: Path) -> None:
    data = embedded(TRUSTED_ROOT)
    for scope in ("ghcr.io/acme", "ghcr.io/other"):
        assert wassette("trust", "add", scope, "--identity", "a@b", "--issuer", "https://accounts.example").code == 0
    file = f"roots/sigstore-{pin(data)[:8]}.json"
    assert (trust_file.parent / file).read_bytes() == data
    assert trust_file.read_text().count(f'sigstore: {{file: {file}, sha256: "{pin(data)}", tuf: "{SIGSTORE_TUF}"}}') == 1
    assert wassette("trust", "check", trust_file).code == 0
    assert json.loads(embedded(TUF_ROOT))["signed"]["_type"] == "root"


@pytest.mark.parametrize(
    "words",
    [
        ("--identity", "a"),
        ("--identity-regex", "a"),
        ("--issuer", "https://x"),
        ("--identity", "a", "--identity-regex", "a", "--issuer", "https://x"),
        ("--root", "x.json"),
        ("--root", "x.json", "--key", "x.pub"),
        ("--identity", "a", "--issuer", "https://x", "--key", "x.pub"),
    ],
)
@pytest.mark.claim("trust:keyless")
def test_a_half_given_identity_is_a_usage_error(wassette: Wassette, trust_file: Path, words: tuple[str, ...]) -> None:
    ran = wassette("trust", "add", "ghcr.io/acme", *words)
    assert (ran.code, ran.out) == (2, "")
    assert not trust_file.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--identity", " ", "--issuer", "https://x"), "expected an identity"),
        (("--identity", "a", "--issuer", "https://x "), "expected an issuer"),
        (("--identity-regex", ".*", "--issuer", "https://x"), "it matches any identity"),
        (("--identity", "a", "--issuer", "https://x", "--digest", f"sha256:{'0' * 64}", "--unsigned"), "a scope says who must have signed"),
    ],
)
def test_what_cannot_be_trusted_is_not_written(
    wassette: Wassette, trust_file: Path, root_file: Path, words: tuple[str, ...], says: str
) -> None:
    ran = wassette("trust", "add", "ghcr.io/acme", *words, "--root", root_file)
    assert (ran.code, says in ran.err) == (1, True)
    assert not trust_file.exists()
    assert not (trust_file.parent / "roots").exists()


@pytest.mark.parametrize(("text", "says"), [(None, "No such file"), ("{}", "its mediaType is None")])
def test_a_root_file_that_is_none_is_told(wassette: Wassette, tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "root.json"
    if text is not None:
        path.write_text(text)
    ran = wassette("trust", "add", "ghcr.io/acme", "--identity", "a", "--issuer", "https://x", "--root", path)
    assert (ran.code, f"{path} cannot be used as a trust root: {says}" in ran.err) == (1, True)


def test_without_the_package_the_error_says_how_to_get_it(
    wassette: Wassette, monkeypatch: pytest.MonkeyPatch, published: Published
) -> None:
    published(OLD, 1)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("sigstore", "tuf")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("sigstore", "tuf"):
        monkeypatch.setitem(sys.modules, name, None)
    hint = f"hint: {sys.executable} -m pip install 'sigstore >= 4.5, < 5'\n"
    for words in (("add", "ghcr.io/acme", "--identity", "a", "--issuer", "https://x"), ("update-root",)):
        ran = wassette("trust", *words)
        assert (ran.code, ran.err.endswith(hint)) == (1, True), ran.err


Published = Callable[..., None]


@pytest.fixture
def published(trust_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    """A trust policy with a root that a publisher on loopback publishes; publishes what it is called with."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    publisher = Publisher(tmp_path / "published")
    with served(publisher.folder) as url:
        trust_file.parent.mkdir(parents=True)
        (trust_file.parent / "start.json").write_bytes(publisher.root)
        (trust_file.parent / "lab.json").write_bytes(OLD)
        trust_file.write_text(
            f"""\
version: 1 # mine
roots:
  lab:
    file: lab.json # where it began
    sha256: {pin(OLD)}
    tuf: {url}
    tuf_root: start.json
scopes: []
"""
        )
        yield publisher.publish


@pytest.mark.claim("trust:keyless")
def test_a_root_is_exchanged_for_what_its_publisher_says_is_current(wassette: Wassette, trust_file: Path, published: Published) -> None:
    published(NEW, 1)
    days = [str(datetime.now(UTC).date())]
    ran = wassette("trust", "update-root", "-o", "json")
    days.append(str(datetime.now(UTC).date()))
    assert (ran.code, ran.json["changed"], ran.json["sha256"], ran.json["was"]) == (0, True, pin(NEW), pin(OLD))
    today, file = ran.json["updated"], f"roots/lab-{pin(NEW)[:8]}.json"
    assert today in days
    assert (trust_file.parent / file).read_bytes() == NEW
    text = trust_file.read_text()
    assert "version: 1 # mine" in text
    assert f'    file: "{file}" # where it began\n    sha256: "{pin(NEW)}"\n' in text
    assert f'    tuf_root: start.json\n    updated: "{today}"\n' in text
    # What somebody put there stays; what this command wrote goes with the next.
    assert (trust_file.parent / "lab.json").exists()
    published(OLD, 2)
    ran = wassette("trust", "update-root", "lab")
    assert ran.err.splitlines()[-1].startswith(f"trust root lab: sha256:{pin(OLD)}, was sha256:{pin(NEW)}; updated 2")
    assert sorted(path.name for path in (trust_file.parent / "roots").iterdir()) == [f"lab-{pin(OLD)[:8]}.json", "lab.tuf"]
    assert wassette("trust", "update-root").err.splitlines()[-1].startswith(f"trust root lab: still sha256:{pin(OLD)}; updated 2")
    assert wassette("trust", "show").out.splitlines()[1].startswith(f"lab   updated {today[:4]}-")
    flush(LONG)
    assert "trust-update-root" in wassette("audit", "show").out


@pytest.mark.claim("trust:keyless")
def test_what_its_publisher_does_not_vouch_for_is_not_taken(wassette: Wassette, trust_file: Path, published: Published) -> None:
    published(OLD, 3)
    assert wassette("trust", "update-root").code == 0
    before = trust_file.read_bytes()
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)

    def refused(says: str) -> None:
        ran = wassette("trust", "update-root")
        assert (ran.code, says in ran.err) == (1, True), ran.err
        assert trust_file.read_bytes() == before

    published(NEW, 2)
    refused("BadVersionNumberError")
    published(NEW, 4, by=CryptoSigner.generate_ed25519())
    refused("UnsignedMetadataError")
    published(NEW, 5, expires=past)
    refused("ExpiredMetadataError")
    published(NEW, 6, target="other.json")
    refused("publishes no trusted_root.json")
    published(b"{}", 7)
    refused("is no trust root that is read here: its mediaType is None")


def test_a_publisher_that_cannot_be_asked_is_told(wassette: Wassette, trust_file: Path, published: Published) -> None:
    published(OLD, 1)
    ran = wassette("trust", "update-root", "--offline")
    assert (ran.code, ran.err.startswith("error: offline: http://127.0.0.1:")) == (1, True)
    (trust_file.parent / "start.json").unlink()
    assert "start.json cannot be read: No such file" in wassette("trust", "update-root").err
    (trust_file.parent / "start.json").write_text("{}")
    ran = wassette("trust", "update-root")
    assert (ran.code, "no trust root that its publisher vouches for" in ran.err) == (1, True)


def test_a_publisher_that_does_not_answer_vouches_for_nothing_and_is_told_as_that(
    wassette: Wassette, trust_file: Path, published: Published
) -> None:
    published(OLD, 1)
    before = trust_file.read_text()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and nobody listens
        trust_file.write_text(re.sub(r"tuf: .*", f"tuf: http://127.0.0.1:{free.getsockname()[1]}", before))
        ran = wassette("trust", "update-root")
    assert (ran.code, " cannot be asked for its trust root: " in ran.err) == (1, True), ran.err
    assert ran.err.endswith("hint: check the address and the network\n")


def test_a_publisher_that_takes_too_long_is_told_in_words(
    wassette: Wassette, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuf.api.exceptions import SlowRetrievalError
    from tuf.ngclient import Updater

    published(OLD, 1)

    def slow(_: object) -> None:
        raise SlowRetrievalError

    monkeypatch.setattr(Updater, "refresh", slow)
    assert " cannot be asked for its trust root: no answer in time\n" in wassette("trust", "update-root").err


def test_sigstore_s_own_root_begins_with_what_comes_with_sigstore(
    wassette: Wassette, trust_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bytes, Path]] = []

    def answer(url: str, bootstrap: bytes, folder: Path) -> bytes:
        asked.append((url, bootstrap, folder))
        return NEW

    monkeypatch.setattr("wassette_py.rooting.published", answer)
    assert wassette("trust", "add", "ghcr.io/acme", "--identity", "a", "--issuer", "https://x").code == 0
    assert wassette("trust", "update-root").code == 0
    assert asked == [(SIGSTORE_TUF, embedded(TUF_ROOT), trust_file.parent / "roots" / "sigstore.tuf")]
    assert [path.name for path in (trust_file.parent / "roots").iterdir()] == [f"sigstore-{pin(NEW)[:8]}.json"]


def test_which_root_is_meant_has_to_be_clear(wassette: Wassette, trust_file: Path, root_file: Path) -> None:
    ran = wassette("trust", "update-root")
    assert (ran.code, "pins no trust root that says where it is published\nhint: wassette trust add SCOPE --identity" in ran.err) == (
        1,
        True,
    )
    assert "has no trust root 'other'\nhint: wassette trust add SCOPE --identity" in wassette("trust", "update-root", "other").err
    assert wassette("trust", "add", "ghcr.io/acme", "--identity", "a", "--issuer", "https://x", "--root", root_file).code == 0
    ran = wassette("trust", "update-root", "lab-root")
    assert "trust root lab-root does not say where it is published" in ran.err
    assert "says where it is published\nhint: tuf: https://…" in wassette("trust", "update-root").err
    (trust_file.parent / "x.json").write_bytes(OLD)
    pinned = f"{{file: x.json, sha256: {pin(OLD)}, tuf: 'https://example.com', tuf_root: x.json}}"
    trust_file.write_text(trust_file.read_text().replace("roots:\n", f"roots:\n  one: {pinned}\n  two: {pinned}\n"))
    told = "has 2 trust roots that say where they are published\nhint: name one of one, two, lab-root"
    assert told in wassette("trust", "update-root").err
    assert "has no trust root 'other'\nhint: one of one, two, lab-root\n" in wassette("trust", "update-root", "other").err


def test_a_package_without_the_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from wassette_py.errors import FetchError

    with pytest.raises(FetchError, match=r"sigstore has no nothing\.json for its public instance"):
        embedded("nothing.json")
