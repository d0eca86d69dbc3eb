"""The kept answer to tools/list: there at the next start, and never an old one."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from tests.cli.guests import ONE_TOOL
from tests.patience import until
from tests.server.corehost import INITIALIZE
from tests.server.process import install, line, serving
from wassette_py.server.listing import LARGEST, Listing
from wassette_py.settings import Settings
from wassette_py.store import ComponentStore


def components() -> Path:
    return Settings.load().component_dir


GREETING = line("initialize", INITIALIZE, id="hello") + line("notifications/initialized")
"""Sent together with a tools/list: a client that takes longer than 20 ms is not answered from the file."""


def served(*arguments: str) -> list[str]:
    with serving(*arguments, handshake=False, first=GREETING + line("tools/list", id="list")) as client:
        return names(client.answer("list"))


def names(answer: dict[str, Any]) -> list[str]:
    return sorted(tool["name"] for tool in answer["result"]["tools"])


def keep(*arguments: str) -> Path:
    """Serves until the list is kept anew; its file. A server before may have kept the same, which is not written twice."""
    file = components() / f".wassette.listing{'.bare' if '--disable-builtin-tools' in arguments else ''}"
    file.unlink(missing_ok=True)
    with serving(*arguments):
        until(file.exists)
    return file


def test_a_second_start_answers_from_the_file_and_says_the_same(tmp_path: Path) -> None:
    install(tmp_path)
    first = served()
    file = keep()
    assert served() == first
    bound, _, text = file.read_bytes().partition(b"\n")
    file.write_bytes(bound + b"\n" + text.replace(b'"name":"add"', b'"name":"sum"'))
    with serving(handshake=False, first=GREETING + line("tools/list", id="list")) as client:
        assert "sum" in names(client.answer("list"))  # it was the file that answered
        client.wait(lambda message: message.get("method") == "notifications/tools/list_changed")
        assert "add" in names(client.ask("tools/list"))


@pytest.mark.parametrize("change", ["load", "unload", "policy"])
def test_what_changed_meanwhile_is_listed_as_it_is(change: str, tmp_path: Path) -> None:
    host = install(tmp_path)
    file = keep()
    old = file.read_bytes()
    if change == "load":
        install(tmp_path, "one", ONE_TOOL)
        assert "answer" in served()
    elif change == "unload":
        host.unload("text")
        assert "add" not in served()
    else:
        host.store.policy_path("text").write_text("version: '1.0'\ntools: {allow: [echo]}\n")
        assert ("add" in served()) == ("add" in {tool.name for tool in host.tools()})
    assert keep().read_bytes() != old


def test_lists_with_and_without_the_builtin_tools_are_two(tmp_path: Path) -> None:
    install(tmp_path)
    keep()
    keep("--disable-builtin-tools")
    assert "load-component" in served()
    assert "load-component" not in served("--disable-builtin-tools")


def test_it_is_not_used_where_something_else_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    install(tmp_path, "one", ONE_TOOL)
    keep()
    assert "add" not in served("one")
    monkeypatch.setenv("WASSETTE_COMPONENT_DIR", str(tmp_path / "empty"))
    assert "add" not in served()


def test_a_list_that_changes_while_it_is_made_is_not_kept(tmp_path: Path) -> None:
    listing = Listing(str(tmp_path), builtin_tools=True)

    def make() -> bytes:
        (tmp_path / "a.json").write_text("{}")
        return b"[]"

    listing.keep(make)
    assert listing.read() is None
    listing.keep(lambda: None)  # something in it ends with the server
    assert listing.read() is None
    listing.keep(lambda: b"[]")
    assert listing.read() == memoryview(b"[]")
    before = os.stat(listing.path).st_mtime_ns
    listing.keep(lambda: b"[]")
    assert os.stat(listing.path).st_mtime_ns == before


def test_a_short_or_foreign_file_is_not_believed(tmp_path: Path) -> None:
    listing = Listing(str(tmp_path), builtin_tools=True)
    listing.keep(lambda: b'[{"name":"e"}]')
    data = Path(listing.path).read_bytes()
    for end in (-1, data.index(b"\n") + 1, 0):
        Path(listing.path).write_bytes(data[:end])
        assert listing.read() is None
    Path(listing.path).write_bytes(data)
    assert listing.read() == memoryview(b'[{"name":"e"}]')
    os.chmod(listing.path, 0o666)
    assert listing.read() is None


def test_a_list_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    listing = Listing(str(tmp_path), builtin_tools=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))  # as on a full disk; Python ignores the signal that comes with it
    try:
        listing.keep(lambda: b"x" * (1 << 17))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    listing.keep(lambda: b"[]")
    assert [file.name for file in tmp_path.iterdir()] == [".wassette.listing"]


def test_what_a_server_that_was_killed_in_the_middle_left_goes_with_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        Listing(str(tmp_path), builtin_tools=True).keep(lambda: b"[]")
    assert len(list(tmp_path.iterdir())) == 1
    ComponentStore(tmp_path).clean_up()
    assert [file.name for file in tmp_path.iterdir()] == [".wassette.lock"]


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    listing = Listing(str(tmp_path / "gone"), builtin_tools=True)
    listing.keep(lambda: b"[]")
    assert listing.read() is None


def test_a_change_while_it_serves_is_kept(tmp_path: Path) -> None:
    install(tmp_path)
    keep()
    with serving() as client:
        names(client.ask("tools/list"))
        install(tmp_path, "one", ONE_TOOL)
        client.wait(lambda message: message.get("method") == "notifications/tools/list_changed")
        listing = Listing(str(components()), builtin_tools=True)
        until(lambda: b'"answer"' in bytes(listing.read() or b""))
    assert "answer" in served()


def test_what_comes_before_and_instead_of_the_list_is_heard(tmp_path: Path) -> None:
    install(tmp_path)
    keep()
    asked = line("ping", id="ping") + line("tools/list", id="list")
    for first in (GREETING + line("notifications/initialized") * 6 + asked, GREETING + asked):
        with serving(handshake=False, first=first) as client:
            assert client.answer("ping")["result"] == {}
            assert "add" in names(client.answer("list"))
    with serving(handshake=False, first=line("initialize", INITIALIZE, id="hello")) as client:
        client.answer("hello")
        assert client.end() == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a FIFO")
def test_a_kept_list_that_is_no_file_or_has_no_end_holds_no_start(tmp_path: Path) -> None:
    listing = Listing(str(tmp_path), builtin_tools=True)
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path), lambda path: os.symlink(path, path)):
        make(listing.path)
        assert listing.read() is None
        if os.path.islink(listing.path) or not os.path.isdir(listing.path):
            os.unlink(listing.path)
        else:
            os.rmdir(listing.path)
    with open(listing.path, "wb") as file:
        file.truncate(LARGEST + 1)
    assert listing.read() is None
