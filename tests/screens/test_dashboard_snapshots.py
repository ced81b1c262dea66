"""The dashboard as a picture, at both sizes, in every state that a tired person must tell apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from console.app import ConsoleApp
from tests import pictures
from tests.screens.desks import PlayedDesk

SMALL, LARGE = (80, 24), (120, 40)
Compare = Callable[..., bool]


def app(picture: str, *, lines: int = 60, **options: Any) -> ConsoleApp:
    """A console over one picture, its clock and theme pinned."""
    desk = PlayedDesk(getattr(pictures, picture)(), pictures.log_lines(lines) if lines else ())
    return ConsoleApp(desk, clock=lambda: pictures.NOW, **{"theme": "night", "environ": {}, **options})


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("picture", "lines"),
    [
        ("healthy", 60),
        ("trouble", 60),
        ("rolling_back", 60),
        ("redis_stale", 60),
        ("unread", 0),
        ("all_failed", 0),
        ("read_only", 60),
        ("sandbox", 60),
    ],
)
def test_the_dashboard_looks_as_agreed(snap_compare: Compare, picture: str, lines: int, size: tuple[int, int]) -> None:
    assert snap_compare(app(picture, lines=lines), terminal_size=size)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    "keys",
    [("4", "z"), ("2", "z", "down"), ("3", "z"), ("5",), ("slash", *"reject", "enter"), ("slash", *"[x", "enter")],
    ids=["logs", "alerts", "redis", "activity", "filtered", "bad-filter"],
)
def test_a_pane_that_was_asked_for_looks_as_agreed(
    snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    assert snap_compare(app("trouble"), terminal_size=size, press=keys)


def test_without_colour_and_beyond_ascii_nothing_is_lost(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    plain = app("trouble", theme=None, ascii_only=True, environ={"NO_COLOR": "1"})
    assert snap_compare(plain, terminal_size=LARGE)


def test_the_terminals_own_colours(snap_compare: Compare) -> None:
    assert snap_compare(app("trouble", theme="ansi"), terminal_size=SMALL)


def test_a_terminal_too_small(snap_compare: Compare) -> None:
    assert snap_compare(app("trouble"), terminal_size=(60, 16))
