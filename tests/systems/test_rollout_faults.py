"""A plan with a fault is refused, with every fault at its line and what would be right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.systems.faults import BrokenFile, Fault
from console.systems.loader import load_system
from console.systems.rollout_plans import load_plan
from tests.systems.faults import FAULTS
from tests.systems.plans import PLAN, line_of, plan_in, system_in


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Fault, ...]:
    with pytest.raises(BrokenFile) as broken:
        plan_in(folder, text, environ=environ)
    return broken.value.faults


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_a_fault_names_its_line_what_is_wrong_and_what_would_be_right(case: str, tmp_path: Path) -> None:
    seen_at, old, new, wrong, right = FAULTS[case]
    assert old in PLAN, old
    text = PLAN.replace(old, new, 1)
    faults = refused(tmp_path, text)
    line = line_of(text, seen_at)
    matching = [fault for fault in faults if fault.line == line and wrong in fault.wrong and right in fault.right]
    assert len(matching) == 1, f"expected line {line}\n" + "\n".join(map(str, faults))
    assert str(matching[0]).startswith(f"{tmp_path / 'release.rollout.yaml'}:{line}: ")
    assert "hunter22" not in "".join(map(str, faults))
    assert all(fault.right for fault in faults)


def test_a_mistyped_key_hides_no_other_fault_and_makes_none(tmp_path: Path) -> None:
    text = PLAN.replace("    share: 50%\n", "    share: 2%\n").replace(
        "    environment: staging\n", "    enviroment: staging\n"
    )
    wrongs = [fault.wrong for fault in refused(tmp_path, text)]
    assert wrongs == [
        "the phase has no key `enviroment`",
        "the phase has no key `enviroment`",
        "`share` of phase `two` is 2%, and staging had 5% or 1 pod before it",
    ]


@pytest.mark.parametrize("name", ["EMERGENCY_BYPASS", "AUTH_MODE", "MAX_TOKENS", "KEYSPACE", "MONKEY"])
def test_a_variable_whose_name_only_resembles_that_of_a_secret_may_be_set(name: str, tmp_path: Path) -> None:
    plan = plan_in(tmp_path, PLAN.replace("set: {AUDIT_LEVEL: FULL}", f"set: {{{name}: strict, USE_API_KEY: true}}"))
    assert plan.phases[0].settings[0].values == ((name, "strict"), ("USE_API_KEY", "true"))


@pytest.mark.parametrize(
    ("one", "other", "satisfiable"),
    [
        ("< 200ms", ">= 200ms", False),
        (">= 200ms", "< 200ms", False),
        ("<= 200ms", ">= 200ms", True),
        ("> 0.2s", "<= 200ms", False),
        ("== 200ms", "< 200ms", False),
        ("== 200ms", "<= 0.2s", True),
        ("== 200ms", "== 201ms", False),
        ("< 200ms", "< 100ms", True),
        ("> 100ms", "< 200ms", True),
        ("< 0ms", "> -1ms", True),
        ("!= 200ms", "== 200ms", True),
        ("> 300ms", "< 200ms over 5m", True),
    ],
)
def test_gates_exclude_each_other_only_where_no_number_passes_both(
    one: str, other: str, satisfiable: bool, tmp_path: Path
) -> None:
    text = PLAN.replace("      - p99_latency < 200ms\n", f"      - p99_latency {one}\n      - p99_latency {other}\n")
    if satisfiable:
        assert len(plan_in(tmp_path, text).phases[0].gates) == 3
    else:
        assert [fault.line for fault in refused(tmp_path, text)] == [line_of(text, f"- p99_latency {other}")]


@pytest.mark.parametrize(
    ("one", "other", "falls"),
    [
        ("5%", "5%", False),
        ("5%", "4.9%", True),
        ("5% or 1 pod", "4% or 2 pods", True),
        ("3 pods", "2 pods", True),
        ("3 pods", "3 pods", False),
        ("3 pods", "10%", False),
        ("10%", "1 pod", False),
        ("0%", "0%", False),
    ],
)
def test_a_share_falls_where_both_are_of_one_kind(one: str, other: str, falls: bool, tmp_path: Path) -> None:
    text = PLAN.replace("share: 5% or 1 pod", f"share: {one}").replace("share: 50%", f"share: {other}")
    if falls:
        [fault] = refused(tmp_path, text)
        assert fault.line == line_of(text, f"share: {other}") and f"write {one} or more" in fault.right
    else:
        assert len(plan_in(tmp_path, text).phases) == 3


@pytest.mark.parametrize(
    ("later", "wrong"),
    [
        ("[{after: 24h, set: {A: b}}]", ""),
        ("[{after: 1h, set: {A: b}}, {after: 2h, set: {A: c}}]", ""),
        ("[{after: 24h1s, set: {A: b}}]", "its soak of 24h ends it before"),
        ("[{after: 2h, set: {A: b}}, {after: 2h, set: {A: c}}]", "goes back to 2h"),
    ],
)
def test_later_settings_come_one_after_the_other_and_while_the_phase_lasts(
    later: str, wrong: str, tmp_path: Path
) -> None:
    text = PLAN.replace("    sign_offs: [lead]\n", f"    promotion: automatic\n    later: {later}\n")
    if wrong:
        assert [wrong in fault.wrong for fault in refused(tmp_path, text)] == [True]
    else:
        assert plan_in(tmp_path, text).phases[1].settings[-1].values
    asked = text.replace("promotion: automatic", "promotion: person")
    assert ("ends it before" in wrong or not wrong) == bool(_read(tmp_path, asked))


def _read(folder: Path, text: str) -> bool:
    try:
        return bool(plan_in(folder, text))
    except BrokenFile:
        return False


def test_keys_are_cleared_only_where_the_plan_has_a_redis(tmp_path: Path) -> None:
    steps = 'after_rollback: [{name: x, clear: "demo:cache:*"}]\n'
    text = f"name: release\n{steps}phases: [{{name: a, environment: bare}}]\n"
    [fault] = refused(tmp_path, text)
    assert fault.line == 2 and "no environment of the plan has a Redis" in fault.wrong
    assert plan_in(tmp_path, text.replace("bare}", "bare}, {name: b, environment: staging}")).then


@pytest.mark.parametrize("clock", ["24:00", "9:60", "99:99"])
def test_an_hour_of_no_day_is_no_moment(clock: str, tmp_path: Path) -> None:
    assert "hours to 23" in refused(tmp_path, PLAN.replace("day 1 09:00", f"day 1 {clock}"))[0].right


def test_the_longest_soak_is_a_year(tmp_path: Path) -> None:
    assert plan_in(tmp_path, PLAN.replace("soak: 48h", "soak: 365d")).phases[0].soak == timedelta(days=365)
    [fault] = refused(tmp_path, PLAN.replace("soak: 48h", "soak: 366d"))
    assert "up to 365d" in fault.right


def test_all_faults_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = PLAN.replace("soak: 48h", "soak: long").replace("[lead]", "[leed]").replace("canary_share", "p99_latency")
    faults = refused(tmp_path, text)
    assert [fault.line for fault in faults] == [
        line_of(text, "measured:"),
        line_of(text, "soak: long"),
        line_of(text, "redis_memory stable"),
        line_of(text, "[leed]"),
    ]


def test_a_setting_whose_value_is_a_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = PLAN.replace("title: the release", "title: ${TITLE:-x}")
    [fault] = refused(tmp_path, text, {"TITLE": "redis://me:hunter22@host"})
    assert fault.line == line_of(text, "title:") and "hunter22" not in str(fault)


def test_a_setting_with_a_wrong_value_is_a_fault_of_its_line(tmp_path: Path) -> None:
    text = PLAN.replace("share: 50%", "share: ${SCALE:-50%}")
    assert plan_in(tmp_path, text, environ={"SCALE": "60%"}).phases[1].share is not None
    [fault] = refused(tmp_path, text, {"SCALE": "half"})
    assert (fault.line, "no share: `half`" in fault.wrong) == (line_of(text, "share: ${SCALE"), True)


def test_a_plan_that_is_no_yaml_or_not_there_is_one_fault(tmp_path: Path) -> None:
    assert [fault.line for fault in refused(tmp_path, "name: release\nphases:\n\t- x\n")] == [3]
    [empty] = refused(tmp_path, "# nothing\n")
    assert "begin with `name:` and `phases:`" in empty.right
    with pytest.raises(BrokenFile, match="cannot be read: No such file"):
        load_plan(tmp_path / "none.rollout.yaml", system_in(tmp_path))


ROWS = PLAN.splitlines()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, len(ROWS) - 1),
    doing=st.sampled_from(["drop", "double", "indent", "cut", "replace", "empty"]),
    junk=st.sampled_from(["- x", "? y", "{", "]", "'", "x: [1, {a: b}]", "*a", "!!int x", "|", "- - -", "a: &b [*b]"]),
)
def test_a_plan_that_was_mangled_is_read_or_refused_and_never_breaks_the_reader(
    tmp_path: Path, at: int, doing: str, junk: str
) -> None:
    rows = list(ROWS)
    row = rows[at]
    indent = row[: len(row) - len(row.lstrip())]
    rows[at : at + 1] = {
        "drop": [],
        "double": [row, row],
        "indent": ["   " + row],
        "cut": [row[: len(row) // 2]],
        "replace": [indent + junk],
        "empty": [row.split(":")[0] + ":"],
    }[doing]
    system = load_system(tmp_path, environ={}) if (tmp_path / "system.yaml").exists() else system_in(tmp_path)
    try:
        load_plan(tmp_path / "release.rollout.yaml", system, environ={}, text="\n".join(rows) + "\n")
    except BrokenFile as broken:
        assert broken.faults
        assert all(1 <= fault.line <= len(rows) + 1 and fault.wrong and fault.right for fault in broken.faults)
