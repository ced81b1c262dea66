"""What an action would do, as shown before it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Good:
    """What was recorded good of a workload. template: the pod template as JSON text, as `Revision.template` is; it is
    enough to return to even where the cluster no longer keeps the revision.
    """

    version: str
    image: str
    template: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do, as read at `read_at`; bound to `resource_version`: a change in between is noticed.

    now_*: what runs. to_*: what it returns to. why: `recorded good 12:04Z` or `previous revision, not recorded good`.
    diff: unified diff of the pod templates, a line each. does, leaves: sentences for the dialog. choices: (revision,
    version, why) of every revision that can be picked, newest first. target: what the engineer types. warnings: such
    as a GitOps owner. now_template: the pod template that runs, by which another's change in between is told from a
    mere change of status or size. rollout: the rollout under way that this rolls back as a whole, in words (`release of
    v2.3.3, phase 4 of 8`); empty where there is none. Then there are no choices.
    environment: where it is done, where that may be another one than the console's; empty for the console's own.
    """

    target: str
    workload: str
    namespace: str
    now_version: str
    now_revision: int
    now_pods: str
    to_version: str
    to_revision: int
    to_template: str
    why: str
    diff: tuple[str, ...]
    does: tuple[str, ...]
    leaves: tuple[str, ...]
    choices: tuple[tuple[int, str, str], ...]
    warnings: tuple[str, ...]
    resource_version: str
    read_at: datetime
    now_template: str = ""
    rollout: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class BypassPlan:
    """What a grant would do. enforced: where, in words. today: `1 of 3`. target: what the engineer types."""

    target: str
    longest: timedelta
    off: tuple[str, ...]
    on: tuple[str, ...]
    enforced: tuple[str, ...]
    today: int
    a_day: int
