"""The arithmetic of rollouts alone: how many pods more or fewer, and when progress is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.sandbox.kube import deployment_status, rollouts
from tests.sandbox.kube_cluster import Json


def test_progress_starts_the_deadline_again_and_a_standstill_does_not() -> None:
    began, later = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 0, 0, 50, tzinfo=UTC)
    moving = deployment_status.condition("Progressing", "True", "ReplicaSetUpdated", "", began)
    live: Json = {
        "metadata": {"name": "web", "generation": 1},
        "spec": {"replicas": 3, "progressDeadlineSeconds": 60},
        "status": {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 1, "conditions": [moving]},
    }
    for ready, updated_at in ((1, "2025-01-01T00:00:00Z"), (2, "2025-01-01T00:00:50Z")):
        status = {**live["status"], "readyReplicas": ready, "conditions": [dict(moving)]}
        deployment_status.judge_progress(live, status, None, later)
        (found,) = status["conditions"]
        assert found["lastUpdateTime"] == updated_at
        assert found["lastTransitionTime"] == "2025-01-01T00:00:00Z"
    status = {**live["status"], "conditions": [dict(moving)]}
    deployment_status.judge_progress(live, status, None, began + timedelta(seconds=61))
    assert status["conditions"][0]["reason"] == "ProgressDeadlineExceeded"


def sized(replicas: int, surge: int | str, unavailable: int | str) -> Json:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "result"),
    [(10, "25%", "25%", (3, 2)), (1, "25%", "25%", (1, 0)), (4, "0%", "10%", (0, 1)), (7, 2, "50%", (2, 3))],
)
def test_percentages_of_surge_round_up_and_of_unavailability_down(
    replicas: int, surge: int | str, unavailable: int | str, result: tuple[int, int]
) -> None:
    assert rollouts.fenceposts(sized(replicas, surge, unavailable)) == result


shares = st.integers(0, 5) | st.integers(0, 100).map(lambda number: f"{number}%")


@given(st.integers(0, 50), shares, shares)
def test_there_is_always_room_for_a_step(replicas: int, surge: int | str, unavailable: int | str) -> None:
    more, fewer = rollouts.fenceposts(sized(replicas, surge, unavailable))
    assert more + fewer >= 1
    assert rollouts.max_unavailable(sized(replicas, surge, unavailable)) <= replicas
