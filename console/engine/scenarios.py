"""Scenario files: which there are, and how one is read; a wrong one is refused with file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from console.core.conditions import ConditionError, parse_condition
from console.core.rollouts.plan import RolloutPlan
from console.core.system import Metric, System
from console.core.terms import Comparison
from console.core.units import UnitError, parse_duration
from console.engine.scenario import (
    HERE,
    Anchor,
    Chosen,
    Deed,
    Doing,
    Entry,
    Failure,
    Outage,
    Scenario,
    When,
)
from console.engine.scripted import Broken, Failing, Flap, Gone, Level, Ramp, Shape
from console.engine.scripted_people import People
from console.systems.catalog import shipped_folder
from console.systems.faults import BrokenFile, did_you_mean
from console.systems.sheet import Sheet, Table

KEYS = (
    "name", "title", "about", "starts", "weekday", "lasts", "each_phase", "applying", "metrics", "checks", "chosen",
    "people", "deeds", "outages",
)  # fmt: skip
SHAPES = ("value", "ramp", "flap", "gone", "error", "fails")
ENTRY_KEYS = ("at", "lasts", "over", "period", *SHAPES)
CHOSEN_KEYS = ("at", "do", "prefer", "every", "over", "period", "lasts")
PEOPLE_KEYS = ("ticks_after", "signs_after", "promotes_after", "retries_after", "says", "not_on", "hours", "absent")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DOINGS = {doing.value: doing for doing in Doing}
DEEDS = ("hold", "resume", "promote", "rollback", "abort", "retry")
JOBS = ("apply", "settings", "roll back")
WATCHED = ("watcher", "prometheus")
ANCHOR = re.compile(
    r"(?:(?P<start>start)|(?P<when>phase|begin|ready)\s+(?P<phase>[A-Za-z0-9-]+))(?:\s*\+\s*(?P<after>.+))?"
)
EXAMPLE_AT = "phase staging-canary + 10m"
NEVER = "36500d"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a scenario may name."""

    metrics: Mapping[str, Metric]
    checks: tuple[str, ...]
    phases: tuple[str, ...]


def scenario_files() -> dict[str, Path]:
    """The scenarios that ship with the console, by name."""
    return {path.stem: path for path in sorted((shipped_folder() / "scenarios").glob("*.yaml"))}


def resolve_scenario(name_or_path: str) -> Path:
    """The file of a shipped scenario's name, or a path. Raises LookupError that says what there is."""
    shipped = scenario_files()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path.absolute()
    hint = did_you_mean(name_or_path, shipped, "scenarios that ship")
    raise LookupError(f"there is no scenario or file `{name_or_path}`; {hint}")


def read_scenario(
    path: Path, plan: RolloutPlan, system: System, *, environ: Mapping[str, str] | None = None
) -> Scenario:
    """The scenario of a file, for this plan: metrics, checks and phases it names must be there, and numbers of their
    dimension. Raises BrokenFile with every fault.
    """
    sheet = Sheet(path, os.environ if environ is None else environ, None, "`name:` and `metrics:`")
    top = Table(sheet, sheet.root(), "the scenario", 1, KEYS)
    known = _Known(
        {metric.name: metric for metric in system.metrics},
        tuple(dict.fromkeys(check.name for environment in system.environments for check in environment.health)),
        tuple(phase.name for phase in plan.phases),
    )
    applying = top.table("applying", ("takes", "fails"))
    scenario = Scenario(
        name=top.text("name", "error-spike"),
        title=top.optional("title", "errors rise") or "",
        about=top.optional("about", "What happens, in a sentence.") or "",
        starts=_moment(top, "starts"),
        weekday=_weekday(top),
        lasts=top.span("lasts", "120d", "1m", NEVER),
        each=top.truth("each_phase") or False,
        applying=timedelta(minutes=2) if applying is None else applying.span("takes", "2m", "0s", "7d"),
        entries=(*_metrics(top, known), *_checks(top, known)),
        chosen=tuple(_chosen(row, known) for row in _rows(top, "chosen", CHOSEN_KEYS)),
        outages=tuple(_outage(row, known) for row in _rows(top, "outages", ("of", "at", "lasts", "kept"))),
        failures=() if applying is None else tuple(_failure(row, known) for row in _failures(applying)),
        deeds=tuple(_deed(row, known) for row in _rows(top, "deeds", ("at", "do", "reason"))),
        people=_people(top),
    )
    if sheet.faults:
        raise BrokenFile(sheet.faults)
    return scenario


