"""The example `notes`: what it does in a granted folder, and that it does nothing outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installed import Installed
from wassette_py.policy.document import StorageGrant


@pytest.fixture
def installed(load_example: Callable[[str], Installed], folder: Path) -> Installed:
    made = load_example("notes")
    made.host.policies.grant("notes", StorageGrant(str(folder), write=True))
    return made


def entry(installed: Installed, path: Path, name: str) -> object:
    listed = installed.value("notes_list", folder=str(path))
    assert isinstance(listed, list)
    return next(found for found in listed if found["name"] == name)


def test_a_folder_is_listed_with_sizes_and_times(installed: Installed, folder: Path) -> None:
    assert installed.value("notes_folders") == [str(folder)]
    listed = installed.value("notes_list", folder=str(folder))
    assert isinstance(listed, list)
    assert [found["name"] for found in listed] == ["a.txt", "deep", "picture"]
    assert [(found["size"], found["is-folder"]) for found in listed] == [(28, False), (0, True), (9, False)]
    assert str(listed[0]["modified"]).endswith("Z")


def test_a_file_is_read_whatever_its_letters(installed: Installed, folder: Path) -> None:
    assert installed.value("notes_read", path=str(folder / "a.txt")) == "first line\nTODO: grün 😀\n"
    assert installed.value("notes_read", path=f"{folder}/deep/../a.txt") == "first line\nTODO: grün 😀\n"


def test_a_text_is_found_below_the_folder_in_any_case(installed: Installed, folder: Path) -> None:
    assert installed.value("notes_search", folder=str(folder), text="todo") == [
        {"path": str(folder / "a.txt"), "line": 2, "text": "TODO: grün 😀"},
        {"path": str(folder / "deep" / "er" / "b.txt"), "line": 2, "text": "and a todo"},
    ]


@pytest.mark.parametrize("text", ["", "one line\n", "ä€😀\n" * 100, "x" * 200_000])
def test_what_is_written_is_on_the_disk_and_read_back(text: str, installed: Installed, folder: Path) -> None:
    installed.value("notes_write", path=str(folder / "a.txt"), text=text)
    assert (folder / "a.txt").read_text(encoding="utf-8") == text
    assert installed.value("notes_read", path=str(folder / "a.txt")) == text


def test_what_is_appended_begins_a_line(installed: Installed, folder: Path) -> None:
    for text in ("one", "two\n", "three"):
        installed.value("notes_append", path=str(folder / "new.txt"), text=text)
    assert (folder / "new.txt").read_text(encoding="utf-8") == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("notes_read", {"path": "{folder}/none"}, "there is no such file or folder"),
        ("notes_read", {"path": "{folder}/deep"}, "it is a folder"),
        ("notes_read", {"path": "{folder}/picture"}, "it is not text in UTF-8"),
        ("notes_read", {"path": "a.txt"}, "give an absolute path"),
        ("notes_read", {"path": "{folder}/../outside.txt"}, "it is in no folder that was granted"),
        ("notes_read", {"path": "{folder}x/a.txt"}, "it is in no folder that was granted"),
        ("notes_list", {"folder": "{folder}/a.txt"}, "it is not a folder"),
        ("notes_search", {"folder": "{folder}", "text": ""}, "cannot search for an empty text"),
        ("notes_write", {"path": "{folder}/deep", "text": "x"}, "it is a folder"),
    ],
)
def test_what_cannot_be_done_is_said(tool: str, arguments: dict[str, str], said: str, installed: Installed, folder: Path) -> None:
    result = installed.call(tool, **{name: value.format(folder=folder) for name, value in arguments.items()})
    assert result.error is not None
    assert said in result.error


def test_a_large_file_is_not_read(installed: Installed, folder: Path) -> None:
    (folder / "large").write_bytes(b"x" * (2**20 + 1))
    assert "larger than 1048576 bytes" in (installed.call("notes_read", path=str(folder / "large")).error or "")
    (folder / "large").write_bytes(b"x" * 2**20)
    assert installed.value("notes_read", path=str(folder / "large")) == "x" * 2**20


def test_a_link_out_of_the_folder_is_not_followed(installed: Installed, folder: Path) -> None:
    (folder.parent / "outside.txt").write_text("secret")
    (folder / "link").symlink_to(folder.parent / "outside.txt")
    assert "secret" not in "\n".join(installed.call("notes_read", path=str(folder / "link")).lines)
    assert installed.value("notes_search", folder=str(folder), text="secret") == []


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82", b"a\0b"])
def test_bytes_that_are_no_text_are_refused(data: bytes, installed: Installed, folder: Path) -> None:
    (folder / "bytes").write_bytes(data)
    assert "it is not text in UTF-8" in (installed.call("notes_read", path=str(folder / "bytes")).error or "")


def test_to_read_is_not_to_write(load_example: Callable[[str], Installed], folder: Path) -> None:
    installed = load_example("notes")
    installed.host.policies.grant("notes", StorageGrant(str(folder), write=False))
    assert installed.value("notes_read", path=str(folder / "a.txt"))
    for tool in ("notes_write", "notes_append"):
        assert "it may not be used that way" in (installed.call(tool, path=str(folder / "a.txt"), text="x").error or "")
    assert (folder / "a.txt").read_text(encoding="utf-8").startswith("first line")
