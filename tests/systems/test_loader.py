"""A system.yaml is read whole, or refused with every fault at its line."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.core.system import MetricSource, Secret, Severity, Tone
from console.core.units import Dimension
from console.systems.faults import BrokenFile, Fault
from console.systems.loader import check, load_system
from console.systems.places import state_of

GOOD = """\
name: demo
environments:
  staging:
    tone: staging
    kubernetes:
      namespace: demo
      workloads:
        - deployment: demo
    redis:
      host: 10.0.0.1
      port: 6379
      password: ${DEMO_PASSWORD}
      tls: false
    logs:
      - file: logs/demo.log
    health:
      front:
        url: http://127.0.0.1:8080/healthz
metrics:
  error_rate:
    unit: "%"
    promql: sum(rate(errors_total[5m]))
  memory:
    unit: MB
    redis: used
alerts:
  errors:
    severity: P1
    when: error_rate > 5% for 5m
    action: Look.
log_patterns:
  errors:
    pattern: '(?i)error'
sessions:
  pattern: demo:{tenant}:{id}
bypass:
  key: demo:bypass
  variable: DEMO_BYPASS
  switches_off:
    - judging
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "system.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(folder: Path, text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(BrokenFile) as broken:
        load_system(write(folder, text), environ={})
    return broken.value.faults


