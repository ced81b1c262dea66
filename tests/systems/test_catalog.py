"""Systems are found by name or path, and a wrong name gets the known ones for an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.systems.catalog import UnknownSystem, find_systems, resolve_system, shipped_folder

TEXT = "name: demo\nenvironments:\n  staging:\n    tone: staging\n"


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(TEXT)
    return folder / "system.yaml"


def test_shipped_systems_are_known_by_name() -> None:
    assert resolve_system("hak-gal") == shipped_folder() / "hak-gal" / "system.yaml"
    assert [system.origin for system in find_systems() if system.name == "hak-gal"] == ["shipped"]


def test_own_systems_are_known_and_stand_before_shipped_ones(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "hakgal-console" / "systems"
    demo, own = put(folder / "demo"), put(folder / "hak-gal")
    assert {system.name for system in find_systems()} >= {"demo", "hak-gal"}
    assert resolve_system("demo") == demo
    assert resolve_system("hak-gal") == own


def test_a_folder_and_a_file_are_as_good_as_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    assert resolve_system(str(tmp_path / "demo")) == path
    assert resolve_system("demo/system.yaml") == path
    assert resolve_system("./demo") == path


def test_an_unknown_name_is_answered_with_the_nearest_and_the_known() -> None:
    with pytest.raises(UnknownSystem) as unknown:
        resolve_system("hakgal")
    assert "`hakgal`" in str(unknown.value)
    assert "did you mean hak-gal?" in str(unknown.value)
    with pytest.raises(UnknownSystem, match=r"known systems: .*hak-gal"):
        resolve_system("something-else")


def test_a_folder_without_a_system_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownSystem, match=r"has no system\.yaml"):
        resolve_system(str(tmp_path))
