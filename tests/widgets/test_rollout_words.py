"""What is said of who drives and of when, once a rollout has ended or runs faster than the wall."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import RolloutView
from tests import rollout_pictures as played
from tests.pictures import NOW
from widgets.phases import dated, driver_words
from widgets.progress import progress_title, state_rows
from widgets.rows import plain
from widgets.vocabulary import Glyphs

GLYPHS = Glyphs()


@pytest.mark.parametrize("state", [RolloutState.COMPLETED, RolloutState.ABORTED])
def test_nobody_has_to_drive_what_has_ended(state: RolloutState) -> None:
    view = undriven_view(state)
    assert "ended" in plain(driver_words(view, NOW))
    for width in (78, 118):
        shown = "\n".join(plain(spans) for spans in state_rows(view, NOW, width, 3))
        assert "NOBODY" not in shown and "starts a watcher" not in shown
    assert "NOBODY DRIVES" in plain(driver_words(undriven_view(RolloutState.ROLLED_BACK), NOW))


def undriven_view(state: RolloutState) -> RolloutView:
    view = played.undriven().rollout
    assert view is not None
    return replace(view, state=state, why=f"{state.value}: the traffic stays as it is; S starts another rollout")


def test_a_practice_world_says_the_day_of_every_rollout_time_for_its_days_are_not_the_walls() -> None:
    view = replace(played.planned().rollout or played.VIEW, speed=5000.0)
    today = view.taken_at.replace(hour=23)
    assert dated(today, view, NOW) == f"{today.day} Mar 23:04Z"
    assert dated(today, replace(view, speed=1.0), NOW) == "23:04Z"
    assert "5000 times as fast · rollout time 14 Mar 21:04Z" in plain(
        progress_title(played.with_rollout(view), view, NOW, GLYPHS, wide=True)
    )
