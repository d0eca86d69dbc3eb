"""The system's keyring: for values that are kept there, and for the key of those that are kept here. With a backend of the real library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest

from tests.secrets.keyring_of_tests import FileKeyring
from wassette_py.errors import SecretError
from wassette_py.secrets import SecretStore
from wassette_py.secrets.sealing import KEY, key_text
from wassette_py.settings import Settings

VALUE = "hunter2-hunter2"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the keyring that is in use."""
    monkeypatch.setenv("FILE_KEYRING", str(tmp_path / "ring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())
    yield tmp_path / "ring.json"
    keyring.set_keyring(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "secrets"


def kept(folder: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / "secrets.json").read_text())
    return document


def stored_in(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.iterdir())


@pytest.mark.claim("secrets:never-shown")
def test_a_reference_is_read_when_it_is_needed_and_its_value_is_nowhere_in_the_store(folder: Path) -> None:
    store = SecretStore(folder, {})
    store.set_reference("TOKEN", "keyring", "https://api.example.com/v1/me")
    assert store.missing(["TOKEN"]) == ["TOKEN"]
    keyring.set_password("https://api.example.com/v1", "me", VALUE)
    assert store.values(["TOKEN"]) == {"TOKEN": VALUE}
    assert store.redactor.text(f"it is {VALUE}") == "it is [redacted]"
    keyring.set_password("https://api.example.com/v1", "me", "another-value")
    assert store.values(["TOKEN"]) == {"TOKEN": "another-value"}
    assert [secret.source for secret in store.secrets()] == ["keyring:https://api.example.com/v1/me"]
    assert VALUE not in stored_in(folder)


@pytest.mark.claim("secrets:never-shown")
def test_what_a_keyring_says_when_it_fails_is_not_passed_on(folder: Path, ring: Path) -> None:
    store = SecretStore(folder, {})
    store.set_reference("TOKEN", "keyring", "app/me")
    ring.write_text("locked")
    with pytest.raises(SecretError, match=r"^keyring:app/me cannot be read: KeyringLocked$"):
        store.values(["TOKEN"])


def test_a_system_without_a_keyring_is_said_to_have_none(folder: Path) -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    store = SecretStore(folder, {})
    store.set_reference("TOKEN", "keyring", "app/me")
    with pytest.raises(SecretError, match="this system has no keyring that can be used") as caught:
        store.values(["TOKEN"])
    assert caught.value.hint == f"{sys.executable} -m keyring --list-backends"


def test_without_the_package_no_reference_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setitem(sys.modules, "keyring.errors", None)
    with pytest.raises(SecretError, match="the package keyring is not installed") as caught:
        SecretStore(folder, {}).set_reference("TOKEN", "keyring", "app/me")
    assert caught.value.hint == f"{sys.executable} -m pip install 'keyring>=25.6,<26'"
    assert not folder.exists()


@pytest.mark.claim("secrets:never-shown")
def test_the_key_of_the_store_may_be_in_the_keyring_and_is_then_in_no_file(folder: Path, ring: Path) -> None:
    SecretStore(folder, {}, key_in="keyring").set_value("TOKEN", VALUE)
    assert not (folder / KEY).exists()
    assert list(json.loads(ring.read_text())) == [f"wassette\n{folder}"]
    assert SecretStore(folder, {}).values(["TOKEN"]) == {"TOKEN": VALUE}  # where the key is stands in the file
    assert VALUE not in stored_in(folder)
    ring.unlink()
    with pytest.raises(SecretError, match="cannot be read: there is none") as caught:
        SecretStore(folder, {}).values(["TOKEN"])
    assert str(caught.value).startswith(key_text(folder, "keyring"))
    ring.write_text(json.dumps({f"wassette\n{folder}": "no base64!"}))
    with pytest.raises(SecretError, match="cannot be read"):
        SecretStore(folder, {}).values(["TOKEN"])


@pytest.mark.parametrize(("first", "then"), [("file", "keyring"), ("keyring", "file")])
def test_all_values_move_to_the_other_key_with_the_next_that_is_set(first: str, then: str, folder: Path, ring: Path) -> None:
    before = SecretStore(folder, {"E": "environment"}, key_in="keyring" if first == "keyring" else "file")
    before.set_value("A", VALUE)
    before.set_value("B", "old-value")
    before.set_reference("C", "env", "E")
    SecretStore(folder, {}, key_in="keyring" if then == "keyring" else "file").set_value("B", "new-value")
    assert SecretStore(folder, {"E": "environment"}).values("ABC") == {"A": VALUE, "B": "new-value", "C": "environment"}
    assert kept(folder).get("key_in", "file") == then
    assert (folder / KEY).exists() == (then == "file")
    assert bool(json.loads(ring.read_text())) == (then == "keyring")


def test_who_reads_while_the_values_move_to_another_key_finds_them_there(folder: Path) -> None:
    other = SecretStore(folder, {}, key_in="keyring")

    class Slow(SecretStore):
        def _value(self, *known: Any) -> str | None:
            if (folder / KEY).exists():
                other.set_value("B", "new-value")
            return super()._value(*known)

    SecretStore(folder, {}).set_value("A", VALUE)
    assert Slow(folder, {}).values(["A"]) == {"A": VALUE}
    assert not (folder / KEY).exists()


def test_where_nothing_is_sealed_any_more_the_key_that_is_gone_is_not_missed(folder: Path, ring: Path) -> None:
    store = SecretStore(folder, {}, key_in="keyring")
    store.set_value("A", VALUE)
    store.delete("A")
    ring.unlink()
    SecretStore(folder, {}).set_value("B", VALUE)
    assert SecretStore(folder, {}).values(["B"]) == {"B": VALUE}


def test_a_key_that_cannot_be_read_any_more_moves_nothing(folder: Path) -> None:
    SecretStore(folder, {}).set_value("A", VALUE)
    (folder / KEY).unlink()
    before = kept(folder)
    with pytest.raises(SecretError, match="cannot be read"):
        SecretStore(folder, {}, key_in="keyring").set_value("B", "new-value")
    assert kept(folder) == before


def test_the_operator_says_where_the_key_is(tmp_path: Path, home: Path, ring: Path) -> None:
    """As commands, with the backend chosen as one chooses it."""
    (home / ".config/wassette").mkdir(parents=True)
    (home / ".config/wassette/config.yaml").write_text("secrets: {key_in: keyring}\n")
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "tests.secrets.keyring_of_tests.FileKeyring", "PYTHONPATH": str(REPOSITORY)}

    def wassette(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wassette_py", *words]
        return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)

    assert wassette("secret", "set", "TOKEN", given=VALUE).returncode == 0
    assert Settings.load().secrets_key_in == "keyring"
    assert not (home / ".config/wassette/secrets/key").exists()
    assert "wassette" in ring.read_text()
    keyring.set_password("app", "me", VALUE)
    done = wassette("secret", "set", "OTHER", "--from", "keyring:app/me")
    assert (done.returncode, done.stderr) == (0, "OTHER is keyring:app/me\n")
    assert wassette("secret", "list", "-o", "json").stdout.count("keyring:app/me") == 1
