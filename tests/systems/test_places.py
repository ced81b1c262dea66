"""The console's own files lie where XDG says, are private, and what was used last is kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from console.systems.places import (
    LastUsed,
    config_dir,
    last_used,
    remember_used,
    state_dir,
    state_root,
    write_atomically,
)


def test_the_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_root() == tmp_path / "state"
    assert config_dir() == tmp_path / "config" / "hakgal-console"
    monkeypatch.delenv("HAKGAL_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_dir("demo") == tmp_path / "xdg" / "hakgal-console" / "demo"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # A relative value is to be ignored, by the XDG specification.
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_root() == tmp_path / "home" / ".local" / "state" / "hakgal-console"


def test_a_state_folder_is_private() -> None:
    folder = state_dir("demo")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_what_was_used_last_is_remembered() -> None:
    assert last_used() is None
    remember_used("hak-gal", "staging")
    assert last_used() == LastUsed("hak-gal", "staging")
    remember_used("/elsewhere/system.yaml", None)
    assert last_used() == LastUsed("/elsewhere/system.yaml", None)
    assert stat.S_IMODE((state_root() / "last.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("junk", ["", "{", "[]", "{}", '{"system": 1}'])
def test_a_broken_memory_is_no_memory(junk: str) -> None:
    remember_used("hak-gal", "staging")
    (state_root() / "last.json").write_text(junk)
    assert last_used() is None


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \udcff")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["a.json"]
