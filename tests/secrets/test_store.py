"""Secrets at rest: encrypted or elsewhere, private, and never shown."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wassette_py.errors import MissingSecret, SecretError
from wassette_py.secrets import SecretStore
from wassette_py.secrets.store import in_keyring, parse_source

VALUE = "hunter2-hunter2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "secrets"


@pytest.fixture
def store(folder: Path) -> SecretStore:
    return SecretStore(folder, {"TOKEN": "from-the-environment", "EMPTY": "", "SHORT": "abc"})


@pytest.mark.claim("secrets:never-shown")
def test_a_value_comes_back_and_is_nowhere_on_the_disk(store: SecretStore, folder: Path) -> None:
    store.set_value("TOKEN", VALUE)
    assert store.values(["TOKEN"]) == {"TOKEN": VALUE}
    assert SecretStore(folder, {}).values(["TOKEN"]) == {"TOKEN": VALUE}
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    for spelling in (VALUE.encode(), base64.b64encode(VALUE.encode()), VALUE.encode().hex().encode()):
        assert spelling not in data


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_the_owner_can_read_the_folder_and_what_is_in_it(store: SecretStore, folder: Path) -> None:
    store.set_value("TOKEN", VALUE)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"key", "secrets.json", ".lock"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_two_values_that_are_equal_are_kept_as_different_texts(store: SecretStore, folder: Path) -> None:
    store.set_value("A", VALUE)
    store.set_value("B", VALUE)
    entries = json.loads((folder / "secrets.json").read_text())["secrets"]
    assert entries["A"]["sealed"] != entries["B"]["sealed"]


def test_a_sealed_text_belongs_to_its_name(store: SecretStore, folder: Path) -> None:
    store.set_value("A", VALUE)
    store.set_value("B", "another-value")
    path = folder / "secrets.json"
    document = json.loads(path.read_text())
    document["secrets"]["B"] = document["secrets"]["A"]
    path.write_text(json.dumps(document))
    assert store.values(["A"]) == {"A": VALUE}
    with pytest.raises(SecretError, match="the value of B cannot be decrypted"):
        store.values(["B"])  # also where that text was decrypted for its own name before
    with pytest.raises(SecretError, match="the value of B cannot be decrypted") as caught:
        SecretStore(folder, {}).values(["B"])
    assert caught.value.hint == "wassette secret set B"
    document["secrets"]["B"] = {"sealed": "no base64!"}
    path.write_text(json.dumps(document))
    with pytest.raises(SecretError, match="cannot be decrypted"):
        SecretStore(folder, {}).values(["B"])


def test_without_its_key_a_value_is_an_error_and_not_missing(store: SecretStore, folder: Path) -> None:
    store.set_value("A", VALUE)
    (folder / "key").write_bytes(b"short")
    with pytest.raises(SecretError, match="key cannot be read: it is no key"):
        SecretStore(folder, {}).missing(["A"])
    (folder / "key").unlink()
    with pytest.raises(SecretError, match="key cannot be read: No such file") as caught:
        SecretStore(folder, {}).values(["A"])
    assert not isinstance(caught.value, MissingSecret)


def test_a_reference_is_read_when_it_is_needed(store: SecretStore, tmp_path: Path) -> None:
    path = tmp_path / "token"
    store.set_reference("FROM_ENV", "env", "TOKEN")
    store.set_reference("FROM_FILE", "file", str(path))
    assert store.missing(["FROM_ENV", "FROM_FILE"]) == ["FROM_FILE"]
    path.write_bytes(b"one-value\r\n")
    assert store.values(["FROM_ENV", "FROM_FILE"]) == {"FROM_ENV": "from-the-environment", "FROM_FILE": "one-value"}
    path.write_bytes(b"another-value\n")
    assert store.values(["FROM_FILE"]) == {"FROM_FILE": "another-value"}
    assert [(secret.name, secret.source) for secret in store.secrets()] == [("FROM_ENV", "env:TOKEN"), ("FROM_FILE", f"file:{path}")]


def test_every_missing_one_is_named_at_once(store: SecretStore) -> None:
    store.set_reference("EMPTY", "env", "EMPTY")
    store.set_value("HERE", VALUE)
    with pytest.raises(MissingSecret, match=r"^the secrets ABSENT, EMPTY have no value$") as caught:
        store.values(["ABSENT", "HERE", "EMPTY", "ABSENT"])
    assert caught.value.names == ("ABSENT", "EMPTY")
    assert caught.value.hint == "wassette secret set ABSENT\nwassette secret set EMPTY"
    assert str(MissingSecret(("A",), {"A": "fetch"})) == "the secret A (of fetch) has no value"
    assert store.missing(["ABSENT", "HERE"]) == ["ABSENT"]
    assert store.values([]) == {}


def test_what_is_deleted_is_missing(store: SecretStore) -> None:
    store.set_value("A", VALUE)
    store.delete("A")
    assert store.secrets() == ()
    with pytest.raises(MissingSecret):
        store.delete("A")
    with pytest.raises(MissingSecret):
        store.values(["A"])


@pytest.mark.parametrize("value", ["", "abc", "x\0yz", "x" * 70_000, "\ud800xyz"])
def test_a_value_that_cannot_be_kept_out_of_text_or_put_into_a_variable_is_refused_unsaid(store: SecretStore, value: str) -> None:
    with pytest.raises(SecretError, match="the value of A ") as caught:
        store.set_value("A", value)
    assert not value or value not in str(caught.value)
    assert store.secrets() == ()


def test_a_referred_value_is_checked_too(store: SecretStore, tmp_path: Path) -> None:
    store.set_reference("A", "env", "SHORT")
    with pytest.raises(SecretError, match="less than 4 characters"):
        store.values(["A"])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff\xfe")
    store.set_reference("B", "file", str(tmp_path / "binary"))
    with pytest.raises(SecretError, match="cannot be read: it is not UTF-8 text"):
        store.values(["B"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_a_fifo_and_a_folder_are_no_values(store: SecretStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    store.set_reference("A", "file", str(tmp_path / "fifo"))
    store.set_reference("B", "file", str(tmp_path))
    assert store.missing(["A", "B"]) == ["A", "B"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
@pytest.mark.parametrize("name", ["secrets.json", "key"])
def test_a_fifo_among_the_stores_own_files_holds_nobody(store: SecretStore, folder: Path, name: str) -> None:
    store.set_value("A", VALUE)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(SecretError, match=r"cannot be read: it is not a file$"):
        SecretStore(folder, {}).values(["A"])


def test_a_link_to_itself_is_an_error_that_says_no_value(store: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    store.set_reference("A", "file", str(tmp_path / "loop"))
    with pytest.raises(SecretError, match="loop cannot be read: OSError"):
        store.values(["A"])


def test_more_than_can_be_read_again_is_not_written(store: SecretStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set_value("A", VALUE)
    before = (folder / "secrets.json").read_bytes()
    monkeypatch.setattr("wassette_py.secrets.store.MOST", len(before) + 10)
    with pytest.raises(SecretError, match="would be larger than"):
        store.set_value("B", VALUE)
    assert (folder / "secrets.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", "1A", "a b", "A=B", "x" * 64, "../key"])
def test_a_name_is_one_that_a_policy_can_say(store: SecretStore, name: str) -> None:
    with pytest.raises(SecretError, match="is not the name of a secret"):
        store.set_value(name, VALUE)
    with pytest.raises(SecretError, match="is not the name of a secret"):
        store.set_reference(name, "env", "TOKEN")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "[" * 100_000,
        '{"secrets": []}',
        '{"secrets": {"A": {"env": 5}}}',
        '{"secrets": {}, "key_in": "elsewhere"}',
        '{"secrets": {"A": {}}}',
        '{"secrets": {"1": {"env": "X"}}}',
        '{"secrets": {"A": {"cmd": "x"}}}',
    ],
)
def test_a_file_that_is_no_list_of_secrets_is_an_error_and_stays(store: SecretStore, folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "secrets.json").write_text(text)
    with pytest.raises(SecretError, match=r"secrets\.json cannot be read: it is not what was written there$") as caught:
        store.secrets()
    assert caught.value.hint == f"mv {folder}/secrets.json {folder}/secrets.json.old"
    with pytest.raises(SecretError, match="cannot be read"):
        store.set_value("A", VALUE)
    assert (folder / "secrets.json").read_text() == text


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SecretError, match="cannot write"):
        SecretStore(tmp_path / "file" / "secrets", {}).set_value("A", VALUE)


def test_many_threads_lose_no_secret(store: SecretStore, folder: Path) -> None:
    threads = [threading.Thread(target=SecretStore(folder, {}).set_value, args=(f"S{number}", f"value {number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.values([f"S{number}" for number in range(8)]) == {f"S{number}": f"value {number}" for number in range(8)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("keyring:x", "expected keyring:SERVICE/NAME, got 'keyring:x'"),
        ("keyring:/x", "expected keyring:SERVICE/NAME, got 'keyring:/x'"),
        ("keyring:x/", "expected keyring:SERVICE/NAME, got 'keyring:x/'"),
        ("TOKEN", "expected env:NAME, file:/path or keyring:SERVICE/NAME, got 'TOKEN'"),
        ("env:", "expected env:NAME"),
        ("env:A=B", "expected env:NAME"),
        ("cmd:ls", "expected env:NAME"),
        ("file:relative", "expected an absolute path"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_source(text)


def test_references_are_read() -> None:
    assert parse_source("env:TOKEN") == ("env", "TOKEN")
    assert parse_source("file:/a:b") == ("file", "/a:b")
    assert in_keyring(parse_source("keyring:https://a.com/x/me")[1]) == ("https://a.com/x", "me")


def test_without_a_stored_value_no_cryptography_is_imported(folder: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from wassette_py.secrets import SecretStore
store = SecretStore(Path({str(folder)!r}), {{"T": "value"}})
store.set_reference("A", "env", "T")
assert store.values(["A"]) == {{"A": "value"}}
print("cryptography" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == "False\n"
