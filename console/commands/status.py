"""`hakgal-console status`: the picture as text or JSON."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

from console.commands.choosing import must_choose
from console.commands.desk_of import desk_of, observed
from console.commands.plain import as_json, plain
from console.commands.rollout_json import as_body
from console.commands.rollout_words import by_command
from console.commands.wishes import add_choice
from console.core.picture import AlertState, Picture, SourceState
from console.core.readings import LogCounts
from console.core.rollouts.state import RolloutState
from console.core.units import show, unit

EXAMPLES = """examples:
  hakgal-console status                                  the only or last-used system
  hakgal-console status --system hak-gal --env staging
  hakgal-console status --json | jq '.alerts.alerts[] | select(.state == "firing")'

exit codes: 0 all is well; 1 an alert fires, a source or a health check fails, a rule is without data, a deployment is
stuck or not ready, or a rollout is held, blind, rolled back or driven by nobody; 2 the command was not understood
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_choice(parser)
    parser.add_argument("--json", action="store_true", help="the whole picture as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Observe once and print."""
    choice = must_choose(arguments)
    with desk_of(choice, read_only=True) as engine:
        picture = observed(engine, choice)
    print(as_json(_body(picture)) if arguments.json else "\n".join(as_text(picture)))
    return 0 if is_well(picture) else 1


def _body(picture: Picture) -> dict[str, object]:
    """The picture for JSON, with the rollout as `rollout status --json` gives it."""
    return dict(plain(picture)) | {"rollout": None if picture.rollout is None else as_body(picture.rollout)}


def is_well(picture: Picture) -> bool:
    """Whether nothing fires, nothing is blind and every source answers."""
    quiet = all(alert.state in (AlertState.QUIET, AlertState.PENDING) for alert in picture.alerts.alerts)
    live = all(source.state in (SourceState.LIVE, SourceState.ABSENT) for source in picture.sources)
    up = picture.deployed is None or picture.deployed.state not in ("STUCK", "NOT READY")
    return quiet and live and up and _rolls_well(picture) and picture.alerts.checked_at is not None


def _rolls_well(picture: Picture) -> bool:
    """Whether the rollout under way, if there is one, is driven, can be judged, and is not held or rolled back."""
    view = picture.rollout
    if view is None or view.state.over:
        return not picture.rollout_error
    held = (RolloutState.HELD, RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK)
    return view.driver.alive and not view.blind and view.state not in held


def since(at: datetime, now: datetime) -> str:
    """How long ago, in the two largest units: `41h12m`, `3m`, `12s`."""
    seconds = max(0, int((now - at).total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m" if minutes else f"{seconds}s"


def as_text(picture: Picture) -> list[str]:
    """The picture in lines, the most urgent first."""
    now = picture.taken_at
    lines = [f"{picture.system} ▸ {picture.environment.upper()}   {now:%Y-%m-%d %H:%M:%S}Z"]
    lines += _bypass(picture)
    lines += _alerts(picture)
    lines += _rollout(picture)
    lines += _deployed(picture)
    lines += _redis(picture)
    if picture.logs.value is not None:
        lines.append(_logs(picture.logs.value))
    elif picture.logs.error:
        lines.append(f"logs       could not read: {picture.logs.error}")
    lines.extend(
        f"source     {source.name}: {source.state.value}"
        + (f" {source.detail}" if source.state not in (SourceState.LIVE, SourceState.ABSENT) else "")
        for source in picture.sources
    )
    lines.extend(f"notice     {notice}" for notice in picture.notices)
    return lines


def _logs(logs: LogCounts) -> str:
    """Only what came while the command looked: it counts from its own beginning, which is no rate per hour."""
    if not logs.lines:
        return "logs       readable; no line came while this command looked"
    counts = ", ".join(f"{name} {total}" for name, _, total in logs.patterns)
    return f"logs       lines that came while this command looked: {logs.lines}; {counts or 'no patterns'}"


def _bypass(picture: Picture) -> list[str]:
    if not picture.bypass_offered:
        return []
    reading = picture.bypass
    if reading.value is None or reading.error is not None:
        return [f"bypass     unknown: {reading.error or 'not read'}"]
    state = reading.value
    if state.grant is None:
        odd = f"; {state.warning}" if state.warning else ""
        return [f"bypass     none open, {state.today} of {state.a_day} used today{odd}"]
    left = max(timedelta(0), state.remaining - (reading.age(picture.taken_at) or timedelta(0)))
    return [f"bypass     ON, {int(left.total_seconds())} s left: {state.grant.reason} ({state.grant.actor})"]


def _alerts(picture: Picture) -> list[str]:
    if picture.alerts.checked_at is None:
        return ["alerts     not judged: a source has not answered"]
    loud = [alert for alert in picture.alerts.alerts if alert.state is not AlertState.QUIET]
    if not loud:
        return [f"alerts     none of {len(picture.alerts.alerts)} rules"]
    return [
        f"alert      {alert.severity.name} {alert.state.value.upper()} {since(alert.since, picture.taken_at)}  "
        f"{alert.title}  {alert.value}, rule {alert.condition}  {alert.detail or alert.action}"
        for alert in loud
    ]


def _rollout(picture: Picture) -> list[str]:
    view = picture.rollout
    if view is None:
        return [f"rollout    could not read: {picture.rollout_error}"] if picture.rollout_error else []
    if view.state.over:
        return []
    blind = " FLYING BLIND" if view.blind else ""
    driver = view.driver.who if view.driver.alive else "NOBODY DRIVES"
    where = f"phase {view.phase + 1} of {len(view.phases)}, {view.here.title or view.here.name}"
    return [
        f"rollout    {view.version}  {view.state.value.upper()}{blind}  {where}: {by_command(view.why)}  ({driver})"
    ]


def _deployed(picture: Picture) -> list[str]:
    shown = picture.deployed
    if shown is None:
        return [f"deployed   unknown: {picture.cluster.error}"] if picture.cluster.error else []
    target = f" → {shown.target}" if shown.target and shown.target != shown.now else ""
    lines = [f"deployed   {shown.now or 'unknown'}{target}  {shown.state}  {by_command(shown.why)}"]
    lines.extend(
        f"           {share.version}  {share.ready} of {share.desired} pods ready, {share.share:.0%}, "
        f"since {since(share.since, picture.taken_at)}{'  recorded good' if share.good else ''}"
        for share in shown.versions
    )
    if picture.cluster.error:
        lines.append(f"           could not read: {picture.cluster.error}")
    return lines


def _redis(picture: Picture) -> list[str]:
    lines: list[str] = []
    if picture.redis.value is not None:
        stats = picture.redis.value
        limit = f" of {show(float(stats.limit), unit('MB'))}" if stats.limit else ", no limit set"
        stale = f"  STALE: {picture.redis.error}" if picture.redis.error else ""
        lines.append(
            f"redis      memory {show(float(stats.used), unit('MB'))}{limit}, ping {stats.ping * 1000:.1f} ms{stale}"
        )
    elif picture.redis.error:
        lines.append(f"redis      could not read: {picture.redis.error}")
    census = picture.sessions.value
    if census is not None:
        tenants = ", ".join(f"{tenant} {count:,}" for tenant, count in census.tenants[:8])
        whole = "" if census.complete else " so far"
        lines.append(
            f"sessions   {census.total:,}{whole} ({tenants}), counted {since(census.ended, picture.taken_at)} ago"
        )
    elif picture.sessions.error:
        lines.append(f"sessions   could not count: {picture.sessions.error}")
    return lines
