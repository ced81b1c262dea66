"""The systems' practice worlds for whole rollouts: a sandbox, a watcher, and a person who does their part."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import redis

from console.core.operations import Refused
from console.core.rollouts.facts import Fact
from console.core.rollouts.plan import Promotion, RolloutPlan
from console.core.rollouts.state import Rollout, RolloutState
from console.core.system import System
from console.engine.books import Books
from console.engine.rollouts import Rollouts
from console.sandbox.client import Sandbox, start_sandbox
from console.systems.kubernetes_connection import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    KubernetesApi,
    Resource,
    open_kubernetes,
)
from console.systems.loader import load_system
from tests.rollouts.lives import start

SERVICES = Resource("api/v1", "services")
ROUTES = Resource("apis/gateway.networking.k8s.io/v1", "httproutes")
ARGO = Resource("apis/argoproj.io/v1alpha1", "rollouts")
AUTOSCALERS = Resource("apis/autoscaling/v2", "horizontalpodautoscalers")
FLAGS = "genesis:flags"
MARKS = CACHED, DATA = "lexikon:cache:marked", "lexikon:marked"

STANDS = (RolloutState.COMPLETED, RolloutState.ROLLED_BACK, RolloutState.ABORTED, RolloutState.HELD)
WITHIN = 150.0

Scales = tuple[int, int, bool]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What an environment's objects say at one moment.

    deployments: name to version, pods wanted and AUDIT_LEVEL; those that want none are left out. serving: `KIND/NAME`
    of a workload to the versions of its pods that take requests. selectors: of Services. weights: of an HTTPRoute's
    backends. argo: name to version, phase and weight. autoscalers: name to bounds, and whether it stands still. flags:
    the Redis hash. share: version and percent that pods answer as by command.
    """

    deployments: Mapping[str, tuple[str, int, str]]
    serving: Mapping[str, frozenset[str]]
    selectors: Mapping[str, Mapping[str, str]]
    weights: Mapping[str, Mapping[str, int]]
    argo: Mapping[str, tuple[str, str, int]]
    autoscalers: Mapping[str, Scales]
    flags: Mapping[str, str]
    share: tuple[str, float]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. was, now: by environment, before it and after. scaled: how autoscalers stood on the way.

    marked: which of MARKS are still in Redis. open_intents: of the journal. whole: whether the journal verifies.
    """

    plan: RolloutPlan
    rollout: Rollout
    facts: tuple[Fact, ...]
    was: Mapping[str, Sight]
    now: Mapping[str, Sight]
    scaled: frozenset[Scales]
    marked: frozenset[str]
    open_intents: int
    whole: bool


@dataclass(frozen=True)
class Practice:
    """A running practice world, as a person and a test see it. stopped: set when nobody waits for it any more."""

    sandbox: Sandbox
    system: System
    books: Books
    rollouts: Rollouts
    folder: Path
    stopped: threading.Event
    scaled: set[Scales] = field(default_factory=set)

    @property
    def rollout(self) -> Rollout:
        current = self.rollouts.current()
        assert current is not None
        return current.rollout

    @property
    def plan(self) -> RolloutPlan:
        """The plan of the newest rollout, as it was started."""
        current = self.rollouts.current()
        assert current is not None
        return current.plan

    @cached_property
    def apis(self) -> Mapping[str, KubernetesApi]:
        """The cluster as each environment sees it; Genesis has none."""
        return {each.name: open_kubernetes(each.kubernetes) for each in self.system.environments if each.kubernetes}

    def redis(self, environment: str = "sandbox") -> redis.Redis:
        return redis.Redis.from_url(self.sandbox.told["environments"][environment]["redis_url"], decode_responses=True)

    def sights(self) -> dict[str, Sight]:
        """Every environment as it is now."""
        state = self.sandbox.state()["environments"]
        return {each.name: self._sight(each.name, state[each.name]) for each in self.system.environments}

    def go_through(self, plan: str, *, version: str, phase: str | None, fault: str) -> Ended:
        """Start a plan, have a watcher drive it, and do a person's part until it stands for good.

        fault: on from when the new version has traffic, so that it hits that one and no other; empty for none.
        """
        was = self.sights()
        self.scaled.clear()
        self.rollouts.begin(plan, self.system.name, version=version, phase=phase)
        life = start(self.folder)
        try:
            rollout = self._attended(fault)
        finally:
            life.end()
            if fault:
                self.sandbox.switch(fault, False)
        journal = self.books.journal
        facts = tuple(self.rollouts.ledger(rollout.id).since(0))
        return Ended(
            self.plan,
            rollout,
            facts,
            was,
            self.sights(),
            frozenset(self.scaled),
            frozenset(mark for mark in MARKS if self.redis().exists(mark)),
            len(journal.open_intents()),
            journal.verify().sound,
        )

    def _attended(self, fault: str) -> Rollout:
        deadline = time.monotonic() + WITHIN
        while True:
            rollout = self.rollout
            if rollout.state in STANDS:
                return rollout
            if fault and any(attempt.applied for attempt in rollout.attempts):
                self.sandbox.switch(fault, True)
            if rollout.state is RolloutState.WAITING:
                self._do(rollout)
            if time.monotonic() > deadline or self.stopped.wait(0.05):
                raise AssertionError(self._told())

    def _do(self, rollout: Rollout) -> None:
        """Tick what is not ticked, sign what is not signed, then promote; what comes too late is looked at again."""
        phase, attempt, typed = self.plan.phases[rollout.phase], rollout.attempt, self.system.name
        assert attempt is not None
        if phase.environment in self.apis:
            self.scaled.update(self._autoscalers(phase.environment).values())
        with suppress(Refused):
            for item in set(range(len(phase.checklist))) - {tick.item for tick in attempt.ticks}:
                self.rollouts.tick(item, True, "looked at it")
            for role in set(phase.sign_offs) - {sign.role for sign in attempt.signs}:
                self.rollouts.sign(role, "go", "no objection", typed)
            if phase.promotion is Promotion.PERSON:
                self.rollouts.promote(typed)

    def _told(self) -> str:
        """What stands, for the message of a test that does not come through."""
        view = self.rollouts.view()
        assert view is not None
        log = (self.folder / "watcher.log").read_text()[-2000:]
        return f"{view.plan}: {view.here.name} is {view.state.value} for too long: {view.why}\n{log}"

    def _sight(self, name: str, state: Mapping[str, Any]) -> Sight:
        share = state["share"]
        of = self._objects if name in self.apis else lambda *_: {}
        return Sight(
            deployments={key: found for key, one in of(DEPLOYMENTS, name).items() if (found := _deployed(one))[1]},
            serving=self._serving(name, state["pods"]) if name in self.apis else {},
            selectors={key: one["spec"]["selector"] for key, one in of(SERVICES, name).items()},
            weights={
                key: {each["name"]: each["weight"] for each in one["spec"]["rules"][0]["backendRefs"]}
                for key, one in of(ROUTES, name).items()
            },
            argo={key: _argo(one) for key, one in of(ARGO, name).items()},
            autoscalers=self._autoscalers(name) if name in self.apis else {},
            flags=self.redis(name).hgetall(FLAGS),  # type: ignore[arg-type]
            share=(share["version"], share["percent"]),
        )

    def _serving(self, environment: str, pods: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
        """The versions that take requests, by the workload that owns the ReplicaSet that owns the pod."""
        taking = {pod["name"]: pod["version"] for pod in pods if pod["serving"]}
        owners = {name: _owner(one) for name, one in self._objects(REPLICA_SETS, environment).items()}
        found: dict[str, set[str]] = {}
        for name, one in self._objects(PODS, environment).items():
            if name in taking:
                _, _, replica_set = _owner(one).partition("/")
                found.setdefault(owners[replica_set], set()).add(taking[name])
        return {workload: frozenset(versions) for workload, versions in found.items()}

    def _autoscalers(self, environment: str) -> dict[str, Scales]:
        return {name: _scales(one["spec"]) for name, one in self._objects(AUTOSCALERS, environment).items()}

    def _objects(self, resource: Resource, environment: str) -> dict[str, Json]:
        return {each["metadata"]["name"]: each for each in self.apis[environment].list(resource)}


def _owner(one: Json) -> str:
    owner = one["metadata"]["ownerReferences"][0]
    return f"{owner['kind']}/{owner['name']}"


def _scales(spec: Json) -> Scales:
    ways = (spec.get("behavior", {}).get(way, {}) for way in ("scaleUp", "scaleDown"))
    return spec["minReplicas"], spec["maxReplicas"], all(way.get("selectPolicy") == "Disabled" for way in ways)


def _deployed(one: Json) -> tuple[str, int, str]:
    container = one["spec"]["template"]["spec"]["containers"][0]
    level = next((each["value"] for each in container.get("env", ()) if each["name"] == "AUDIT_LEVEL"), "")
    return container["image"].partition(":")[2], one["spec"]["replicas"], level


def _argo(one: Json) -> tuple[str, str, int]:
    image = one["spec"]["template"]["spec"]["containers"][0]["image"]
    weights = one["status"].get("canary", {}).get("weights", {})
    return image.partition(":")[2], one["status"]["phase"], weights.get("canary", {}).get("weight", 0)


@contextmanager
def practice(system: str, folder: Path, speed: int, stopped: threading.Event) -> Iterator[Practice]:
    """A sandbox of a system, and a person's console on it. Its metrics are scraped by the console."""
    with start_sandbox(system, folder=folder, prometheus=False, speed=speed) as sandbox:
        loaded, state = load_system(sandbox.system), folder / "state"
        state.mkdir(exist_ok=True)

        def clock() -> datetime:
            return datetime.now(UTC)

        books = Books(state, loaded, loaded.environments[0], clock=clock)
        books.open()
        rollouts = Rollouts(
            loaded, books, folder=state, person="tester@here", clock=clock, environ=os.environ, read_only=False
        )
        try:
            yield Practice(sandbox, loaded, books, rollouts, folder, stopped)
        finally:
            rollouts.close()
            books.close("the test ended")
