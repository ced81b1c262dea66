"""Conditions, checks and steps of a rollout plan."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from math import inf

from console.core.conditions import Condition, ConditionError, parse_condition
from console.core.rollouts.plan import BlueGreen, Check, ClearKeys, CommandCheck, HttpCheck, Rule, Step, Strategy
from console.core.system import Environment, Metric, MetricSource, System
from console.core.terms import Average, Comparison, FailedChecks, Operator, Stability
from console.systems.faults import did_you_mean
from console.systems.sheet import SETTING, SOUNDS_SECRET, URL_WITH_PASSWORD, Table

NOTHING = timedelta(0)
RULE_KEYS = ("name", "when")
CHECK_KEYS = ("name", "run", "http", "clear", "expect", "timeout")
# A pattern of keys to clear that begins with less could match anything.
LEAST_PREFIX = 3
RULE_EXAMPLE = "error_rate < 1%"
# What the console itself sets for the commands of a plan, or bash does; no setting stands for them.
GIVEN = frozenset((
    "VERSION", "SHARE", "ROLLOUT", "PHASE", "EPOCH", "SLOT", "SYSTEM", "ENVIRONMENT", "TARGET_VERSION", "KUBE_CONTEXT",
    "NAMESPACE", "DEPLOYMENT", "CONTAINER", "KUBECONFIG", "REDIS_HOST", "REDIS_PORT", "REDIS_OPTIONS", "REDISCLI_AUTH",
    "SESSION_PATTERN", "PROMETHEUS_URL", "HEALTH_URL", "LOG_FILE", "BYPASS_KEY", "BYPASS_VARIABLE", "BYPASS_LOG",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition as written in the file, not yet judged for an environment. name: empty where the file gives none."""

    key: str
    where: str
    name: str
    text: str
    line: int


def read_rules(table: Table, key: str) -> tuple[Asked, ...]:
    """The list of conditions under a key: texts, or tables of `name` and `when`."""
    found: list[Asked] = []
    for entry in table.entries(key, f"an entry of `{key}` of {table.where}", RULE_KEYS):
        if entry.table is None:
            found.append(Asked(key, table.where, "", entry.text, entry.line))
        elif text := entry.table.text("when", RULE_EXAMPLE):
            name = entry.table.optional("name", "errors") or ""
            found.append(Asked(key, table.where, name, text, entry.table.line("when")))
    return tuple(found)


class Judge:
    """Conditions made into rules for one environment of a system; faults are noted on the plan's sheet.

    environment: None where the plan names one that there is not; rules are then read with every check of the system.
    """

    def __init__(self, table: Table, system: System, environment: Environment | None) -> None:
        self._sheet = table.sheet
        self._system = system
        self._environment = environment
        self._units = {metric.name: metric.unit for metric in system.metrics}
        self._every_check = {check.name for each in system.environments for check in each.health}
        self._checks = {check.name for check in environment.health} if environment else self._every_check

    def rules(self, asked: Iterable[Asked]) -> tuple[Rule, ...]:
        """The rules in their order, each condition once."""
        found: dict[Condition, Rule] = {}
        for each in asked:
            rule = self._rule(each)
            if rule is not None:
                found.setdefault(rule.condition, rule)
        return tuple(found.values())

    def _rule(self, asked: Asked) -> Rule | None:
        try:
            condition = parse_condition(asked.text, self._units, self._every_check)
        except ConditionError as error:
            right = f"write `{error.right}`" if error.right else "see the forms in runbooks/README.md"
            self._sheet.fault(asked.line, f"`{asked.key}` of {asked.where}: {error.wrong}", right)
            return None
        if self._environment is not None and (missing := self._missing(condition, self._environment)):
            wrong = f"`{asked.text}` cannot be judged in environment `{self._environment.name}`: {missing[0]}"
            self._sheet.fault(asked.line, wrong, missing[1])
            return None
        return Rule(asked.name or self._title(condition), condition, asked.line)

    def _title(self, condition: Condition) -> str:
        metric = self._system.metric(condition.metric)
        return metric.title if metric is not None else condition.metric.replace("_", " ")

    def _missing(self, condition: Condition, environment: Environment) -> tuple[str, str] | None:
        """What the environment lacks to judge a condition, and what to do."""
        if isinstance(condition.test, FailedChecks):
            return self._missing_check(condition.metric, environment)
        for name in condition.metrics:
            metric = self._system.metric(name)
            if metric is not None and (missing := self._missing_source(metric, environment)):
                return missing
        return None

    def _missing_check(self, name: str, environment: Environment) -> tuple[str, str] | None:
        if name in self._checks:
            return None
        near = did_you_mean(name, sorted(self._checks), "the checks there")
        return f"it has no health check `{name}`", f"add it to `health:` of `{environment.name}` in system.yaml; {near}"

    def _missing_source(self, metric: Metric, environment: Environment) -> tuple[str, str] | None:
        add = f"of `{environment.name}` in system.yaml, or leave the rule out of phases there"
        match metric.source:
            case MetricSource.HEALTH:
                return self._missing_check(metric.query, environment)
            case MetricSource.PROMQL if environment.prometheus is None and environment.scrape is None:
                return f"`{metric.name}` is PromQL, and it has no Prometheus", f"add `prometheus:` or `scrape:` {add}"
            case MetricSource.REDIS if environment.redis is None:
                return f"`{metric.name}` is read from Redis, and it has none", f"add `redis:` {add}"
            case MetricSource.LOG if not environment.logs:
                return f"`{metric.name}` is counted in logs, and it has none", f"add `logs:` {add}"
        return None


