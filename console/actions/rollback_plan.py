"""What a rollback would do: which template it puts back, and why that one; pure, from what is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from console.core.operations import Refused
from console.core.plans import Good, RollbackPlan
from console.core.readings import Pod, Revision, Workload
from console.core.templates import masked
from console.core.units import show_span

_CONTEXT_LINES = 2


def plan_rollback(
    workload: Workload,
    pods: Iterable[Pod],
    *,
    target_name: str,
    good: Good | None,
    revision: int | None,
    now: datetime,
    left: Mapping[str, datetime] | None = None,
) -> RollbackPlan:
    """The plan for `workload`, bound to its resourceVersion as read at `now`.

    good: what was recorded good; it is returned to where no revision is picked, even when the cluster no longer keeps
    its ReplicaSet. revision: the one picked; 0 picks the recorded good one. Without either, the newest earlier one, and
    rather one that was never rolled back from. left: versions that were, with when.
    Raises Refused: nothing to return to, not kept, or running already.
    """
    left = left or {}
    chosen = _choose(workload, good, revision, left)
    now_since = next((each.created for each in workload.revisions if each.template == workload.template), None)
    own = [pod for pod in pods if pod.workload in ("", workload.name) and not pod.terminating]
    to_version, to_revision, template, why = chosen
    return RollbackPlan(
        target=target_name,
        workload=workload.name,
        namespace=workload.namespace,
        now_version=workload.version,
        now_revision=workload.current,
        now_pods=_now_pods(workload, own, now_since, now),
        to_version=to_version,
        to_revision=to_revision,
        to_template=template,
        why=why,
        diff=difference(workload.template, template, f"now {workload.version}", f"to {to_version}"),
        does=_does(workload, own, to_version, to_revision, why),
        leaves=(
            f"the number of pods ({workload.desired}) and any autoscaler's bounds",
            "Services, ConfigMaps and Secrets",
            "Redis data and feature flags",
        ),
        choices=_choices(workload, good),
        warnings=_warnings(workload, own, to_version, good, template, left),
        resource_version=workload.resource_version,
        read_at=now,
        now_template=workload.template,
    )


def difference(now: str, to: str, now_title: str, to_title: str) -> tuple[str, ...]:
    """The unified diff of two pod templates (JSON texts) written as YAML, a line each, with literal secrets hidden."""
    import difflib

    lines = difflib.unified_diff(
        _yaml(masked(now)), _yaml(masked(to)), now_title, to_title, n=_CONTEXT_LINES, lineterm=""
    )
    return tuple(lines)


def _choose(
    workload: Workload, good: Good | None, revision: int | None, left: Mapping[str, datetime]
) -> tuple[str, int, str, str]:
    """(version, revision or 0, template, why)."""
    name = workload.name
    good_template = _same_text(good.template) if good else ""
    if revision:
        kept = workload.revision(revision)
        if kept is None:
            numbers = ", ".join(str(each.number) for each in workload.revisions) or "none"
            raise Refused(f"revision {revision} of {name} is not kept by the cluster; kept are {numbers}")
        if kept.template == workload.template:
            raise Refused(_running(workload, f"revision {revision}"))
        return kept.version, kept.number, kept.template, _why(kept, good, good_template)
    if revision == 0 and good is None:
        raise Refused(f"no good version of {name} is recorded; pick one of its revisions")
    if good is not None:
        if good_template == workload.template:
            raise Refused(f"{_running(workload, 'the version recorded good')}; pick a revision to go elsewhere")
        kept = next((each for each in workload.revisions if each.template == good_template), None)
        return good.version, kept.number if kept else 0, good_template, f"recorded good {_clock(good.recorded_at)}"
    earlier = [each for each in workload.revisions if each.template != workload.template]
    before = [each for each in earlier if workload.current == 0 or each.number <= workload.current] or earlier
    if not before:
        raise Refused(
            f"only one revision of {name} is known and no good version is recorded; "
            "deploy the version that is wanted instead"
        )
    to = next((each for each in before if each.version not in left), before[0])
    what = "previous revision" if to is before[0] else "newest earlier revision that was not rolled back from"
    return to.version, to.number, to.template, f"{what}, not recorded good"


def _running(workload: Workload, what: str) -> str:
    state = "" if workload.settled else f", with {workload.available} of {workload.desired} pods available so far"
    return f"{workload.name} already runs {what}, {workload.version}{state}"


def _why(revision: Revision, good: Good | None, good_template: str) -> str:
    if good is not None and revision.template == good_template:
        return f"recorded good {_clock(good.recorded_at)}"
    return f"revision {revision.number}, picked, not recorded good"


def _choices(workload: Workload, good: Good | None) -> tuple[tuple[int, str, str], ...]:
    good_template = _same_text(good.template) if good else ""
    found: list[tuple[int, str, str]] = []
    for each in workload.revisions:
        if each.template == workload.template:
            continue
        if good is not None and each.template == good_template:
            why = f"recorded good {_clock(good.recorded_at)}"
        else:
            why = f"not recorded good, {each.change_cause}" if each.change_cause else "not recorded good"
        found.append((each.number, each.version, why))
    if (
        good
        and good_template != workload.template
        and all(each.template != good_template for each in workload.revisions)
    ):
        found.append((0, good.version, f"recorded good {_clock(good.recorded_at)}, no longer kept by the cluster"))
    return tuple(found)


def _now_pods(workload: Workload, own: list[Pod], since: datetime | None, now: datetime) -> str:
    newest = [pod for pod in own if pod.revision == workload.current]
    ready = sum(1 for pod in newest if pod.ready)
    age = f", since {show_span(max(now - since, timedelta(0)))}" if since else ""
    return f"{len(newest)} of {workload.desired} pods, {ready} ready{age}"


def _does(workload: Workload, own: list[Pod], version: str, revision: int, why: str) -> tuple[str, ...]:
    already = sum(1 for pod in own if revision and pod.revision == revision and pod.ready)
    kept = f"; {already} of {version} still run" if already else ""
    does = [
        f"puts back the pod template of {version} ({why})",
        f"replaces pods until {workload.desired} of {workload.desired} are {version}{kept}",
    ]
    if workload.paused:
        does.append("resumes the rollout, which is paused")
    elif not workload.settled:
        does.append(f"breaks off the rollout of {workload.version} that is under way")
    return tuple(does)


def _warnings(
    workload: Workload,
    own: list[Pod],
    version: str,
    good: Good | None,
    template: str,
    left: Mapping[str, datetime],
) -> tuple[str, ...]:
    found: list[str] = []
    if version in left and version != workload.version:
        found.append(f"{version} was itself rolled back from, {_clock(left[version])}: do not return to a bad version")
    if workload.managed_by:
        found.append(
            f"{workload.managed_by} owns this Deployment and may put {workload.version} back: "
            "stop its sync, and revert the change in Git too"
        )
    if workload.desired == 0:
        found.append("no pods are wanted of this Deployment, so nothing will serve afterwards either")
    if version == workload.version:
        found.append(f"both carry the version {version}; only the template differs (see the diff)")
    if good is None or _same_text(good.template) != template:
        found.append(f"{version} is not recorded good: see that it was")
    others = {pod.version for pod in own} - {workload.version, version}
    if others:
        found.append(f"pods of {', '.join(sorted(others))} run as well and will be replaced")
    return tuple(found)


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def _same_text(template: str) -> str:
    """The text in the form of `Revision.template`, whoever wrote it."""
    return json.dumps(json.loads(template), sort_keys=True, separators=(",", ":"))


def _yaml(template: str) -> list[str]:
    if not template:
        return []
    import yaml

    return yaml.safe_dump(json.loads(template), sort_keys=True, default_flow_style=False, width=1000).splitlines()
