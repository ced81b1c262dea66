"""Every runbook of Lexikon, walked to its end on a practice world that has the trouble it is for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.core.runbooks.danger import Level
from console.core.runbooks.runs import Mark
from tests.conftest import wait_until
from tests.walkthrough.walked import Practised, practised

pytestmark = [pytest.mark.xdist_group("walked-lexikon"), pytest.mark.timeout(180)]

OLD, NEW = "lexikon-api:stable-v0.8", "lexikon-api:stable-v0.9"
API = "lexikon-api"


@pytest.fixture(scope="module")
def world() -> Iterator[Practised]:
    with practised("lexikon") as world:
        # Ten pods would take their time with every release.
        world.kubectl("scale", f"deployment/{API}", "--replicas", "2")
        world.rolled_out(API)
        yield world


def metric(world: Practised, name: str) -> float:
    """The sum of a metric over the API's pods, as they say it themselves."""
    return sum(world.counted(API, name))


def test_pre_flight(world: Practised) -> None:
    answers = {"checkout": str(world.checkout), "database_host": "db.lexikon.internal"}
    walk = world.walk("pre-flight", **answers)
    walk.finish()
    assert walk.said["clean"] == ["clean"] and walk.said["redis"] == ["PONG"]
    assert walk.said["secret"] == ["API_KEY_SECRET is set"]
    assert "42 passed" in walk.first("tests") and "0 findings" in walk.first("scan")
    assert {walk.levels[name] for name in ("commits", "clean", "secret", "redis", "database", "pods", "health")} == {
        Level.READS
    }


def test_pre_flight_stops_at_what_fails(world: Practised) -> None:
    (world.checkout / "uncommitted.py").write_text("x = 1\n")
    walk = world.walk("pre-flight", checkout=str(world.checkout), database_host="db.lexikon.internal")
    with pytest.raises(AssertionError, match="not everything is committed"):
        walk.to("secret")
    (world.checkout / "uncommitted.py").unlink()
    with world.fault("failing-tests"):
        walk = world.walk("pre-flight", checkout=str(world.checkout), database_host="db.lexikon.internal")
        with pytest.raises(AssertionError, match="1 failed, 41 passed"):
            walk.finish()
    assert [step.mark for step in walk.run.steps].count(Mark.FAILED) == 1


def test_rollback(world: Practised) -> None:
    world.release(API, NEW)
    store = world.redis()
    store.mset({"lexikon:cache:ours": "x", "lexikon:limits:ours": "kept", "session:ours": "kept"})
    with world.fault("error-spike"):
        walk = world.walk("rollback", version="stable-v0.8", cache_prefix="lexikon:cache:")
        walk.finish()
        assert world.images(app=API) == {OLD}
    assert store.mget("lexikon:cache:ours", "lexikon:limits:ours", "session:ours") == [None, "kept", "kept"]
    assert int(walk.first("clear").split()[0]) >= 300 and int(walk.first("count").split()[0]) >= 300
    assert walk.said["canary"] == ["there is no canary"] and walk.said["health"] == ["ok"]
    assert walk.levels["clear"] is Level.DESTROYS and walk.levels["count"] is Level.READS
    assert not any("FLUSH" in step.text for step in walk.document.steps)


def test_api_key_migration(world: Practised) -> None:
    world.release(API, NEW)
    with world.fault("auth-failures"):
        wait_until(lambda: metric(world, 'lexikon_auth_total{result="failure"') > 20, every=0.3, what="auth failures")
        walk = world.walk("api-key-migration", version="stable-v0.8")
        walk.to("return")
        prints = {line.split()[1] for line in walk.said["fingerprints"]}
        assert len(walk.said["fingerprints"]) == 2 and len(prints) == 1 and prints != {"e3b0c442"}
        assert not any("practice" in line for line in walk.said["fingerprints"])
        assert int(walk.first("failures").split()[0]) > 0
        assert '"result":"failure"' in walk.first("rate") and '"format":"sha256"' in walk.first("old")
        walk.finish()
        assert world.images(app=API) == {OLD}
        assert metric(world, 'lexikon_auth_total{result="failure"') == 0
    assert walk.levels["fingerprints"] is not Level.DESTROYS and walk.typed["return"] == API


def test_scan_latency(world: Practised) -> None:
    world.release(API, NEW)
    with world.fault("slow-scan"):
        logs = f"deployment/{API}"
        wait_until(lambda: "SCAN timed out" in world.kubectl("logs", logs), every=0.3, what="slow SCANs in the log")
        walk = world.walk("scan-latency", version="stable-v0.8")
        walk.to("return")
        assert int(walk.first("service").split()[0]) > 0
        assert any(line.startswith("real") for line in walk.said["measure"])
        assert any(line.startswith("db0:keys=") for line in walk.said["keyspace"])
        walk.finish()
        assert world.images(app=API) == {OLD}
        world.settled()
        assert "SCAN timed out" not in world.kubectl("logs", logs, "--all-pods")
    assert {level for name, level in walk.levels.items() if name != "return"} == {Level.READS}


def test_cache_hit_rate_low(world: Practised) -> None:
    world.release(API, NEW)
    with world.fault("cache-misses"):
        walk = world.walk("cache-hit-rate-low", version="stable-v0.8")
        walk.to("rate")
        assert int(walk.first("keys").split()[0]) >= 1
        assert all(0 < int(line.split()[0]) <= 3600 for line in walk.said["lives"])
        wait_until(lambda: _hit_rate(world) < 0.6, within=40, every=0.5, what="a low hit rate")
        walk.finish()
        assert world.images(app=API) == {OLD}
        wait_until(lambda: _hit_rate(world) > 0.6, within=40, every=0.2, what="a cache that is hit again")


def _hit_rate(world: Practised) -> float:
    """Over the last seconds, as the pods count."""
    before = metric(world, "lexikon_cache_hits_total"), metric(world, "lexikon_cache_misses_total")

    def gone() -> tuple[float, float] | None:
        now = metric(world, "lexikon_cache_hits_total"), metric(world, "lexikon_cache_misses_total")
        hits, misses = now[0] - before[0], now[1] - before[1]
        return (hits, misses) if hits + misses >= 15 else None

    hits, misses = wait_until(gone, every=0.3, what="requests") or (0.0, 1.0)
    return hits / (hits + misses)


def test_cache_memory(world: Practised) -> None:
    world.redis().set("lexikon:cache:large", "x" * 100_000)
    with world.fault("memory-leak"):
        walk = world.walk("cache-memory")
        walk.finish()
    assert walk.said["largest"] and all(int(line.split()[0]) > 0 for line in walk.said["largest"])
    assert set(walk.levels.values()) <= {Level.READS, Level.UNKNOWN}
    world.redis().delete("lexikon:cache:large")


def test_escalation(world: Practised) -> None:
    walk = world.walk("escalation")
    walk.finish()
    assert set(walk.levels.values()) == {Level.READS}
