"""The practice worlds of the four systems: the console accepts them, they are well, and every rollback criterion of
their plans can be brought about."""

from __future__ import annotations

import json
import operator
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from console.core.conditions import Comparison, Condition, FailedChecks
from console.core.rollouts.plan import RolloutPlan
from console.core.system import Environment, MetricSource, System
from console.sandbox.client import Sandbox, SandboxError, start_sandbox
from console.systems.loader import check, load_system
from console.systems.rollout_plans import find_plans, load_plan, plan_faults
from tests.conftest import wait_until
from tests.sandbox.conftest import fetch, none_alive
from tests.sandbox.test_faults import kube

pytestmark = pytest.mark.xdist_group("sandbox-worlds")

SYSTEMS = ("genesis", "hak-gal", "knhk", "lexikon")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
# The alerts' ranges are half a minute; a test that brings about a breach does not wait for the past to leave them.
BRIEF = "[4s]"
# The system's own ranges: a moment's burst, which is ordinary, weighs no more in them than for the console.
OWN = r"\g<0>"


@dataclass
class Practice:
    """A running sandbox and the system it stands for, as the console reads it."""

    sandbox: Sandbox
    system: System
    plans: dict[str, RolloutPlan]

    @property
    def told(self) -> Any:
        return self.sandbox.told

    @property
    def environment(self) -> Environment:
        return self.system.environments[0]

    @property
    def version(self) -> str:
        return str(self.environment.target)

    def value(self, name: str, environment: str = "sandbox", ranges: str = BRIEF) -> float | None:
        """What a metric is now by Prometheus or Redis; None where there is no number. ranges: put for the query's."""
        metric = self.system.metric(name)
        assert metric
        told = self.told["environments"][environment]
        if metric.source is MetricSource.REDIS:
            return float(redis.Redis.from_url(told["redis_url"]).info("memory")["used_memory"])
        query = re.sub(r"\[\w+\]", ranges, metric.query.replace("$VERSION", self.version))
        answer = json.loads(fetch(f"{told['prometheus_url']}/api/v1/query?query={quote(query)}", timeout=5)[1])
        rows = [float(row["value"][1]) for row in answer["data"]["result"]]
        numbers = [row for row in rows if row == row]
        assert len(rows) <= 1 or metric.aggregate, f"{name}: {len(rows)} series"
        return (min if metric.aggregate == "min" else max)(numbers) if numbers else None

    def served(self, name: str) -> float:
        """The first sample of a metric on the page of the first pod."""
        page = fetch(self.sandbox.state()["pods"][0]["metrics_url"])[1]
        return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))

    def holds(self, condition: Condition, ranges: str = BRIEF) -> bool:
        """Whether a condition is true now, however long it would have to be."""
        if isinstance(condition.test, FailedChecks):
            (url,) = [target.url for target in self.environment.health if target.name == condition.metric]
            return all(fetch(url)[0] != 200 for _ in range(condition.test.times))
        assert isinstance(condition.test, Comparison), condition.text
        value = self.value(condition.metric, ranges=ranges)
        return value is not None and OPERATORS[condition.test.operator.value](value, condition.test.threshold.base)

    def criteria(self, plan: str) -> list[Condition]:
        """The rollback criteria of all phases of a plan, each once."""
        phases = self.plans[plan].phases
        return list({rule.text: rule.condition for phase in phases for rule in phase.criteria}.values())

    def kube(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request to the practice cluster that must succeed."""
        status, answer = kube(self, method, body, path)  # type: ignore[arg-type]
        assert status in (200, 201), answer
        return answer

    def pods(self, workload: str) -> list[str]:
        """The versions of a workload's pods that take requests."""
        pods = self.sandbox.state()["pods"]
        return [pod["version"] for pod in pods if pod["workload"] == workload and pod["serving"]]


def _practice(name: str) -> Practice:
    sandbox = start_sandbox(name, speed=1440)
    system = load_system(sandbox.system)
    plans = {path.name.partition(".")[0]: load_plan(path, system) for path in find_plans(system)}
    return Practice(sandbox, system, plans)


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, Practice]]:
    # A sandbox ends with the process that started it, and not with the thread: all start at once.
    with ThreadPoolExecutor() as pool:
        found = dict(zip(SYSTEMS, pool.map(_practice, SYSTEMS), strict=True))
    yield found
    pids = [pid for world in found.values() for pid in (world.sandbox.process.pid, *_children(world.sandbox))]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda world: world.sandbox.stop(), found.values()))
    wait_until(lambda: none_alive(pids), within=5, what="the end of every process of every sandbox")


