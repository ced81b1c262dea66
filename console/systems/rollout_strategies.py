"""How a plan moves traffic and keeps flags: `strategy:` and `flags:`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from console.core.rollouts.plan import (
    Argo,
    BlueGreen,
    Canary,
    Command,
    FileFlags,
    Flags,
    Gateway,
    Nothing,
    RedisFlags,
    Rolling,
    Share,
    Strategy,
)
from console.core.system import Environment, System, WorkloadTarget
from console.systems.faults import did_you_mean
from console.systems.rollout_rules import shell
from console.systems.sheet import Table

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
STRATEGY_KEYS: Mapping[str, tuple[str, ...]] = {
    "canary": ("stable", "canary", "container"),
    "rolling": ("deployment", "container", "replicas"),
    "blue-green": ("service", "blue", "green", "label", "blue_value", "green_value", "container"),
    "gateway": ("route", "stable_service", "canary_service", "stable", "canary", "container"),
    "argo": ("rollout", "container"),
    "command": ("apply", "read", "roll_back", "timeout"),
}
FLAG_KEYS = ("redis", "file", "on", "off")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A strategy as the file has it, with its line; `Nothing` for `none`, None where it is at fault."""

    strategy: Strategy | None
    line: int


def read_strategy(table: Table, system: System) -> Chosen | None:
    """What `strategy:` says; None where the key is missing."""
    if "strategy" not in table:
        return None
    line = table.line("strategy")
    if table.is_single("strategy"):
        word = table.optional("strategy", NONE)
        if word is not None and word != NONE:
            right = did_you_mean(word, (NONE, *STRATEGY_KEYS), "`none`, or a table of one of")
            table.fault("strategy", f"`strategy` of {table.where} is `{word}`", right)
        return Chosen(Nothing() if word == NONE else None, line)
    faults = len(table.sheet.faults)
    outer = table.table("strategy", tuple(STRATEGY_KEYS))
    assert outer is not None
    kinds = [kind for kind in STRATEGY_KEYS if kind in outer]
    if len(kinds) != 1:
        if len(table.sheet.faults) == faults:
            what = " and ".join(f"`{kind}`" for kind in kinds) or "none"
            right = f"write exactly one of {', '.join(f'`{kind}:`' for kind in STRATEGY_KEYS)}"
            table.fault("strategy", f"`strategy` of {table.where} names {what}", right)
        return Chosen(None, line)
    inner = outer.table(kinds[0], STRATEGY_KEYS[kinds[0]])
    assert inner is not None
    return Chosen(_READERS[kinds[0]](inner, system), line)


def _name(table: Table, key: str, example: str) -> str:
    text = table.text(key, example)
    if text and not NAME.fullmatch(text):
        table.fault(key, f"`{text}` cannot be the name of an object", "use lower-case letters, digits, `-` and `.`")
    return text


def _container(table: Table) -> str | None:
    return table.optional("container", "hak-gal")


def _differ(table: Table, one: str, other: str, first: str, second: str) -> None:
    if first and first == second:
        table.fault(other, f"`{one}` and `{other}` of {table.where} are both `{first}`", "name two different ones")


def _canary(table: Table, system: System) -> Strategy:
    stable, canary = _name(table, "stable", system.name), _name(table, "canary", f"{system.name}-canary")
    _differ(table, "stable", "canary", stable, canary)
    return Canary(stable, canary, _container(table))


def _rolling(table: Table, system: System) -> Strategy:
    replicas = table.integer("replicas", 1, 1, 10_000) if "replicas" in table else None
    return Rolling(_name(table, "deployment", system.name), _container(table), replicas)


def _blue_green(table: Table, system: System) -> Strategy:
    blue, green = _name(table, "blue", f"{system.name}-blue"), _name(table, "green", f"{system.name}-green")
    _differ(table, "blue", "green", blue, green)
    label = table.optional("label", "slot") or "slot"
    if not LABEL.fullmatch(label):
        table.fault("label", f"`{label}` cannot be a label", "write a word such as `label: slot`")
    values = table.optional("blue_value", "blue") or "blue", table.optional("green_value", "green") or "green"
    _differ(table, "blue_value", "green_value", *values)
    return BlueGreen(_name(table, "service", system.name), blue, green, label, *values, _container(table))


def _gateway(table: Table, system: System) -> Strategy:
    services = (
        _name(table, "stable_service", f"{system.name}-stable"),
        _name(table, "canary_service", f"{system.name}-canary"),
    )
    _differ(table, "stable_service", "canary_service", *services)
    deployments = _name(table, "stable", system.name), _name(table, "canary", f"{system.name}-canary")
    _differ(table, "stable", "canary", *deployments)
    return Gateway(_name(table, "route", system.name), *services, *deployments, _container(table))


def _argo(table: Table, system: System) -> Strategy:
    return Argo(_name(table, "rollout", system.name), _container(table))


def _command(table: Table, system: System) -> Strategy:
    return Command(
        apply=shell(table, "apply", 'python scripts/deploy.py --target-percentage "$SHARE"'),
        read=shell(table, "read", "python scripts/deploy.py status --percentage"),
        roll_back=shell(table, "roll_back", "python scripts/deploy.py rollback"),
        timeout=table.span("timeout", "5m", "1s", "12h") if "timeout" in table else timedelta(minutes=5),
    )


_READERS: Mapping[str, Callable[[Table, System], Strategy]] = {
    "canary": _canary,
    "rolling": _rolling,
    "blue-green": _blue_green,
    "gateway": _gateway,
    "argo": _argo,
    "command": _command,
}


