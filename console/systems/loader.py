"""A system.yaml as a System; a wrong file is refused with all its faults at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from console.core.bypass import CEILING
from console.core.pace import FASTEST, SLOWEST, Pace
from console.core.system import BypassRule, Environment, SessionScheme, System, Tone
from console.systems.catalog import FILE, PLAN, plan_files
from console.systems.checking import query_faults, runbook_faults
from console.systems.environments import read_environments
from console.systems.faults import BrokenFile, Fault
from console.systems.measures import read_alerts, read_log_patterns, read_metrics
from console.systems.moments import MOMENT_EXAMPLE, moment_of
from console.systems.places import state_root
from console.systems.sheet import Sheet, Table

__all__ = ["BrokenFile", "Fault", "check", "load_system"]

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
KEYS = (
    "name", "title", "about", "environments", "metrics", "alerts", "log_patterns", "sessions", "bypass", "runbooks",
    "state", "pace",
)  # fmt: skip


def load_system(path: Path, *, environ: Mapping[str, str] | None = None) -> System:
    """The system that a system.yaml, or the folder it lies in, describes. Raises BrokenFile with every fault.

    environ: where `${NAME:-text}` looks; secrets are not read here. The format is described in runbooks/README.md.
    """
    sheet = _sheet(path, environ)
    system = _system(sheet)
    if sheet.faults:
        raise BrokenFile(sheet.faults)
    return system


def check(path: Path, *, environ: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    """Every fault of a system's folder or file, or of one `*.rollout.yaml`, by file and line; empty where all is well.

    Further than loading goes: Markdown runbooks must be readable, PromQL must be PromQL, and shell commands of plans
    must be bash. Plans are judged by their system, so where that has faults they are not.
    """
    from console.systems.rollout_plans import plan_faults

    if path.name.endswith(PLAN):
        try:
            return plan_faults(path, load_system(path.expanduser().absolute().parent, environ=environ), environ=environ)
        except BrokenFile as error:
            return error.faults
    sheet = _sheet(path, environ)
    runbooks: Iterable[Path] = sorted(sheet.path.parent.glob("*.md"))
    plans: set[Fault] = set()
    try:
        system = _system(sheet)
        runbooks = system.runbooks
        if not sheet.faults:
            plans = {fault for plan in system.rollouts for fault in plan_faults(plan, system, environ=environ)}
    except BrokenFile as error:
        sheet.faults.extend(error.faults)
    return tuple(sorted({*sheet.faults, *plans, *query_faults(sheet), *runbook_faults(runbooks)}))


def _sheet(path: Path, environ: Mapping[str, str] | None) -> Sheet:
    path = path.expanduser().absolute()
    return Sheet(path / FILE if path.is_dir() else path, os.environ if environ is None else environ)


def _system(sheet: Sheet) -> System:
    """The system as far as it can be read; what is wrong is noted on the sheet. Raises BrokenFile."""
    top = Table(sheet, sheet.root(), "the file", 1, KEYS)
    name = top.text("name", "hak-gal")
    if name and not NAME.fullmatch(name):
        top.fault("name", f"`{name}` cannot be the name of a system", "use lower-case letters, digits and `-`")
        name = ""
    environments = read_environments(top, name or "system")
    checks = {check.name for environment in environments for check in environment.health}
    patterns = read_log_patterns(top)
    metrics = read_metrics(top, {pattern.name for pattern in patterns}, checks)
    folder = _runbook_folder(top)
    alerts = read_alerts(top, {metric.name: metric.unit for metric in metrics}, checks, folder)
    runbooks = {entry.absolute() for entry in folder.glob("*.md") if entry.name != "README.md"}
    runbooks |= {rule.runbook for rule in alerts if rule.runbook is not None}
    kept = top.optional("state", "./state")
    state = top.path("state", kept) if kept else None
    return System(
        name=name,
        title=top.optional("title", "HAK_GAL firewall") or name,
        about=top.optional("about", "What it is, in a sentence.") or "",
        path=top.sheet.path,
        environments=environments,
        metrics=metrics,
        alerts=alerts,
        log_patterns=patterns,
        sessions=_sessions(top),
        bypass=_bypass(top, name, state),
        runbooks=tuple(sorted(runbooks)),
        state=state,
        pace=_pace(top, environments),
        rollouts=plan_files(top.sheet.path.parent),
    )


def _pace(top: Table, environments: tuple[Environment, ...]) -> Pace | None:
    """How fast rollouts run; nowhere but in practice worlds."""
    table = top.table("pace", ("speed", "since"))
    if table is None:
        return None
    real = [environment.name for environment in environments if environment.tone is not Tone.SANDBOX]
    if real:
        wrong = f"`pace` is for practice worlds, and environment `{real[0]}` is none"
        top.fault("pace", wrong, "remove it; time is not hurried where something real runs")
    text = table.text("speed", "1440")
    speed = SLOWEST
    if text and not (re.fullmatch(r"\d{1,9}(\.\d+)?", text) and SLOWEST <= float(text) <= FASTEST):
        table.fault("speed", f"`speed` of {table.where} is `{text}`", "write a number from 1 to 1000000")
    elif text:
        speed = float(text)
    if "since" not in table:
        table.missing("since", MOMENT_EXAMPLE)
    since = moment_of(table, "since", None)
    return Pace(speed, since) if since is not None else None


def _runbook_folder(top: Table) -> Path:
    text = top.optional("runbooks", ".")
    folder = top.path("runbooks", text or ".")
    if text is not None and not folder.is_dir():
        top.fault("runbooks", f"there is no folder {folder}", "write the folder of the Markdown files")
    return folder


def _sessions(top: Table) -> SessionScheme | None:
    table = top.table("sessions", ("pattern", "every", "budget"))
    if table is None:
        return None
    pattern = table.text("pattern", "hakgal:tenant:{tenant}:session:{id}")
    marks = re.findall(r"\{[^{}]*\}", pattern)
    if pattern and sorted(marks) != ["{id}", "{tenant}"]:
        wrong = f"`pattern` has {', '.join(f'`{mark}`' for mark in marks) or 'no part in braces'}"
        table.fault("pattern", wrong, "write exactly one `{tenant}` and one `{id}`")
    elif "}{" in pattern:
        table.fault("pattern", "`{tenant}` and `{id}` touch each other", "write a separator between them, such as `:`")
    return SessionScheme(
        pattern, table.span("every", "15s", "1s", "1h"), table.integer("budget", 20_000, 100, 10_000_000)
    )


def _bypass(top: Table, system: str, state: Path | None) -> BypassRule | None:
    keys = ("key", "variable", "at_most", "a_day", "log", "switches_off", "leaves_on")
    table = top.table("bypass", keys)
    if table is None:
        return None
    variable = table.text("variable", "HAK_GAL_EMERGENCY_BYPASS")
    if variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        table.fault("variable", f"`{variable}` cannot be an environment variable", "write a name such as `MY_BYPASS`")
    ceiling = table.span("at_most", "15m", "1s", "365d")
    if ceiling > CEILING:
        table.fault("at_most", "`at_most` of `bypass` is above the ceiling", "write `at_most: 15m` or less")
    usual = "logs/emergency_bypass.log"
    log = table.home("log", table.optional("log", usual) or usual)
    off = tuple(text for text, _line in table.texts("switches_off"))
    if not off:
        table.missing("switches_off", "… with a line `- what it switches off` for each thing")
    return BypassRule(
        key=table.text("key", f"{system}:emergency_bypass"),
        variable=variable,
        ceiling=min(ceiling, CEILING),
        a_day=table.integer("a_day", 3, 1, 3),
        log=(state or state_root() / (system or "system")) / log,
        off=off,
        on=tuple(text for text, _line in table.texts("leaves_on")),
    )
