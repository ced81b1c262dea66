"""What is deployed: versions with their shares, and in one line why it is so, what is next, what to press."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from console.core.picture import Deployed, VersionShare
from console.core.readings import ClusterState, Workload

_WORST_FIRST = ("STUCK", "NOT READY", "PAUSED", "PROGRESSING", "SETTLED")


def deployed(
    cluster: ClusterState | None,
    target: str | None,
    good_version: str | None,
    good_at: datetime | None,
    now: datetime,
) -> Deployed:
    """What runs in an environment. target: the version a release goes to; good_version, good_at: recorded good.

    A revision is listed while it has pods or is to have some, the newest of its workload always. With several workloads
    the state is that of the worst one. An optional workload without pods is as good as one that is not there.
    """
    if cluster is not None and not all(workload.resting for workload in cluster.workloads):
        cluster = replace(cluster, workloads=tuple(each for each in cluster.workloads if not each.resting))
    if cluster is None or not cluster.workloads:
        why = "the cluster has not been read yet"
        if cluster is not None:
            why = f"{cluster.namespace} has none of this system's deployments; compare the names in system.yaml"
        return Deployed("", target, "UNKNOWN", why, (), good_version, good_at)
    versions = _versions(cluster, good_version, now)
    states = {workload.name: _state(workload) for workload in cluster.workloads}
    worst = min(cluster.workloads, key=lambda workload: _WORST_FIRST.index(states[workload.name]))
    largest = max(versions, key=lambda one: (one.share, one.desired, one.current), default=None)
    shown = largest.version if largest is not None else worst.version
    state = states[worst.name]
    if state == "SETTLED":
        why = f"{_settled(versions, shown, target, good_version)}; {_way_back(worst, shown, good_version)}"
    else:
        why = f"{_unsettled(worst, state, cluster)}; {_way_back(worst, worst.version, good_version)}"
    return Deployed(shown, target, state, why, versions, good_version, good_at)


def _versions(cluster: ClusterState, good: str | None, now: datetime) -> tuple[VersionShare, ...]:
    """A row per revision, the newest of each workload first, then by share."""
    listed = [
        (workload, revision)
        for workload in cluster.workloads
        for revision in workload.revisions
        if revision.desired > 0 or revision.pods > 0 or revision.number == workload.current
    ]
    ready = sum(revision.ready for _, revision in listed)
    rows = [
        VersionShare(
            version=revision.version,
            workload=workload.name,
            revision=revision.number,
            desired=revision.desired,
            ready=revision.ready,
            share=revision.ready / ready if ready else 0.0,
            since=min(revision.created, now),
            current=revision.number == workload.current,
            good=good is not None and revision.version == good,
        )
        for workload, revision in listed
    ]
    rows.sort(key=lambda row: (not row.current, -row.share, -row.revision))
    return tuple(rows)


def _state(workload: Workload) -> str:
    if workload.stuck:
        return "STUCK"
    if workload.paused:
        return "PAUSED"
    if workload.desired == 0:
        return "NOT READY" if workload.resting or not workload.optional else "PROGRESSING"
    if workload.settled:
        return "SETTLED" if workload.ready >= workload.desired else "NOT READY"
    moving = workload.updated < workload.desired or _old_pods(workload) > 0 or workload.ready >= workload.desired
    return "PROGRESSING" if moving else "NOT READY"


def _old_pods(workload: Workload) -> int:
    return sum(revision.pods for revision in workload.revisions if revision.number != workload.current)


def _settled(versions: tuple[VersionShare, ...], shown: str, target: str | None, good: str | None) -> str:
    """Every workload is at rest."""
    ready: Counter[str] = Counter()
    for row in versions:
        ready[row.version] += row.ready
    running = [version for version, pods in ready.most_common() if pods]
    if len(running) > 1:
        shares = ", ".join(f"{version} on {ready[version]}" for version in running)
        what = f"{shares} of {ready.total()} pods, all ready"
    else:
        what = f"every pod runs {shown} and is ready"
    if shown == good:
        what += ", and it is recorded good"
    if target and target not in running:
        what += f"; {target}, the target, does not run"
    return what


def _unsettled(workload: Workload, state: str, cluster: ClusterState) -> str:
    """What keeps a workload from rest, and what becomes of it."""
    current = workload.revision(workload.current)
    new_ready = current.ready if current is not None else 0
    version, pods = workload.version, f"{new_ready} of {workload.desired} pods"
    match state:
        case "STUCK":
            return f"{version} does not come up ({workload.stuck}): {pods} ready{_reasons(workload, cluster)}"
        case "PAUSED":
            return (
                f"the rollout of {workload.name} is paused with {pods} on {version} ready; "
                f"kubectl rollout resume deployment/{workload.name} lets it go on"
            )
        case "PROGRESSING" if workload.desired == 0:
            left = sum(revision.pods for revision in workload.revisions)
            return f"{workload.name} goes to no pods, {left} to go"
        case "PROGRESSING" if workload.updated < workload.desired or _old_pods(workload):
            old = _old_pods(workload)
            leaving = f", {old} old to go" if old else ""
            reasons = _reasons(workload, cluster)
            how = "is rolled out and does not come up so far" if reasons else "is coming up by itself"
            return f"{version} {how}: {pods} ready{leaving}{reasons}"
        case "PROGRESSING":
            return f"{version} was asked for, and the cluster has yet to call {pods} available"
    if workload.desired == 0:
        return f"{workload.name} is scaled to 0 pods and serves nothing"
    reasons = _reasons(workload, cluster)
    return f"{workload.ready} of {workload.desired} pods of {version} are ready{reasons}; Enter shows the others"


def _reasons(workload: Workload, cluster: ClusterState) -> str:
    """The commonest reason why pods of the newest revision are not ready."""
    reasons = Counter(
        pod.reason
        for pod in cluster.pods
        if pod.workload == workload.name and pod.revision == workload.current and not pod.ready and pod.reason
    )
    return "".join(f", {count} in {reason}" for reason, count in reasons.most_common(1))


def _way_back(workload: Workload, running: str, good: str | None) -> str:
    if good is not None and good != running:
        return f"R rolls back to {good}"
    if any(revision.number != workload.current for revision in workload.revisions):
        return "R shows the earlier revisions"
    return "there is no earlier revision to roll back to"