def settled(strategy: Strategy, line: int, share: Share, table: Table, environment: Environment | None) -> Strategy:
    """The strategy as a phase uses it: the container of `workloads:` is filled in, and the share is one it can reach.

    line: where it stands, which may be the plan's.
    """
    _reachable(strategy, share, table)
    if environment is None or isinstance(strategy, Nothing | Command):
        return strategy
    if environment.kubernetes is None:
        wrong = f"`{strategy.kind}` needs Kubernetes, and environment `{environment.name}` of {table.where} has none"
        right = f"add `kubernetes:` to `{environment.name}` in system.yaml, or use the strategy `command`"
        table.sheet.fault(line, wrong, right)
        return strategy
    listed = {workload.deployment: workload for workload in environment.kubernetes.workloads}
    for name, comes_and_goes in _deployments(strategy):
        _listed((strategy.kind, line), name, comes_and_goes, listed, table, environment)
    if strategy.container is not None:
        return strategy
    main = next((listed[name] for name, _ in _deployments(strategy) if name in listed), None)
    return replace(strategy, container=main.container) if main is not None else strategy


def _listed(
    chosen: tuple[str, int],
    name: str,
    comes_and_goes: bool,
    listed: Mapping[str, WorkloadTarget],
    table: Table,
    environment: Environment,
) -> None:
    """What the strategy moves must be watched. chosen: its kind and line."""
    kind, line = chosen
    found = listed.get(name)
    where = f"`workloads:` of environment `{environment.name}` in {environment_file(table)}"
    row = f"- {{deployment: {name}, optional: true}}" if comes_and_goes else f"- deployment: {name}"
    if not name:
        return
    if found is None:
        wrong = f"deployment `{name}` of `{kind}` is not among the workloads of `{environment.name}`"
        table.sheet.fault(line, wrong, f"add `{row}` to {where}")
    elif comes_and_goes and not found.optional:
        wrong = f"deployment `{name}` is made by `{kind}` and goes to no pods at the end"
        table.sheet.fault(line, wrong, f"write `{row}` in {where}")


def environment_file(table: Table) -> str:
    """The system's file, for sentences."""
    return str(table.sheet.path.parent / "system.yaml")


def _deployments(strategy: Strategy) -> tuple[tuple[str, bool], ...]:
    """The Deployments a strategy names, the main one first, each with whether it is made and taken away."""
    match strategy:
        case Canary(stable=stable, canary=canary):
            return (stable, False), (canary, True)
        case Gateway(stable=stable, canary=canary):
            return (stable, False), (canary, False)
        case Rolling(deployment=deployment):
            return ((deployment, False),)
        case BlueGreen(blue=blue, green=green):
            return (blue, False), (green, False)
    return ()


def _reachable(strategy: Strategy, share: Share, table: Table) -> None:
    """Whether the strategy knows such a share at all; how near the replicas come to it is seen when it is applied."""
    wrong = f"`{strategy.kind}` cannot give `{share.text}`"
    match strategy:
        case Rolling() if share.ratio != 1.0:
            table.fault("share", f"{wrong}: it replaces every pod", "write `share: 100%`, or use `canary`")
        case BlueGreen() if share.ratio not in (0.0, 1.0):
            table.fault("share", f"{wrong}: it switches all traffic", "write `share: 0%` to prepare, `100%` to switch")
        case Gateway() | Command() if share.ratio is None:
            table.fault("share", f"{wrong}: it counts in percent", "write `share: 5%`")
        case Gateway() if share.ratio is not None and not float(f"{share.ratio * 100:.9g}").is_integer():
            right = f"write `share: {max(1, round(share.ratio * 100))}%`"
            table.fault("share", f"{wrong}: weights are whole percent", right)


def read_flags(table: Table) -> tuple[Flags | None, int] | None:
    """What `flags:` says and its line, (None, line) for `none`; None where the key is missing."""
    if "flags" not in table:
        return None
    line = table.line("flags")
    if table.is_single("flags"):
        word = table.optional("flags", NONE)
        if word is not None and word != NONE:
            right = "write `flags: none`, or below it `redis:` or `file:`, `on:` and `off:`"
            table.fault("flags", f"`flags` of {table.where} is `{word}`", right)
        return None, line
    inner = table.table("flags", FLAG_KEYS)
    assert inner is not None
    if ("redis" in inner) == ("file" in inner):
        both = "both of" if "redis" in inner else "neither of"
        table.fault("flags", f"{inner.where} has {both} `redis` and `file`", "write the one they are kept in")
    key, path = inner.optional("redis", "genesis:flags"), inner.optional("file", "flags.json")
    store = RedisFlags(key) if key else FileFlags(inner.path("file", path or "flags.json"))
    on, off = _flag_names(inner, "on"), _flag_names(inner, "off")
    for name, at in off.items():
        if name in on:
            wrong = f"flag `{name}` is both on and off"
            table.sheet.fault(at, wrong, f"remove it here or in line {on[name]}")
    if not on and not off and "on" not in inner and "off" not in inner:
        inner.missing("on", "[name_of_a_flag]")
    return Flags(store, tuple(on), tuple(off)), line


def _flag_names(table: Table, key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for text, line in table.texts(key):
        name = table.expand(key, text)
        if name in found:
            wrong = f"`{key}` of {table.where} has `{name}` twice"
            table.sheet.fault(line, wrong, f"remove one; the first is in line {found[name]}")
        found.setdefault(name, line)
    return found
