"""Every fault changes what it should while it is on, and nothing of it stays when it is off."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from console.sandbox.client import SandboxError
from console.sandbox.faults import Fault
from tests.conftest import wait_until
from tests.sandbox.conftest import World

pytestmark = pytest.mark.xdist_group("sandbox-faults")


def grows(measure: Callable[[], float], by: float, *, within: float = 8.0) -> bool:
    start = measure()
    wait_until(lambda: measure() >= start + by, within=within, every=0.1, what=f"growth by {by}")
    return True


def settles(measure: Callable[[], float], *, for_seconds: float = 1.0, within: float = 8.0) -> bool:
    """Whether a number comes to rest: the same value for a while."""
    seen, since = measure(), time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        now = measure()
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= for_seconds

    return bool(wait_until(still, within=within, every=0.1, what="the number at rest"))


def test_every_fault_is_listed_and_off_and_an_unknown_one_is_refused_with_the_list(world: World) -> None:
    assert world.sandbox.ask("GET", "/faults") == {fault.value: False for fault in Fault}
    assert "guard exceptions" in world.sandbox.ask("GET", "/faults/error-spike")["about"]
    with pytest.raises(SandboxError, match="no fault 'meteor'; there are: error-spike, "):
        world.sandbox.switch("meteor", True)
    with pytest.raises(SandboxError, match=r'Say which way to switch it: \{"on": true\}'):
        world.sandbox.ask("PUT", "/faults/latency", {"on": "yes"})


def test_an_error_spike_is_5xx_and_guard_exceptions_in_metrics_and_log(world: World) -> None:
    with world.fault("error-spike"):
        grows(lambda: world.counted("hakgal_guard_exceptions_total"), 5)
        assert world.counted("hakgal_requests_total", code="500") >= 5
        assert "guard_exception guard=semantic" in Path(world.told["log_path"]).read_text()
    settles(lambda: world.counted("hakgal_guard_exceptions_total"))


def test_latency_makes_every_request_slow(world: World) -> None:
    def took() -> float:
        began = time.monotonic()
        assert world.ask_app("acme", "acme.1a7e")[0] == 200
        return time.monotonic() - began

    with world.fault("latency"):
        assert took() > 0.4
    assert min(took() for _ in range(3)) < 0.4


def test_false_positives_block_harmless_requests(world: World) -> None:
    def blocked() -> bool:
        return bool(world.ask_app("globex", f"globex.{time.monotonic_ns():x}")[1]["verdict"] == "blocked")

    with world.fault("false-positives"):
        assert 2 <= sum(blocked() for _ in range(20)) <= 18
    assert not any(blocked() for _ in range(10))


def test_a_rate_limit_storm_is_rejected_far_above_a_thousand_an_hour(world: World) -> None:
    with world.fault("rate-limit-storm"):
        grows(lambda: world.counted("hakgal_rate_limit_rejections_total"), 15)
        assert "rate_limit_reject tenant=acme limit=60/m" in Path(world.told["log_path"]).read_text()
    settles(lambda: world.counted("hakgal_rate_limit_rejections_total"))


def test_session_bleeding_is_seen_and_refused(world: World) -> None:
    assert world.ask_app("globex", "acme.5e55")[0] == 403
    with world.fault("session-bleeding"):
        grows(lambda: world.counted("hakgal_session_violations_total"), 2)
        assert "session_access_violation tenant=" in Path(world.told["log_path"]).read_text()


def test_a_stalled_redis_keeps_its_connections_and_answers_nothing(world: World) -> None:
    client = world.redis(timeout=0.3)
    client.ping()
    with world.fault("redis-stall"):
        with pytest.raises(redis.TimeoutError):
            client.ping()
        status, answer = world.ask_app("acme", "acme.57a11")
        assert (status, answer["verdict"]) == (200, "allowed")  # the firewall stays available without its sessions
        grows(lambda: world.counted("hakgal_session_recovery_failures_total"), 1)
        assert world.counted("hakgal_session_redis_latency_p99") > 0.2
    wait_until(lambda: _pings(client), what="Redis answering again")


def test_redis_memory_grows_while_it_is_on_and_falls_after(world: World) -> None:
    client = world.redis()

    def used() -> int:
        return int(client.info("memory")["used_memory"])

    before = used()
    with world.fault("redis-memory"):
        wait_until(lambda: used() > before + 1_500_000, what="memory growing")
    wait_until(lambda: used() < before + 1_000_000, what="memory falling")


def test_a_log_storm_is_more_than_a_thousand_lines_a_second(world: World) -> None:
    def lines() -> int:
        return int(world.state()["log"]["lines"])

    with world.fault("log-storm"):
        start, began = lines(), time.monotonic()
        wait_until(lambda: lines() > start + 1500, what="1,500 lines")
        assert (lines() - start) / (time.monotonic() - began) > 1000
    wait_until(lambda: _less_than(lines, 100, 0.5), what="the storm's end")
    assert "cache_lookup" in Path(world.told["log_path"]).read_text()


def test_metrics_gone_answers_503_and_the_app_goes_on(world: World) -> None:
    url = world.told["metrics_urls"][0]
    with world.fault("metrics-gone"):
        assert world.get(url)[0] == 503
        assert world.ask_app("acme", "acme.9a9e")[0] == 200
    assert world.get(url)[0] == 200


def test_a_stalled_prometheus_answers_nothing_until_it_goes_on(world: World) -> None:
    url = f"{world.told['prometheus_url']}/-/ready"
    with world.fault("prometheus-stall"), pytest.raises(OSError):
        world.get(url, timeout=0.4)
    assert world.get(url)[0] == 200


def test_three_writes_conflict_and_the_rest_when_it_is_off_do_not(world: World) -> None:
    def write() -> int:
        return kube(world, "PATCH", {"metadata": {"labels": {"tried": str(time.monotonic_ns())}}})[0]

    with world.fault("api-conflict"):
        assert [write() for _ in range(4)] == [409, 409, 409, 200]
    with world.fault("api-conflict"):
        assert write() == 409
    assert write() == 200


def test_an_api_that_is_down_answers_503_and_pods_serve_on(world: World) -> None:
    with world.fault("api-down"):
        status, answer = kube(world, "GET")
        assert (status, answer["kind"]) == (503, "Status")
        sent = world.state()["traffic"]["statuses"].get("200", 0)
        wait_until(lambda: world.state()["traffic"]["statuses"]["200"] > sent + 5, what="traffic")
    assert kube(world, "GET")[0] == 200


def test_a_crash_loop_really_exits_and_restarts_the_containers_and_heals(world: World) -> None:
    def pods() -> list[dict[str, Any]]:
        return [
            item["status"]["containerStatuses"][0]
            for item in kube(world, "GET", path="/api/v1/namespaces/hak-gal/pods")[1]["items"]
        ]

    with world.fault("crash-loop"):
        found = wait_until(
            lambda: [pod for pod in pods() if pod["restartCount"] >= 1 and pod.get("lastState", {}).get("terminated")],
            what="a restart",
        )
        assert found[0]["lastState"]["terminated"]["exitCode"] == 1
        wait_until(
            lambda: any(pod["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for pod in pods()),
            what="CrashLoopBackOff",
        )
    wait_until(lambda: sum(pod["ready"] for pod in pods()) == 6, within=30, what="all pods ready again")


def kube(
    world: World, method: str, body: dict[str, Any] | None = None,
    path: str = "/apis/apps/v1/namespaces/hak-gal/deployments/hak-gal",
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """One plain request to the Kubernetes API with the kubeconfig's token."""
    import yaml

    described = yaml.safe_load(Path(world.told["kubeconfig"]).read_text())
    user = described["users"][0]["user"]
    request = urllib.request.Request(
        described["clusters"][0]["cluster"]["server"] + path,
        data=json.dumps(body).encode() if body is not None else None,
        method=method,
        headers={"Content-Type": "application/merge-patch+json", "Authorization": f"Bearer {user.get('token', '')}"},
    )
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=2, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _pings(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False


def _less_than(measure: Callable[[], int], most: int, seconds: float) -> bool:
    start, began = measure(), time.monotonic()
    wait_until(lambda: time.monotonic() - began > seconds, every=0.05)
    return measure() - start < most