def _children(sandbox: Sandbox) -> list[int]:
    return list(sandbox.state()["children"].values())


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_console_finds_no_fault_in_its_system_and_its_plans(worlds: dict[str, Practice], name: str) -> None:
    world = worlds[name]
    assert check(world.sandbox.system) == ()
    plans = find_plans(world.system)
    assert {path.name for path in plans} == {path.name for path in Path(f"runbooks/{name}").glob("*.rollout.yaml")}
    assert plans and [fault for path in plans for fault in plan_faults(path, world.system)] == []
    environments = {phase.environment for plan in world.plans.values() for phase in plan.phases}
    assert environments == {environment.name for environment in world.system.environments}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_metric_has_a_number_no_alert_has_cause_and_no_criterion_is_broken(
    worlds: dict[str, Practice], name: str
) -> None:
    world = worlds[name]
    asked = [metric.name for metric in world.system.metrics if metric.source is MetricSource.PROMQL]
    wait_until(
        lambda: all(world.value(each, ranges=OWN) is not None for each in asked) and world.value("requests"),
        within=20, every=0.2, what=f"a number of every metric of {name}",
    )  # fmt: skip
    for rule in world.system.alerts:
        assert not world.holds(rule.condition, OWN), rule.condition.text
    for plan in world.plans:
        assert [rule.text for rule in world.criteria(plan) if world.holds(rule, OWN)] == []
    assert world.sandbox.state()["writes"] == {"counts": {}, "log": []}


def test_each_environment_of_hak_gal_has_a_redis_pods_and_figures_of_its_own(worlds: dict[str, Practice]) -> None:
    world = worlds["hak-gal"]
    told = world.told["environments"]
    one, other = (redis.Redis.from_url(told[name]["redis_url"]) for name in ("sandbox", "sandbox-staging"))
    one.set("only:here", "1")
    assert other.get("only:here") is None
    assert sum(1 for _ in other.scan_iter(match="hakgal:tenant:*", count=500)) > 100
    staging = world.sandbox.state()["environments"]["sandbox-staging"]
    assert len(staging["pods"]) == 4
    groups = world.sandbox.ask("GET", "/targets/sandbox-staging")
    assert {group["labels"]["namespace"] for group in groups} == {"hak-gal-staging"}
    production, quiet = (world.value("requests", name) or 0.0 for name in ("sandbox", "sandbox-staging"))
    assert production > 1.5 * quiet > 0
    log = Path(staging["log"]["path"])
    pods = {pod["name"] for pod in staging["pods"]}
    wait_until(lambda: log.read_text().count("\n") > 3, what="lines in the log of staging")
    assert {line.split()[2] for line in log.read_text().splitlines()} <= pods