def needs_time(rule: Rule) -> bool:
    """Whether a gate can only pass after some time was observed."""
    match rule.condition.test:
        case Comparison(lasting=span) | Average(span=span) | Stability(span=span):
            return span > NOTHING
    return False


def unsatisfiable(gates: Iterable[Rule], criteria: Collection[Rule], system: System) -> Iterable[tuple[Rule, str, str]]:
    """Gates that cannot pass: each with what is wrong and what would be right."""
    tripping = {rule.condition: rule for rule in criteria}
    bounds: dict[str, _Bounds] = {}
    for gate in gates:
        condition = gate.condition
        if condition in tripping:
            right = f"write the condition that is wanted; the criterion is in line {tripping[condition].line}"
            yield gate, f"the gate `{gate.text}` passes only where the same condition rolls back", right
            continue
        if isinstance(condition.test, FailedChecks):
            right = "write it under `rollback_when:`; a failed check must not be what promotes"
            yield gate, f"the gate `{gate.text}` passes only while a health check fails", right
            continue
        if not isinstance(condition.test, Comparison):
            continue
        metric = system.metric(condition.metric)
        counts = metric is not None and metric.source is not MetricSource.PROMQL
        held = bounds.get(condition.metric, ((0.0, False) if counts else (-inf, False), (inf, True)))
        low, high = _narrowed(held, condition.test)
        if low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1])):
            yield gate, f"no value of `{condition.metric}` can pass the gate `{gate.text}`", "correct the number"
            continue
        bounds[condition.metric] = low, high


_Bounds = tuple[tuple[float, bool], tuple[float, bool]]


def _narrowed(held: _Bounds, test: Comparison) -> _Bounds:
    """What a comparison leaves of the numbers: (least, whether it is left out), (most, whether it is in)."""
    low, high = held
    number = test.threshold.base
    if test.operator in (Operator.ABOVE, Operator.AT_LEAST, Operator.EQUAL):
        low = max(low, (number, test.operator is Operator.ABOVE))
    if test.operator in (Operator.BELOW, Operator.AT_MOST, Operator.EQUAL):
        high = min(high, (number, test.operator is not Operator.BELOW))
    return low, high


def shell(table: Table, key: str, example: str) -> str:
    """A shell command, as it is written: bash fills in its variables, with the plan's settings in the environment.

    Only the names of settings in it are noted; one that sounds like a secret is left to bash and never noted.
    """
    if key not in table:
        table.missing(key, example)
    text = table.raw(key, example) or ""
    for name, _default in SETTING.findall(text):
        holds = table.sheet.environ.get(name, "")
        if name not in GIVEN and not SOUNDS_SECRET.search(name) and not URL_WITH_PASSWORD.search(holds):
            table.sheet.setting(name, "")
    if text:
        table.sheet.commands.append((table.value_line(key), text))
    return text


