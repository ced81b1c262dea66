"""A sandbox.yaml: what it may say, what of it goes into plans, and that a fifth system needs files alone."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from console.commands.sandbox import _path_of, _systems
from console.sandbox.client import SandboxError, start_sandbox
from console.sandbox.faults import Faults
from console.sandbox.knobs import Knobs
from console.sandbox.metrics import Counter, Gauge, Hand, Histogram
from console.sandbox.quantities import growth, quantity
from console.sandbox.rows import rows
from console.sandbox.served import Served
from console.sandbox.system_file import fitting, renamed
from console.sandbox.versions import Reach, Versions
from console.sandbox.ways import Ways
from console.sandbox.world_file import BrokenWorld, FaultSpec, WaySpec, read_world
from console.systems.loader import check, load_system
from tests.conftest import wait_until
from tests.sandbox.conftest import fetch

NEWEST, OTHERS = Reach(newest=True, shared=True), Reach(newest=False, shared=True)
QUIET = Reach(newest=False, shared=False)

WORLD = """
image: tiny
versions: {current: v1.0, target: v1.1}
places: {sandbox: {stands_for: live, namespace: tiny, traffic: {services/tiny: 20/s}}}
deployments: {tiny: {replicas: 1}}
services: {tiny: {}}
answers: {seconds: 5ms}
serves: [{counter: tiny_requests_total, labels: {code: "{status}"}}]
faults: {error-spike: {set: {errors: 100%}, hits: all}}
settings: {TINY_CHECK: "{practice} redis"}
"""
SYSTEM = """
name: tiny
environments:
  live:
    tone: production
    kubernetes: {namespace: tiny, workloads: [{deployment: tiny}]}
    health: {front: {url: "http://tiny.example.net/healthz"}}
metrics:
  requests: {unit: /s, promql: "sum(rate(tiny_requests_total[5m]))"}
"""
PLAN = """
name: release
strategy: {rolling: {deployment: tiny}}
phases:
  - name: all
    environment: live
    share: 100%
    before: [{name: redis, run: "${TINY_CHECK:-redis-cli PING}", expect: PONG}]