def test_a_share_of_genesis_is_answered_as_the_new_version_by_the_script_its_plan_names(
    worlds: dict[str, Practice],
) -> None:
    world = worlds["genesis"]
    script = [str(Path(world.told["folder"]) / "practice.py")]

    def run(*words: str) -> str:
        done = subprocess.run(["python3", *script, *words], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    assert run("shown") == "0"
    assert run("share", world.version, "40") == "40% of requests are answered as phase_4_deployment"
    assert run("share", world.version, "40")  # the same again is no second write
    assert run("shown") == "40"
    assert run("redis") == "PONG"
    assert [write["resource_version"] for write in world.sandbox.state()["writes"]["log"]] == ["40"]
    wait_until(lambda: 0.2 < (world.value("rollout_share") or 0) < 0.6, within=10, every=0.2, what="40 % measured")
    assert world.sandbox.state()["traffic"]["by_version"][world.version]["200"] > 0
    with pytest.raises(SandboxError, match="A share is 0 to 100 percent, not 140"):
        world.sandbox.ask("PUT", "/share", {"version": "v2", "percent": 140})


def test_traffic_of_lexikon_follows_weights_selectors_and_the_way_that_is_released(worlds: dict[str, Practice]) -> None:
    world = worlds["lexikon"]
    gateway = "/apis/gateway.networking.k8s.io/v1/namespaces/lexikon/httproutes/lexikon-api"

    def answered(version: str) -> int:
        return int(world.sandbox.state()["traffic"]["by_version"].get(version, {}).get("200", 0))

    assert world.sandbox.state()["way"] == "services/lexikon-api"
    image = {"name": "api", "image": f"lexikon-api:{world.version}"}
    template = {"spec": {"template": {"spec": {"containers": [image]}}}}
    new = "/apis/apps/v1/namespaces/lexikon/deployments/lexikon-api-new"
    deployment = world.kube("GET", new)
    container = {**deployment["spec"]["template"]["spec"]["containers"][0], **image}
    template["spec"]["template"]["spec"]["containers"] = [container]
    world.kube("PATCH", new, template)
    wait_until(lambda: world.pods("lexikon-api-new") == [world.version], what="the new version, without traffic")
    assert world.sandbox.state()["way"] == "httproutes/lexikon-api"
    assert answered(world.version) == 0
    url = f"{world.told['gateway_url']}/to/lexikon-api-new/api/work"
    assert json.loads(fetch(url)[1])["version"] == world.version
    backends = [{"name": "lexikon-api-stable", "port": 80, "weight": 1}, {"name": "lexikon-api-new", "port": 80}]
    world.kube("PATCH", gateway, {"spec": {"rules": [{"backendRefs": backends}]}})
    wait_until(lambda: answered(world.version) > 5, what="requests at the new version")

    service = "/api/v1/namespaces/lexikon/services/lexikon-api-live"
    world.kube("PATCH", service, {"spec": {"selector": {"slot": "green"}}})
    wait_until(
        lambda: world.sandbox.state()["service"] and "green" in world.sandbox.state()["service"][0], what="green live"
    )
    assert world.sandbox.state()["way"] == "services/lexikon-api-live"
    counts = world.sandbox.state()["writes"]["counts"]
    assert counts == {
        "lexikon/deployments.apps/lexikon-api-new": 1,
        "lexikon/httproutes.gateway.networking.k8s.io/lexikon-api": 1,
        "lexikon/services/lexikon-api-live": 1,
    }
    world.kube("PATCH", service, {"spec": {"selector": {"slot": "green"}}})
    assert world.sandbox.state()["writes"]["counts"] == counts  # it changed nothing
    rollout = "/apis/argoproj.io/v1alpha1/namespaces/lexikon/rollouts/lexikon-api"
    world.kube("PATCH", rollout, {"metadata": {"labels": {"looked": "at"}}})
    wait_until(lambda: len(world.sandbox.state()["service"]) == 10, what="clients at the pods of the Argo Rollout")
    assert world.sandbox.state()["way"] == "services/lexikon-api-argo"


BREAKS = {
    "genesis": ("error-spike", "latency", "unhealthy"),
    "hak-gal": ("error-spike", "latency", "session-bleeding", "redis-stall"),
    "knhk": ("error-spike", "latency", "hot-path", "db-pool"),
    "lexikon": ("error-spike", "latency", "auth-failures", "cache-misses", "memory-leak", "slow-scan"),
}


def test_a_value_set_by_hand_stays_until_it_is_cleared(worlds: dict[str, Practice]) -> None:
    knhk, firewall = worlds["knhk"].sandbox, worlds["hak-gal"].sandbox
    knhk.set_metrics(db_connections=37)
    in_use = "knhk_db_pool_connections_in_use"
    wait_until(lambda: worlds["knhk"].served(in_use) == 37, what="37 connections")
    knhk.set_metrics(db_connections=None)
    wait_until(lambda: worlds["knhk"].served(in_use) < 14, what="connections as before")
    blocked = worlds["hak-gal"].served("hakgal_blocks_total")
    firewall.set_metrics(hakgal_session_redis_latency_p99=0.9, hakgal_blocks_total=50.0)
    assert worlds["hak-gal"].served("hakgal_session_redis_latency_p99") == 0.9
    wait_until(lambda: worlds["hak-gal"].served("hakgal_blocks_total") > blocked + 20, what="the hurried counter")
    assert firewall.state()["by_hand"] == {"hakgal_session_redis_latency_p99": 0.9, "hakgal_blocks_total": 50.0}
    firewall.set_metrics(hakgal_session_redis_latency_p99=None, hakgal_blocks_total=None)
    with pytest.raises(SandboxError, match=r"There is no value 'db_pool'; there are: .*db_connections"):
        knhk.set_metrics(db_pool=1)
    with pytest.raises(SandboxError, match=r"wal is set to True; send a number in base units, or null"):
        knhk.set_metrics(wal=True)


def test_a_fault_that_means_nothing_to_a_system_says_so_and_one_of_its_own_is_listed(
    worlds: dict[str, Practice],
) -> None:
    sandbox = worlds["knhk"].sandbox
    with pytest.raises(SandboxError, match="session-bleeding cannot be switched on: knhk's sample app has nothing"):
        sandbox.switch("session-bleeding", True)
    with pytest.raises(SandboxError, match="api-down cannot be switched on: the console uses no kubernetes of genesis"):
        worlds["genesis"].sandbox.switch("api-down", True)
    assert sandbox.ask("GET", "/faults")["wal-stalled"] is False
    assert "WAL has not been archived" in sandbox.ask("GET", "/faults/wal-stalled")["about"]
    sandbox.switch("wal-stalled", True)
    wait_until(lambda: (worlds["knhk"].value("wal_age") or 0) > 300, what="old WAL")
    sandbox.switch("wal-stalled", False)


def test_the_speed_is_in_the_systems_file_and_changes_nothing_else(worlds: dict[str, Practice]) -> None:
    text = worlds["hak-gal"].sandbox.system.read_text()
    found = re.search(r"pace:\n  speed: 1440\n  since: '(\S+)'\n", text)
    assert found
    began = datetime.fromisoformat(found[1])
    assert timedelta(0) <= datetime.now(UTC) - began < timedelta(minutes=5)
    assert worlds["hak-gal"].told["speed"] == 1440


@pytest.fixture(scope="module")
def failing(worlds: dict[str, Practice]) -> Iterator[dict[str, Practice]]:
    """The worlds with the new version where clients come by, and the faults on: all at once, so that nobody waits."""
    for name, world in worlds.items():
        _release(world)
        for fault in BREAKS[name]:
            world.sandbox.switch(fault, True)
    yield worlds
    for name, world in worlds.items():
        for fault in BREAKS[name]:
            world.sandbox.switch(fault, False)


def _release(world: Practice) -> None:
    """Bring the target to where clients come by."""
    if world.system.name == "genesis":
        world.sandbox.ask("PUT", "/share", {"version": world.version, "percent": 100})
        return
    main = {"hak-gal": "hak-gal", "knhk": "knhk-closed-loop-blue", "lexikon": "lexikon-api"}[world.system.name]
    world.sandbox.ask("POST", "/deploy", {"version": world.version})
    deployment = f"/apis/apps/v1/namespaces/{world.told['namespace']}/deployments/{main}"
    world.kube("PATCH", deployment, {"metadata": {"labels": {"released": "yes"}}})  # clients follow whoever writes


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_rollback_criterion_of_every_plan_is_broken_by_a_fault_once_the_new_version_serves(
    failing: dict[str, Practice], name: str
) -> None:
    world = failing[name]
    left = {rule.text: rule for plan in world.plans for rule in world.criteria(plan)}
    assert left

    def all_broken() -> bool:
        for text in [text for text, rule in left.items() if world.holds(rule)]:
            del left[text]
        return not left

    try:
        wait_until(all_broken, within=20, every=0.2, what=f"a breach of each criterion of {name}")
    except AssertionError as error:
        raise AssertionError(f"{error}; left: {sorted(left)}") from None
