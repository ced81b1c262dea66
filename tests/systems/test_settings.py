"""The engineer's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.systems.settings import BrokenSettings, Settings, read_settings

ACTIONS = {"rollback": "R", "bypass": "b", "help": "question_mark"}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_settings(ACTIONS, tmp_path / "config.toml") == Settings()


def test_keys_theme_glyphs_and_mouse_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "ansi"\nascii = true\nmouse = true\n[keys]\nrollback = "f8"\n')
    assert read_settings(ACTIONS, path) == Settings({"rollback": "f8"}, "ansi", True, True)


def test_two_actions_may_change_keys_with_each_other(tmp_path: Path) -> None:
    path = written(tmp_path, '[keys]\nrollback = "b"\nbypass = "R"\n')
    assert read_settings(ACTIONS, path).keys == {"rollback": "b", "bypass": "R"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theem = 1\n", "did you mean `theme`"),
        ('theme = "pink"\n', "write one of night, ansi, plain"),
        ("ascii = 1\n", "write true or false"),
        ('[keys]\nrolback = "f8"\n', "did you mean `rollback`"),
        ("[keys]\nrollback = 8\n", "write its name"),
        ('[keys]\nrollback = "b"\n', "the key of both `rollback` and `bypass`"),
        ("keys = 3\n", "write a table"),
        ("theme = \n", "write TOML"),
    ],
)
def test_a_fault_is_one_sentence_with_the_file_and_what_is_right(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BrokenSettings) as refused:
        read_settings(ACTIONS, path)
    assert said in str(refused.value) and str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "pink"\nmouse = 3\n[keys]\nnothing = "f8"\n')
    with pytest.raises(BrokenSettings) as refused:
        read_settings(ACTIONS, path)
    assert len(str(refused.value).splitlines()) == 3
