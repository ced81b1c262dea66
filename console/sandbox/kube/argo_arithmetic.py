"""How many pods of which version an Argo Rollout should have now: weights as replica counts, pure.

Source: the behaviour of Argo Rollouts 1.7 without traffic routing (utils/replicaset/canary.go): the split that comes
nearest to the weight is taken, with at least one pod a side between 1 % and 99 %, within maxSurge and maxUnavailable.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from console.sandbox.kube.objects import Obj
from console.sandbox.kube.rollouts import counted, replicas, total

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")


def wanted(rollout: Obj) -> int:
    """spec.replicas, 1 where it is absent."""
    value = rollout["spec"].get("replicas")
    return 1 if value is None else int(value)


def canary(rollout: Obj) -> Obj:
    """spec.strategy.canary, empty where it is absent."""
    return ((rollout["spec"].get("strategy") or {}).get("canary")) or {}


def steps(rollout: Obj) -> list[Obj]:
    """The canary steps."""
    return list(canary(rollout).get("steps") or ())


def steps_hash(rollout: Obj) -> str:
    """Changes when the steps change."""
    text = json.dumps(steps(rollout), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def seconds_of(duration: Any) -> float:
    """The duration of a pause: seconds as a number, or `10s`, `5m`, `1h`; raises ValueError."""
    if isinstance(duration, int) and not isinstance(duration, bool):
        return float(duration)
    found = _DURATION.fullmatch(str(duration))
    if found is None:
        raise ValueError(f"duration {duration!r} is no number of seconds and none such as 10s, 5m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def limits(rollout: Obj) -> tuple[int, int]:
    """How many pods may be surplus and how many unavailable; 25 % each where nothing is said, never both 0."""
    size = wanted(rollout)

    def amount(field: str, *, up: bool) -> int:
        value = canary(rollout).get(field, "25%")
        if isinstance(value, int):
            return value
        share = int(str(value).rstrip("%")) * size
        return -(-share // 100) if up else share // 100

    surge, unavailable = amount("maxSurge", up=True), amount("maxUnavailable", up=False)
    return (surge, 1) if surge == unavailable == 0 else (surge, min(unavailable, size))


def step_index(rollout: Obj) -> int:
    """status.currentStepIndex, 0 where it is absent."""
    return counted(rollout, "currentStepIndex")


def current_step(rollout: Obj) -> Obj | None:
    """The step it stands at; None behind the last one."""
    listed = steps(rollout)
    return listed[step_index(rollout)] if step_index(rollout) < len(listed) else None


def weight(rollout: Obj) -> int:
    """Percent of the newest version at the present step."""
    status = rollout.get("status") or {}
    if status.get("promoteFull") or status.get("currentPodHash") == status.get("stableRS"):
        return 100
    if status.get("abort"):
        return 0
    if current_step(rollout) is None:
        return 100
    passed = steps(rollout)[: step_index(rollout) + 1]
    return next((int(step["setWeight"]) for step in reversed(passed) if "setWeight" in step), 0)


def split(size: int, percent: int, surge: int) -> tuple[int, int]:
    """(newest, stable): the counts nearest to the weight; with a surge they may make one pod more in all."""
    if size == 0:
        return 0, 0
    up, down = -(-size * percent // 100), size * percent // 100
    may_be_none = percent in (0, 100) or (size == 1 and surge == 0)
    options: list[tuple[int, int]] = []
    if up < size or may_be_none:
        options.append((up, size))
    if not _tied(size, percent) and (down or may_be_none):
        options.append((down, size))
    if surge > 0:
        options.append((up, size + 1))
        if not _tied(size + 1, percent) and (down or may_be_none):
            options.append((down, size + 1))
    if not options:
        # Between two counts of which the upper one would leave no stable pod.
        return size - 1, 1
    newest, both = min(options, key=lambda option: abs(option[0] * 100 / option[1] - percent))
    return newest, both - newest


def _tied(size: int, percent: int) -> bool:
    return size * percent % 100 == 50


def next_sizes(rollout: Obj, new: Obj | None, stable: Obj | None, others: Sequence[Obj]) -> tuple[int, int]:
    """(newest, stable): the sizes to set now on the way to the weight, within the limits."""
    size = wanted(rollout)
    surge, unavailable = limits(rollout)
    goal_new, goal_stable = split(size, weight(rollout), surge)
    apart = stable is not None and (new is None or new["metadata"]["uid"] != stable["metadata"]["uid"])
    if not apart:
        goal_new, goal_stable = size, 0
    now_new = replicas(new) if new else 0
    now_stable = replicas(stable) if apart and stable else 0
    set_new, set_stable = now_new, now_stable
    most, least = size + surge, size - unavailable
    room = most - now_new - now_stable - total(others)
    if now_stable < goal_stable and room > 0:
        set_stable = min(goal_stable, now_stable + room)
        room -= set_stable - now_stable
    if now_new < goal_new and room > 0:
        set_new = min(goal_new, now_new + room)
    if total(others) > 0:
        return set_new, set_stable
    grows = goal_new >= now_new
    spare = _can_go(new, everything=not grows) + _can_go(stable if apart else None, everything=grows) - least
    if spare <= 0:
        return set_new, set_stable
    if not grows:
        drained = max(goal_new, now_new - spare) if now_new > goal_new else set_new
        return _within(new, drained, stable if apart else None, set_stable, most, least)
    if apart:
        drained = max(goal_stable, now_stable - spare) if now_stable > goal_stable else set_stable
        set_stable, set_new = _within(stable, drained, new, set_new, most, least)
    return set_new, set_stable


def _can_go(item: Obj | None, *, everything: bool) -> int:
    """The pods to reckon with when some are taken away; everything: also those that are not available."""
    if item is None:
        return 0
    running = counted(item, "availableReplicas")
    return replicas(item) if everything or replicas(item) < running else running


def _within(
    drained: Obj | None, drained_size: int, other: Obj | None, other_size: int, most: int, least: int
) -> tuple[int, int]:
    """The two sizes cut down to what may run at once, without taking available pods below the least."""
    over = max(0, drained_size + other_size - most)
    if other is None:
        return drained_size, other_size
    running = counted(other, "availableReplicas")
    kept = min(counted(drained, "availableReplicas"), drained_size) if drained else 0
    other_size -= over
    missing = max(0, least - kept - min(running, other_size))
    other_size += min(max(0, running - other_size), missing)
    return drained_size - max(0, drained_size + other_size - most), other_size


def is_at_goal(rollout: Obj, new: Obj | None, stable: Obj | None, others: Sequence[Obj]) -> bool:
    """Whether every pod that the weight asks for is there and available, and no older version runs."""
    goals = next_sizes(rollout, new, stable, others)
    for item, goal in zip((new, stable), goals, strict=True):
        if (
            item is stable
            and item is not None
            and new is not None
            and item["metadata"]["uid"] == new["metadata"]["uid"]
        ):
            continue
        if item is None:
            if goal:
                return False
        elif replicas(item) != goal or counted(item, "availableReplicas") != goal:
            return False
    return not any(counted(item, "availableReplicas") for item in others)
