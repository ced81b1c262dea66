"""Every shipped plan on its system's practice world, from its first phase to its end; and back, by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from console.core.rollouts.facts import Kind
from console.core.rollouts.state import RolloutState
from tests.rollouts.courses import Courses, Run
from tests.rollouts.practice import DATA, FLAGS, MARKS, Ended, Practice, practice

pytestmark = [pytest.mark.xdist_group("systems"), pytest.mark.timeout(280)]

SPEED = 400_000  # a week in one and a half seconds
WITHIN = 240.0
ON = ("htdag", "halo", "aop", "error_handling", "circuit_breaker", "otel_tracing", "otel_metrics",
      "performance_monitoring", "cost_optimization", "security_hardening")  # fmt: skip
OFF = ("aatc_system", "darwin_integration", "a2a_integration")


def _mark(world: Practice) -> None:
    """Keys that tell whether a rollback clears the cache and nothing else."""
    world.redis().mset(dict.fromkeys(MARKS, "old"))


def _before_release(world: Practice) -> None:
    """No request falls to the released code, and flags stand as nobody's plan has them."""
    world.sandbox.ask("PUT", "/share", {"version": "phase_4_deployment", "percent": 0})
    store = world.redis()
    store.hset(FLAGS, mapping={"htdag_enabled": "false", "aatc_system_enabled": "true"})
    store.hdel(FLAGS, "halo_enabled")


