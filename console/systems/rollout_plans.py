"""A `*.rollout.yaml` as a RolloutPlan; a wrong file is refused with all its faults at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from console.core.rollouts.plan import GRACE, TOLERANCE, Autoscaler, ClearKeys, Promotion, RolloutPlan
from console.core.system import System
from console.core.units import Dimension
from console.systems.catalog import PLAN, plan_files
from console.systems.checking import command_faults
from console.systems.faults import BrokenFile, Fault, did_you_mean
from console.systems.moments import day_of
from console.systems.rollout_phases import AUTOSCALERS, PROMOTIONS, Defaults, Tier, read_phases, read_texts
from console.systems.rollout_rules import read_rules, read_steps
from console.systems.rollout_strategies import read_flags, read_strategy
from console.systems.rollout_values import share_of, word_of
from console.systems.sheet import Sheet, Table

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")
PLAN_KEYS = (
    "name", "title", "about", "version", "day_one", "roles", "measured", "outage", "promotion", "strategy", "flags",
    "autoscaler", "rollback_when", "tiers", "roll_back_by_hand_when", "success", "after_rollback", "phases",
)  # fmt: skip


def find_plans(system: System) -> tuple[Path, ...]:
    """The plan files of a system's folder, by name."""
    return system.rollouts


def plan_names(folder: Path) -> tuple[str, ...]:
    """The names of the plans in a folder, in order; the files are not read."""
    return tuple(path.name.removesuffix(PLAN) for path in plan_files(folder))


def load_plan(
    path: Path, system: System, *, environ: Mapping[str, str] | None = None, text: str | None = None
) -> RolloutPlan:
    """The plan that a file describes. Raises BrokenFile with every fault.

    environ: where `${NAME:-text}` looks. text: the file as the journal kept it, read instead of the file. The plan's
    `settings` say what every setting was; given back as `environ` together with `text` they give the same plan,
    whatever became of the file and of the environment since. The format is described in runbooks/README.md.
    """
    sheet = _sheet(path, environ, text)
    plan = _plan(sheet, system)
    if sheet.faults:
        raise BrokenFile(sheet.faults)
    return plan


def plan_faults(path: Path, system: System, *, environ: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    """Every fault of a plan's file, those of its shell commands too."""
    sheet = _sheet(path, environ, None)
    try:
        _plan(sheet, system)
    except BrokenFile as error:
        sheet.faults.extend(error.faults)
    return tuple(sorted({*sheet.faults, *command_faults(sheet)}))


def _sheet(path: Path, environ: Mapping[str, str] | None, text: str | None) -> Sheet:
    environ = os.environ if environ is None else environ
    return Sheet(path.expanduser().absolute(), environ, text, "`name:` and `phases:`", journalled=True)


def _plan(sheet: Sheet, system: System) -> RolloutPlan:
    """The plan as far as it can be read; what is wrong is noted on the sheet. Raises BrokenFile."""
    top = Table(sheet, sheet.root(), "the plan", 1, PLAN_KEYS)
    name = _name(top)
    roles = tuple(read_texts(top, "roles"))
    defaults = Defaults(
        system=system,
        roles=roles,
        day_one=day_of(top, "day_one"),
        promotion=word_of(top, "promotion", PROMOTIONS, Promotion.PERSON),
        strategy=read_strategy(top, system),
        flags=read_flags(top),
        autoscaler=word_of(top, "autoscaler", AUTOSCALERS, Autoscaler.LEAVE),
        rules=read_rules(top, "rollback_when"),
        tiers=tuple(_tiers(top)),
    )
    phases = read_phases(top, defaults)
    steps = read_steps(top, "after_rollback", system)
    used = {phase.environment for phase in phases}
    if any(isinstance(step, ClearKeys) for step in steps) and not any(
        environment.redis for environment in system.environments if environment.name in used
    ):
        wrong = "`after_rollback` clears Redis keys, and no environment of the plan has a Redis"
        top.fault("after_rollback", wrong, "remove the step, or add `redis:` to the environment in system.yaml")
    outage = top.table("outage", ("tolerance", "grace"))
    text = sheet.text or ""
    return RolloutPlan(
        name=name,
        title=top.optional("title", f"{system.title} release") or name,
        system=system.name,
        path=sheet.path,
        phases=phases,
        about=top.optional("about", "What it is for, in a sentence.") or "",
        version=_version(top),
        roles=roles,
        manual=tuple(read_texts(top, "roll_back_by_hand_when")),
        success=tuple(read_texts(top, "success")),
        then=steps,
        measured=_measured(top, system),
        tolerance=TOLERANCE if outage is None else outage.span("tolerance", "1h", "0s", "30d"),
        grace=GRACE if outage is None else outage.span("grace", "10m", "0s", "7d"),
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        settings=tuple(sorted(sheet.settings.items())),
    )


def _name(top: Table) -> str:
    """The name, which is that of the file too, so that a plan can be found by it."""
    file = top.sheet.path.name
    name = top.text("name", file.removesuffix(PLAN))
    if name and not NAME.fullmatch(name):
        top.fault("name", f"`{name}` cannot be the name of a plan", "use lower-case letters, digits and `-`")
    elif name and file != f"{name}{PLAN}":
        wrong = f"the plan is called `{name}`, and its file {file}"
        top.fault("name", wrong, f"rename the file to {name}{PLAN}, or the plan")
    return name


def _version(top: Table) -> str | None:
    text = top.optional("version", "v2.3.3")
    if text is not None and not VERSION.fullmatch(text):
        top.fault("version", f"`{text}` cannot be a version", "write the tag of an image, such as `version: v2.3.3`")
    return text


def _measured(top: Table, system: System) -> str | None:
    """The metric of the new version's share, which must be a ratio."""
    text = top.optional("measured", "canary_share")
    if text is None:
        return None
    metric = system.metric(text)
    if metric is None:
        known = [each.name for each in system.metrics if each.unit.dimension is Dimension.RATIO]
        top.fault("measured", f"{system.name} has no metric `{text}`", did_you_mean(text, known, "its ratios"))
    elif metric.unit.dimension is not Dimension.RATIO:
        wrong = f"`measured` is `{text}`, which is a {metric.unit.dimension.value}"
        top.fault("measured", wrong, 'name the metric of a share, with `unit: "%"`')
    return text


def _tiers(top: Table) -> Iterator[Tier]:
    last = -1.0
    for row in top.rows("tiers", "a tier", ("up_to", "rollback_when")):
        if "up_to" not in row:
            row.missing("up_to", "10%")
        if "rollback_when" not in row:
            row.missing("rollback_when", "[error_rate > 5% for 5m]")
        share = share_of(row, "up_to")
        rules = read_rules(row, "rollback_when")
        if share is None:
            continue
        if share.ratio is None or share.pods is not None:
            row.fault("up_to", f"`up_to` is `{share.text}`, and tiers count in percent", "write `up_to: 10%`")
        elif share.ratio <= last:
            wrong = f"`up_to: {share.text}` is not above the tier before it"
            row.fault("up_to", wrong, "put tiers in the order of their shares")
        else:
            last = share.ratio
            yield Tier(share.ratio, rules, row.line("up_to"))
