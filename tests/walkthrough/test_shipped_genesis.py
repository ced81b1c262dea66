"""Every runbook of Genesis, walked to its end on a practice world that has the trouble it is for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.core.runbooks.danger import Level
from tests.conftest import wait_until
from tests.walkthrough.walked import Practised, practised

pytestmark = [pytest.mark.xdist_group("walked-genesis"), pytest.mark.timeout(180)]

STACK = ("prometheus", "grafana", "alertmanager", "node-exporter")
PASSWORD = "blue-kettle-seventeen"
TARGET = "phase_4_deployment"


@pytest.fixture(scope="module")
def world() -> Iterator[Practised]:
    with practised("genesis") as world:
        yield world


def modes(world: Practised) -> set[str]:
    return set(world.tool("docker", "inspect", "-f", "{{.HostConfig.NetworkMode}}", *STACK).split())


def share(world: Practised) -> float:
    return float(world.sandbox.ask("GET", "/share")["percent"])


def test_monitoring_on_bridge_networks(world: Practised) -> None:
    assert modes(world) == {"host"}
    folder = world.checkout / "monitoring"
    walk = world.walk("monitoring-bridge-network", monitoring_folder=str(folder), GRAFANA_ADMIN_PASSWORD=PASSWORD)
    walk.to("stop")
    assert walk.said["modes"] == [f"/{name}: host" for name in STACK]
    walk.to("prometheus")
    assert world.tool("docker", "ps", "-aq") == ""
    walk.finish()
    assert modes(world) == {"bridge"}
    assert walk.said["verify-modes"] == [f"/{name}: bridge" for name in STACK]
    assert walk.said["health"][-1] == "node-exporter answers" and "Healthy" in walk.first("health")
    for port in (9090, 3000, 9093, 9100):
        assert f"0.0.0.0:{port}->{port}/tcp" in world.tool("docker", "ps")
    env = world.tool("docker", "inspect", "-f", "{{json .Config.Env}}", "grafana")
    assert PASSWORD in env
    assert not any(PASSWORD in line for lines in walk.said.values() for line in lines)
    assert PASSWORD not in walk.desk.export(walk.id)
    assert (walk.levels["remove"], walk.levels["prometheus"]) == (Level.DESTROYS, Level.CHANGES)
    assert walk.levels["stop"].asks and walk.levels["verify-modes"] is Level.READS


def test_flag_rollback(world: Practised) -> None:
    flags = world.redis()
    named = flags.hgetall("genesis:flags")
    off = {"aatc_system_enabled", "darwin_integration_enabled", "a2a_integration_enabled"}
    flags.hset("genesis:flags", mapping={name: "false" if name in off else "true" for name in named})
    flags.hset("genesis:flags", "a2a_integration_enabled", "true")
    flags.hdel("genesis:flags", "aop_enabled")
    walk = world.walk("flag-rollback", flag="otel_tracing_enabled")
    walk.finish()
    assert walk.said["differ"] == [
        "aop_enabled is not there, and should be true",
        "a2a_integration_enabled is true, and should be false",
    ]
    assert flags.hmget("genesis:flags", "otel_tracing_enabled", *sorted(off)) == ["false"] * 4
    assert walk.said["verify"] == ["false"] and walk.said["health"] == ["ok"]
    assert {walk.levels[name] for name in ("flags", "differ", "log", "verify", "health")} == {Level.READS}
    assert walk.levels["off"].asks and walk.levels["experimental"].asks
    flags.hset("genesis:flags", mapping={"otel_tracing_enabled": "true", "aop_enabled": "true"})
    again = world.walk("flag-rollback", flag="htdag_enabled")
    again.to("log")
    assert again.said["differ"] == ["all 13 flags are as the plan wants them"]


def test_incident_response(world: Practised) -> None:
    world.sandbox.ask("PUT", "/share", {"version": TARGET, "percent": 50})
    with world.fault("error-spike"):
        wait_until(lambda: world.log.read_text().count("request failed") > 10, within=30, what="errors")
        walk = world.walk("incident-response", checkout=str(world.checkout))
        walk.measured("errors")
        walk.measured("checks")
        walk.to("back")
        assert share(world) == 50
        assert walk.number("errors") >= 0 and walk.number("checks") == 5
        walk.finish()
        assert share(world) == 0
        assert walk.said["back"] == ["Rollout: 0.0%"] and walk.said["healthy"] == ["ok"]
    assert walk.levels["back"].asks
    assert {level for name, level in walk.levels.items() if name != "back"} == {Level.READS}


def test_emergency_rollback(world: Practised) -> None:
    world.sandbox.ask("PUT", "/share", {"version": TARGET, "percent": 10})
    with world.fault("unhealthy"):
        walk = world.walk("emergency-rollback", checkout=str(world.checkout))
        walk.to("back")
        assert walk.said["health"][-1] in ("the health check failed", "ok")
        walk.finish()
        assert share(world) == 0 and walk.said["verify"][-1] == "ok"
