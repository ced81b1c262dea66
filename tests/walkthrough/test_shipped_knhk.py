"""Every runbook of KNHK, walked to its end on a practice world that has the trouble it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.runbooks.danger import Level
from console.core.runbooks.document import StepKind
from tests.conftest import wait_until
from tests.walkthrough.walked import Practised, practised

pytestmark = [pytest.mark.xdist_group("walked-knhk"), pytest.mark.timeout(180)]

BLUE, GREEN = "knhk-closed-loop-blue", "knhk-closed-loop-green"
NEW, OLD = "knhk:v1.3.0", "knhk:v1.2.0"


@pytest.fixture(scope="module")
def world() -> Iterator[Practised]:
    with practised("knhk") as world:
        yield world


def replicas(world: Practised) -> dict[str, int]:
    return {found["metadata"]["name"]: found["spec"]["replicas"] for found in world.objects("deployments")}


def a_pod(world: Practised, slot: str = "blue") -> str:
    """A pod of a side that stays."""
    return next(
        pod["metadata"]["name"]
        for pod in world.objects("pods")
        if pod["metadata"]["labels"].get("slot") == slot and "deletionTimestamp" not in pod["metadata"]
    )


def metric(world: Practised, name: str) -> set[float]:
    """A metric, as every pod that serves says it."""
    return {value for side in (BLUE, GREEN) for value in world.counted(side, name)}


def leader(world: Practised) -> str:
    (found,) = world.kubectl("get", "pods", "-l", "role=primary", "-o", "name").split()
    return found.removeprefix("pod/")


def test_system_outage(world: Practised) -> None:
    with world.fault("overload"):
        wait_until(lambda: "no worker was free" in world.log.read_text(), what="the overload in the log")
        walk = world.walk("system-outage", deployment=BLUE)
        walk.to("scale")
        assert int(walk.first("logs").split()[0]) > 0
        assert "1 row" in "".join(walk.said["database"]) and '"slot":"blue"' in walk.first("service")
        walk.finish()
        assert replicas(world) == {BLUE: 6, GREEN: 3}
        wait_until(lambda: not world.on("overload"), what="the end of the overload")
        assert walk.said["health"] == ["ok"]
    assert (walk.levels["scale"], walk.typed["scale"]) == (Level.CHANGES, BLUE)
    assert {level for name, level in walk.levels.items() if name != "scale"} == {Level.READS}
    world.kubectl("scale", f"deployment/{BLUE}", "--replicas", "3")


def test_database_connection_pool_exhausted(world: Practised) -> None:
    with world.fault("db-pool"):
        walk = world.walk("database-connection-pool-exhausted")
        walk.to("terminate")
        assert any("active" in line and "Lock" in line and " 38 " in line for line in walk.said["states"])
        oldest = next(line for line in walk.said["blockers"] if "idle in transaction" in line)
        pid = oldest.split("|")[0].strip()
        assert sum(f"{{{pid}}}" in line for line in walk.said["blockers"]) >= 10
        walk.answer(pid=pid)
        walk.finish()
        assert any(line.strip() == "t" for line in walk.said["terminate"])
        assert not world.on("db-pool")
        assert not any("active" in line or "in transaction" in line for line in walk.said["verify"])
        wait_until(lambda: max(metric(world, "knhk_db_pool_connections_in_use")) < 32, what="a pool with room")
    assert walk.levels["terminate"] in (Level.CHANGES, Level.DESTROYS)


def test_manual_failover(world: Practised) -> None:
    assert leader(world) == "postgres-0"
    with world.fault("leader-stalled"):
        walk = world.walk("manual-failover", candidate="postgres-1")
        walk.to("failover")
        assert any("postgres-1" in line and "Sync Standby" in line for line in walk.said["list"])
        assert walk.said["leader"][-1] == "postgres-0 does not answer"
        walk.finish()
        assert leader(world) == "postgres-1" and not world.on("leader-stalled")
        assert any("postgres-1" in line and "Leader" in line for line in walk.said["listed"])
    assert walk.levels["failover"] is Level.DESTROYS and walk.typed["failover"]


def test_receipt_chain_integrity_failure(world: Practised) -> None:
    backups = world.tool("pgbackrest", "--stanza=knhk", "info").count("full backup:")
    with world.fault("receipt-chain"):
        wait_until(lambda: metric(world, "knhk_receipt_chain_valid") == {0.0}, what="a broken chain")
        walk = world.walk("receipt-chain-integrity-failure")
        commands = [step for step in walk.document.steps if step.kind is StepKind.COMMAND]
        assert [step.options.name for step in commands[:3:2]] == ["stop", "backup"]
        assert walk.document.steps[0] is commands[0]
        walk.finish()
        assert replicas(world) == {BLUE: 0, GREEN: 0}
        wait_until(lambda: not [pod for pod in world.objects("pods") if "slot" in pod["metadata"]["labels"]],
                   what="no pod that writes")  # fmt: skip
        assert world.tool("pgbackrest", "--stanza=knhk", "info").count("full backup:") == backups + 1
        evidence = Path(walk.said["evidence"][-1].removeprefix("kept in "))
        kept = json.loads((evidence / "prometheus.json").read_text())["data"]["result"]
        assert any(value == "0" for series in kept for _at, value in series["values"])
        assert "Scaled down" in (evidence / "events.txt").read_text()
    assert (walk.levels["stop"], walk.typed["stop"]) == (Level.DESTROYS, BLUE)
    assert walk.levels["backup"] is Level.CHANGES and walk.levels["evidence"] is Level.READS
    world.kubectl("scale", f"deployment/{BLUE}", f"deployment/{GREEN}", "--replicas", "3")
    world.rolled_out(BLUE)


def test_crash_loop(world: Practised) -> None:
    def crashed() -> str:
        for pod in world.objects("pods"):
            if (
                pod["metadata"]["labels"].get("slot") == "blue"
                and pod["status"]["containerStatuses"][0]["restartCount"]
            ):
                return str(pod["metadata"]["name"])
        return ""

    with world.fault("crash-loop"):
        pod = wait_until(crashed, within=30, every=0.2, what="a pod that crashed")
        walk = world.walk("crash-loop", pod=pod, deployment=BLUE, version="v1.2.0")
        walk.to("return")
        assert any("model is corrupt" in line for line in walk.said["last-words"])
        assert any(line.startswith(pod) and NEW in line for line in walk.said["pods"])
        assert any("knhk-redis" in line for line in walk.said["secrets"])
        walk.finish()
        assert world.images(slot="blue") == {OLD}
        assert walk.said["health"] == ["ok"]
    assert (walk.levels["return"], walk.typed["return"]) == (Level.CHANGES, BLUE)
    world.release(BLUE, NEW)


def test_high_latency(world: Practised) -> None:
    with world.fault("latency"):
        walk = world.walk(
            "high-latency", pod=a_pod(world), checkout=str(world.checkout), deployment=BLUE, version="v1.2.0"
        )
        walk.to("return")
        assert any(line.startswith("knhk_warm_path_duration_seconds_sum") for line in walk.said["pod"])
        slowest = next(line for line in walk.said["queries"] if "receipts WHERE payload" in line)
        assert float(slowest.split("|")[-1]) > 200
        assert any("ticks" in line for line in walk.said["profile"])
        walk.skip("scale", "the load did not grow")
        walk.measured("verify")
        walk.finish()
        assert world.images(slot="blue") == {OLD} and replicas(world)[BLUE] == 3
        assert float(walk.number("verify")) > 0
    world.release(BLUE, NEW)


def test_weaver_validation_failures(world: Practised) -> None:
    with world.fault("weaver"):
        walk = world.walk("weaver-validation-failures", checkout=str(world.checkout), pod=a_pod(world))
        walk.to("verify")
        assert any("has no definition" in line for line in walk.said["check"])
        assert walk.said["check"][-1] == "the registry and the code do not agree"
        assert any(
            line.startswith("knhk_weaver_validation_passing") and line.endswith(" 0") for line in walk.said["pod"]
        )
        assert len(walk.said["registry"]) == 1
    walk.finish()
    assert any("No `after_resolution` policy violation" in line for line in walk.said["verify"])
    assert set(walk.levels.values()) == {Level.READS}


def test_rollback(world: Practised) -> None:
    walk = world.walk("rollback", slot="green")
    walk.finish()
    (service,) = [item for item in world.objects("services") if item["metadata"]["name"] == "knhk-closed-loop"]
    assert service["spec"]["selector"]["slot"] == "green"
    assert walk.said["health"] == ["ok"] and walk.typed["switch"] == "knhk-closed-loop"
    world.kubectl("patch", "service", "knhk-closed-loop", "-p", '{"spec":{"selector":{"slot":"blue"}}}')


@pytest.mark.parametrize("name", ["backups-and-retention", "escalation"])
def test_the_pages_that_only_look_and_back_up(world: Practised, name: str) -> None:
    world.walk(name).finish()