"""


def write(folder: Path, world: str = WORLD) -> Path:
    (folder / "system.yaml").write_text(SYSTEM)
    (folder / "release.rollout.yaml").write_text(PLAN)
    (folder / "sandbox.yaml").write_text(world)
    return folder


def test_a_fifth_system_is_practised_on_with_files_alone(tmp_path: Path) -> None:
    with start_sandbox(str(write(tmp_path)), prometheus=False) as sandbox:
        assert check(sandbox.system) == ()
        (environment,) = load_system(sandbox.system).environments
        assert environment.target == "v1.1"
        assert fetch(environment.health[0].url)[0] == 200
        plan = (Path(sandbox.told["folder"]) / "release.rollout.yaml").read_text()
        assert "environment: sandbox\n" in plan
        command = plan.partition('run: "')[2].partition('"')[0]
        assert subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout == "PONG\n"
        wait_until(lambda: sandbox.state()["traffic"]["statuses"].get("200", 0) > 3, what="answers")
        sandbox.switch("error-spike", True)
        wait_until(lambda: sandbox.state()["traffic"]["statuses"].get("500", 0) > 3, what="errors")
        with pytest.raises(SandboxError, match="latency cannot be switched on: tiny's sample app has nothing"):
            sandbox.switch("latency", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("image: tiny\n", ""), "the file: `image` is missing"),
        (("replicas: 1", "replica: 1"), "deployments.tiny: there is no key `replica`; there are container, env, "),
        (
            ("services/tiny: 20/s", "tiny: 20/s"),
            "places.sandbox.traffic.tiny: `tiny` is no way in; write `services/NAME`",
        ),
        (("traffic: {services/tiny: 20/s}", "replicas: {}"), "places.sandbox: there is no `traffic`"),
        (("100%", "a lot"), "faults.error-spike.set: 'a lot' is not a number with a unit such as 20%"),
        (("hits: all", "hits: some"), "faults.error-spike: `hits` is 'some'; write `newest`, `shared` or `all`"),
        (("counter:", "count:"), "the metric .* has no one of counter, gauge, histogram"),
        (("versions: {current: v1.0, target: v1.1}", "versions: [1]"), r"versions: it is \[1\] and not a table"),
        (("image: tiny", "image: [tiny"), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place_and_what_would_be_right(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in WORLD
    write(tmp_path, WORLD.replace(*change))
    with pytest.raises(BrokenWorld, match=rf"sandbox\.yaml.*{said}"):
        read_world(tmp_path / "sandbox.yaml")


def test_an_environment_that_the_system_does_not_have_is_refused_when_it_starts(tmp_path: Path) -> None:
    write(tmp_path, WORLD.replace("stands_for: live", "stands_for: production"))
    with pytest.raises(SandboxError, match=r"exit code 1\. .*sandbox\.yaml: places\.sandbox: .* 'production'"):
        start_sandbox(str(tmp_path), prometheus=False)


@pytest.mark.parametrize("speed", ["0", "1000001", "1.5", "fast"])
def test_a_speed_is_a_whole_number_up_to_a_million(speed: str) -> None:
    command = [sys.executable, "-m", "console.cli", "sandbox", "--headless", "--speed", speed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert f"{speed!r} is not a whole number from 1 to 1,000,000" in done.stderr


def test_the_four_systems_are_offered_for_completion() -> None:
    assert {"genesis", "hak-gal", "knhk", "lexikon"} <= set(_systems())


def test_a_system_of_the_engineers_own_stands_before_a_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "hakgal-console" / "systems" / "lexikon"
    own.mkdir(parents=True)
    write(own)
    assert _path_of("lexikon") == str(own / "system.yaml")
    assert _path_of("knhk").endswith("runbooks/knhk/system.yaml")
    assert _path_of("atlantis") == "atlantis"


def test_amounts_are_read_as_people_write_them() -> None:
    told = ("20%", "40ms", "62MB", "2/h", "3d", 5, "1.5")
    assert [quantity(text) for text in told] == pytest.approx([0.2, 0.04, 62e6, 2 / 3600, 259200, 5, 1.5])
    assert growth("+8MB/s") == (0.0, 8e6)
    assert growth("2/s") == (2.0, 0.0)
    for wrong in ("20 parsecs", "", True, None):
        with pytest.raises(ValueError, match="is not a number with a unit"):
            quantity(wrong)


def knobs(*specs: FaultSpec) -> tuple[Knobs, Faults, Hand]:
    faults, hand = Faults({spec.name: spec.name for spec in specs}), Hand()
    return Knobs(faults, specs, hand), faults, hand


def test_a_fault_hits_the_newest_version_all_that_share_with_it_or_everything() -> None:
    values, faults, hand = knobs(
        FaultSpec("one", "", "newest", {"a": (5.0, 0.0)}, "one is broken"),
        FaultSpec("two", "", "shared", {"b": (5.0, 0.0)}, ""),
        FaultSpec("three", "", "all", {"c": (5.0, 0.0)}, ""),
    )

    def seen(reach: Reach) -> str:
        return "".join(name for name in "abc" if values.value(name, 1.0, reach) == 5.0)

    assert seen(NEWEST) == ""
    for name in ("one", "two", "three"):
        faults.switch(name, True)
    assert (seen(NEWEST), seen(OTHERS), seen(QUIET)) == ("abc", "bc", "c")
    assert (values.complaints(NEWEST), values.complaints(OTHERS)) == (["one is broken"], [])
    hand.set("a", 7.0)
    assert values.value("a", 1.0, NEWEST) == values.value("a", 1.0, QUIET) == 7.0
    hand.set("a", None)
    assert values.value("a", 1.0, QUIET) == 1.0


def test_a_leak_grows_from_what_was(monkeypatch: pytest.MonkeyPatch) -> None:
    values, faults, _ = knobs(FaultSpec("leak", "", "all", {"memory": (0.0, 8e6)}, ""))
    now = [100.0]
    monkeypatch.setattr("console.sandbox.faults.time.monotonic", lambda: now[0])
    faults.switch("leak", True)
    now[0] = 103.0
    assert values.value("memory", 42e6, QUIET) == 66e6
    faults.switch("leak", False)
    assert values.value("memory", 42e6, QUIET) == 42e6


def test_the_newest_version_takes_what_all_share_along_only_while_it_takes_traffic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("console.sandbox.versions.time.monotonic", lambda: now[0])
    versions = Versions("v1.0")
    versions.note("v1.1")
    assert versions.reach("v1.0") == QUIET
    versions.serves("v1.0")
    assert versions.reach("v1.0") == QUIET
    versions.serves("v1.1")
    assert versions.reach("v1.0") == OTHERS
    assert versions.reach(None) == NEWEST
    now[0] = 106.0
    assert versions.reach(None) == QUIET


def test_rows_count_requests_shares_of_them_and_time() -> None:
    described = rows(
        [
            {"counter": "x_requests_total", "labels": {"code": "{status}", "version": "{version}"}},
            {"counter": "x_errors_total", "only": 500},
            {"counter": "x_denied_total", "share": "25%"},
            {"counter": "x_jobs_total", "rate": "2/s"},
            {"gauge": "x_memory_bytes", "value": "48MB"},
            {"histogram": "x_seconds", "buckets": [0.1, 1]},
        ]
    )
    served = Served(described, knobs()[0], {"version": "v1.0", "pod": "p", "workload": "w"}, random.Random(1))
    assert 'x_requests_total{code="500",version="v1.0"} 0' in served.page()  # counters begin at 0, not at 1
    for number in range(8):
        served.request(QUIET, version="v1.1", status=500 if number == 0 else 200, seconds=0.5)
    served.tick(1.25, QUIET)
    served.tick(0.25, QUIET)
    page = served.page().splitlines()
    assert 'x_requests_total{code="200",version="v1.1"} 7' in page
    assert {"x_errors_total 1", "x_denied_total 2", "x_jobs_total 3", "x_memory_bytes 48000000"} <= set(page)
    assert {'x_seconds_bucket{le="0.1"} 0', 'x_seconds_bucket{le="1"} 8', "x_seconds_count 8"} <= set(page)
    assert page.count("# TYPE x_requests_total counter") == 1


def test_a_gauge_spreads_around_its_value_and_is_exactly_what_a_fault_sets() -> None:
    values, faults, hand = knobs(FaultSpec("full", "", "all", {"pool": (40.0, 0.0)}, ""))
    described = rows([{"gauge": "x_pool", "value": 10, "spread": "20%", "as": "pool"}])
    served = Served(described, values, {}, random.Random(1))

    def seen() -> set[float]:
        found = set()
        for _ in range(20):
            served.tick(0.5, QUIET)
            found.add(float(served.page().split()[-1]))
        return found

    assert len(seen()) == 20 and all(8 <= value <= 12 for value in seen())
    faults.switch("full", True)
    assert seen() == {40.0}
    hand.set("pool", 12.5)
    assert seen() == {12.5}


def test_a_hand_sets_gauges_hurries_counters_and_says_what_is_observed() -> None:
    hand = Hand()
    gauge, counter = Gauge("g", "G."), Counter("c_total", "C.", [(("code", "200"),), (("code", "500"),)])
    histogram = Histogram("h_seconds", "H.", [0.1, 1])
    for name, value in (("g", 3.0), ('c_total{code="500"}', 4.0), ("h_seconds", 0.5)):
        hand.set(name, value)
    for metric in (gauge, counter, histogram):
        metric.hurry(hand, 0.5)
    histogram.observe(0.01)
    assert gauge.lines() == ["g 3"]
    assert counter.lines() == ['c_total{code="200"} 0', 'c_total{code="500"} 2']
    assert 'h_seconds_bucket{le="0.1"} 0' in histogram.lines()
    hand.set("h_seconds", None)
    histogram.hurry(hand, 0.5)
    histogram.observe(0.01)
    assert 'h_seconds_bucket{le="0.1"} 1' in histogram.lines()


def test_a_route_divides_requests_by_its_weights_and_a_group_without_pods_answers_none() -> None:
    pods = {"stable": ("s1", "s2"), "new": ("n1",), "empty": ()}
    route = {"spec": {"rules": [{"backendRefs": [{"name": "stable", "weight": 3}, {"name": "new", "weight": 1}]}]}}
    ways = Ways([WaySpec("httproutes/r", 10.0, ())], lambda name: pods[name], lambda _: route)
    chance = random.Random(4)
    chosen = [ways.now().choose(chance) for _ in range(4000)]
    assert set(chosen) == {("s1", "s2"), ("n1",)}
    assert 900 < chosen.count(("n1",)) < 1100
    route["spec"]["rules"][0]["backendRefs"] = [{"name": "empty", "weight": 1}, {"name": "new", "weight": 0}]
    assert {ways.now().choose(chance) for _ in range(50)} == {()}
    route["spec"]["rules"] = []
    assert ways.now().choose(chance) == ()


def test_a_plan_is_renamed_where_it_names_environments_and_nowhere_else() -> None:
    text = (
        "title: staging first\nphases:\n  - name: staging-canary\n    environment: staging\n"
        "  - {name: two, environment: staging, needs: {separate_redis: [staging, production]}}\n"
    )
    assert renamed(text, "staging", "sandbox-staging") == (
        "title: staging first\nphases:\n  - name: staging-canary\n    environment: sandbox-staging\n"
        "  - {name: two, environment: sandbox-staging, needs: {separate_redis: [sandbox-staging, production]}}\n"
    )


def test_limits_that_cannot_be_reached_are_replaced_whatever_they_are_written_as() -> None:
    text = 'redis_memory < 500MB}, when: "redis_memory >= ${X:-2GB} for 5m", redis_memory stable within 10% over 1h'
    assert fitting(text, {"redis_memory": "100MB"}) == (
        'redis_memory < 100MB}, when: "redis_memory >= 100MB for 5m", redis_memory stable within 10% over 1h'
    )