def line_of(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


def test_a_good_file_becomes_frozen_types(tmp_path: Path) -> None:
    system = load_system(write(tmp_path, GOOD), environ={})
    staging = system.environments[0]
    assert (system.name, system.title, staging.tone) == ("demo", "demo", Tone.STAGING)
    assert staging.redis is not None and staging.redis.password == Secret("DEMO_PASSWORD")
    assert (staging.redis.host, staging.redis.port, staging.redis.tls) == ("10.0.0.1", 6379, False)
    assert staging.redis.timeout == timedelta(seconds=1)
    assert staging.logs[0].file == Path.cwd() / "logs/demo.log"
    assert system.metrics[0].unit.dimension is Dimension.RATIO and system.metrics[0].source is MetricSource.PROMQL
    assert system.alerts[0].severity is Severity.P1 and system.alerts[0].line == line_of(GOOD, "when:")
    assert system.bypass is not None and system.bypass.ceiling == timedelta(minutes=15)


def test_a_folder_is_as_good_as_its_file(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert load_system(tmp_path, environ={}).path == tmp_path / "system.yaml"


# What is changed in the good file, where the fault is seen, what is wrong, what would be right.
FAULTS = {
    "an unknown key with its nearest": ("    tone: staging", "    tonne: staging", "tonne", "no key `tonne`", "`tone`"),
    "a missing key": ("    tone: staging\n", "", "staging:", "has no `tone`", "tone: production"),
    "a word that is none of the choices": ("tone: staging", "tone: stagin", "tone:", "is `stagin`", "`staging`"),
    "a key twice": ("name: demo", "name: demo\nname: again", "name: again", "`name` twice", "line 1"),
    "a key without a value": ("name: demo", "name:", "name:", "no value", "name: hak-gal"),
    "a text where a table belongs": (
        "    redis:\n      host: 10.0.0.1\n      port: 6379\n      password: ${DEMO_PASSWORD}\n      tls: false\n",
        "    redis: 10.0.0.1\n",
        "redis: 10",
        "not a table",
        "`host`",
    ),
    "a table where a list belongs": (
        "        - deployment: demo",
        "        deployment: demo",
        "workloads:",
        "list",
        "- ",
    ),
    "a number that is none": ("port: 6379", "port: many", "port:", "`many`", "1 to 65535"),
    "a port too large": ("port: 6379", "port: 70000", "port:", "`70000`", "1 to 65535"),
    "a truth that is none": ("tls: false", "tls: nope", "tls:", "`nope`", "`true` or `false`"),
    "a truth that is missing": ("      tls: false\n", "", "redis:", "no `tls`", "tls: true"),
    "a password in the file": ("${DEMO_PASSWORD}", "hunter22", "password:", "written in the file", "${REDIS_CLOUD"),
    "a password in a URL": ("http://127", "http://me:hunter22@127", "url:", "URL holds a password", "${NAME}"),
    "a secret where a setting belongs": ("namespace: demo", "namespace: ${NS}", "namespace:", "secret", "${NS:-"),
    "a namespace that cannot be": ("namespace: demo", "namespace: De_mo", "namespace:", "`De_mo`", "lower-case"),
    "a URL that is none": ("url: http://127.0.0.1:8080/healthz", "url: 127.0.0.1", "url:", "no address", "tcp://"),
    "a port that a URL cannot have": (":8080/", ":808080/", "url:", "no address", "http://"),
    "a unit that is none": ("unit: MB", "unit: megs", "unit: megs", "`megs`", "`MB`"),
    "a unit of another dimension": ("unit: MB", "unit: ms", "unit: ms", "unit of time", "unit: MB"),
    "a Redis field that there is not": ("redis: used", "redis: usd", "redis: usd", "`usd`", "`used`"),
    "a log pattern that there is not": ("    redis: used", "    log: eror", "log: eror", "`eror`", "`errors`"),
    "a health check that there is not": ("    redis: used", "    health: frnt", "health: frnt", "`frnt`", "`front`"),
    "two sources": ("    redis: used", "    redis: used\n    log: errors", "memory:", "more than one", "exactly one"),
    "no source": ("    redis: used\n", "", "memory:", "no source", "exactly one"),
    "a condition across dimensions": ("error_rate > 5%", "error_rate > 5MB", "when:", "", "%"),
    "a condition on an unknown metric": ("error_rate > 5%", "eror_rate > 5%", "when:", "eror_rate", "error_rate"),
    "a condition that does not parse": ("error_rate > 5% for 5m", "error_rate is bad", "when:", "", ""),
    "a severity that is none": ("severity: P1", "severity: P7", "severity:", "`P7`", "`P1`"),
    "a regular expression that is none": ("'(?i)error'", "'(error'", "pattern: '(", "no regular expression", "escape"),
    "a pattern that matches all": ("'(?i)error'", "'x*'", "pattern: 'x", "every line", "must hold"),
    "a session pattern without an id": ("demo:{tenant}:{id}", "demo:{tenant}", "pattern: demo", "`{tenant}`", "`{id}`"),
    "a session pattern with two": ("{tenant}:{id}", "{id}:{tenant}:{id}", "pattern: demo", "`{id}`", "exactly one"),
    "a session pattern that touches": ("{tenant}:{id}", "{tenant}{id}", "pattern: demo", "touch", "separator"),
    "a bypass above the ceiling": (
        "  key: demo:bypass",
        "  key: demo:bypass\n  at_most: 1h",
        "at_most",
        "ceiling",
        "15m",
    ),
    "too many bypasses a day": ("  key: demo:bypass", "  key: demo:bypass\n  a_day: 9", "a_day", "`9`", "1 to 3"),
    "a runbook that does not exist": (
        "    action: Look.",
        "    action: Look.\n    runbook: no.md",
        "runbook: no",
        "no.md",
        "",
    ),
    "a length of time that is none": ("pattern: demo:", "every: soon\n  pattern: demo:", "every:", "soon", "every: "),
    "a length of time too long": ("pattern: demo:", "every: 3d\n  pattern: demo:", "every:", "3d", "1s to 1h"),
    "a name with capitals": ("name: demo", "name: Demo", "name:", "`Demo`", "lower-case"),
    "an environment's name": ("  staging:\n", "  Staging One:\n", "Staging One", "`Staging One`", "lower-case"),
    "a first workload that may be missing": (
        "- deployment: demo",
        "- deployment: demo\n          optional: true",
        "workloads:",
        "first workload",
        "put one first",
    ),
    "a pace where something real runs": (
        "name: demo",
        "name: demo\npace: {speed: 60, since: 2026-11-20T17:00:00Z}",
        "pace:",
        "`staging` is none",
        "remove it",
    ),
    "a home folder that there is not": ("logs/demo.log", "~nobody-here/x", "- file", "no home folder", "whole path"),
    "merge keys": ("    tone: staging", "    <<: {tone: staging}", "<<", "merges", "repeat the lines"),
    "a tag of one's own": ("name: demo", "name: !x demo", "name:", "tag", "plain value"),
    "a log of both kinds": (
        "- file: logs/demo.log",
        "- file: x\n        pods: true",
        "- file",
        "neither or both",
        "pods: true",
    ),
}


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_a_fault_names_its_line_what_is_wrong_and_what_would_be_right(case: str, tmp_path: Path) -> None:
    old, new, seen_at, wrong, right = FAULTS[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    faults = refused(tmp_path, text)
    line = line_of(text, seen_at)
    matching = [fault for fault in faults if fault.line == line and wrong in fault.wrong and right in fault.right]
    assert matching, "\n".join(map(str, faults))
    assert len(matching) == 1
    assert "hunter22" not in "".join(map(str, faults))
    assert str(matching[0]).startswith(f"{tmp_path / 'system.yaml'}:{line}: ")


SYNTAX = {
    "an empty file": (b"", 1, "empty"),
    "a file of comments": (b"# nothing\n\n", 1, "empty"),
    "a tab": (b"name: demo\nenvironments:\n\tstaging: x\n", 3, "tab"),
    "an unclosed quote": (b'name: "demo\nabout: x\n', 3, "quote"),
    "a bare percent": (b"name: demo\nunit: %\n", 2, "`%`"),
    "two colons": (b"name: demo: x\n", 1, "second `: `"),
    "an alias without an anchor": (b"name: *demo\n", 1, "alias"),
    "two documents": (b"name: a\n---\nname: b\n", 2, "document"),
    "Latin-1": (b"name: demo\ntitle: f\xfcr\n", 2, "UTF-8"),
    "a control character": (b"name: demo\ntitle: a\x07b\n", 2, "0x07"),
    "a list at the top": (b"- name: demo\n", 1, "not a table"),
    "a text at the top": (b"demo\n", 1, "not a table"),
}


@pytest.mark.parametrize("case", SYNTAX, ids=str)
def test_a_file_that_is_not_yaml_is_refused_at_its_line(case: str, tmp_path: Path) -> None:
    raw, line, word = SYNTAX[case]
    faults = refused(tmp_path, raw)
    assert any(fault.line == line and word in str(fault) for fault in faults), faults
    assert all(fault.right for fault in faults)


def test_a_missing_file_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match="cannot be read: No such file"):
        load_system(tmp_path / "absent.yaml")


def test_all_faults_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace("tone: staging", "tone: x").replace("unit: MB", "unit: megs").replace("'(?i)error'", "'('")
    faults = refused(tmp_path, text)
    assert [fault.line for fault in faults] == [
        line_of(text, "tone: x"),
        line_of(text, "unit: megs"),
        line_of(text, "pattern: '('"),
    ]


def test_syntax_errors_and_wrong_values_never_repeat_what_may_be_a_secret(tmp_path: Path) -> None:
    for text in (
        GOOD.replace("${DEMO_PASSWORD}", "'hunter22"),
        GOOD.replace("${DEMO_PASSWORD}", "[hunter22]"),
        GOOD.replace("${DEMO_PASSWORD}", "hunter22: x"),
        GOOD.replace("      tls: false", "      tls: false\n      pass: hunter22"),
        GOOD.replace("10.0.0.1", "redis://me:hunter22@10.0.0.1"),
    ):
        assert "hunter22" not in "".join(map(str, refused(tmp_path, text)))


SECOND = """\
  production:
    tone: production
    redis: {host: 10.0.0.1, port: 6379, tls: false}
metrics:
"""


def test_two_environments_may_not_share_one_redis(tmp_path: Path) -> None:
    text = GOOD.replace("metrics:\n", SECOND, 1)
    [fault] = refused(tmp_path, text)
    assert fault.line == line_of(text, "redis: {host")
    assert "`staging` and `production` share one Redis" in fault.wrong
    assert load_system(write(tmp_path, text.replace("port: 6379, tls", "port: 6380, tls")), environ={})


def test_two_environments_may_not_read_one_redis_from_one_secrets_file(tmp_path: Path) -> None:
    redis = "    secrets_file: all.env\n    redis: {host: '${HOST}', port: '${PORT}', tls: true}\n"
    text = (
        f"name: demo\nenvironments:\n  staging:\n    tone: staging\n{redis}  production:\n    tone: production\n{redis}"
    )
    assert ["share one Redis" in fault.wrong for fault in refused(tmp_path, text)] == [True]
    apart = text.replace("all.env", "staging.env", 1)
    assert load_system(write(tmp_path, apart)).environments[0].secrets_file == tmp_path / "staging.env"


def test_settings_come_from_the_environment_or_stay_as_written(tmp_path: Path) -> None:
    text = GOOD.replace("namespace: demo", "namespace: ${DEMO_NS:-demo}").replace(
        "http://127.0.0.1:8080", "${DEMO_URL:-http://127.0.0.1:8080}"
    )
    path = write(tmp_path, text)
    for environ, namespace in (({}, "demo"), ({"DEMO_NS": ""}, "demo"), ({"DEMO_NS": "other"}, "other")):
        kubernetes = load_system(path, environ=environ).environments[0].kubernetes
        assert kubernetes is not None and kubernetes.namespace == namespace
    with pytest.raises(BrokenFile, match="holds a password") as broken:
        load_system(path, environ={"DEMO_URL": "http://me:hunter22@host"})
    assert "hunter22" not in str(broken.value)


def test_words_that_yaml_would_turn_into_something_else_stay_as_written(tmp_path: Path) -> None:
    text = GOOD.replace("name: demo", "name: 'no'\ntitle: 1.10").replace(
        "tone: staging", "tone: staging\n    target: 2.30"
    )
    system = load_system(write(tmp_path, text), environ={})
    assert (system.name, system.title, system.environments[0].target) == ("no", "1.10", "2.30")


def test_paths_are_taken_from_where_they_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "demo"
    (folder / "books").mkdir(parents=True)
    (folder / "books" / "errors.md").write_text("# Errors\n")
    (folder / "books" / "README.md").write_text("# About\n")
    text = (
        GOOD.replace("name: demo", "name: demo\nrunbooks: books")
        .replace("action: Look.", "action: Look.\n    runbook: errors.md")
        .replace("namespace: demo", "namespace: demo\n      kubeconfig: kube/config")
        .replace("logs/demo.log", "~/demo.log")
    )
    system = load_system(write(folder, text), environ={})
    staging = system.environments[0]
    assert system.runbooks == (folder / "books" / "errors.md",) == (system.alerts[0].runbook,)
    assert staging.kubernetes is not None and staging.kubernetes.kubeconfig == folder / "kube/config"
    assert staging.logs[0].file == tmp_path / "home" / "demo.log"
    assert system.bypass is not None
    assert system.bypass.log == tmp_path / "state" / "demo" / "logs" / "emergency_bypass.log"


def test_a_system_may_keep_its_state_in_a_folder_of_its_own(tmp_path: Path) -> None:
    system = load_system(write(tmp_path, GOOD + "state: kept\n"), environ={})
    assert system.state == tmp_path / "kept" == state_of(system)
    assert system.bypass is not None and system.bypass.log == tmp_path / "kept" / "logs" / "emergency_bypass.log"
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    usual = load_system(write(tmp_path, GOOD), environ={})
    assert usual.state is None and state_of(usual) == tmp_path / "state" / "demo"


def test_the_usual_secrets_file_is_used_when_it_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_system(path).environments[0].secrets_file is None
    usual = tmp_path / "config" / "hakgal-console" / "demo" / "staging.env"
    usual.parent.mkdir(parents=True)
    usual.write_text("DEMO_PASSWORD=x\n")
    redis = load_system(path).environments[0].redis
    assert redis is not None and redis.secrets_file == usual


def test_check_reads_further_than_loading(tmp_path: Path) -> None:
    text = GOOD.replace("sum(rate(errors_total[5m]))", "sum(rate(errors_total[5m])")
    path = write(tmp_path, text)
    (tmp_path / "open.md").write_text("# A\n\n```bash\necho\n")
    (tmp_path / "latin.md").write_bytes(b"# A\n\xfc\n")
    (tmp_path / "empty.md").write_text("\n")
    load_system(path)
    found = {(fault.path.name, fault.line): fault.wrong for fault in check(tmp_path)}
    assert set(found) == {("system.yaml", line_of(text, "promql")), ("open.md", 3), ("latin.md", 2), ("empty.md", 1)}
    assert "not PromQL" in found["system.yaml", line_of(text, "promql")]
    write(tmp_path, GOOD.replace("tone: staging", "tone: x"))
    assert {fault.path.name for fault in check(path)} == {"system.yaml", "open.md", "latin.md", "empty.md"}


def test_a_runbook_that_is_missing_is_told_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("action: Look.", "action: Look.\n    runbook: gone.md"))
    (fault,) = check(path)
    assert fault.path == path and "there is no runbook" in fault.wrong


ROWS = GOOD.splitlines()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, len(ROWS) - 1),
    doing=st.sampled_from(["drop", "double", "indent", "cut", "replace"]),
    junk=st.sampled_from(
        ["- x", "? y", "{", "]", "'", "x: [1, {a: b}]", "&a", "*a", "!!int x", "|", "- - -", "a: &b [*b]"]
    ),
)
def test_a_file_that_was_mangled_is_read_or_refused_and_never_breaks_the_reader(
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
    }[doing]
    try:
        load_system(write(tmp_path, "\n".join(rows) + "\n"), environ={})
    except BrokenFile as broken:
        assert broken.faults
        assert all(1 <= fault.line <= len(rows) + 1 and fault.wrong and fault.right for fault in broken.faults)
