"""A rollout made into what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import Judged, Rollout
from console.core.rollouts.view import DriverView, RolloutView
from console.core.units import Unit


def view_of(
    plan: RolloutPlan,
    rollout: Rollout,
    judged: Judged,
    units: Mapping[str, Unit],
    driver: DriverView,
    now: datetime,
    *,
    notes: tuple[str, ...] = (),
    speed: float = 1.0,
) -> RolloutView:
    """What is shown. units: by metric name. The `why` line and `can` come from the same rules as `decide`."""
    raise NotImplementedError
