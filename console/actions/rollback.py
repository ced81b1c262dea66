"""Roll a Deployment back: one patch with a precondition, then follow it until it is verified or the reason is known."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.actions.rollback_plan import plan_rollback
from console.actions.rollback_standing import Standing, judge
from console.core.operations import ActionFailed, Unverified
from console.core.plans import Good, RollbackPlan
from console.core.units import show_span
from console.systems.kubernetes_errors import KubernetesError
from console.systems.kubernetes_objects import (
    CHANGE_CAUSE,
    progressing,
    selector_text,
    template_image,
    template_text,
    version_of,
)

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

__all__ = ["Good", "Patience", "permissions_needed", "plan_rollback", "roll_back"]

log = logging.getLogger(__name__)

Json = dict[str, Any]
Say = Callable[[str], None]

_READ_SECONDS = 3.0
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a rollback puts up with what. every: between two looks.

    quiet: without a pod turning ready until it is said which ones run and do not.
    contact: with an API server that does not answer or refuses for the moment, before the write and after it.
    trouble: with a pod that cannot start while nothing else moves. whole: with all of it.
    """

    every: timedelta = timedelta(milliseconds=500)
    quiet: timedelta = timedelta(seconds=10)
    contact: timedelta = timedelta(seconds=90)
    trouble: timedelta = timedelta(seconds=45)
    whole: timedelta = timedelta(minutes=15)


def permissions_needed() -> tuple[tuple[str, str, str], ...]:
    """What a rollback and the panes need: (verb, `group/resource`, what for); core resources have no group."""
    return (
        ("patch", "apps/deployments", "to roll back"),
        ("get", "apps/deployments", "to see what runs"),
        *((verb, f"apps/{kind}", "to see what runs") for kind in ("deployments", "replicasets") for verb in _SEE),
        *((verb, kind, "to see pods and events") for kind in ("pods", "events") for verb in _SEE),
        ("get", "pods/log", "to follow the logs of pods"),
    )


_SEE = ("list", "watch")


def roll_back(
    api: KubernetesApi,
    plan: RollbackPlan,
    *,
    say: Say,
    stopped: threading.Event,
    clock: Callable[[], datetime],
    on_write: Callable[[str], None] | None = None,
    patience: Patience | None = None,
) -> str:
    """Put the plan's template back and follow it; returns `ROLLED BACK and verified in 38s`.

    The first request is the write, bound to the resourceVersion the plan was made from. A conflict is never the end:
    the object is read again, and the write repeated where the same template still runs; where somebody put a third one
    there meanwhile, nothing is written. A write whose answer was lost is looked for before it is repeated.
    say: takes a line when something has happened. on_write: takes the line of a write right before it goes out and
    must return at once. stopped: ends the following, never undoes the write.
    Raises ActionFailed with what is wrong and what to press, Unverified where the outcome cannot be known.
    """
    rollback = _Rollback(api, plan, say, stopped, clock, on_write or (lambda _line: None), patience or Patience())
    return rollback.follow(rollback.write())


