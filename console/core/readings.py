"""What a source last said: the last good value, when it was taken, and why the newest attempt failed, if it did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """One outside thing as last seen.

    value: the last good value; None until there was one.
    taken_at: when `value` was taken, aware UTC.
    error: one sentence with host and call when the newest attempt failed, else None. A failure keeps the old value.
    error_at: when the newest attempt failed.
    stale_after: an older value is shown as STALE even where no error was reported (a hung call reports none).

    The three pictures every pane must tell apart: `value is None and error is None` is *reading…*;
    `value is None and error` is *could not read: why*; otherwise the value, greyed when `is_stale(now)`.
    """

    value: T | None = None
    taken_at: datetime | None = None
    error: str | None = None
    error_at: datetime | None = None
    stale_after: timedelta = timedelta(seconds=10)

    def good(self, value: T, at: datetime) -> Reading[T]:
        """The reading after a successful attempt at `at`."""
        return replace(self, value=value, taken_at=at, error=None, error_at=None)

    def failed(self, error: str, at: datetime) -> Reading[T]:
        """The reading after a failed attempt at `at`: the old value stays, the sentence is new."""
        return replace(self, error=error, error_at=at)

    def age(self, now: datetime) -> timedelta | None:
        """How old the value is; None where there never was one. Never negative."""
        return None if self.taken_at is None else max(now - self.taken_at, timedelta(0))

    def is_stale(self, now: datetime) -> bool:
        """Whether the value must not be taken for the present: an error since, or older than `stale_after`."""
        age = self.age(now)
        return age is not None and (self.error is not None or age > self.stale_after)


@dataclass(frozen=True, slots=True)
class RedisStats:
    """Redis at one moment. Source: INFO memory, clients, stats, keyspace; a timed PING; a timed SCAN page.

    used, peak, limit: bytes; limit is None where `maxmemory` is 0. ping, scan_page: seconds.
    keys: all keys of the selected database. evicted, expired, rejected_connections: counts since Redis started.
    """

    version: str
    role: str
    uptime: timedelta
    used: int
    peak: int
    limit: int | None
    fragmentation: float
    clients: int
    blocked_clients: int
    ops_per_second: float
    keys: int
    evicted: int
    expired: int
    rejected_connections: int
    hits: int
    misses: int
    ping: float
    scan_page: float


@dataclass(frozen=True, slots=True)
class SessionCensus:
    """Sessions counted by SCAN over the system's key scheme.

    total: sessions seen; tenants: (tenant, count), largest first. complete: whether the whole keyspace was walked.
    scanned: keys looked at; keyspace: DBSIZE when the walk began. began, ended: when the walk did.
    estimate: for a walk that is under way, the projected total (total * keyspace / scanned), else None.
    """

    total: int
    tenants: tuple[tuple[str, int], ...]
    complete: bool
    scanned: int
    keyspace: int
    began: datetime
    ended: datetime
    estimate: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """One health check at one moment.

    seconds: how long the answer took. failures: failed checks in a row, 0 when the last one passed.
    detail: `200 OK` or the sentence of the failure.
    """

    name: str
    ok: bool
    seconds: float
    failures: int
    detail: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. ready counts containers: `ready_containers` of `containers`. revision: of its ReplicaSet, 0 unknown.

    workload: the Deployment it belongs to, empty where unknown.
    """

    name: str
    phase: str
    ready: bool
    ready_containers: int
    containers: int
    restarts: int
    version: str
    image: str
    revision: int
    created: datetime
    node: str
    ip: str
    reason: str
    terminating: bool
    workload: str = ""


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """One Kubernetes Event. kind: `Normal` or `Warning`. about: `Pod/hak-gal-7f-x2`."""

    last_seen: datetime
    kind: str
    reason: str
    about: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One ReplicaSet of a deployment: what `kubectl rollout history` lists.

    number: `deployment.kubernetes.io/revision`. template: the pod template as JSON text, sorted keys, without
    `pod-template-hash`; the text is what a rollback puts back. version: the tag of the workload's image.
    """

    number: int
    version: str
    image: str
    template: str
    desired: int
    pods: int
    ready: int
    created: datetime
    change_cause: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment with its history.

    desired, updated, ready, available: pods. settled: the controller has observed the newest generation, every desired
    pod is of the newest revision and available, and none is left over. stuck: why the rollout does not progress
    (`ProgressDeadlineExceeded`), else empty. current: the number of the newest revision. resource_version: for
    preconditions.
    managed_by: the GitOps controller that owns the object (Argo CD, Flux), else empty.
    template: the pod template asked for now, as JSON text like a revision's.
    optional: it may be missing, or have no pods.
    """

    name: str
    namespace: str
    container: str
    version: str
    image: str
    current: int
    desired: int
    updated: int
    ready: int
    available: int
    settled: bool
    paused: bool
    stuck: str
    resource_version: str
    generation: int
    uid: str
    revisions: tuple[Revision, ...]
    managed_by: str = ""
    template: str = ""
    optional: bool = False

    @property
    def resting(self) -> bool:
        """Whether it is one that may have no pods, is to have none, and has none."""
        return self.optional and self.desired == 0 and not any(each.pods for each in self.revisions)

    def revision(self, number: int) -> Revision | None:
        """The revision of that number, if the cluster still keeps it."""
        return next((revision for revision in self.revisions if revision.number == number), None)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What list-watch keeps of one namespace: the environment's workloads, their pods and events, newest first.

    events_error: why events cannot be read (often: no right to), else empty; the rest is good without them.
    """

    context: str
    namespace: str
    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    events: tuple[ClusterEvent, ...]
    events_error: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log. number: grows by one over all logs and never repeats in a process.

    level: `ERROR`, `WARN`, `INFO`, `DEBUG` or empty where the line names none. at: the line's own time where it
    has one.
    origin: file name or pod name. marker: a line the console put there (`hak_gal.log was rotated at …`).
    """

    number: int
    text: str
    level: str
    origin: str
    at: datetime | None = None
    marker: bool = False


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Lines matched per log pattern since following began, and in the last hour observed.

    lines: all lines seen. patterns: (name, count in the last hour, count in all). observed: how long following
    has lasted,
    at most one hour; a rate per hour before a full hour is the count so far, never scaled up.
    origins: what is followed now, with the error of each that is not ("" when well).
    """

    lines: int
    patterns: tuple[tuple[str, int, int], ...]
    observed: timedelta
    origins: tuple[tuple[str, str], ...]
