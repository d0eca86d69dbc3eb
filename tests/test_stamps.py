from __future__ import annotations

from pathlib import Path

import pytest

from wassette_py.settings.quick import quick_component_dir
from wassette_py.stamps import folder_hash, folder_stamp


def test_a_folder_that_is_none_has_no_stamp(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert folder_stamp(str(tmp_path / "gone")) == folder_stamp(str(tmp_path / "file")) == []


def test_a_name_without_a_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "gone")
    (tmp_path / "b.json").write_text("{}")
    assert [file.partition("/")[0] for file in folder_stamp(str(tmp_path))] == ["b.json"]


def test_a_link_to_itself_is_a_change_and_stops_nothing(tmp_path: Path) -> None:
    before = folder_stamp(str(tmp_path))
    (tmp_path / "a.policy.yaml").symlink_to("a.policy.yaml")
    assert [file.partition("/")[0] for file in folder_stamp(str(tmp_path))] == ["a.policy.yaml"]
    assert folder_stamp(str(tmp_path)) != before


def test_the_hash_of_a_folder_differs_where_its_stamp_does(tmp_path: Path) -> None:
    seen = {folder_hash(str(tmp_path))}
    for name in ("a.json", "a.wasm", "b.json"):
        (tmp_path / name).write_text("{}")
        seen.add(folder_hash(str(tmp_path)))
    (tmp_path / "a.json").rename(tmp_path / "c.json")
    seen.add(folder_hash(str(tmp_path)))
    assert len(seen) == 5
    (tmp_path / "other").write_text("")
    assert folder_hash(str(tmp_path)) in seen


def test_the_component_directory_is_known_at_once_when_nothing_but_a_flag_has_a_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick_component_dir(None) == str(home / ".local/share/wassette/components")
    assert quick_component_dir("/x/../y") == "/y"
    assert quick_component_dir(None, platform="darwin") is None
    (home / ".config/wassette").mkdir(parents=True)
    (home / ".config/wassette/config.yaml").write_text("log_level: error\n")
    assert quick_component_dir(None) is None
    (home / ".config/wassette/config.yaml").unlink()
    monkeypatch.setenv("WASSETTE_GRANTS", "allow")
    assert quick_component_dir(None) is None
