"""Scenario files: every part is read, everything wrong is told with its line."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from console.core.rollouts.plan import RolloutPlan
from console.core.system import System
from console.engine.scenario import Anchor, Chosen, Deed, Doing, Entry, Failure, Outage, When
from console.engine.scenarios import read_scenario, resolve_scenario
from console.engine.scripted import Broken, Failing, Flap, Gone, Level, Ramp
from console.engine.scripted_people import People
from console.systems.catalog import shipped_folder
from console.systems.faults import BrokenFile
from tests.rehearsal.plans import minutes, shipped, small

EVERYTHING = """
name: everything
title: everything at once
about: One of each.
starts: 2026-11-27T18:00:00+01:00
weekday: friday 18:00
lasts: 10d
each_phase: true
applying:
  takes: 90s
  fails:
    - {phase: second, why: no quota, times: 2}
    - {phase: here, why: lost, what: roll back}
metrics:
  error_rate:
    - {at: start + 90s, value: 6%, lasts: 10m}
    - {at: phase first + 10m, ramp: [0.1%, 6%], over: 3h}
    - {at: begin second, flap: [0.1%, 6%], period: 2m, lasts: 1h}
  memory:
    - {at: ready first + 1h, gone: true}
    - {at: phase here + 25%, value: 600MB}
    - {at: "2026-11-28T09:00:00Z", error: connection refused}
checks:
  gateway:
    - {at: phase first, fails: true, lasts: 1m}
chosen:
  - {at: phase here + 5m, do: trip, prefer: [error, latency]}
  - {at: phase here, do: leak, over: 4h}
  - {at: phase here, do: flap, period: 1m, lasts: 1h}
  - {at: phase here, do: gone, every: true}
people:
  ticks_after: 1m
  signs_after: 2m
  promotes_after: 3m
  retries_after: 4m
  says: no-go
  not_on: [saturday, Sunday]
  hours: 09:00-17:30
deeds:
  - {at: start + 1h, do: hold, reason: lunch}
outages:
  - {of: watcher, at: start + 2h, lasts: 30m}
  - {of: prometheus, at: phase first, lasts: 5m, kept: true}
