"""Watchers and consoles around one rollout: who drives, who asks, who is stopped, and what they leave behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from console.core.operations import Refused
from console.core.rollouts.state import RolloutState
from console.core.states import Outcome
from console.engine.engine import Engine
from console.engine.rollouts import Rollouts
from console.engine.status import STATUS
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH
from tests.conftest import wait_until
from tests.engine_world import ended
from tests.rollouts.lives import ALREADY, Life
from tests.rollouts.pair import Health, Pair

Watch = Callable[..., Life]
Desk = Callable[[], Engine]


def reached(pair: Pair, state: RolloutState, phase: int = 0, within: float = 30.0) -> None:
    """Wait until the rollout is there."""
    wait_until(
        lambda: (found := pair.rollout()).state is state and found.phase == phase,
        within=within,
        what=f"phase {phase} {state.value}",
    )


def knows(engine: Engine, state: RolloutState) -> None:
    """Wait until a console shows it."""
    wait_until(
        lambda: (view := engine.rollout) is not None and view.state is state, what=f"a view that is {state.value}"
    )


def test_persons_promote_hold_resume_and_abort_and_the_watcher_does_it(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    with pytest.raises(Refused, match=r"is planned; finish or abort it first"):
        console.start_rollout("release", "pair")
    watcher = watch()
    reached(pair, RolloutState.SOAKING)
    with pytest.raises(Refused, match=r"not yet: .* must still be observed good.* a typed reason overrides"):
        console.promote("pair")
    with pytest.raises(Refused, match=r"wrong was typed where pair was asked for; nothing was done"):
        console.promote("wrong", "because")
    assert console.hold("the database team is asleep").startswith("held")
    reached(pair, RolloutState.HELD)
    assert console.resume() == "goes on"
    reached(pair, RolloutState.WAITING)
    assert console.promote("pair") == "promoted"
    reached(pair, RolloutState.SOAKING, phase=1)
    assert console.promote("pair", "the clock is known to be slow") == "promoted"
    reached(pair, RolloutState.COMPLETED, phase=1)
    assert watcher.ends(10) == 0
    first, second = pair.rollout().attempts
    assert (first.outcome, second.outcome) == ("promoted", "overridden: the clock is known to be slow")
    assert pair.live() == {"app": ("app:v2", 4, "INFO")}
    assert pair.bounds() == (3, 12)
    with pytest.raises(Refused, match="is completed; S starts another"):
        console.hold("too late")


def test_an_emergency_rollback_needs_no_lease_and_stops_the_watcher(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    watch()
    reached(pair, RolloutState.SOAKING)
    assert pair.live()["app-canary"][1] == 1
    knows(console, RolloutState.SOAKING)
    driving = pair.rollout().epoch
    plan = console.plan_rollback()
    assert (plan.now_version, plan.to_version, plan.rollout) == ("v2", "v1", pair.rollout().id)
    over = ended(console, console.roll_back(plan, "pair"))
    assert over.outcome is Outcome.DONE, over.summary
    assert over.summary.startswith("ROLLED BACK and verified in")
    assert pair.rollout().state is RolloutState.ROLLED_BACK
    assert pair.live()["app"] == ("app:v1", 4, "")
    assert "app-canary" not in pair.live()
    assert pair.bounds() == (3, 12)
    # The watcher takes the lease again, with an epoch of its own, and a retry goes on from there.
    wait_until(lambda: pair.rollout().epoch > driving + 1, what="the watcher's new epoch")
    assert console.retry("one-pod", "pair") == "tries again"
    reached(pair, RolloutState.SOAKING)
    assert [attempt.number for attempt in pair.rollout().attempts] == [1, 2]
    assert "aborted" in console.abort("pair", "that is enough")
    reached(pair, RolloutState.ABORTED)
    assert pair.live()["app-canary"][1] == 1, "an abort leaves the traffic as it is"
    assert pair.bounds() == (3, 12)


def test_an_emergency_rollback_works_while_nobody_watches(pair: Pair, watch: Watch, desk: Desk) -> None:
    pair.begin()
    life = watch()
    reached(pair, RolloutState.SOAKING)
    life.signal(signal.SIGKILL)
    life.ends(5)
    console = desk()
    knows(console, RolloutState.SOAKING)
    wait_until(lambda: console.picture.cluster.value is not None, what="the cluster")
    view = console.rollout
    assert view is not None
    assert not view.driver.alive
    over = ended(console, console.roll_back(console.plan_rollback(), "pair"))
    assert over.outcome is Outcome.DONE, over.summary
    assert pair.live()["app"] == ("app:v1", 4, "")


def test_a_criterion_rolls_back_by_itself_also_while_a_person_holds(
    pair: Pair, watch: Watch, desk: Desk, health: Health
) -> None:
    console = desk()
    pair.begin()
    watch()
    reached(pair, RolloutState.SOAKING)
    console.hold("lunch")
    health.close()
    reached(pair, RolloutState.ROLLED_BACK)
    rollout = pair.rollout()
    assert rollout.criterion == "api fails 2 times"
    assert rollout.attempts[-1].outcome.startswith("rolled back: ")
    assert pair.live()["app"] == ("app:v1", 4, "")
    assert pair.bounds() == (3, 12)


def test_two_consoles_start_at_once_and_one_rollout_begins(
    pair: Pair, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = desk(), desk()
    wait_until(lambda: one.picture.rollout_plans == other.picture.rollout_plans == ("release",), what="the plan")
    one._rollouts.begin("release", "pair")
    # The other one looked before the first had written: its own record does not know of it yet.
    monkeypatch.setattr(Rollouts, "_under_way", lambda self: None)
    with pytest.raises(Refused, match="was started a moment before; nothing more was started"):
        other._rollouts.begin("release", "pair")
    started = one.rollout
    assert started is not None
    assert started.id == pair_first(pair)


def pair_first(pair: Pair) -> str:
    journal = pair.journal()
    try:
        return str(next(iter(journal.events(kinds=("rollout.started",)))).body["rollout"])
    finally:
        journal.close()


def test_a_second_watcher_leaves_and_one_that_takes_over_ends_the_first(pair: Pair, watch: Watch) -> None:
    pair.begin()
    first = watch()
    reached(pair, RolloutState.SOAKING)
    assert watch().ends(10) == ALREADY
    first.signal(signal.SIGSTOP)
    second = watch(take_over=True)
    reached(pair, RolloutState.WAITING)
    generations = pair.generations()
    first.signal(signal.SIGCONT)
    assert first.ends(15) == ALREADY, "a watcher that was overtaken must end"
    assert pair.generations() == generations, "it wrote after it was overtaken"
    assert second.process.is_alive()


def test_the_status_is_whole_at_every_look_and_says_what_the_screen_says(pair: Pair, watch: Watch, desk: Desk) -> None:
    rollout = pair.begin()
    console = desk()
    watch()
    path = pair.state / STATUS
    seen: list[dict[str, object]] = []

    def looked() -> bool:
        if path.exists():
            seen.append(json.loads(path.read_text()))
        return pair.rollout().state is RolloutState.WAITING

    wait_until(looked, within=30, every=0.01, what="waiting")
    assert len(seen) > 20
    knows(console, RolloutState.WAITING)
    last = json.loads(path.read_text())
    assert last["rollout"]["id"] == rollout
    assert last["environment"] == "live"
    assert last["system"] == "pair"
    view = console.rollout
    assert view is not None
    assert [gate.verdict.value for gate in view.gates] == ["pass"]
    assert view.driver.alive
    assert "watcher on" in view.driver.who
    assert [name.name for name in (pair.state / "monitoring").iterdir()] == ["last_status.json"]


def test_an_edited_plan_changes_nothing_under_way_and_is_told(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    plan = pair.folder / "release.rollout.yaml"
    plan.write_text(plan.read_text().replace("soak: 1h", "soak: 2000h"))
    watch()
    reached(pair, RolloutState.WAITING)
    view = console.rollout
    assert view is not None
    assert any("was edited since" in note for note in view.notes)
    assert replace(view).phases[0].soak.total_seconds() == 3600


def test_a_share_that_somebody_changes_is_held_and_told(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    watch()
    reached(pair, RolloutState.WAITING)
    scale = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    pair.api.patch(DEPLOYMENTS, "app-canary", scale, content_type=JSON_PATCH, namespace=pair.namespace)
    reached(pair, RolloutState.HELD)
    held = pair.rollout().held
    assert held is not None
    assert "somebody changed the share: 50.0% is live where 25.0% was confirmed" in held.why
    console.resume()
    reached(pair, RolloutState.WAITING)
    assert console.promote("pair") == "promoted"