def _rows(top: Table, key: str, known: tuple[str, ...]) -> list[Table]:
    return top.rows(key, f"an entry of `{key}`", known)


def _failures(applying: Table) -> list[Table]:
    return applying.rows("fails", "an entry of `fails`", ("phase", "why", "times", "what"))


def _metrics(top: Table, known: _Known) -> list[Entry]:
    table = top.table("metrics", tuple(known.metrics))
    entries: list[Entry] = []
    for name in table or ():
        assert table is not None
        for row in table.rows(name, f"an entry of metric `{name}`", ENTRY_KEYS):
            shape = _shape(row, known.metrics[name])
            if shape is not None:
                entries.append(Entry(name, _anchor(row, known), shape, _lasts(row)))
    return entries


def _checks(top: Table, known: _Known) -> list[Entry]:
    table = top.table("checks", known.checks)
    entries: list[Entry] = []
    for name in table or ():
        assert table is not None
        for row in table.rows(name, f"an entry of check `{name}`", ("at", "lasts", "fails", "gone", "error")):
            shape = _shape(row, None)
            if shape is not None:
                entries.append(Entry(name, _anchor(row, known), shape, _lasts(row)))
    return entries


def _shape(row: Table, metric: Metric | None) -> Shape | None:
    """What an entry says; None where it is wrong. metric: None for a health check."""
    named = [key for key in SHAPES if key in row]
    if len(named) != 1:
        wrong = f"{row.where} says {'nothing' if not named else ' and '.join(f'`{key}`' for key in named)}"
        choices = SHAPES[:-1] if metric is not None else ("fails", "gone", "error")
        row.sheet.fault(row.at, wrong, f"write exactly one of {', '.join(f'`{key}`' for key in choices)}")
        return None
    match named[0]:
        case "gone" | "fails":
            if not row.truth(named[0]):
                row.fault(named[0], f"`{named[0]}` of {row.where} is not `true`", f"write `{named[0]}: true`")
            if named[0] == "fails" and metric is not None:
                row.fault("fails", f"{row.where} fails, and only health checks do", "write it below `checks:`")
            return Gone() if named[0] == "gone" else Failing()
        case "error":
            return Broken(row.text("error", "connection refused"))
    if metric is None:
        return None
    if named[0] == "value":
        value = _number(row, "value", row.text("value", "6%"), metric)
        return None if value is None else Level(value)
    texts = row.texts(named[0])
    if len(texts) != 2:
        row.fault(named[0], f"`{named[0]}` of {row.where} is not two values", f"write `{named[0]}: [0.1%, 6%]`")
        return None
    first, last = (_number(row, named[0], text, metric) for text, _line in texts)
    if first is None or last is None:
        return None
    if named[0] == "ramp":
        return Ramp(first, last, row.span("over", "1h", "1s", NEVER))
    return Flap(first, last, row.span("period", "2m", "2s", NEVER))


def _number(row: Table, key: str, text: str, metric: Metric) -> float | None:
    """A number of the metric's dimension, in its base; judged by the grammar of conditions."""
    if not text:
        return None
    try:
        test = parse_condition(f"{metric.name} == {text}", {metric.name: metric.unit}).test
    except ConditionError as error:
        right = error.right.removeprefix(f"{metric.name} == ")
        row.fault(key, f"`{key}` of {row.where}: {error.wrong}", f"write `{right}`" if right else "write a number")
        return None
    return test.threshold.base if isinstance(test, Comparison) else None


