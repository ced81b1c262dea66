"""What is read of an Argo Rollouts object's status."""

from __future__ import annotations

from typing import Any

import pytest

from console.actions.strategies.argo_view import view_of

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        ({}, False),
        ({"observedGeneration": "1"}, False),
        ({"observedGeneration": "2"}, True),
        ({"observedGeneration": "2", "controllerPause": True, "pauseConditions": [{"reason": "x"}]}, True),
        ({"observedGeneration": "2", "controllerPause": True}, False),
    ],
)
def test_a_status_is_believed_when_it_is_of_the_newest_spec_and_not_about_to_change(
    status: Json, observed: bool
) -> None:
    assert view_of({"metadata": {"uid": "1", "generation": 2}, "status": status}, (), ()).observed is observed


def test_a_traffic_router_says_what_the_share_is() -> None:
    status = {"stableRS": "a", "currentPodHash": "b", "canary": {"weights": {"canary": {"weight": 5}}}}
    spec = {"strategy": {"canary": {"trafficRouting": {"plugins": {}}}}}
    assert view_of({"metadata": {"uid": "1"}, "spec": spec, "status": status}, (), ()).share == 0.05