"""


@pytest.fixture
def plan(tmp_path: Path) -> tuple[RolloutPlan, System]:
    return small(tmp_path)


def faults(tmp_path: Path, plan: tuple[RolloutPlan, System], text: str) -> list[str]:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(BrokenFile) as broken:
        read_scenario(path, *plan, environ={})
    return [f"{fault.line}: {fault.wrong}; {fault.right}" for fault in broken.value.faults]


def test_every_part_of_a_file_is_read(tmp_path: Path, plan: tuple[RolloutPlan, System]) -> None:
    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING)
    read = read_scenario(path, *plan, environ={})
    assert (read.name, read.title, read.about) == ("everything", "everything at once", "One of each.")
    assert read.starts == datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    assert (read.weekday, read.lasts, read.each) == ((4, 18, 0), timedelta(days=10), True)
    assert read.applying == timedelta(seconds=90)
    assert read.failures == (Failure("second", "no quota", 2), Failure("here", "lost", 1, "roll back"))
    at = Anchor
    nine = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    assert read.entries == (
        Entry("error_rate", at(When.START, after=timedelta(seconds=90)), Level(0.06), minutes(10)),
        Entry("error_rate", at(When.CONFIRMED, "first", minutes(10)), Ramp(0.001, 0.06, timedelta(hours=3))),
        Entry("error_rate", at(When.BEGUN, "second"), Flap(0.001, 0.06, minutes(2)), timedelta(hours=1)),
        Entry("memory", at(When.READY, "first", timedelta(hours=1)), Gone()),
        Entry("memory", at(When.CONFIRMED, "here", part=0.25), Level(6e8)),
        Entry("memory", at(When.ABSOLUTE, at=nine), Broken("connection refused")),
        Entry("gateway", at(When.CONFIRMED, "first"), Failing(), minutes(1)),
    )
    here = at(When.CONFIRMED, "here")
    assert read.chosen == (
        Chosen(at(When.CONFIRMED, "here", minutes(5)), Doing.TRIP, ("error", "latency")),
        Chosen(here, Doing.LEAK, span=timedelta(hours=4)),
        Chosen(here, Doing.FLAP, span=minutes(1), lasts=timedelta(hours=1)),
        Chosen(here, Doing.GONE, every=True),
    )
    assert read.people == People(
        minutes(1), minutes(2), minutes(3), minutes(4), "no-go", frozenset({5, 6}), (time(9), time(17, 30))
    )
    assert read.deeds == (Deed(at(When.START, after=timedelta(hours=1)), "hold", "lunch"),)
    assert read.outages == (
        Outage("watcher", at(When.START, after=timedelta(hours=2)), minutes(30)),
        Outage("prometheus", at(When.CONFIRMED, "first"), minutes(5), True),
    )


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (3, "metrics: {eror_rate: []}", "no key `eror_rate`; did you mean `error_rate`?"),
        (3, "metrics: {error_rate: [{at: start, value: 6ms}]}", "error_rate is a ratio, and `6ms` is a time"),
        (3, "metrics: {error_rate: [{at: start, value: 6}]}", "write `6%`"),
        (3, "metrics: {error_rate: [{at: start, value: 6%, gone: true}]}", "says `value` and `gone`"),
        (3, "metrics: {error_rate: [{at: start}]}", "says nothing; write exactly one of"),
        (3, "metrics: {error_rate: [{value: 6%}]}", "has no `at`"),
        (3, "metrics: {error_rate: [{at: later, value: 6%}]}", "is no moment: `later`"),
        (3, "metrics: {error_rate: [{at: phase third + 1m, value: 6%}]}", "the plan has no phase `third`"),
        (3, "metrics: {error_rate: [{at: start + soon, value: 6%}]}", "`soon` does not begin with a number"),
        (3, "metrics: {error_rate: [{at: start + 20%, value: 6%}]}", "`20%` is no span of time"),
        (3, "metrics: {error_rate: [{at: start, flap: [1%], period: 2m}]}", "is not two values"),
        (3, "metrics: {error_rate: [{at: start, fails: true}]}", "only health checks do"),
        (3, "metrics: {error_rate: [{at: start, gone: false}]}", "is not `true`"),
        (3, "checks: {gate: [{at: start, fails: true}]}", "did you mean `gateway`?"),
        (3, "checks: {gateway: [{at: start, value: 3}]}", "no key `value`"),
        (3, "chosen: [{at: start, do: explode}]", "`explode`"),
        (3, "people: {not_on: [sonntag]}", "`sonntag` is no day of the week"),
        (3, "people: {not_on: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}", "`absent: true`"),
        (3, "people: {hours: 17:00-09:00}", "write `hours: 09:00-17:00` (UTC)"),
        (3, "people: {says: perhaps}", "one of: `go`, `no-go`"),
        (3, "outages: [{of: redis, at: start, lasts: 1m}]", "one of: `watcher`, `prometheus`"),
        (3, "outages: [{at: start}]", "has no `lasts`"),
        (3, "deeds: [{at: start, do: dance}]", "one of: `hold`"),
        (3, "applying: {fails: [{phase: third, why: x}]}", "one of: `first`, `second`, `here`"),
        (3, "starts: tomorrow", "`starts` is no moment"),
        (3, "weekday: someday", "write `weekday: friday 17:00`"),
        (3, "metric: {}", "did you mean `metrics`?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, plan: tuple[RolloutPlan, System], line: int, text: str, said: str
) -> None:
    told = faults(tmp_path, plan, f"name: wrong\ntitle: x\n{text}\n")
    assert any(one.startswith(f"{line}: ") and said in one for one in told), told


def test_every_fault_is_told_at_once(tmp_path: Path, plan: tuple[RolloutPlan, System]) -> None:
    told = faults(tmp_path, plan, "title: x\nlasts: long\nstarts: now\nweekday: never\n")
    assert [one.split(":")[0] for one in told] == ["1", "2", "3", "4"]


def test_the_description_of_the_format_is_itself_a_scenario(tmp_path: Path) -> None:
    text = (shipped_folder() / "scenarios" / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "bad-night.yaml"
    path.write_text(text)
    plan, system = next(one for one in shipped() if one[0].system == "hak-gal")
    read = read_scenario(path, plan, system, environ={})
    assert (len(read.entries), len(read.chosen), len(read.outages)) == (6, 4, 2)


def test_a_name_that_is_near_is_offered(tmp_path: Path) -> None:
    assert resolve_scenario("weekend").name == "weekend.yaml"
    with pytest.raises(LookupError, match="did you mean `error-spike`"):
        resolve_scenario("eror-spike")
    own = tmp_path / "own.yaml"
    own.touch()
    assert resolve_scenario(str(own)) == own
