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
from tests.systems.plans import PLAN, line_of, plan_in, system_in


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Fault, ...]:
    with pytest.raises(BrokenFile) as broken:
        plan_in(folder, text, environ=environ)
    return broken.value.faults


FAULTS = {
    "an unknown key with its nearest": (
        "cheklist", "checklist: [logs", "cheklist: [logs", "no key `cheklist`", "`checklist`",
    ),
    "an unknown key of the plan": (
        "succes:", "title: the", "succes: [x]\ntitle: the", "no key `succes`", "`success`",
    ),
    "no name": ("title:", "name: release\n", "", "has no `name`", "name: release"),
    "a name that is not the file's": (
        "name: other", "name: release", "name: other", "release.rollout.yaml", "other.rollout",
    ),
    "a name with capitals": ("name: Release", "name: release", "name: Release", "`Release`", "lower-case"),
    "a version that is none": ("version:", "day_one:", "version: v 2\nday_one:", "`v 2`", "v2.3.3"),
    "a day that is none": ("day_one", "2025-10-23", "23.10.2025", "no day", "2025-10-23"),
    "no phases": ("name: release", "phases:\n", "phase:\n", "has no `phases`", "- name:"),
    "a measure that there is not": (
        "measured:", "canary_share", "canary_shar", "no metric `canary_shar`", "`canary_share`",
    ),
    "a measure that is no ratio": ("measured:", "canary_share", "p99_latency", "which is a time", "%"),
    "a promotion that is none": (
        "promotion: auto", "promotion: automatic", "promotion: auto", "is `auto`", "`automatic`",
    ),
    "a tolerance that is none": ("outage:", "day_one:", "outage: {tolerance: soon}\nday_one:", "soon", "tolerance: "),
    # phases
    "two phases of one name": (
        "name: one\n    title:", "- name: two\n", "- name: one\n    title: again\n", "two phases `one`", "rename",
    ),
    "a phase without a name": (
        "environment: production", "- name: three\n    env", "- env", "has no `name`", "name: ",
    ),
    "a phase's name": ("t w o", "- name: two", "- name: t w o", "`t w o`", "letters, digits"),
    "an unknown environment": (
        "stagin\n", "  - name: three\n    environment: production\n", "  - name: three\n    environment: stagin\n",
        "`stagin`", "`staging`",
    ),
    "no environment": (
        "- name: three", "  - name: three\n    environment: production\n", "  - name: three\n", "no `environment`",
        "`environment: bare`",
    ),
    "an interval before the first": (
        "interval: 1h", "    soak: 48h", "    soak: 48h\n    interval: 1h", "first", "not_before",
    ),
    "a cadence too short": ("cadence:", "    soak: 48h", "    soak: 48h\n    cadence: 1s", "is 1s", "1m to 30d"),
    # shares
    "a share over the whole": ("share: 500%", "share: 50%", "share: 500%", "over 100 %", "100%"),
    "a bare number as share": ("share: 50\n", "share: 50%", "share: 50", "no share: `50`", "`share: 50%`"),
    "a share that is none": ("share: half", "share: 50%", "share: half", "no share: `half`", "5% or 1 pod"),
    "a share of no pods": ("share: 0 pods", "share: 50%", "share: 0 pods", "no pods", "1 pod"),
    "a share that falls": (
        "share: 4%", "share: 50%", "share: 4%", "is 4%, and staging had 5% or 1 pod", "5% or 1 pod or more",
    ),
    "a share without a strategy": (
        "share: 5%", "strategy: {canary: {stable: demo, canary: demo-canary}}\n", "", "share and no strategy",
        "rolling",
    ),
    "a strategy put aside and a share": (
        "share: 50%", "share: 50%", "share: 50%\n    strategy: none", "no strategy", "rolling",
    ),
    "a strategy without a share": (
        "strategy: {argo", "  - name: three\n", "  - name: three\n    strategy: {argo: {rollout: r}}\n", "no share",
        "share: 5%",
    ),
    "settings without a share": (
        "set: {X", "  - name: three\n", "  - name: three\n    set: {X: a}\n", "no share", "add `share:`",
    ),
    "a setting's name": ("set: {A-B", "set: {AUDIT_LEVEL: FULL}", "set: {A-B: c}", "`A-B`", "AUDIT_LEVEL"),
    "a secret among settings": (
        "API_KEY", "{AUDIT_LEVEL: FULL}", "{API_KEY: sk-0123456789abcdef}", "looks like a secret", "Secret",
    ),
    "later without when": ("- {set", "{after: 24h, set:", "{set:", "no `after`", "24h"),
    "later without what": (
        "- {after", "{after: 24h, set: {AUDIT_LEVEL: INFO}}", "{after: 24h}", "no `set`", "set: {",
    ),
    "later in the wrong order": (
        "- {after: 2h", "INFO}}\n", "INFO}}\n      - {after: 2h, set: {A: b}}\n", "goes back to 2h", "more than 24h",
    ),
    # tiers
    "a share that no tier is for": ("share: 50%", "up_to: 100%", "up_to: 40%", "no tier is for `share: 50%`", "100%"),
    "tiers in the wrong order": ("up_to: 5%", "up_to: 100%", "up_to: 5%", "not above", "order"),
    "a tier by pods": ("up_to: 1 pod", "up_to: 10%", "up_to: 1 pod", "in percent", "10%"),
    "a tier without a bound": ("- {rollback", "{up_to: 10%, ", "{", "no `up_to`", "10%"),
    "a tier without criteria": (
        "- {up_to: 10%}", "{up_to: 10%, rollback_when: [error_rate > 1% for 5m]}", "{up_to: 10%}",
        "no `rollback_when`", "[",
    ),
    # times
    "a day without a first": ("day 1", "day_one: 2025-10-23\n", "", "which is the first", "day_one"),
    "a day before the first": ("day 0", "day 1 09:00", "day 0 09:00", "no moment", "count from 1"),
    "an hour that there is not": ("day 1 25", "day 1 09:00", "day 1 25:00", "no moment", "hours to 23"),
    "a moment without a zone": ("2025-10-23T", "day 1 09:00", "2025-10-23T09:00:00", "time zone", "09:00:00Z"),
    "a moment that is none": ("tomorrow", "day 1 09:00", "tomorrow", "no moment: `tomorrow`", "day 2 09:00"),
    "a moment out of the calendar": ("9999", "day 1 09:00", "9999-12-31T23:00:00-05:00", "out of all time", "2025"),
    "a day out of the calendar": ("day 3", "2025-10-23", "9999-12-31", "out of all time", "2025"),
    "times that go back": (
        "day 1 08", "day 3 09:00", "day 1 08:00", "before that of `one`", "2025-10-23 09:00 or later",
    ),
    # rules
    "a condition that is none": (
        "p99_latency is", "p99_latency < 200ms", "p99_latency is fine", "`gates` of phase `one`", "",
    ),
    "a condition across dimensions": ("p99_latency < 200MB", "200ms", "200MB", "bytes", "s"),
    "an unknown metric": ("p99_latncy", "p99_latency < 200ms", "p99_latncy < 200ms", "p99_latncy", "p99_latency"),
    "a rule without a condition": ("{name: x}", "p99_latency < 200ms", "{name: x}", "no `when`", "when: "),
    "a rule that is a list": ("- [x]", "p99_latency < 200ms", "[x]", "neither a text nor a table", "`when`"),
    "an unknown key of a rule": ("whn", "p99_latency < 200ms", "{whn: x}", "no key `whn`", "`when`"),
    "gates that need time and no soak": ("redis_memory stable", "    soak: 48h\n", "", "no soak", "soak: 1h"),
    "a soak that is none": ("soak: long", "soak: 48h", "soak: long", "long", "48h"),
    "a soak without a unit": ("soak: 48\n", "soak: 48h", "soak: 48", "no span", "48m"),
    "a soak without how long": ("soak: {", "soak: 48h", "soak: {on_bad: pause}", "no `for`", "48h"),
    "a bad second that does something else": (
        "soak: {", "soak: 48h", "soak: {for: 1h, on_bad: stop}", "is `stop`", "`pause`",
    ),
    "a check that the environment lacks": (
        "back fails", "front fails 3 times", "back fails 3 times", "no health check `back`", "`health:` of `staging`",
    ),
    "a check behind a metric that the environment lacks": (
        "back_failures", "front fails 3 times", "back_failures > 2", "no health check `back`", "`front`",
    ),
    "a metric whose source the environment lacks": (
        "errors_logged", "error_rate < 1%", "errors_logged < 5/h", "it has none", "`logs:` of `production`",
    ),
    "a plan's rule that one environment cannot judge": (
        "error_rate > 5%", "environment: production", "environment: bare", "no Prometheus",
        "`prometheus:` or `scrape:`",
    ),
    "a floor that the environment cannot judge": (
        "if errors_logged", "error_rate < 1%", "error_rate < 1% if errors_logged >= 1/h", "", "`logs:`",
    ),
    "a gate that is a criterion too": (
        "- error_rate > 1% for 5m", "p99_latency < 200ms", "error_rate > 1% for 5m", "same condition rolls back",
        "line",
    ),
    "a gate that a failing check passes": (
        "- front fails", "p99_latency < 200ms", "front fails 2 times", "health check fails", "rollback_when",
    ),
    "gates that exclude each other": (
        "- p99_latency > 200ms", "200ms\n", "200ms\n      - p99_latency > 200ms\n", "no value of `p99_latency`",
        "number",
    ),
    "a gate below nothing": (
        "redis_memory < 0MB", "p99_latency < 200ms", "redis_memory < 0MB", "no value of `redis_memory`", "number",
    ),
    # people
    "a role that there is not": ("[leed]", "sign_offs: [lead]", "sign_offs: [leed]", "`leed`", "`lead`"),
    "a checklist item with a colon": ("logs: read", "[logs read]", "[{logs: read}]", "not a text", "quotes"),
    "a checklist item twice": ("[logs read,", "[logs read]", "[logs read, logs read]", "twice", "remove one"),
    # strategies
    "an unknown strategy": ("canry", "{canary: {st", "{canry: {st", "no key `canry`", "did you mean `canary`"),
    "an unknown word for a strategy": (
        "strategy: nope", "strategy: {canary: {stable: demo, canary: demo-canary}}", "strategy: nope", "is `nope`",
        "`none`",
    ),
    "two strategies": (
        "strategy:", "-canary}}\n", "-canary}, argo: {rollout: r}}\n", "`canary` and `argo`", "exactly one",
    ),
    "no strategy at all": (
        "strategy: {}", "strategy: {canary: {stable: demo, canary: demo-canary}}", "strategy: {}", "names none",
        "exactly one",
    ),
    "an unknown option": ("stabel", "{stable: demo", "{stabel: demo", "no key `stabel`", "did you mean `stable`"),
    "a strategy without an option": ("strategy:", "{stable: demo, ", "{", "no `stable`", "stable: demo"),
    "one Deployment for both": ("strategy:", "canary: demo-canary", "canary: demo", "are both `demo`", "different"),
    "a Deployment that is not watched": (
        "strategy:", "stable: demo,", "stable: web,", "`web` of `canary` is not among the workloads of `staging`",
        "`- deployment: web`",
    ),
    "a canary that is not watched": (
        "strategy:", "canary: demo-canary", "canary: web-canary", "`web-canary`",
        "`- {deployment: web-canary, optional: true}` to",
    ),
    "a canary that must be optional": (
        "strategy: {canary: {stable: demo-blue", "  - name: three\n    environment: production\n",
        "  - name: three\n    environment: production\n    share: 5%\n"
        "    strategy: {canary: {stable: demo-blue, canary: demo-green}}\n",
        "no pods at the end", "optional: true",
    ),
    "an object's name": ("strategy:", "stable: demo,", "stable: De_mo,", "`De_mo`", "lower-case"),
    "a strategy that needs Kubernetes": (
        "strategy:", "  - name: three\n", "  - {name: x, environment: bare, share: 5%}\n  - name: three\n",
        "needs Kubernetes", "`command`",
    ),
    "a share that rolling cannot give": (
        "share: 50%", "share: 50%\n", "share: 50%\n    strategy: {rolling: {deployment: demo}}\n",
        "cannot give `50%`", "share: 100%",
    ),
    "a share that blue-green cannot give": (
        "share: 60%", "share: 50%\n",
        "share: 60%\n    strategy: {blue-green: {service: s, blue: demo, green: demo-canary}}\n", "cannot give `60%`",
        "`share: 0%`",
    ),
    "pods where weights are meant": (
        "share: 3 pods", "share: 50%\n", "share: 3 pods\n    strategy: {argo: {rollout: r}}\n", "in percent",
        "share: 5%",
    ),
    "a command without what reads it": (
        "strategy: {command", "share: 50%\n", "share: 60%\n    strategy: {command: {apply: a, roll_back: b}}\n",
        "no `read`", "read: ",
    ),
    # flags
    "a flag that is on and off": ("flags:", "off: [c]", "off: [c, a]", "`a` is both on and off", "remove it"),
    "a flag twice": ("flags:", "on: [a, b]", "on: [a, b, a]", "has `a` twice", "remove one"),
    "flags that are kept nowhere": ("flags:", 'redis: "demo:flags", ', "", "neither of", "kept in"),
    "flags that are kept twice": (
        "flags:", 'redis: "demo:flags"', 'redis: "demo:flags", file: f', "both of", "kept in",
    ),
    "no flags": ("flags:", ", on: [a, b], off: [c]", "", "no `on`", "on: ["),
    "a word for flags": (
        "flags: off", 'flags: {redis: "demo:flags", on: [a, b], off: [c]}', "flags: off", "is `off`", "none",
    ),
    "flags in a Redis that there is not": (
        "flags:", "  - name: three\n", "  - {name: x, environment: bare, share: 5%}\n  - name: three\n",
        "`bare` of phase `x` has none", "`flags: none` in phase `x`",
    ),
    # needs
    "an unknown other environment": (
        "separate_redis", "[staging]", "[stagin]", "no other environment `stagin`", "`staging`",
    ),
    "itself as the other environment": (
        "separate_redis", "[staging]", "[production]", "no other environment", "`staging`",
    ),
    "another environment without a Redis": ("separate_redis", "[staging]", "[bare]", "`bare` has none", "redis:"),
    "sticky sessions without Kubernetes": (
        "sticky_sessions", "environment: production", "environment: bare", "needs Kubernetes", "kubernetes:",
    ),
    "an autoscaler without Kubernetes": (
        "autoscaler:", "  - name: three\n    environment: production\n",
        "  - name: three\n    environment: bare\n    autoscaler: absent\n", "needs Kubernetes", "kubernetes:",
    ),
    # checks and steps
    "a check of two kinds": (
        "      - {name: tree, run: git status", "      - {name: tree, run: git status",
        "      - {name: tree, run: git status, http: 'http://h/'", "`run` and `http`", "exactly one",
    ),
    "a check of no kind": ("- {name: tree", "run: git status, ", "", "", "exactly one"),
    "a check that clears": (
        "{name: tree", '      - {name: tree, run: git status, expect: "^$"}', "      - {name: tree, clear: 'a:*'}",
        "`clear`", "`http: …`",
    ),
    "a check without a name": ("- {run", "{name: tree, run", "{run", "no `name`", "name: "),
    "two checks of one name": (
        "git status, expect", "      - {name: tree, run: git status",
        "      - {name: tree, run: git}\n      - {name: tree, run: git status", "`tree` twice", "rename",
    ),
    "an expectation that is none": ("expect:", '"^$"', '"("', "no regular expression", "escape"),
    "an expectation of a URL": ("http: ", '/$VERSION"}', '/$VERSION", expect: ok}', "with `run` only", "remove"),
    "an address that is none": (
        "http: localhost", '"http://127.0.0.1:8080/$VERSION"', "localhost", "no address", "http://",
    ),
    "a pattern of everything": ("clear:", "demo:cache:*", "*", "every key", "beginning of the keys"),
    "a pattern of everything, dressed up": (
        "clear:", "demo:cache:*", "?*[^x]*", "every key", "beginning of the keys",
    ),
    "a pattern that takes the sessions": ("clear:", "demo:cache:*", "demo:s*", "every session", "leaves it alone"),
    "a pattern that takes the bypass": (
        "clear:", "demo:cache:*", "demo:*pass", "emergency bypass", "leaves it alone",
    ),
    # secrets
    "a secret": ("title:", "title: the release", "title: ${TITLE}", "as a secret", "${TITLE:-"),
    "a setting that is a secret": (
        "title:", "title: the release", "title: ${API_TOKEN:-x}", "is a secret", "take it out",
    ),
    "a URL with a password": ("http:", "http://127", "http://me:hunter22@127", "URL holds a password", "${NAME}"),
    "a side where there are none": ("http:", "/$VERSION", "/$SLOT", "`$SLOT` in `http`", "are blue-green"),
    "something else in a URL": ("http:", "/$VERSION", "/$HOME", "`$HOME` in `http`", "`$VERSION`"),
    "later than the phase lasts": (
        "later: [", "soak: 24h\n    sign_offs: [lead]\n",
        "soak: 12h\n    promotion: automatic\n    later: [{after: 13h, set: {A: b}}]\n",
        "its soak of 12h", "next phase",
    ),
    "settings of a command": (
        "set: {X", "share: 50%\n",
        "share: 50%\n    set: {X: a}\n    strategy: {command: {apply: a, read: b, roll_back: c}}\n",
        "`command` has none", "in the command itself",
    ),
}  # fmt: skip


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
