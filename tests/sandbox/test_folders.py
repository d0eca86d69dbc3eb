"""A granted directory is opened, or nothing is: links that a guest could have made do not count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wassette_py.errors import InvalidPolicy
from wassette_py.sandbox import folders

WHERE = "p.yaml:3: granted directory"


@pytest.fixture
def others_own_the_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the links that tests make belonged to the system, as `/tmp` of macOS and `/home` of some Linuxes do."""
    monkeypatch.setattr(folders, "_this_user", lambda: -1)


def test_a_directory_is_opened_as_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with folders.opened(str(tmp_path / "a"), WHERE) as through:
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").symlink_to("/")
        assert os.path.samefile(through, tmp_path / "b")


@pytest.mark.parametrize("target", ["real", "./real", "real/.", "{root}/real"])
def test_a_link_of_this_user_is_refused_with_where_it_leads(tmp_path: Path, target: str) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(target.replace("{root}", str(tmp_path)))
    for path in (tmp_path / "link", tmp_path / "link" / "inner"):
        with pytest.raises(InvalidPolicy, match=r"leads through the link .*/link, which a guest could have made") as caught:
            folders.resolved(str(path), WHERE)
        assert caught.value.hint == f"grant the directory it leads to: {path.resolve()}"


@pytest.mark.usefixtures("others_own_the_links")
@pytest.mark.parametrize("target", ["real", "./real", "../{name}/real", "{root}/real", "link-2"])
def test_a_link_of_the_system_is_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link-2").symlink_to("real/inner/..")
    (tmp_path / "link").symlink_to(target.replace("{root}", str(tmp_path)).replace("{name}", tmp_path.name))
    assert folders.resolved(str(tmp_path / "link" / "inner"), WHERE) == str(tmp_path / "real" / "inner")
    with folders.opened(str(tmp_path / "link" / "inner"), WHERE) as through:
        assert os.path.samefile(through, tmp_path / "real" / "inner")


@pytest.mark.usefixtures("others_own_the_links")
def test_links_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidPolicy, match="leads through the link"):
        folders.resolved(str(tmp_path / "loop"), WHERE)


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/1", "/proc/sys"])
def test_a_directory_that_holds_this_process_is_refused(path: str) -> None:
    with pytest.raises(InvalidPolicy, match="granted directory holds /proc, where a guest would reach this program itself"):
        folders.resolved(path, WHERE)


def test_a_directory_that_is_replaced_between_check_and_opening_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "resolved", lambda path, _: f"{path}-as-it-was")
    with pytest.raises(InvalidPolicy, match="is being replaced while it is opened"), folders.opened(str(tmp_path), WHERE):
        pass


def test_a_directory_that_goes_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda _: True)
    with pytest.raises(InvalidPolicy, match="cannot be opened: No such file"), folders.opened(str(tmp_path / "gone"), WHERE):
        pass


def test_nothing_stays_open(tmp_path: Path) -> None:
    def opened() -> list[str]:
        links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        return [link for link in links if os.path.realpath(link) == os.path.realpath(tmp_path)]

    with folders.opened(str(tmp_path), WHERE):
        assert len(opened()) == 1
    assert opened() == []
