"""Parts of the sandbox that need no whole one: addresses, logs, the bypass's arithmetic, versions, the text format."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from console.sandbox import metrics
from console.sandbox.bypass_watch import BypassWatch, allowed_for
from console.sandbox.faults import Faults
from console.sandbox.firewall import Limiter
from console.sandbox.knobs import Knobs
from console.sandbox.kube.runtime import ContainerLog
from console.sandbox.logs import PodLog, SharedLog
from console.sandbox.pods import Addresses, Pods, Surroundings
from console.sandbox.sessions import session_key
from console.sandbox.system_file import NoSystem, read_system
from console.sandbox.versions import Versions, version_of
from tests.conftest import free_port, wait_until
from tests.sandbox.conftest import none_alive


def test_the_watchdog_alone_ends_what_a_killed_process_has_started(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time; from console.sandbox import children; "
        "children._dying_with = lambda parent: None; here = pathlib.Path(sys.argv[1]); "
        "all_of_them = children.Children(here / 'temporary'); (here / 'temporary').mkdir(); "
        "start = lambda name: all_of_them.spawn(name, ['sleep', '60'], log=here / 'log', folder=here); "
        "kept, ended = start('kept'), start('ended'); all_of_them.end(ended); kept.freeze(); "
        "print(kept.pid, all_of_them.pids['watchdog'], flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: none_alive(pids), within=5, what="the end of the child and its watchdog")
    assert not (tmp_path / "temporary").exists()


async def test_two_sandboxes_that_choose_the_same_network_take_different_addresses() -> None:
    runners = [web.AppRunner(web.Application()) for _ in range(2)]
    places = []
    for runner in runners:
        await runner.setup()
        places.append(await Addresses(random.Random(5)).serve(runner))
    try:
        assert len(set(places)) == 2
        if sys.platform == "linux":
            assert all(place[1:] == (8080, 9102) for place in places)
    finally:
        for runner in runners:
            await runner.cleanup()


async def test_a_pod_starts_without_redis_and_ends_even_where_its_tick_swallows_the_cancellation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, chance = Faults(), random.Random(1)
    knobs = Knobs(faults, (), metrics.Hand())
    around = Surroundings(faults, SharedLog(tmp_path / "hak_gal.log"), chance, Versions("v2.3.2"), knobs)
    env = {"REDIS_CLOUD_HOST": "127.0.0.1", "REDIS_CLOUD_PORT": str(free_port()), "REDIS_CLOUD_PASSWORD": "x"}
    log = ContainerLog(lambda: datetime.now(UTC))
    pod = {"metadata": {"name": "p", "namespace": "hak-gal"}}
    container = await Pods({"hak-gal": around}, chance).start(pod, {"image": "hak-gal:v2.3.3"}, env, log, 0)
    async with asyncio.timeout(5):
        while not container.serving:
            await asyncio.sleep(0.01)
    blocked = asyncio.Event()

    async def stubborn() -> None:
        blocked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    monkeypatch.setattr(container.app, "tick", stubborn)
    async with asyncio.timeout(10):
        await blocked.wait()
        await container.stop(1)
        assert await container.wait() == 0
    assert "session_recovery_failed" in "".join(line.text for line in log.lines())


def test_requests_are_in_the_shared_log_and_a_pods_own_life_in_its_own(tmp_path: Path) -> None:
    printed: list[str] = []
    shared = SharedLog(tmp_path / "logs" / "hak_gal.log")
    PodLog("hak-gal-7f", shared, printed.append).say("WARN", "rate_limit_reject", tenant="acme", why="too many")
    PodLog("hak-gal-7f", shared, printed.append).tell("INFO", "ready", version="v2.3.3")
    old = shared.rotate()
    PodLog("hak-gal-2c", shared, printed.append).say("INFO", "session recovered", tenant="globex")
    shared.close()
    assert old.read_text().endswith('Z WARN  hak-gal-7f rate_limit_reject tenant=acme why="too many"\n')
    assert (
        (tmp_path / "logs" / "hak_gal.log").read_text().endswith("Z INFO  hak-gal-2c session recovered tenant=globex\n")
    )
    assert len(printed) == 1 and printed[0].endswith("Z INFO  hak-gal-7f ready version=v2.3.3\n")


@pytest.mark.parametrize(
    ("env", "age", "in_force"),
    [
        ({}, 0, False),
        ({"HAK_GAL_EMERGENCY_BYPASS": "false"}, 0, False),
        ({"HAK_GAL_EMERGENCY_BYPASS": "true"}, 60, True),
        ({"HAK_GAL_EMERGENCY_BYPASS": "true"}, 16 * 60, False),
        ({"HAK_GAL_EMERGENCY_BYPASS": "true", "HAK_GAL_EMERGENCY_BYPASS_EXPIRES_AT": "2020-01-01T00:00:00Z"}, 0, False),
        ({"HAK_GAL_EMERGENCY_BYPASS": "true", "HAK_GAL_EMERGENCY_BYPASS_EXPIRES_AT": "tomorrow"}, 0, False),
    ],
)
def test_the_variable_counts_for_fifteen_minutes_of_the_pods_life_at_most(
    env: dict[str, str], age: int, in_force: bool
) -> None:
    created = datetime.now(UTC) - timedelta(seconds=age)
    assert BypassWatch("key", "HAK_GAL_EMERGENCY_BYPASS", env, created).in_force is in_force


NOW = 1_800_000_000.0


def record(granted: float = -60, expires: float = 240, **more: object) -> bytes:
    return json.dumps({"id": "g1", "granted_at": NOW + granted, "expires_at": NOW + expires, **more}).encode()


@pytest.mark.parametrize(
    ("raw", "key_lives", "allowed"),
    [
        (record(), 300.0, 240.0),
        (record(), 100.0, 100.0),
        (record(expires_at=datetime.fromtimestamp(NOW + 240, UTC).isoformat()), 300.0, 240.0),
        (record(expires=840), 840.0, 840.0),
        (None, -0.002, 0.0),
        (b"true", 300.0, 0.0),
        (b"{}", 300.0, 0.0),
        (b"\xff", 300.0, 0.0),
        (record(expires=-1), 300.0, 0.0),  # over by its own word
        (record(granted=-600, expires=600), 600.0, 0.0),  # longer than any grant may be
        (record(granted=100, expires=500), 600.0, 0.0),  # of the future
        (record(), -0.001, 0.0),  # a key that would never expire
        (record(), 3600.0, 0.0),  # a key that outlives any grant
    ],
)
def test_a_record_allows_what_both_it_and_its_key_allow(raw: bytes | None, key_lives: float, allowed: float) -> None:
    assert allowed_for(raw, key_lives, NOW)[0] == pytest.approx(allowed)


def test_a_fault_of_a_release_hits_the_newest_version_that_ran_and_never_the_first() -> None:
    versions = Versions("v2.3.2")
    versions.note("v2.3.2")
    assert not versions.hit("v2.3.2")
    versions.note("v2.3.3")
    assert (versions.hit("v2.3.3"), versions.hit("v2.3.2")) == (True, False)
    versions.note("v2.3.10")  # newer than v2.3.3: versions are numbers and not letters
    versions.note("v2.3.3")
    assert (versions.hit("v2.3.10"), versions.hit("v2.3.3")) == (True, False)
    mixed = Versions("stable-v0.9")
    mixed.note("security-v1.0")
    assert (mixed.hit("security-v1.0"), mixed.hit("stable-v0.9")) == (True, False)


def test_other_images_and_tags_without_a_number_are_not_the_app() -> None:
    assert version_of("registry.example.net/team/hak-gal:v2.3.3-rc.1", "hak-gal") == "v2.3.3-rc.1"
    assert version_of("lexikon-api:stable-v0.9", "lexikon-api") == "stable-v0.9"
    assert version_of("nginx:1.27", "hak-gal") is None
    assert version_of("hak-gal:latest", "hak-gal") is None
    assert version_of("hak-gal", "hak-gal") is None


def test_a_limiter_allows_a_burst_of_ten_and_then_its_pace() -> None:
    limiter = Limiter(60)
    assert [limiter.allows("s", 100.0) for _ in range(12)].count(True) == 10
    assert limiter.allows("other", 100.0)
    assert limiter.allows("s", 101.5)
    assert not limiter.allows("s", 101.5)


def test_metrics_are_in_prometheus_text_format_with_cumulative_buckets_and_whole_numbers() -> None:
    counter = metrics.Counter("x_total", "X.", [(("code", "200"),)])
    counter.add((("code", "200"),), by=12_345_678)
    histogram = metrics.Histogram("y_seconds", "Y.", [0.1, 0.5])
    for value in (0.05, 0.1, 0.3, 9):
        histogram.observe(value)
    page = metrics.render([counter, histogram]).splitlines()
    assert 'x_total{code="200"} 12345678' in page
    assert [line for line in page if line.startswith("y_seconds_")] == [
        'y_seconds_bucket{le="0.1"} 2',
        'y_seconds_bucket{le="0.5"} 3',
        'y_seconds_bucket{le="+Inf"} 4',
        "y_seconds_sum 9.450000",
        "y_seconds_count 4",
    ]


def test_session_keys_follow_the_scheme_and_do_not_show_the_session_id() -> None:
    key = session_key("acme", "acme.1234")
    assert re.fullmatch(r"hakgal:tenant:acme:session:[0-9a-f]{16}", key)
    assert "acme.1234" not in key


def test_a_broken_system_file_is_refused_with_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "system.yaml"
    broken.write_text("name: [unclosed\n")
    with pytest.raises(NoSystem, match=r"(?s)system\.yaml cannot be read: .*hakgal-console check"):
        read_system(broken)
    broken.write_text(json.dumps(["not", "a", "system"]))
    with pytest.raises(NoSystem, match="does not describe a system"):
        read_system(broken)
