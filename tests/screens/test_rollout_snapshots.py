"""A rollout as a picture, at both sizes, in every state that a tired person must tell apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from console.app import ConsoleApp
from tests import pictures
from tests import rollout_pictures as played
from tests.screens.desks import PlayedDesk

SMALL, LARGE = (80, 24), (120, 40)
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


def app(picture: str, **options: Any) -> ConsoleApp:
    """A console over one picture, its clock and theme pinned."""
    desk = PlayedDesk(getattr(played, picture)(), pictures.log_lines(60))
    desk.plans = (played.plan(),)
    desk.rollback = played.rollback()
    return ConsoleApp(desk, clock=lambda: pictures.NOW, **{"theme": "night", "environ": {}, **options})


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    "picture",
    [
        "soaking",
        "blind",
        "breaching",
        "waiting",
        "held",
        "held_blind",
        "rolling_back",
        "rolled_back",
        "undriven",
        "practice",
        "none_yet",
    ],
)
def test_a_rollout_looks_as_agreed(snap_compare: Compare, picture: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(picture), terminal_size=size)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
def test_the_whole_rollout_looks_as_agreed(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(app("waiting"), terminal_size=size, press=("o",))


@pytest.mark.parametrize("key", ["p", "R"], ids=["override", "rollback"])
def test_a_dialog_about_a_rollout_looks_as_agreed(snap_compare: Compare, key: str) -> None:
    assert snap_compare(app("soaking"), terminal_size=SMALL, press=(key,))


def test_a_rollout_without_colour_and_beyond_ascii(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    plain = app("breaching", theme=None, ascii_only=True, environ={"NO_COLOR": "1"})
    assert snap_compare(plain, terminal_size=LARGE)