# Lexikon has six plans and so two worlds. What one run leaves is where the next one begins.
THROUGH = (
    Run("lexikon", "rolling", "security-v1.0"),
    Run("lexikon", "canary", "security-v1.1"),
    Run("lexikon", "api-key-migration", "security-v1.1"),
    Run("lexikon#2", "gateway", "security-v1.0"),
    Run("lexikon#2", "argo", "security-v1.0"),
    Run("lexikon#2", "blue-green", "security-v1.0"),
    Run("hak-gal", "release", "v2.3.4"),
    Run("genesis", "release", "phase_4_deployment"),
    Run("knhk", "release", "v1.4.0"),
)
BACK = (
    Run("lexikon", "canary", "security-v1.2", "canary-10", "auth-failures", _mark),
    Run("hak-gal", "release", "v2.3.5", "production-canary", "error-spike"),
    Run("genesis", "release", "phase_4_deployment", "stage-1", "error-spike", _before_release),
    Run("knhk", "release", "v1.5.0", "prepare", "error-spike"),
)
TRIPS = {
    "lexikon": "auth_failure_rate > 10% for 2m",
    "hak-gal": "error_rate > 0.1% for 5m",
    "genesis": "error_rate > 0.5% for 5m",
    "knhk": "availability < 99%",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a plan leaves behind. shares: confirmed on the way, in order. live: Deployments that it has moved, by
    environment: version, pods wanted and AUDIT_LEVEL; those of no pods are not named. The rest is as in `Sight`.
    """

    shares: tuple[float, ...]
    live: Mapping[str, Mapping[str, tuple[str, int, str]]] = field(default_factory=dict)
    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    argo: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)


LEAVES = {
    "lexikon-rolling": Expected((1.0,), {"sandbox": {"lexikon-api": ("security-v1.0", 10, "")}}),
    "lexikon-canary": Expected((0.1, 0.2, 0.5, 1.0), {"sandbox": {"lexikon-api": ("security-v1.1", 10, "")}}),
    "lexikon-api-key-migration": Expected(()),
    "lexikon-gateway": Expected(
        (0.1, 0.25, 0.5, 1.0),
        {"sandbox": {"lexikon-api-stable": ("security-v1.0", 2, "")}},
        weights={"lexikon-api": {"lexikon-api-stable": 100, "lexikon-api-new": 0}},
    ),
    "lexikon-argo": Expected((0.1, 0.2, 0.5, 1.0), argo={"lexikon-api": ("security-v1.0", "Healthy", 0)}),
    "lexikon-blue-green": Expected(
        (0.0, 1.0),
        {"sandbox": {"lexikon-api-green": ("security-v1.0", 2, "")}},
        selectors={"lexikon-api-live": {"app": "lexikon-api-live", "slot": "green"}},
    ),
    "hak-gal-release": Expected(
        (0.25, 0.5, 1 / 6, 1 / 6, 1 / 6, 0.5, 1.0),
        {
            "sandbox": {"hak-gal": ("v2.3.4", 6, "INFO")},
            "sandbox-staging": {"hak-gal": ("v2.3.3", 2, "INFO"), "hak-gal-canary": ("v2.3.4", 2, "INFO")},
        },
    ),
    "genesis-release": Expected((0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.0)),
    "knhk-release": Expected(
        (0.0, 1.0),
        {"sandbox": {"knhk-closed-loop-green": ("v1.4.0", 3, "")}},
        selectors={"knhk-closed-loop": {"app": "knhk-closed-loop", "slot": "green"}},
    ),
}


@pytest.fixture(scope="module")
def courses(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Courses]:
    """Every run that is asked for, under way on its world."""
    items = [one for one in request.session.items if isinstance(one, pytest.Function) and one.path == request.path]
    asked = [run for item in items if isinstance(run := item.callspec.params["run"], Run)]
    folder = tmp_path_factory.mktemp("worlds")

    def opened(world: str, stopped: threading.Event) -> AbstractContextManager[Practice]:
        return practice(world.partition("#")[0], folder / world.replace("#", "-"), SPEED, stopped)

    begun = Courses(asked, opened)
    yield begun
    begun.stop()


def _confirmed(ended: Ended) -> list[tuple[int, float | None]]:
    """The phases that were confirmed, each with the share that was applied."""
    return [(fact.body["phase"], fact.body["applied"]) for fact in ended.facts if fact.kind is Kind.CONFIRMED]


@pytest.mark.parametrize("run", THROUGH, ids=lambda run: run.id)
def test_a_plan_goes_through_to_its_end(run: Run, courses: Courses) -> None:
    ended, leaves = courses.ended(run, WITHIN), LEAVES[run.id]
    rollout, plan = ended.rollout, ended.plan
    assert rollout.state is RolloutState.COMPLETED, rollout.held or rollout.why
    assert rollout.version == run.version
    confirmed = _confirmed(ended)
    assert [phase for phase, _ in confirmed] == list(range(len(plan.phases))), "each phase once, in order"
    assert [share for _, share in confirmed if share is not None] == pytest.approx(leaves.shares)
    assert [attempt.phase for attempt in rollout.attempts] == list(range(len(plan.phases)))
    for attempt in rollout.attempts:
        phase = plan.phases[attempt.phase]
        assert attempt.outcome == "promoted", f"{phase.name}: {attempt.outcome}"
        assert attempt.soak.observed >= phase.soak, phase.name
        assert {tick.item for tick in attempt.ticks} == set(range(len(phase.checklist))), phase.name
        assert {sign.role for sign in attempt.signs if sign.decision == "go"} == set(phase.sign_offs), phase.name
        assert attempt.settings == len(phase.settings), f"{phase.name}: timed settings"
    sandbox = ended.now["sandbox"]
    for environment, live in leaves.live.items():
        now = ended.now[environment]
        assert {name: now.deployments.get(name) for name in live} == live
        assert {name: now.serving[f"Deployment/{name}"] for name in live} == {
            name: {version} for name, (version, *_) in live.items()
        }
        moved = {*live, *(f"{name}-canary" for name in live)}
        assert {name for name in now.deployments if name in moved} == set(live), "a canary was left behind"
    assert {name: sandbox.selectors[name] for name in leaves.selectors} == leaves.selectors
    assert {name: sandbox.weights[name] for name in leaves.weights} == leaves.weights
    assert {name: sandbox.argo[name] for name in leaves.argo} == leaves.argo
    for name, (version, *_) in leaves.argo.items():
        assert sandbox.serving[f"Rollout/{name}"] == {version}
    assert {name: sight.autoscalers for name, sight in ended.now.items()} == {
        name: sight.autoscalers for name, sight in ended.was.items()
    }, "autoscalers were not given back"
    if not leaves.shares:
        assert ended.now == ended.was, "a plan without traffic changed something"
    if run.id == "hak-gal-release":
        assert sandbox.autoscalers == {"hak-gal": (3, 12, False)}
        assert any(stands_still for *_, stands_still in ended.scaled), "the autoscaler was never frozen"
    if run.id == "genesis-release":
        assert sandbox.share == (run.version, 100.0)
        expected = {f"{name}_enabled": "true" for name in ON} | {f"{name}_enabled": "false" for name in OFF}
        assert sandbox.flags == expected
    assert ended.open_intents == 0
    assert ended.whole


@pytest.mark.parametrize("run", BACK, ids=lambda run: run.id)
def test_a_fault_rolls_a_plan_back_by_itself(run: Run, courses: Courses) -> None:
    ended = courses.ended(run, WITHIN)
    rollout = ended.rollout
    assert rollout.state is RolloutState.ROLLED_BACK, rollout.held or rollout.why
    # A phase may be over at this speed before the fault shows: then the next tier's threshold is the one that trips.
    armed = {rule.text for rule in ended.plan.phases[rollout.phase].criteria}
    assert rollout.criterion in {each for each in armed if each.split()[0] == TRIPS[run.world].split()[0]}
    (began,) = [fact for fact in ended.facts if fact.kind is Kind.ROLLING_BACK]
    assert began.body["asked_by"] == "driver", "a person asked for it"
    assert max(share for _, share in _confirmed(ended) if share is not None) > 0, "the new version had no traffic"
    assert ended.now == ended.was
    if run.world == "lexikon":
        assert ended.marked == {DATA}, "the caches, and nothing else, are cleared"
    assert ended.open_intents == 0
    assert ended.whole
