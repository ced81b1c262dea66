"""Every runbook of HAK_GAL, walked to its end on a practice world that has the trouble it is for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.runbooks.danger import Level
from console.core.states import Outcome
from tests.conftest import wait_until
from tests.walkthrough.walked import Practised, lines_since, practised, said_since

pytestmark = [pytest.mark.xdist_group("walked-hak-gal"), pytest.mark.timeout(180)]

OLD, NEW = "hak-gal:v2.3.2", "hak-gal:v2.3.3"
PODS = 3


@pytest.fixture(scope="module")
def world() -> Iterator[Practised]:
    with practised("hak-gal") as world:
        # Six pods would take their time with every release.
        world.kubectl("scale", "deployment/hak-gal", "--replicas", str(PODS))
        world.rolled_out("hak-gal")
        yield world


def sessions(world: Practised, tenant: str = "*") -> int:
    return sum(1 for _ in world.redis().scan_iter(match=f"hakgal:tenant:{tenant}:session:*", count=1000))


def logged(world: Practised, word: str, count: int) -> None:
    """Wait until the log has the word so often."""
    wait_until(lambda: world.log.read_text().count(word) >= count, within=30, what=f"{count} lines with {word}")


def test_rate_limit_storm(world: Practised) -> None:
    with world.fault("rate-limit-storm"):
        logged(world, "rate_limit_reject", 15)
        walk = world.walk("rate-limit-storm", configmap="hak-gal", requests_per_minute="6000")
        walk.to("raise")
        assert walk.first("who").endswith("rejections in the last 20,000 lines") or "tenant=acme" in walk.first("who")
        assert any(line.endswith("tenant=acme") for line in walk.said["who"])
        assert "RATE_LIMIT_PER_MINUTE=60" in walk.said["limit"]
        walk.finish()
        assert walk.said["verify"] == ["6000"]
        assert walk.typed["raise"] == "hak-gal"
        world.settled()
        at = world.log.stat().st_size
        lines = lines_since(world.log, at, 20)
        assert not [line for line in lines if "rate_limit_reject tenant=acme" in line]
    assert walk.levels["raise"] is walk.levels["restart"] is Level.CHANGES
    assert {walk.levels[name] for name in ("who", "who-by-pods", "history", "limit", "verify")} == {Level.READS}


def test_session_bleeding(world: Practised) -> None:
    world.redis().mset({"hakgal:tenant:acme:session:ours": "{}", "hakgal:tenant:globex:session:ours": "{}"})
    world.redis().set("hakgal:tenant:stray", "x")
    with world.fault("session-bleeding"):
        logged(world, "session_access_violation", 5)
        walk = world.walk("session-bleeding", owner="acme")
        walk.to("end")
        evidence = Path(walk.said["keep"][-1].removeprefix("kept in "))
        assert "session_access_violation" in (evidence / "hak_gal.log").read_text()
        assert "starting version=" in (evidence / "pods.log").read_text()
        assert "user default on" in walk.first("acl") and "#hash" in walk.first("acl")
        assert int(walk.said["violations"][0].split()[0]) >= 5 and "owner=" in "".join(walk.said["violations"])
        assert "hakgal:tenant:stray" in walk.said["odd"]
        assert walk.said["odd"][-1].startswith("1 of ")
        counted = int(walk.first("count").split()[0])
        assert counted > 100
    # Whoever used the sessions is locked out now.
    at = world.log.stat().st_size
    walk.finish()
    assert int(walk.first("end").split()[0]) >= 0.9 * counted
    assert world.redis().get("hakgal:tenant:acme:session:ours") is None
    assert world.redis().get("hakgal:tenant:globex:session:ours") == "{}"
    assert sessions(world, "acme") < counted / 2
    assert not [line for line in said_since(world.log, at) if "session_access_violation" in line]
    assert walk.levels["end"] is Level.DESTROYS and walk.levels["count"] is Level.READS
    world.redis().delete("hakgal:tenant:stray")


def test_guard_exceptions(world: Practised) -> None:
    world.release("hak-gal", NEW)
    with world.fault("error-spike"):
        logged(world, "guard_exception", 10)
        pod = next(iter(world.objects("pods")))["metadata"]["name"]
        walk = world.walk("guard-exceptions", pod=pod, version="v2.3.2")
        walk.to("return")
        assert any(line.split()[1:] == ["guard=semantic"] for line in walk.said["which"])
        assert any('version="v2.3.3"' in line for line in walk.said["counted"])
        walk.finish()
        assert [line.split() for line in walk.said["verify"]] == [[str(PODS), OLD]]
        lines = lines_since(world.log, world.log.stat().st_size, 20)
        assert not [line for line in lines if "guard_exception" in line]
    assert walk.levels["return"] is Level.CHANGES and walk.typed["return"] == "hak-gal"


def test_high_block_rate(world: Practised) -> None:
    world.release("hak-gal", NEW)
    with world.fault("false-positives"):
        logged(world, " blocked ", 60)
        walk = world.walk("high-block-rate", version="v2.3.2")
        walk.measured("rate")
        walk.to("return")
        assert int(walk.said["who"][0].split()[0]) >= 60
        before = walk.number("rate")
        walk.finish()
        assert world.images() == {OLD}
        world.settled()
        lines = lines_since(world.log, world.log.stat().st_size, 20)
        assert not [line for line in lines if " blocked " in line and "injection" not in line]
    assert before > 0
    assert {level for name, level in walk.levels.items() if name != "return"} == {Level.READS}


def test_redis_memory_high(world: Practised) -> None:
    with world.fault("redis-memory"):
        wait_until(lambda: world.redis().exists("hakgal:cache:filler:30"), what="a filling Redis")
        there = sessions(world)
        walk = world.walk("redis-memory-high", cache_prefix="hakgal:cache:")
        walk.to("stop")
        assert "hakgal:cache" in walk.first("large") or any("hakgal:cache" in line for line in walk.said["large"][:2])
        (writer,) = [line for line in walk.said["clients"] if "name=cache-warmer" in line]
        walk.answer(client_id=writer.split("id=")[1].split()[0])
        walk.to("unlink")
        wait_until(lambda: not world.on("redis-memory"), what="the end of the writer")
        full = int(world.redis().info("memory")["used_memory"])
        walk.finish()
        assert not list(world.redis().scan_iter(match="hakgal:cache:*", count=1000))
        assert int(world.redis().info("memory")["used_memory"]) < full - 5_000_000
        assert int(walk.first("unlink").split()[0]) >= 30
    assert sessions(world) > 0.8 * there
    assert walk.levels["unlink"] is Level.DESTROYS
    assert {walk.levels[name] for name in ("memory", "evicted", "sessions", "clients", "verify")} == {Level.READS}


def test_redis_down(world: Practised) -> None:
    there = sessions(world)
    with world.fault("redis-stall"):
        walk = world.walk("redis-down")
        walk.to("wait")
        assert walk.said["ping"] == ["no answer within 5 s"]
        assert walk.said["port"] == ["the port is open"]
        assert int(walk.first("service").split()[0]) > 0
    walk.finish()
    assert "PONG" in walk.said["wait"]
    assert int(walk.said["sessions"][-1].split()[0]) > 0.8 * there


def test_pod_death(world: Practised) -> None:
    there = sessions(world)

    def restarted() -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in world.objects("pods")
            if pod["status"]["containerStatuses"][0]["restartCount"] and pod["status"]["containerStatuses"][0]["ready"]
        ]

    with world.fault("pod-death"):
        victim = wait_until(restarted, within=20, every=0.2, what="a pod that died")[0]
        walk = world.walk("pod-death", pod=victim, memory="512Mi")
        walk.to("memory")
        assert any("OOMKilled" in line and "137" in line for line in walk.said["which"])
        assert any("out of memory" in line for line in walk.said["last-words"])
        walk.finish()
        new = {pod["metadata"]["name"]: pod for pod in world.objects("pods")}
        limits = {pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for pod in new.values()}
        assert limits == {"512Mi"}
        lines_since(world.log, world.log.stat().st_size, 20)
        assert not set(restarted()) & set(new)
    assert int(walk.said["sessions"][-1].split()[0]) > 0.8 * there
    assert sessions(world) > 0.8 * there


def test_emergency_bypass(world: Practised) -> None:
    with world.console() as console:
        granted = console.grant_bypass("good traffic is shut out", timedelta(minutes=10), "hak-gal")
        assert console.wait(granted.id, timedelta(seconds=20)).outcome is Outcome.DONE
    wait_until(lambda: any(pod["bypassed"] for pod in world.sandbox.state()["pods"]), what="a bypass in force")
    walk = world.walk("emergency-bypass")
    walk.to("close")
    assert 0 < int(walk.first("left")) <= 600
    assert "good traffic is shut out" in "".join(walk.said["grant"])
    assert walk.said["pods"] == ["hakgal_emergency_bypass 1"]
    assert any("good traffic is shut out" in line for line in walk.said["log"])
    walk.skip("unset", "the variable is not set")
    assert any("is not set on the workload" in line for line in walk.said["variable"])
    walk.finish()
    assert walk.said["verify"] == ["-2"] and not world.redis().exists("hakgal:emergency_bypass")
    wait_until(lambda: not any(pod["bypassed"] for pod in world.sandbox.state()["pods"]), what="the bypass's end")
    assert walk.levels["close"].asks and walk.levels["left"] is Level.READS


def test_rollback(world: Practised) -> None:
    world.release("hak-gal", NEW)
    walk = world.walk("rollback", version="v2.3.2")
    walk.finish()
    assert world.images() == {OLD}
    assert [line.split() for line in walk.said["images"]] == [[str(PODS), OLD]]
    assert walk.said["canary"] == ["there is no canary"] and walk.said["health"] == ["ok"]
    assert any(OLD in line for line in walk.said["sets"]) and NEW in "".join(walk.said["runs"])
