"""The phases of a rollout plan."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from console.core.rollouts.plan import (
    NOTHING,
    Autoscaler,
    Command,
    Flags,
    Nothing,
    OnBad,
    Phase,
    Preconditions,
    Promotion,
    RedisFlags,
    Settings,
    Share,
    Strategy,
)
from console.core.system import Environment, System
from console.core.templates import looks_secret
from console.core.units import spell
from console.systems.faults import did_you_mean
from console.systems.moments import moment_of
from console.systems.rollout_rules import Asked, Judge, needs_time, read_checks, read_rules, unsatisfiable
from console.systems.rollout_strategies import Chosen, read_flags, read_strategy, settled
from console.systems.rollout_values import share_of, soak_text, span_of, word_of
from console.systems.sheet import SOUNDS_SECRET, Table

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PHASE_KEYS = (
    "name", "title", "about", "environment", "share", "set", "later", "soak", "gates", "rollback_when", "checklist",
    "sign_offs", "cadence", "not_before", "interval", "before", "after", "needs", "autoscaler", "promotion", "strategy",
    "flags",
)  # fmt: skip
NEED_KEYS = ("sticky_sessions", "separate_redis", "workload_ready", "conditions")
AUTOSCALERS = {each.value: each for each in Autoscaler}
PROMOTIONS = {each.value: each for each in Promotion}
ON_BAD = {each.value: each for each in OnBad}
LONGEST = "365d"


@dataclass(frozen=True, slots=True)
class Tier:
    """Criteria by share: those of the first tier whose `up_to` is not below the phase's share. up_to: 0 to 1."""

    up_to: float
    rules: tuple[Asked, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the plan says for every phase."""

    system: System
    roles: tuple[str, ...] = ()
    day_one: date | None = None
    promotion: Promotion = Promotion.PERSON
    strategy: Chosen | None = None
    flags: tuple[Flags | None, int] | None = None
    autoscaler: Autoscaler = Autoscaler.LEAVE
    rules: tuple[Asked, ...] = ()
    tiers: tuple[Tier, ...] = ()


@dataclass(slots=True)
class _Before:
    """What the phases read so far leave behind: by environment the share in force and its line; names and their lines;
    how many there were.
    """

    shares: dict[str, tuple[Share, int]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    phases: int = 0


def read_phases(top: Table, defaults: Defaults) -> tuple[Phase, ...]:
    """The phases of the file, in its order."""
    if "phases" not in top:
        top.missing("phases", "… with a line `- name: NAME` below it for each phase")
        return ()
    faults = len(top.sheet.faults)
    before, found = _Before(), list[Phase]()
    for table in top.rows("phases", "the phase", PHASE_KEYS):
        if named := table.raw("name"):
            table.where = f"phase `{named}`"
        phase = _phase(table, defaults, before)
        before.phases += 1
        _in_order(table, phase, found)
        found.append(phase)
    if not found and len(top.sheet.faults) == faults:
        top.fault("phases", "the plan has no phase", "add `- name: NAME`")
    return tuple(found)


def _phase(table: Table, defaults: Defaults, before: _Before) -> Phase:
    name = _named(table, before)
    environment, environment_name = _environment(table, defaults.system)
    judge = Judge(table, defaults.system, environment)
    share = share_of(table, "share")
    _rising(table, share, environment_name, before)
    soak, on_bad = _soak(table)
    strategy = _strategy(table, share, environment, defaults)
    sign_offs, checklist = _sign_offs(table, defaults.roles), tuple(read_texts(table, "checklist"))
    promotion = word_of(table, "promotion", PROMOTIONS, defaults.promotion)
    asks_nobody = promotion is Promotion.AUTOMATIC and not sign_offs and not checklist
    gates = judge.rules(read_rules(table, "gates"))
    criteria = judge.rules(
        (*defaults.rules, *_tier(table, share, environment_name, defaults, before), *read_rules(table, "rollback_when"))
    )
    for gate, wrong, right in unsatisfiable(gates, criteria, defaults.system):
        table.sheet.fault(gate.line, wrong, right)
    if waits := [gate for gate in gates if not soak and needs_time(gate)]:
        wrong = f"{table.where} has no soak, and the gate `{waits[0].text}` needs time"
        table.sheet.fault(waits[0].line, wrong, "add `soak: 1h`, or a gate without a span")
    return Phase(
        name=name,
        environment=environment_name,
        title=table.optional("title", "staging 5%") or "",
        about=table.optional("about", "What it is for, in a sentence.") or "",
        strategy=strategy,
        share=share,
        settings=_settings(table, strategy, soak if asks_nobody else None),
        flags=_flags(table, share, environment, defaults),
        autoscaler=_autoscaler(table, share, environment, defaults),
        preconditions=_needs(table, environment, judge, defaults.system),
        before=read_checks(table, "before", strategy),
        after=read_checks(table, "after", strategy),
        soak=soak,
        on_bad=on_bad,
        gates=gates,
        criteria=criteria,
        checklist=checklist,
        sign_offs=sign_offs,
        cadence=span_of(table, "cadence", "1m", "30d"),
        not_before=moment_of(table, "not_before", defaults.day_one),
        interval=_interval(table, before.phases == 0),
        promotion=promotion,
        line=table.at,
    )


def _named(table: Table, before: _Before) -> str:
    name = table.text("name", "staging-canary")
    if name and not NAME.fullmatch(name):
        table.fault("name", f"`{name}` cannot be the name of a phase", "use letters, digits and `-`")
    if name and name in before.names:
        table.fault("name", f"there are two phases `{name}`", f"rename one; the first is in line {before.names[name]}")
    before.names.setdefault(name, table.line("name"))
    return name


def _environment(table: Table, system: System) -> tuple[Environment | None, str]:
    """The environment of a phase; None with its name where there is none such."""
    names = [environment.name for environment in system.environments]
    text = table.optional("environment", names[0] if names else "staging")
    if text is None:
        if len(names) != 1 and "environment" not in table:
            table.missing("environment", f"{names[0]}` or `environment: {names[-1]}" if names else "staging")
        return (system.environments[0], names[0]) if len(names) == 1 else (None, names[0] if names else "")
    found = system.environment(text)
    if found is None:
        wrong = f"{system.name} has no environment `{text}`"
        table.fault("environment", wrong, did_you_mean(text, names, "its environments"))
    return found, text


def _rising(table: Table, share: Share | None, environment: str, before: _Before) -> None:
    """Shares grow or repeat within an environment."""
    if share is None:
        return
    last = before.shares.get(environment)
    before.shares[environment] = (share, table.line("share"))
    if last is None:
        return
    then, line = last
    if share.ratio is not None and then.ratio is not None:
        falls = share.ratio < then.ratio
    else:
        falls = share.pods is not None and then.pods is not None and share.pods < then.pods
    if falls:
        wrong = f"`share` of {table.where} is {share.text}, and {environment} had {then.text} before it"
        table.fault("share", wrong, f"write {then.text} or more; the one before is in line {line}")


def _tier(
    table: Table, share: Share | None, environment: str, defaults: Defaults, before: _Before
) -> tuple[Asked, ...]:
    """The criteria of the tier of a share; a phase without one is in that of the share in force there."""
    if not defaults.tiers:
        return ()
    if share is None and environment not in before.shares:
        return ()
    ratio = (share or before.shares[environment][0]).ratio
    for tier in defaults.tiers:
        if ratio is None or ratio <= tier.up_to:
            return tier.rules
    last = defaults.tiers[-1]
    wrong = f"no tier is for `share: {share.text}` of {table.where}" if share else f"no tier is for {table.where}"
    table.fault("share", wrong, f"add a tier `up_to: 100%`; the last one is in line {last.line}")
    return ()


def _soak(table: Table) -> tuple[timedelta, OnBad]:
    if "soak" not in table:
        return NOTHING, OnBad.PAUSE
    if table.is_single("soak"):
        return soak_text(table, "soak", LONGEST), OnBad.PAUSE
    inner = table.table("soak", ("for", "on_bad"))
    assert inner is not None
    if "for" not in inner:
        inner.missing("for", "48h")
    return soak_text(inner, "for", LONGEST), word_of(inner, "on_bad", ON_BAD, OnBad.PAUSE)


def _strategy(table: Table, share: Share | None, environment: Environment | None, defaults: Defaults) -> Strategy:
    own = read_strategy(table, defaults.system)
    chosen = own or defaults.strategy
    if "share" not in table:
        if own is not None and not isinstance(own.strategy, Nothing):
            table.fault("strategy", f"{table.where} has a strategy and no share", "add `share: 5%`")
        return Nothing()
    if chosen is None or isinstance(chosen.strategy, Nothing):
        example = f"{{rolling: {{deployment: {defaults.system.name}}}}}"
        wrong = f"{table.where} has a share and no strategy"
        table.fault("share", wrong, f"add `strategy: {example}` to the plan or to the phase")
        return Nothing()
    if share is None or chosen.strategy is None:
        return Nothing()
    return settled(chosen.strategy, chosen.line, share, table, environment)


def _interval(table: Table, first: bool) -> timedelta:
    interval = span_of(table, "interval", "1s", LONGEST) or NOTHING
    if interval and first:
        wrong = f"`interval` of {table.where} counts from the phase before it, and it is the first"
        table.fault("interval", wrong, "remove it, or write `not_before:`")
    return interval


def _settings(table: Table, strategy: Strategy, left: timedelta | None) -> tuple[Settings, ...]:
    """What is set, and when. left: when the phase is left at the earliest without anybody being asked."""
    found = []
    if (first := _values(table, "set")) is not None:
        found.append(Settings(NOTHING, first))
    last = NOTHING
    for row in table.rows("later", f"an entry of `later` of {table.where}", ("after", "set")):
        if "after" not in row:
            row.missing("after", "24h")
        if "set" not in row:
            row.missing("set", "{AUDIT_LEVEL: INFO}")
        after, values = row.span("after", "24h", "1s", LONGEST), _values(row, "set")
        if "after" in row and after <= last:
            right = f"write more than {spell(last)}, or change the order" if last else "write a time such as 24h"
            row.fault("after", f"`later` of {table.where} goes back to {spell(after)}", right)
        if left is not None and after > left:
            wrong = f"`later` of {table.where} comes after {spell(after)}, and its soak of {spell(left)} ends it before"
            row.fault("after", wrong, "lengthen the soak, or put it under `set:` of the next phase")
        last = max(last, after)
        found.append(Settings(after, values or ()))
    if found and "share" not in table:
        key = "set" if "set" in table else "later"
        right = "add `share:`; the share of the phase before it changes nothing"
        table.fault(key, f"{table.where} sets variables of the new version and has no share", right)
    elif found and isinstance(strategy, Command):
        key = "set" if "set" in table else "later"
        wrong = f"{table.where} sets variables of a container, and `command` has none"
        table.fault(key, wrong, "set them in the command itself")
    return tuple(found)


def _values(table: Table, key: str) -> tuple[tuple[str, str], ...] | None:
    inner = table.table(key, None)
    if inner is None:
        return None
    found = []
    for name in inner:
        if not VARIABLE.fullmatch(name):
            inner.fault(name, f"`{name}` cannot be an environment variable", "write a name such as `AUDIT_LEVEL`")
        value = inner.raw(name, "FULL")
        long = SOUNDS_SECRET.search(name) and re.search(r"[^\s]{16,}", value or "")
        if value is not None and (long or looks_secret(name, value)):
            wrong = f"`{name}` of {inner.where} looks like a secret"
            inner.fault(name, wrong, "secrets are not written in plans; let the workload read it from a Secret")
        elif value is not None:
            found.append((name, inner.expand(name, value)))
    return tuple(found)


def _flags(table: Table, share: Share | None, environment: Environment | None, defaults: Defaults) -> Flags | None:
    told = read_flags(table)
    own = told is not None
    if told is None and share is not None:
        told = defaults.flags
    flags, line = told or (None, 0)
    if flags is None:
        return None
    if isinstance(flags.store, RedisFlags) and environment is not None and environment.redis is None:
        wrong = f"flags are kept in Redis, and environment `{environment.name}` of {table.where} has none"
        right = f"add `redis:` to it in system.yaml, or write `flags: none` in {table.where}"
        table.sheet.fault(table.line("flags") if own else line, wrong, right)
    return flags


def _autoscaler(table: Table, share: Share | None, environment: Environment | None, defaults: Defaults) -> Autoscaler:
    """What is done about the autoscaler; the plan's word is for phases that have a share and Kubernetes."""
    reaches = share is not None and environment is not None and environment.kubernetes is not None
    default = defaults.autoscaler if reaches else Autoscaler.LEAVE
    found = word_of(table, "autoscaler", AUTOSCALERS, default)
    if "autoscaler" in table and found is not Autoscaler.LEAVE and environment and environment.kubernetes is None:
        wrong = f"`autoscaler: {found.value}` needs Kubernetes, and environment `{environment.name}` has none"
        table.fault("autoscaler", wrong, "remove it, or add `kubernetes:` to the environment in system.yaml")
    return found


def _needs(table: Table, environment: Environment | None, judge: Judge, system: System) -> Preconditions:
    inner = table.table("needs", NEED_KEYS)
    if inner is None:
        return Preconditions()
    apart = read_texts(inner, "separate_redis")
    for name, line in apart.items():
        _apart(inner, name, line, environment, system)
    sticky = inner.optional("sticky_sessions", system.name)
    ready = inner.truth("workload_ready") or False
    for key in ("sticky_sessions", "workload_ready"):
        if key in inner and environment is not None and environment.kubernetes is None:
            wrong = f"`{key}` needs Kubernetes, and environment `{environment.name}` of {table.where} has none"
            inner.fault(key, wrong, "remove it, or add `kubernetes:` to the environment in system.yaml")
    return Preconditions(sticky, tuple(apart), judge.rules(read_rules(inner, "conditions")), ready)


def _apart(table: Table, name: str, line: int, environment: Environment | None, system: System) -> None:
    """The other environment must be there, be another one, and both must have a Redis."""
    others = [each.name for each in system.environments if each is not environment]
    other = system.environment(name)
    if other is None or other is environment:
        wrong = f"{system.name} has no other environment `{name}`"
        table.sheet.fault(line, wrong, did_you_mean(name, others, "the others"))
        return
    for each in (other, environment):
        if each is not None and each.redis is None:
            wrong = f"`separate_redis` compares Redis, and environment `{each.name}` has none"
            table.sheet.fault(line, wrong, "remove it, or add `redis:` to the environment in system.yaml")


def read_texts(table: Table, key: str) -> dict[str, int]:
    """The texts under a key with their lines, each once; settings are filled in."""
    found: dict[str, int] = {}
    for text, line in table.texts(key):
        said = table.expand(key, text)
        if said in found:
            wrong = f"`{key}` of {table.where} says `{said}` twice"
            table.sheet.fault(line, wrong, f"remove one; the first is in line {found[said]}")
        found.setdefault(said, line)
    return found


def _sign_offs(table: Table, roles: tuple[str, ...]) -> tuple[str, ...]:
    found = read_texts(table, "sign_offs")
    for role, line in found.items():
        if role not in roles:
            wrong = f"`sign_offs` of {table.where} asks `{role}`, which is none of the `roles` of the plan"
            table.sheet.fault(line, wrong, did_you_mean(role, roles, "the roles"))
    return tuple(found)


def _in_order(table: Table, phase: Phase, earlier: list[Phase]) -> None:
    """Times do not go back from phase to phase."""
    last = next((each for each in reversed(earlier) if each.not_before is not None), None)
    if last is None or last.not_before is None or phase.not_before is None or phase.not_before >= last.not_before:
        return
    wrong = f"`not_before` of {table.where} is {phase.not_before:%Y-%m-%d %H:%M} UTC, before that of `{last.name}`"
    table.fault("not_before", wrong, f"write {last.not_before:%Y-%m-%d %H:%M} or later; see line {last.line}")