class _Rollback:
    """One rollback under way."""

    def __init__(
        self,
        api: KubernetesApi,
        plan: RollbackPlan,
        say: Say,
        stopped: threading.Event,
        clock: Callable[[], datetime],
        on_write: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self._api = api
        self._plan = plan
        self._say = say
        self._stopped = stopped
        self._clock = clock
        self._on_write = on_write
        self._patience = patience
        self._began = clock()
        self._mark = (
            f"hakgal-console: rolled back from {plan.now_version} to {plan.to_version} "
            f"at {self._began.astimezone(UTC).isoformat(timespec='milliseconds')}"
        )

    def write(self) -> Json:
        """Write until it is known to be written; the Deployment as it was then."""
        from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH

        plan = self._plan
        line = f"PATCH deployments/{plan.workload} in {plan.namespace}: {plan.now_version} → {plan.to_version}"
        version = plan.resource_version
        deadline = time.monotonic() + self._patience.contact.total_seconds()
        pause, conflicts = 0.1, 0
        doubted = False
        while True:
            self._on_write(line)
            try:
                written = self._api.patch(
                    DEPLOYMENTS,
                    plan.workload,
                    self._operations(version),
                    content_type=JSON_PATCH,
                    namespace=plan.namespace,
                )
            except KubernetesError as error:
                conflict = error.status == 409
                if not conflict and not _passes(error):
                    raise ActionFailed(f"nothing was changed: {error}; {_press(error)}") from error
                if not conflict:
                    self._say(f"{error}; trying again")
                    doubted = doubted or error.unknown
                    self._wait(deadline, error, pause, doubted)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                if conflict or error.unknown:
                    live = self._read(deadline, doubted)
                    if self._decide(live):
                        return live
                    version = str(live["metadata"]["resourceVersion"])
                    doubted = False
                    if conflict:
                        self._say(f"{line}: it had changed in between and still needs it; writing again")
                        self._wait(deadline, error, min(conflicts * 0.02, 0.5), doubted)
                        conflicts += 1
            else:
                self._say(line)
                return written

    def _operations(self, version: str) -> list[Json]:
        """As `kubectl rollout undo` does it: the whole template is replaced. A paused rollout is resumed by the same
        write, for it would keep the template from taking effect.
        """
        operations: list[Json] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/template", "value": json.loads(self._plan.to_template)},
            {"op": "add", "path": "/spec/paused", "value": False},
        ]
        if self._plan.now_revision:
            # Only a Deployment with a revision is sure to have annotations to add one to.
            path = f"/metadata/annotations/{CHANGE_CAUSE.replace('/', '~1')}"
            operations.append({"op": "add", "path": path, "value": self._mark})
        return operations

    def _decide(self, live: Json) -> bool:
        """Whether the template is there already. Raises ActionFailed where somebody put another one there."""
        template = template_text(live["spec"]["template"])
        if self._carries_mark(live) and _covers(live["spec"]["template"], json.loads(self._plan.to_template)):
            self._say(f"{self._plan.to_version} was written; only the answer was lost")
            return True
        if template == self._plan.to_template:
            self._say(f"somebody has put {self._plan.to_version} back already; following that")
            return True
        if self._plan.now_template and template != self._plan.now_template:
            _, image = template_image(live["spec"]["template"], None)
            raise ActionFailed(
                f"nothing was changed: somebody put another template ({version_of(image)}) on {self._plan.workload} "
                "while this was confirmed; press R to plan again from what runs now"
            )
        return False

    def _carries_mark(self, live: Json) -> bool:
        return bool((live["metadata"].get("annotations") or {}).get(CHANGE_CAUSE) == self._mark)

    def _read(self, deadline: float, doubted: bool) -> Json:
        """The Deployment, asked for until it is given."""
        from console.systems.kubernetes_connection import DEPLOYMENTS

        pause = 0.1
        while True:
            try:
                return self._api.get(
                    DEPLOYMENTS, self._plan.workload, namespace=self._plan.namespace, timeout=_READ_SECONDS
                )
            except KubernetesError as error:
                if not _passes(error):
                    raise (
                        self._unknown(error)
                        if doubted
                        else ActionFailed(f"nothing was changed: {error}; {_press(error)}")
                    ) from error
                self._say(f"{error}; trying again")
                self._wait(deadline, error, pause, doubted)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _wait(self, deadline: float, error: KubernetesError, seconds: float, doubted: bool) -> None:
        """Pause before the next try. Raises when told to stop or out of time."""
        if error.retry_after is not None:
            seconds = error.retry_after.total_seconds()
        stopped = self._stopped.wait(seconds)
        if not stopped and time.monotonic() <= deadline:
            return
        if doubted:
            raise self._unknown(error)
        why = "stopped before it was written" if stopped else f"gave up: {error}"
        raise ActionFailed(f"nothing was changed: {why}; press R to begin again")

    def _unknown(self, error: KubernetesError) -> Unverified:
        return Unverified(
            f"{self._plan.to_version} may have been written, and it cannot be read whether: {error}; "
            "look at pane 1 when the API server answers, and press R again if it still runs the old one"
        )

    def follow(self, written: Json) -> str:
        """Look until it is verified. Raises ActionFailed, Unverified."""
        plan, patience = self._plan, self._patience
        wanted = template_text(written["spec"]["template"])
        # A controller may leave its word about the version before standing for a while.
        late_before = _late(written)
        began = contact = moved = time.monotonic()
        last: Standing | None = None
        told: set[str] = set()
        complaint = ""
        while True:
            try:
                live, standing = self._look()
            except KubernetesError as error:
                if error.status == 404:
                    raise ActionFailed(
                        f"{plan.to_version} was written, but {plan.workload} has been deleted since; "
                        "deploy it anew, then look at pane 1"
                    ) from error
                if time.monotonic() - contact > patience.contact.total_seconds() or not _passes(error):
                    raise Unverified(
                        f"{plan.to_version} was written, but it cannot be verified: {error}; "
                        "look at pane 1 when the API server answers"
                    ) from error
                if str(error) != complaint:
                    complaint = str(error)
                    self._say(f"{error}; still trying")
            else:
                contact = time.monotonic()
                complaint = ""
                if template_text(live["spec"]["template"]) != wanted:
                    _, image = template_image(live["spec"]["template"], None)
                    raise ActionFailed(
                        f"{plan.to_version} was written, but somebody has put another template "
                        f"({version_of(image)}) on {plan.workload} since; press R to plan from what runs now"
                    )
                if last is None or _counts(standing) != _counts(last):
                    moved = contact
                    self._say(standing.line(plan.to_version))
                last = standing
                if standing.verified:
                    return f"ROLLED BACK and verified in {show_span(self._clock() - self._began)}"
                still = timedelta(seconds=time.monotonic() - moved)
                slow = (standing.waiting,) if standing.waiting and still > patience.quiet else ()
                for trouble in (*standing.troubles, *slow):
                    if _kind(trouble) not in told:
                        told.add(_kind(trouble))
                        self._say(trouble)
                self._give_up_if(standing, late_before, still)
            if time.monotonic() - began > patience.whole.total_seconds() and last is not None:
                raise self._not_ready(last, f"not ready after {show_span(patience.whole)}")
            if self._stopped.wait(patience.every.total_seconds()):
                state = last.line(plan.to_version) if last else "its pods were not seen yet"
                raise Unverified(
                    f"following was stopped; {plan.to_version} was written and the cluster goes on with it: {state}; "
                    "pane 1 shows how it goes"
                )

    def _give_up_if(self, standing: Standing, late_before: str, still: timedelta) -> None:
        """Raise where nothing more is to be expected. still: since a pod count last changed."""
        if standing.paused:
            raise self._not_ready(standing, "somebody has paused the rollout")
        if standing.gave_up and standing.gave_up != late_before:
            raise self._not_ready(standing, "the controller gave up (ProgressDeadlineExceeded)")
        blocked = standing.troubles or standing.gave_up
        if blocked and still > self._patience.trouble:
            raise self._not_ready(standing, f"nothing has moved for {show_span(still)}")

    def _not_ready(self, standing: Standing, why: str) -> ActionFailed:
        reasons = [*standing.troubles, *([standing.waiting] if standing.waiting else [])]
        troubles = f"; {'; '.join(reasons)}" if reasons else ""
        return ActionFailed(
            f"{self._plan.to_version} was written, but {why}: {standing.line(self._plan.to_version)}{troubles}; "
            "press 1 and Enter for pods and events, R to pick another revision"
        )

    def _look(self) -> tuple[Json, Standing]:
        from console.systems.kubernetes_connection import DEPLOYMENTS, PODS, REPLICA_SETS

        plan, api = self._plan, self._api
        live = api.get(DEPLOYMENTS, plan.workload, namespace=plan.namespace, timeout=_READ_SECONDS)
        selector = selector_text(live["spec"].get("selector") or {})
        sets = api.list(REPLICA_SETS, namespace=plan.namespace, label_selector=selector)
        pods = api.list(PODS, namespace=plan.namespace, label_selector=selector)
        return live, judge(live, sets, pods)


def _late(deployment: Json) -> str:
    """When the controller last said that the deadline for progress has passed, empty where it does not say so."""
    progress = progressing(deployment)
    return str(progress.get("lastUpdateTime") or "") if progress.get("status") == "False" else ""


def _counts(standing: Standing) -> tuple[int, int, int]:
    return standing.ready, standing.desired, standing.left


def _kind(trouble: str) -> str:
    """What is wrong without which pod it is, so that a pod made anew does not say it again."""
    return trouble.partition(": ")[2].partition(":")[0] or "waiting"


def _passes(error: KubernetesError) -> bool:
    """Whether asking again may help."""
    if error.status == 0:
        return error.reason in ("Refused", "Timeout", "Disconnected")
    return error.status in (408, 409, 429) or error.status >= 500 or error.reason == "NotJSON"


def _press(error: KubernetesError) -> str:
    if error.status in (401, 403):
        return "then press R again"
    if error.status in (400, 422):
        return "press R to pick another revision"
    return "press R again when that is mended"


def _covers(live: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; the server may have filled in more by its defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and _covers(live[key], value) for key, value in wanted.items() if value not in (None, {}, [])
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) >= len(wanted) and all(map(_covers, live, wanted))
    return bool(live == wanted)