def read_checks(table: Table, key: str, strategy: Strategy) -> tuple[Check, ...]:
    """The checks under a key: each a command or a URL, in which `$SLOT` stands where the strategy has sides."""
    known = ("VERSION", "SLOT") if isinstance(strategy, BlueGreen) else ("VERSION",)
    steps = _steps(table, key, ("run", "http"), known, None)
    return tuple(step for step in steps if not isinstance(step, ClearKeys))


def read_steps(table: Table, key: str, system: System) -> tuple[Step, ...]:
    """The steps under a key: commands, URLs, and Redis keys to clear."""
    return tuple(_steps(table, key, ("run", "http", "clear"), ("VERSION",), system))


def _steps(
    table: Table, key: str, kinds: tuple[str, ...], known: tuple[str, ...], system: System | None
) -> Iterable[Step]:
    """known: what is replaced in a URL."""
    names: dict[str, int] = {}
    for row in table.rows(key, f"an entry of `{key}` of {table.where}", CHECK_KEYS):
        name = row.text("name", "health")
        if name and name in names:
            row.fault("name", f"`{key}` of {table.where} has `{name}` twice", f"rename one; see line {names[name]}")
        names.setdefault(name, row.line("name"))
        given = [kind for kind in ("run", "http", "clear") if kind in row]
        allowed = ", ".join(f"`{kind}: …`" for kind in kinds)
        if len(given) != 1 or given[0] not in kinds:
            what = " and ".join(f"`{kind}`" for kind in given) or "nothing to do"
            row.sheet.fault(row.at, f"{row.where} has {what}", f"write exactly one of {allowed}")
            continue
        if given[0] != "run" and "expect" in row:
            row.fault("expect", f"`expect` of {row.where} goes with `run` only", "remove it")
        if given[0] == "clear" and "timeout" in row:
            row.fault("timeout", f"`timeout` of {row.where} goes with `run` and `http` only", "remove it")
        match given[0]:
            case "run":
                command = shell(row, "run", "git status --porcelain")
                yield CommandCheck(name, command, _expected(row), row.span("timeout", "1m", "1s", "6h"))
            case "http":
                url = row.address("http", "http://127.0.0.1:8000/api/health") or ""
                for name in set(re.findall(r"\$\{?(\w*)", url)) - {*known}:
                    wrong = f"`${name}` in `http` of {row.where} is not replaced by anything"
                    words = " and ".join(f"`${word}`" for word in known)
                    only = "; `$SLOT` is for phases that are blue-green" if name == "SLOT" else ""
                    row.fault("http", wrong, f"what can stand here is {words}{only}")
                yield HttpCheck(name, url, row.span("timeout", "5s", "100ms", "10m"))
            case "clear":
                yield ClearKeys(name, _pattern(row, system))


def _expected(row: Table) -> str | None:
    text = row.optional("expect", '"^$"')
    if text is None:
        return None
    try:
        re.compile(text)
    except re.error as error:
        wrong = f"`expect` of {row.where} is no regular expression: {error.msg}: `{text}`"
        row.fault("expect", wrong, "escape it with a backslash")
    return text


def _pattern(row: Table, system: System | None) -> str:
    """A pattern of Redis keys that cannot be meant to hold what must be kept."""
    text = row.text("clear", "lexikon:cache:*")
    if text and len(re.split(r"[*?\[\\]", text, maxsplit=1)[0]) < LEAST_PREFIX:
        wrong = f"`clear` of {row.where} is `{text}`, which could be any key"
        right = f"begin it with {LEAST_PREFIX} letters or more of the keys, as in `clear: lexikon:cache:*`"
        row.fault("clear", wrong, right)
        return text
    if text and system is not None and (kept := _kept(text, system)):
        row.fault("clear", f"`{text}` would clear {kept}", "write a pattern that leaves it alone")
    return text


def _kept(pattern: str, system: System) -> str:
    """What a pattern would take that is not a cache, empty where it takes nothing of it."""
    glob = re.sub(r"\[\^", "[!", pattern)
    if system.bypass is not None and fnmatchcase(system.bypass.key, glob):
        return "the record of an emergency bypass"
    if system.sessions is not None:
        sample = system.sessions.pattern.replace("{tenant}", "a1").replace("{id}", "b2")
        if fnmatchcase(sample, glob):
            return "every session"
    return ""
