"""Why an action cannot be done now, by the picture; None where it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.core.states import RolloutState

if TYPE_CHECKING:
    from console.core.picture import Picture

Reason = Callable[["Picture"], "str | None"]

READ_ONLY = "the console was started with --read-only"


def rollback_disabled(picture: Picture) -> str | None:
    """Why no rollback can begin now, or None."""
    if picture.read_only:
        return READ_ONLY
    if (view := picture.under_way) is not None:
        if not view.cannot("rollout-rollback"):
            return None
        if view.state is RolloutState.ROLLING_BACK:
            return view.cannot("rollout-rollback")
    if picture.cluster.value is None:
        why = picture.cluster.error or "Kubernetes has not answered yet"
        return f"what runs is not known: {why}"
    if not picture.cluster.value.workloads:
        return f"no deployment of {picture.system} was found in namespace {picture.cluster.value.namespace}"
    return None


def bypass_disabled(picture: Picture) -> str | None:
    """Why no bypass can be granted now, or None."""
    if picture.read_only:
        return READ_ONLY
    if not picture.bypass_offered:
        return f"{picture.system} declares no bypass for {picture.environment}"
    state = picture.bypass
    if state.error is not None:
        needs = "the bypass needs a store that expires by itself"
        return f"{needs}; {state.error.removeprefix(f'{needs}, and ')}"
    if state.value is None:
        return "the state of the bypass has not been read yet"
    if state.value.grant is not None:
        return "a bypass is open; B revokes it"
    if state.value.today >= state.value.a_day:
        return f"{state.value.today} of {state.value.a_day} bypasses of today are used; the next is free at 00:00 UTC"
    return None


def revoke_disabled(picture: Picture) -> str | None:
    """Why there is nothing to revoke, or None. An unknown state may be revoked: that makes the world safer."""
    if picture.read_only:
        return READ_ONLY
    if not picture.bypass_offered:
        return f"{picture.system} declares no bypass for {picture.environment}"
    state = picture.bypass
    if state.value is not None and state.error is None and state.value.grant is None and not state.value.warning:
        return "no bypass is open"
    return None


def faults_disabled(picture: Picture) -> str | None:
    """Why there are no faults to switch, or None."""
    return None if picture.faults_offered else "faults can be switched in the sandbox only"


def pods_disabled(picture: Picture) -> str | None:
    """Why there are no pods to show, or None."""
    if picture.cluster.value is None:
        return f"the pods are not known: {picture.cluster.error or 'Kubernetes has not answered yet'}"
    return None


def no_rollout(picture: Picture) -> str:
    """Why there is nothing to be done to a rollout."""
    if picture.rollout_error:
        return f"the rollouts could not be read: {picture.rollout_error}"
    if picture.rollout is not None:
        return f"{picture.rollout.plan} of {picture.rollout.version} is {picture.rollout.state.value}"
    return "no rollout is under way"


def needs(*actions: str) -> Reason:
    """Disabled unless the rollout under way can do one of `actions`; the reason told is that of the first."""

    def reason(picture: Picture) -> str | None:
        if picture.read_only:
            return READ_ONLY
        view = picture.under_way
        if view is None:
            return no_rollout(picture)
        whys = [view.cannot(action) for action in actions]
        return None if "" in whys else whys[0]

    return reason


def start_disabled(picture: Picture) -> str | None:
    """Why no rollout can be started now, or None."""
    if picture.read_only:
        return READ_ONLY
    if picture.rollout_error:
        return f"the rollouts could not be read: {picture.rollout_error}"
    if (view := picture.under_way) is not None:
        return view.cannot("start") or f"{view.plan} of {view.version} is under way"
    if not picture.rollout_plans:
        return f"{picture.system} has no plan; one is a file NAME.rollout.yaml beside its system.yaml"
    return None


def watcher_disabled(picture: Picture) -> str | None:
    """Why no watcher needs to be started, or None."""
    if picture.read_only:
        return READ_ONLY
    view = picture.under_way
    if view is None:
        return no_rollout(picture)
    return f"{view.driver.who} drives it; T takes over" if view.driver.alive and view.driver.who else None


def take_over_disabled(picture: Picture) -> str | None:
    """Why the rollout cannot be taken over, or None."""
    if picture.read_only:
        return READ_ONLY
    return None if picture.under_way is not None else no_rollout(picture)


def rollout_disabled(picture: Picture) -> str | None:
    """Why there is no rollout to show, or None; one that has ended can be looked at."""
    return None if picture.rollout is not None else no_rollout(picture)
