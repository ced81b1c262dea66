"""The parts of a system.yaml that say what is measured: metrics, alerts, log patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from console.core.conditions import ConditionError, parse_condition
from console.core.system import AlertRule, LogPattern, Metric, MetricSource, Severity
from console.core.units import UNITS, Dimension, Unit, UnitError, unit
from console.systems.faults import did_you_mean
from console.systems.sheet import Table

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
SEVERITIES = {severity.name: severity for severity in Severity}
VERSION = re.compile(r"\$VERSION\b|\$\{VERSION\}")
AGGREGATES = ("sum", "avg", "min", "max")
COUNT = Unit("count", Dimension.COUNT, 1.0)

# What `redis:` may name, with the dimension of its number: fields of RedisStats, and the census.
REDIS_FIELDS: Mapping[str, Dimension] = {
    "sessions": Dimension.COUNT,
    "used": Dimension.BYTES,
    "peak": Dimension.BYTES,
    "limit": Dimension.BYTES,
    "fragmentation": Dimension.RATIO,
    "uptime": Dimension.SECONDS,
    "clients": Dimension.COUNT,
    "blocked_clients": Dimension.COUNT,
    "ops_per_second": Dimension.RATE,
    "keys": Dimension.COUNT,
    "evicted": Dimension.COUNT,
    "expired": Dimension.COUNT,
    "rejected_connections": Dimension.COUNT,
    "hits": Dimension.COUNT,
    "misses": Dimension.COUNT,
    "ping": Dimension.SECONDS,
    "scan_page": Dimension.SECONDS,
}


def read_log_patterns(top: Table) -> tuple[LogPattern, ...]:
    """The log patterns of the file."""
    return tuple(
        LogPattern(name, _title(table, name), _pattern(table))
        for name, table in _tables(top, "log_patterns", "log pattern", ("title", "pattern"))
    )


def read_metrics(top: Table, patterns: Collection[str], checks: Collection[str]) -> tuple[Metric, ...]:
    """The metrics of the file. patterns: names of log patterns. checks: names of health checks."""
    keys = ("title", "unit", "step", "aggregate", "promql", "redis", "log", "health")
    return tuple(_metric(name, table, patterns, checks) for name, table in _tables(top, "metrics", "metric", keys))


def read_alerts(
    top: Table, metrics: Mapping[str, Unit], checks: Collection[str], folder: Path
) -> tuple[AlertRule, ...]:
    """The alert rules of the file. folder: where the runbooks lie."""
    keys = ("title", "severity", "when", "action", "runbook")
    rules: list[AlertRule] = []
    for name, table in _tables(top, "alerts", "alert", keys):
        severity = table.choice("severity", SEVERITIES)
        text, action = table.text("when", "error_rate > 5% for 5m"), table.text("action", "What to do first.")
        runbook = _runbook(table, folder)
        if not text:
            continue
        try:
            condition = parse_condition(text, metrics, checks)
        except ConditionError as error:
            table.fault("when", *_told(error))
            continue
        rules.append(AlertRule(name, _title(table, name), severity, condition, action, runbook, table.line("when")))
    return tuple(rules)


def with_version(metrics: Iterable[Metric], version: str) -> tuple[Metric, ...]:
    """The metrics with `$VERSION` of their PromQL replaced by the version that is released."""
    return tuple(
        replace(metric, query=versioned(metric.query, version)) if metric.source is MetricSource.PROMQL else metric
        for metric in metrics
    )


def versioned(query: str, version: str) -> str:
    """A query with `$VERSION` replaced; it stands in a PromQL string, so quotes and backslashes are escaped."""
    literal = re.sub(r'([\\"\'])', r"\\\1", version)
    return VERSION.sub(lambda _: literal, query)


def _told(error: ConditionError) -> tuple[str, str]:
    """A condition's error as what is wrong and what would be right."""
    return f"`when`: {error.wrong}", f"write `{error.right}`" if error.right else "see the forms in runbooks/README.md"


def _tables(top: Table, key: str, what: str, known: tuple[str, ...]) -> Iterator[tuple[str, Table]]:
    return top.named(key, what, known, NAME)


def _title(table: Table, name: str) -> str:
    return table.optional("title", name) or name.replace("_", " ")


