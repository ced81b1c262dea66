"""What the sandbox promises in its one line of JSON, and that each address in it is real."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.sandbox.system_file import shorten
from console.systems.loader import load_system
from console.systems.secrets import resolve_redis
from tests.conftest import program, wait_until
from tests.sandbox.conftest import World, fetch

pytestmark = pytest.mark.xdist_group("sandbox-contract")


def test_the_json_object_names_every_part_and_nothing_is_noted_where_all_servers_are_there(world: World) -> None:
    promised = "redis_url metrics_urls prometheus_url alertmanager_url kubeconfig log_path control_url system"
    assert set(promised.split()) <= set(world.told)
    assert len(world.told["metrics_urls"]) == 6
    if shutil.which("redis-server") and shutil.which("prometheus"):
        assert world.told["notices"] == []


def test_redis_has_a_password_a_limit_and_sessions_of_three_tenants_that_expire(world: World) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=world.redis().connection_pool.connection_kwargs["port"], retry=Retry(NoBackoff(), 0)).ping()
    client = world.redis()
    assert client.info("memory")["maxmemory"] == 128 * 1024 * 1024
    keys = [key.decode() for key in client.scan_iter(match="hakgal:tenant:*:session:*", count=500)]
    assert 500 < len(keys) < 1200
    assert {key.split(":")[2] for key in keys} == {"acme", "globex", "initech"}
    assert all(re.fullmatch(r"hakgal:tenant:[a-z]+:session:[0-9a-f]{16}", key) for key in keys)
    found = client.mget(keys[:50])
    assert all("tx_count_1h" in json.loads(value) for value in found if value)
    assert all(0 < client.ttl(key) <= 3600 for key in keys[:20])


def test_the_system_file_is_accepted_and_points_at_this_sandbox(world: World) -> None:
    system = load_system(world.sandbox.system)
    assert system.name == "hak-gal"
    environment, staging = system.environments
    assert (environment.name, staging.name) == ("sandbox", "sandbox-staging")
    assert environment.faults == world.told["control_url"]
    assert environment.redis
    access = resolve_redis(environment.redis, {})
    assert world.told["redis_url"] == f"redis://default:{access.password}@{access.host}:{access.port}/0"
    assert environment.redis.secrets_file
    assert stat.S_IMODE(environment.redis.secrets_file.stat().st_mode) == 0o600
    assert str(access.password) not in world.sandbox.system.read_text()
    assert environment.prometheus
    assert environment.prometheus.url == world.told["prometheus_url"]
    assert environment.kubernetes
    assert environment.kubernetes.kubeconfig == Path(world.told["kubeconfig"])
    assert [log.file for log in environment.logs if log.file] == [Path(world.told["log_path"])]
    assert fetch(environment.health[0].url) == (200, "ok\n")


def test_ranges_are_shortened_and_nothing_else_of_a_query() -> None:
    assert shorten("sum(rate(x_total[5m])) / rate(y[1h:1m])") == "sum(rate(x_total[30s])) / rate(y[30s:1m])"
    assert shorten('x{code!~"[45].."}[10s]') == 'x{code!~"[45].."}[10s]'


def test_kubectl_sees_the_current_version_ready_and_both_revisions_with_their_causes(world: World) -> None:
    def kubectl(*arguments: str) -> str:
        command = [program("kubectl"), "--kubeconfig", world.told["kubeconfig"], "-n", "hak-gal", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    deployment = json.loads(kubectl("get", "deployment", "hak-gal", "-o", "json"))
    assert deployment["status"]["readyReplicas"] == deployment["spec"]["replicas"] == 6
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    history = kubectl("rollout", "history", "deployment/hak-gal")
    assert "deploy v2.3.2" in history
    assert "deploy v2.3.3" in history
    pod = str(world.state()["pods"][0]["name"])
    assert "starting version=v2.3.3" in kubectl("logs", pod)
    assert "hak-gal" in kubectl("get", "hpa,service,configmap,secret", "-o", "name")


def test_targets_are_what_prometheus_discovers(world: World) -> None:
    groups = world.sandbox.ask("GET", "/targets")
    assert {f"http://{group['targets'][0]}/metrics" for group in groups} == set(world.told["metrics_urls"])
    assert {group["labels"]["version"] for group in groups} == {"v2.3.3"}


@pytest.mark.parametrize("how", ["rename", "copytruncate"])
def test_the_shared_log_is_rotated_and_written_on(world: World, how: str) -> None:
    path = Path(world.told["log_path"])
    wait_until(lambda: path.stat().st_size > 500, what="some log")
    before = path.stat().st_ino
    old = Path(world.sandbox.ask("POST", "/rotate-log", {"how": how})["old"])
    assert old.stat().st_size >= 500
    assert (path.stat().st_ino == before) is (how == "copytruncate")
    wait_until(lambda: b"hak-gal-" in path.read_bytes(), what="lines in the new file")
    assert path.read_bytes()[:60] != old.read_bytes()[:60]
    line = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO |WARN |ERROR) hak-gal-\S+ [a-z_]+.*")
    assert all(line.fullmatch(text) for text in old.read_text().splitlines())


def test_every_query_of_the_system_file_has_an_answer_and_no_alert_has_cause_to_fire(world: World) -> None:
    described = yaml.safe_load(world.sandbox.system.read_text())
    metrics = {name: metric for name, metric in described["metrics"].items() if "promql" in metric}

    def answer(query: str) -> list[float]:
        url = f"{world.told['prometheus_url']}/api/v1/query?query=" + re.sub(
            r"[^A-Za-z0-9]", lambda found: f"%{ord(found[0]):02X}", query
        )
        return [float(row["value"][1]) for row in json.loads(fetch(url)[1])["data"]["result"]]

    def all_answer() -> dict[str, float]:
        found = {name: answer(metric["promql"]) for name, metric in metrics.items()}
        values = {name: max(values) for name, values in found.items() if values}
        whole = len(values) == len(metrics) and not any(v != v for v in values.values())
        return values if whole and values["requests"] > 0 else {}

    values = wait_until(all_answer, within=20, every=0.3, what="an answer to every query")
    assert 0.2 < values["requests"] < 100
    assert values["error_rate"] == pytest.approx(0)
    assert values["guard_exceptions"] == 0
    assert values["session_violations"] == 0
    assert values["rate_limit_rejections"] * 3600 < 1000
    assert 0 <= values["block_rate"] < 0.3
    assert values["recovery_failure_rate"] == 0
    assert values["p99_latency"] < 0.2
    assert values["session_redis_p99"] < 0.2
