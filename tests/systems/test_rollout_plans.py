"""A plan is read as it is meant, and its text with its settings gives it again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.rollouts.plan import (
    Argo,
    Autoscaler,
    BlueGreen,
    Canary,
    ClearKeys,
    Command,
    CommandCheck,
    FileFlags,
    Flags,
    Gateway,
    HttpCheck,
    Nothing,
    OnBad,
    Promotion,
    RedisFlags,
    Rolling,
    Settings,
    Share,
    Strategy,
)
from console.systems.faults import BrokenFile
from console.systems.loader import load_system
from console.systems.rollout_plans import find_plans, load_plan, plan_names
from tests.systems.plans import PLAN, line_of, plan_in, system_in

HOUR = timedelta(hours=1)
SHARED = "strategy: {canary: {stable: demo, canary: demo-canary}}\n"


def test_a_plan_becomes_frozen_types(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    one, two, three = plan.phases
    assert (plan.name, plan.title, plan.system, plan.version) == ("release", "the release", "demo", None)
    assert plan.about == "From one to three."
    assert plan.path == tmp_path / "release.rollout.yaml"
    assert (plan.roles, plan.measured, plan.environments) == (
        ("lead", "on-call"),
        "canary_share",
        ("staging", "production"),
    )
    assert (plan.tolerance, plan.grace) == (HOUR, timedelta(minutes=10))
    assert plan.then == (ClearKeys("caches", "demo:cache:*"),)
    assert (one.share, one.soak, one.on_bad, one.promotion) == (
        Share(0.05, 1),
        48 * HOUR,
        OnBad.PAUSE,
        Promotion.PERSON,
    )
    assert one.strategy == Canary("demo", "demo-canary", "app")
    assert one.flags == Flags(RedisFlags("demo:flags"), ("a", "b"), ("c",))
    assert one.settings == (
        Settings(timedelta(0), (("AUDIT_LEVEL", "FULL"),)),
        Settings(24 * HOUR, (("AUDIT_LEVEL", "INFO"),)),
    )
    assert (one.shown, one.title, one.about, two.shown) == ("The first", "The first", "It begins.", "two")
    assert (one.checklist, one.line) == (("logs read",), line_of(PLAN, "- name: one"))
    assert (two.sign_offs, two.interval) == (("lead",), 168 * HOUR)
    assert two.before == (CommandCheck("tree", "git status", "^$"),)
    assert two.after == (HttpCheck("smoke", "http://127.0.0.1:8080/$VERSION"),)
    assert (three.strategy, three.share, three.flags) == (Nothing(), None, None)
    assert (three.promotion, three.soak) == (Promotion.AUTOMATIC, timedelta(0))
    needs = three.preconditions
    assert (needs.sticky_sessions, needs.separate_redis, needs.workload_ready) == ("demo", ("staging",), True)
    assert [rule.text for rule in needs.conditions] == ["error_rate < 1%"]


def test_rules_are_called_what_they_are_named_or_what_their_metric_is_called(tmp_path: Path) -> None:
    text = PLAN.replace("      - p99_latency < 200ms\n", "      - {name: fast, when: p99_latency < 200ms}\n")
    gates = plan_in(tmp_path, text).phases[0].gates
    assert [(gate.name, gate.text) for gate in gates] == [
        ("fast", "p99_latency < 200ms"),
        ("redis memory", "redis_memory stable within 10% over 1h"),
    ]
    assert [gate.line for gate in gates] == [line_of(text, "{name: fast"), line_of(text, "redis_memory stable")]
    assert plan_in(tmp_path).phases[0].criteria[-1].name == "front"


def criteria(folder: Path, text: str = PLAN) -> list[list[str]]:
    return [[rule.text for rule in phase.criteria] for phase in plan_in(folder, text).phases]


def test_criteria_are_the_plans_then_the_tiers_then_the_phases_own(tmp_path: Path) -> None:
    assert criteria(tmp_path) == [
        ["error_rate > 5% for 5m", "error_rate > 1% for 5m", "front fails 3 times"],
        ["error_rate > 5% for 5m", "p99_latency > 2s for 5m"],
        ["error_rate > 5% for 5m"],
    ]


def test_one_condition_written_in_two_ways_counts_once(tmp_path: Path) -> None:
    text = PLAN.replace(
        "[front fails 3 times]", "[error_rate  > 1 %  for 300s, {name: x, when: error_rate > 5% for 5m}]"
    )
    assert criteria(tmp_path, text)[0] == ["error_rate > 5% for 5m", "error_rate > 1% for 5m"]


@pytest.mark.parametrize(
    ("share", "tier"), [("0%", 0), ("10%", 0), ("1 pod", 0), ("10.1%", 1), ("100%", 1), ("50% or 1 pod", 1)]
)
def test_the_tier_is_the_first_whose_bound_is_not_below_the_share(share: str, tier: int, tmp_path: Path) -> None:
    text = PLAN.replace("share: 5% or 1 pod", f"share: {share}").replace("share: 50%", "share: 100%")
    wanted = ["error_rate > 1% for 5m", "p99_latency > 2s for 5m"][tier]
    assert criteria(tmp_path, text)[0] == ["error_rate > 5% for 5m", wanted, "front fails 3 times"]


def test_a_phase_without_a_share_is_in_the_tier_of_the_share_in_force_there(tmp_path: Path) -> None:
    text = PLAN + "  - {name: four, environment: staging}\n"
    assert criteria(tmp_path, text)[2:] == [
        ["error_rate > 5% for 5m"],
        ["error_rate > 5% for 5m", "p99_latency > 2s for 5m"],
    ]


def test_times_are_utc_and_days_count_from_the_first(tmp_path: Path) -> None:
    def begins(text: str) -> list[datetime | None]:
        return [phase.not_before for phase in plan_in(tmp_path, text).phases]

    first = datetime(2025, 10, 23, 9, tzinfo=UTC)
    assert begins(PLAN) == [first, first + 48 * HOUR, None]
    for written in ("2025-10-25T09:00:00Z", "2025-10-25T11:00:00+02:00", "Day 3 9:00"):
        assert begins(PLAN.replace("day 3 09:00", written))[1] == first + 48 * HOUR
    assert begins(PLAN.replace("day 3 09:00", "day 3"))[1] == first + 39 * HOUR
    moment = PLAN.replace("day_one: 2025-10-23\n", "").replace("day 3 09:00", "2025-10-25T09:00:00Z")
    assert begins(moment.replace("    not_before: day 1 09:00\n", ""))[1] == first + 48 * HOUR


WRITTEN: dict[str, tuple[str, Strategy]] = {
    "{rolling: {deployment: demo}}": ("100%", Rolling("demo", "app")),
    "{rolling: {deployment: demo, container: x, replicas: 4}}": ("100%", Rolling("demo", "x", 4)),
    "{blue-green: {service: s, blue: demo-blue, green: demo-green}}": ("0%", BlueGreen("s", "demo-blue", "demo-green")),
    "{blue-green: {service: s, blue: demo-blue, green: demo-green, label: l, blue_value: x, green_value: y}}": (
        "100%",
        BlueGreen("s", "demo-blue", "demo-green", "l", "x", "y"),
    ),
    "{gateway: {route: r, stable_service: a, canary_service: b, stable: demo, canary: demo-canary}}": (
        "3%",
        Gateway("r", "a", "b", "demo", "demo-canary", "app"),
    ),
    "{argo: {rollout: r}}": ("3 pods", Argo("r")),
    '{command: {apply: "a $SHARE", read: b, roll_back: c, timeout: 10m}}': (
        "3%",
        Command("a $SHARE", "b", "c", timedelta(minutes=10)),
    ),
    "{canary: {stable: demo, canary: demo-canary, container: x}}": ("2 pods", Canary("demo", "demo-canary", "x")),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_every_strategy_is_read(written: str, tmp_path: Path) -> None:
    share, strategy = WRITTEN[written]
    text = PLAN + f"  - name: four\n    environment: production\n    share: {share}\n    strategy: {written}\n"
    assert plan_in(tmp_path, text).phases[3].strategy == strategy


def test_a_check_of_one_side_is_for_phases_that_have_sides(tmp_path: Path) -> None:
    written = "{blue-green: {service: s, blue: demo-blue, green: demo-green}}"
    check = "[{name: side, http: 'http://x-$SLOT:80/$VERSION'}]"
    phase = f"  - name: four\n    environment: production\n    share: 0%\n    strategy: {written}\n    after: {check}\n"
    assert plan_in(tmp_path, PLAN + phase).phases[3].after == (HttpCheck("side", "http://x-$SLOT:80/$VERSION"),)


def test_a_phase_may_differ_from_what_the_plan_says(tmp_path: Path) -> None:
    own = "strategy: {rolling: {deployment: demo}}\n    flags: {file: f.json, on: [x]}\n    promotion: automatic\n"
    text = PLAN.replace("name: release\n", "name: release\nautoscaler: freeze\noutage: {tolerance: 30m, grace: 0s}\n")
    plan = plan_in(tmp_path, text.replace("share: 50%\n", f"share: 100%\n    autoscaler: absent\n    {own}"))
    assert (plan.tolerance, plan.grace) == (timedelta(minutes=30), timedelta(0))
    assert [phase.autoscaler for phase in plan.phases] == [Autoscaler.FREEZE, Autoscaler.ABSENT, Autoscaler.LEAVE]
    assert plan.phases[1].flags == Flags(FileFlags(tmp_path / "f.json"), ("x",), ())
    assert plan.phases[1].promotion is Promotion.AUTOMATIC
    assert plan_in(tmp_path, PLAN.replace("share: 50%\n", "share: 50%\n    flags: none\n")).phases[1].flags is None


def test_a_bad_second_begins_the_soak_anew_where_the_plan_says_so(tmp_path: Path) -> None:
    phase = plan_in(tmp_path, PLAN.replace("soak: 48h", "soak: {for: 48h, on_bad: restart}")).phases[0]
    assert (phase.soak, phase.on_bad) == (48 * HOUR, OnBad.RESTART)


def test_one_environment_need_not_be_named(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text("name: tiny\nenvironments:\n  only: {tone: staging}\n")
    path = tmp_path / "x.rollout.yaml"
    path.write_text("name: x\nphases: [{name: a}]\n")
    system = load_system(tmp_path, environ={})
    assert load_plan(path, system, environ={}).phases[0].environment == "only"
    rolling = "name: x\nstrategy: {rolling: {deployment: tiny}}\nphases: [{name: a, share: 100%}]\n"
    with pytest.raises(BrokenFile, match="environment `only` of phase `a` has none"):
        load_plan(path, system, environ={}, text=rolling)


SET = PLAN.replace("title: the release", "title: ${TITLE:-the release}\nversion: ${RELEASE:-v1}").replace(
    "run: git status", 'run: "git -C ${REPO:-.} status $VERSION ${VERSION:-x} ${API_TOKEN:-}"'
)


def test_settings_come_from_the_environment_or_stay_as_written(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, SET, environ={"RELEASE": "v9", "OTHER": "1"})
    assert (plan.version, plan.title) == ("v9", "the release")
    assert plan.settings == (("RELEASE", "v9"), ("REPO", ""), ("TITLE", ""))


def test_the_journalled_text_and_settings_give_the_same_plan_whatever_became_of_the_rest(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, SET, environ={"RELEASE": "v9", "REPO": "/srv", "API_TOKEN": "hunter22"})
    assert plan.digest == hashlib.sha256(plan.text.encode()).hexdigest() and plan.text == SET
    assert "hunter22" not in str(plan)
    plan.path.write_text("name: release\n")
    again = load_plan(plan.path, system_in(tmp_path), environ=dict(plan.settings), text=plan.text)
    assert again == plan
    plan.path.unlink()
    assert load_plan(plan.path, system_in(tmp_path), environ=dict(again.settings), text=again.text) == plan
    other = load_plan(plan.path, system_in(tmp_path), environ={"RELEASE": "v8"}, text=plan.text)
    assert other == replace(plan, version="v8", settings=(("RELEASE", "v8"), ("REPO", ""), ("TITLE", "")))


def test_a_setting_may_stand_in_what_is_expected_of_a_command(tmp_path: Path) -> None:
    text = PLAN.replace('expect: "^$"', 'expect: "^${WANTED:-ok}$"')
    [check] = plan_in(tmp_path, text, environ={"WANTED": "(yes|no)"}).phases[1].before
    assert isinstance(check, CommandCheck) and check.expect == "^(yes|no)$"


def test_line_ends_and_byte_order_marks_of_other_editors_make_no_other_plan(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    plan.path.write_bytes(b"\xef\xbb\xbf" + PLAN.replace("\n", "\r\n").encode())
    again = load_plan(plan.path, system_in(tmp_path), environ={})
    assert (again, again.text, again.phases[2].line) == (plan, PLAN, line_of(PLAN, "- name: three"))


def test_bash_fills_in_what_a_command_takes_from_its_environment(tmp_path: Path) -> None:
    [check] = plan_in(tmp_path, SET, environ={"REPO": "/srv; rm -rf x"}).phases[1].before
    assert check == CommandCheck("tree", "git -C ${REPO:-.} status $VERSION ${VERSION:-x} ${API_TOKEN:-}", "^$")


@given(share=st.integers(0, 100_000).map(lambda number: number / 1000), pods=st.none() | st.integers(1, 99))
def test_a_share_is_read_back_from_its_own_text(
    share: float, pods: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wanted = Share(float(f"{share / 100:.12g}"), pods)
    folder = tmp_path_factory.getbasetemp()
    text = PLAN.replace("share: 5% or 1 pod", f"share: {wanted.text}").replace("share: 50%", "share: 100%")
    assert plan_in(folder, text).phases[0].share == wanted


def test_plans_are_found_by_their_names_without_being_read(tmp_path: Path) -> None:
    plan_in(tmp_path)
    (tmp_path / "hotfix.rollout.yaml").write_text("broken: [")
    system = system_in(tmp_path)
    assert plan_names(tmp_path) == ("hotfix", "release")
    assert (
        find_plans(system) == system.rollouts == (tmp_path / "hotfix.rollout.yaml", tmp_path / "release.rollout.yaml")
    )
    assert plan_names(tmp_path / "none") == ()
    with pytest.raises(BrokenFile):
        load_plan(system.rollouts[0], system)