def _pattern(table: Table) -> str:
    text = table.raw("pattern", "'rate_limit_reject'")
    if text is None:
        if "pattern" not in table:
            table.missing("pattern", "'rate_limit_reject'")
        return ""
    try:
        matches_nothing = re.compile(text).search("") is not None
    except re.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        table.fault("pattern", f"`{text}` is no regular expression: {error.msg}{place}", "escape it with a backslash")
    else:
        if matches_nothing:
            table.fault("pattern", f"`{text}` matches every line", "write the words that a line must hold")
    return text


def _metric(name: str, table: Table, patterns: Collection[str], checks: Collection[str]) -> Metric:
    sources = [source for source in MetricSource if source.value in table]
    if len(sources) != 1:
        wrong = f"{table.where} names {'no source' if not sources else 'more than one source'}"
        table.sheet.fault(table.at, wrong, "write exactly one of `promql`, `redis`, `log`, `health`")
    source = sources[0] if sources else MetricSource.PROMQL
    query = table.raw(source.value) or ""
    shown = _unit(table, source)
    if query and source is MetricSource.PROMQL:
        table.sheet.queries.append((table.line("promql"), query))
    if query and source is MetricSource.REDIS:
        _check_name(table, "redis", query, REDIS_FIELDS, "the fields")
        if query in REDIS_FIELDS:
            _check_dimension(table, shown, (REDIS_FIELDS[query],), f"`redis: {query}`")
    elif query and source is MetricSource.LOG:
        _check_name(table, "log", query, patterns, "the log patterns")
        _check_dimension(table, shown, (Dimension.RATE, Dimension.COUNT), "lines of a log in the last hour")
    elif query and source is MetricSource.HEALTH:
        _check_name(table, "health", query, checks, "the health checks")
        _check_dimension(table, shown, (Dimension.COUNT,), "failed checks in a row")
    aggregate = table.optional("aggregate", "sum")
    if aggregate is not None and aggregate not in AGGREGATES:
        table.fault("aggregate", f"`aggregate` is `{aggregate}`", did_you_mean(aggregate, AGGREGATES, "one of"))
    if aggregate is not None and source is not MetricSource.PROMQL:
        table.fault("aggregate", f"`{source.value}` gives one number, not several series", "remove `aggregate:`")
    step = table.span("step", "15s", "1s", "1h")
    if step % timedelta(seconds=1):
        table.fault("step", "`step` is not a whole number of seconds", "write `step: 15s`")
    return Metric(name, _title(table, name), shown or COUNT, source, query, step, aggregate)


def _unit(table: Table, source: MetricSource) -> Unit | None:
    example = {MetricSource.LOG: "/h", MetricSource.HEALTH: "count", MetricSource.REDIS: "MB"}.get(source, '"%"')
    text = table.text("unit", example)
    if not text:
        return None
    try:
        return unit(text)
    except UnitError as error:
        known = did_you_mean(text, filter(None, UNITS), "the units")
        own = error.right.startswith("count of")
        right = f"write `{error.right}`" if error.right and not own else known
        table.fault("unit", error.wrong, f"{right}, or `{error.right}`" if own else right)
        return None


def _check_name(table: Table, key: str, name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        table.fault(key, f"{table.where} refers to `{name}`, which there is not", did_you_mean(name, known, what))


def _check_dimension(table: Table, shown: Unit | None, allowed: tuple[Dimension, ...], what: str) -> None:
    examples = {Dimension.BYTES: "MB", Dimension.SECONDS: "ms", Dimension.RATE: "/h", Dimension.RATIO: '"%"'}
    if shown is not None and shown.dimension not in allowed:
        wrong = f"{what} is a {allowed[0].value}, and `{shown.symbol}` is a unit of {shown.dimension.value}"
        table.fault("unit", wrong, f"write `unit: {examples.get(allowed[0], 'count')}`")


def _runbook(table: Table, folder: Path) -> Path | None:
    text = table.optional("runbook", "rollback.md")
    if text is None:
        return None
    path = (folder / table.home("runbook", text)).absolute()
    if not path.is_file():
        found = sorted(entry.name for entry in folder.glob("*.md"))
        table.fault("runbook", f"there is no runbook {path}", did_you_mean(text, found, "the files there"))
    return path