def _anchor(row: Table, known: _Known) -> Anchor:
    """`start + 2h`, `phase NAME + 10m`, `phase NAME + 25%` of its soak, `begin NAME`, `ready NAME + 1h`, or a time."""
    text = row.text("at", EXAMPLE_AT)
    found = ANCHOR.fullmatch(text)
    if found is None:
        at = _time(text)
        if at is None and text:
            right = f"write `start + 10m`, `{EXAMPLE_AT}`, `begin NAME`, `ready NAME + 1h` or `2026-11-21T09:00:00Z`"
            row.fault("at", f"`at` of {row.where} is no moment: `{text}`", right)
        return Anchor(When.ABSOLUTE, at=at)
    phase = found["phase"] or ""
    if phase and phase not in (*known.phases, HERE):
        right = did_you_mean(phase, (*known.phases, HERE), "the phases of the plan")
        row.fault("at", f"the plan has no phase `{phase}`", right)
    after, part = timedelta(0), 0.0
    if phase and found["after"] and (share := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", found["after"])):
        part = float(share[1]) / 100
    elif found["after"]:
        try:
            after = parse_duration(found["after"])
        except UnitError as error:
            row.fault("at", f"`at` of {row.where}: {error.wrong}", f"write it as `{EXAMPLE_AT}`")
    return Anchor(When(found["start"] or found["when"]), phase, after, part=part)


def _lasts(row: Table) -> timedelta | None:
    return row.span("lasts", "10m", "1s", NEVER) if "lasts" in row else None


def _chosen(row: Table, known: _Known) -> Chosen:
    key = "period" if "period" in row else "over"
    return Chosen(
        at=_anchor(row, known),
        doing=row.choice("do", DOINGS),
        prefer=tuple(text for text, _line in row.texts("prefer")),
        every=row.truth("every") or False,
        span=row.span(key, "1h", "1s", NEVER) if key in row else None,
        lasts=_lasts(row),
    )


def _word(row: Table, key: str, words: tuple[str, ...], usual: str) -> str:
    text = row.optional(key, usual) if key in row else usual
    if text not in words:
        row.fault(key, f"`{key}` of {row.where} is `{text}`", did_you_mean(text or "", words, "one of"))
        return usual
    return text


def _outage(row: Table, known: _Known) -> Outage:
    if "of" not in row:
        row.missing("of", "watcher")
    if "lasts" not in row:
        row.missing("lasts", "30m")
    of = _word(row, "of", WATCHED, WATCHED[0])
    return Outage(of, _anchor(row, known), row.span("lasts", "30m", "1s", NEVER), row.truth("kept") or False)


def _failure(row: Table, known: _Known) -> Failure:
    return Failure(
        phase=_word(row, "phase", (*known.phases, HERE), HERE),
        why=row.text("why", "the pods do not become ready"),
        times=row.integer("times", 1, 1, 1000),
        what=_word(row, "what", JOBS, JOBS[0]),
    )


def _deed(row: Table, known: _Known) -> Deed:
    if "do" not in row:
        row.missing("do", "hold")
    return Deed(_anchor(row, known), _word(row, "do", DEEDS, DEEDS[0]), row.optional("reason", "why") or "")


def _people(top: Table) -> People:
    table = top.table("people", PEOPLE_KEYS)
    usual = People()
    if table is None:
        return usual
    off: list[int] = []
    for text, line in table.texts("not_on"):
        if text.lower() in WEEKDAYS:
            off.append(WEEKDAYS.index(text.lower()))
        else:
            table.sheet.fault(line, f"`{text}` is no day of the week", did_you_mean(text, WEEKDAYS, "one of"))
    if len(set(off)) == len(WEEKDAYS):
        table.fault("not_on", "nobody works on any day", "write `absent: true`")
    return People(
        ticks_after=table.span("ticks_after", "5m", "0s", NEVER),
        signs_after=table.span("signs_after", "10m", "0s", NEVER),
        promotes_after=table.span("promotes_after", "15m", "0s", NEVER),
        retries_after=table.span("retries_after", "1h", "0s", NEVER) if "retries_after" in table else None,
        decision=_word(table, "says", ("go", "no-go"), "go"),
        not_on=frozenset(off),
        hours=_hours(table),
        absent=table.truth("absent") or False,
    )


def _hours(table: Table) -> tuple[time, time] | None:
    text = table.optional("hours", "09:00-17:00")
    if text is None:
        return None
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
        if begin >= end:
            raise ValueError
    except ValueError:
        table.fault("hours", f"`hours` of {table.where} is `{text}`", "write `hours: 09:00-17:00` (UTC)")
        return None
    return begin, end


def _weekday(top: Table) -> tuple[int, int, int] | None:
    text = top.optional("weekday", "friday 17:00")
    if text is None:
        return None
    found = re.fullmatch(r"([a-z]+)\s+([01]?\d|2[0-3]):([0-5]\d)", text.lower())
    if found is None or found[1] not in WEEKDAYS:
        top.fault("weekday", f"`weekday` is `{text}`", "write `weekday: friday 17:00` (UTC)")
        return None
    return WEEKDAYS.index(found[1]), int(found[2]), int(found[3])


def _moment(top: Table, key: str) -> datetime | None:
    text = top.optional(key, "2026-11-21T09:00:00Z")
    at = None if text is None else _time(text)
    if text is not None and at is None:
        top.fault(key, f"`{key}` is no moment: `{text}`", f"write `{key}: 2026-11-21T09:00:00Z`")
    return at


def _time(text: str) -> datetime | None:
    """An ISO time with a zone, in UTC; None where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at.astimezone(UTC)
