"""The controller of Argo Rollouts as far as it is used: canaries with setWeight and pause, by replica count.

Source: rollout/canary.go, sync.go and pause.go of Argo Rollouts 1.7, and its documentation: a changed template or
changed steps begin at step 0, clear pauses and take an abort back; a template that is the stable one again skips the
steps; `promote` clears status.pauseConditions, `promote --full` sets status.promoteFull, `abort` sets status.abort.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.sandbox.kube import argo_arithmetic as arithmetic
from console.sandbox.kube import argo_status as statuses
from console.sandbox.kube import defaults
from console.sandbox.kube.api import Api
from console.sandbox.kube.argo_status import DESIRED, HASH_LABEL, PAUSE_STEP, REVISION
from console.sandbox.kube.deployment_status import condition
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.events import Recorder
from console.sandbox.kube.kinds import REPLICA_SETS, ROLLOUTS
from console.sandbox.kube.objects import (
    Obj,
    annotations_of,
    clone,
    controller_of,
    created_at,
    is_controlled_by,
    labels_of,
    moment_of,
    name_of,
    namespace_of,
    owner_reference,
    timestamp,
)
from console.sandbox.kube.rollouts import (
    active,
    available,
    condition_of,
    counted,
    drop_condition,
    replicas,
    set_condition,
    template_hash,
    total,
)
from console.sandbox.kube.store import Change, Key

HISTORY = 10


class RolloutController:
    """Brings Argo Rollouts to their step, through ReplicaSets of its own."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events = Recorder(api, "rollouts-controller")

    def existing(self) -> Iterable[Key]:
        """Every Rollout."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(ROLLOUTS.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The Rollout itself, or the owner of a ReplicaSet."""
        if change.store == ROLLOUTS.stored_as:
            return [change.key]
        if change.store != REPLICA_SETS.stored_as:
            return []
        owner = controller_of(change.object)
        return [(namespace_of(change.object), owner["name"])] if owner and owner["kind"] == "Rollout" else []

    def reconcile(self, key: Key) -> float | None:
        """One sync of one Rollout."""
        found = self._api.find(ROLLOUTS, *key)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        return _Sync(self._api, self._events, found).run()


class _Sync:
    """One pass over one Rollout."""

    def __init__(self, api: Api, events: Recorder, rollout: Obj) -> None:
        self._api = api
        self._events = events
        self._it = rollout
        self._it.setdefault("spec", {})
        self._sets: list[Obj] = []
        self._new: Obj | None = None
        self._stable: Obj | None = None
        self._pauses = False

    def run(self) -> float | None:
        if problem := statuses.wrong(self._it):
            status: Obj = clone(self._it.get("status") or {})
            set_condition(status, condition("InvalidSpec", "True", "InvalidSpec", problem, self._api.clock()))
            return self._write(status)
        self._sets = [
            item for item in self._api.list(REPLICA_SETS, namespace_of(self._it)) if is_controlled_by(item, self._it)
        ]
        self._new = self._find_new()
        stable = (self._it.get("status") or {}).get("stableRS")
        self._stable = next((item for item in self._sets if stable and labels_of(item).get(HASH_LABEL) == stable), None)
        if self._has_changed():
            return self._write(self._reset())
        if self._new is None:
            self._create_new()
        else:
            self._number(self._new)
        if not self._it["spec"].get("paused") and not self._scale():
            self._pause()
            self._clean_up()
        return self._write(self._advanced())

    @property
    def _others(self) -> list[Obj]:
        known = {item["metadata"]["uid"] for item in (self._new, self._stable) if item is not None}
        return [item for item in self._sets if item["metadata"]["uid"] not in known]

    # ReplicaSets

    def _find_new(self) -> Obj | None:
        """By the name that its hash gives, else by its template as the API server fills it in."""
        name = f"{name_of(self._it)}-{self._hash()}"
        if found := next((item for item in self._sets if name_of(item) == name), None):
            return found
        wanted = _compared(self._it["spec"]["template"])
        ordered = sorted(self._sets, key=created_at)
        return next((item for item in ordered if _compared(item["spec"]["template"]) == wanted), None)

    def _hash(self) -> str:
        return template_hash(self._it["spec"]["template"], counted(self._it, "collisionCount"))

    def _create_new(self) -> None:
        code = self._hash()
        template: Obj = clone(self._it["spec"]["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = code
        selector: Obj = clone(self._it["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = code
        spec: Obj = {"replicas": 0, "selector": selector, "template": template}
        if seconds := self._it["spec"].get("minReadySeconds"):
            spec["minReadySeconds"] = seconds
        number = str(max((statuses.revision(item) for item in self._sets), default=0) + 1)
        new: Obj = {
            "metadata": {
                "name": f"{name_of(self._it)}-{code}",
                "labels": dict(template["metadata"]["labels"]),
                "annotations": {REVISION: number, DESIRED: str(arithmetic.wanted(self._it))},
                "ownerReferences": [owner_reference(self._it)],
            },
            "spec": spec,
        }
        try:
            self._new = self._api.create(REPLICA_SETS, namespace_of(self._it), new)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                self._it.setdefault("status", {})["collisionCount"] = counted(self._it, "collisionCount") + 1
                self._api.update_status(ROLLOUTS, self._it)
            raise
        self._sets.append(self._new)
        message = f"Created ReplicaSet {name_of(self._new)} (revision {number})"
        self._events.normal(self._it, "NewReplicaSetCreated", message)
        self._annotate(number)

    def _number(self, new: Obj) -> None:
        """The ReplicaSet in use carries the highest revision, also one that is returned to."""
        others = [item for item in self._sets if item["metadata"]["uid"] != new["metadata"]["uid"]]
        due = max((statuses.revision(item) for item in others), default=0) + 1
        if statuses.revision(new) < due:
            copy: Obj = clone(new)
            copy["metadata"].setdefault("annotations", {})[REVISION] = str(due)
            self._put(self._api.update(REPLICA_SETS, copy))
        self._annotate(str(max(due, statuses.revision(new))))

    def _annotate(self, number: str) -> None:
        if annotations_of(self._it).get(REVISION) != number:
            self._it["metadata"].setdefault("annotations", {})[REVISION] = number
            self._it = self._api.update(ROLLOUTS, self._it)

    def _put(self, updated: Obj) -> None:
        uid = updated["metadata"]["uid"]
        self._sets = [updated if item["metadata"]["uid"] == uid else item for item in self._sets]
        if self._new is not None and self._new["metadata"]["uid"] == uid:
            self._new = updated
        if self._stable is not None and self._stable["metadata"]["uid"] == uid:
            self._stable = updated

    def _resize(self, item: Obj, size: int) -> bool:
        before, desired = replicas(item), str(arithmetic.wanted(self._it))
        if before == size and annotations_of(item).get(DESIRED) == desired:
            return False
        copy: Obj = clone(item)
        copy["spec"]["replicas"] = size
        copy["metadata"].setdefault("annotations", {})[DESIRED] = desired
        self._put(self._api.update(REPLICA_SETS, copy))
        if size != before:
            word = "up" if size > before else "down"
            message = f"Scaled {word} ReplicaSet {name_of(item)} from {before} to {size}"
            self._events.normal(self._it, "ScalingReplicaSet", message)
        return size != before

    def _scale(self) -> bool:
        """The stable one first, then the newest, then the others; gives whether a size was changed."""
        assert self._new is not None
        apart = self._stable is not None and self._stable["metadata"]["uid"] != self._new["metadata"]["uid"]
        if apart and self._stable is not None:
            _, size = arithmetic.next_sizes(self._it, self._new, self._stable, self._others)
            if self._resize(self._stable, size):
                return True
        size, _ = arithmetic.next_sizes(self._it, self._new, self._stable, self._others)
        return self._resize(self._new, size) or self._shrink_others()

    def _shrink_others(self) -> bool:
        """Pods that are not available go first; of the rest as many as may be missed."""
        changed = False
        for item in active(self._others):
            lame = replicas(item) - counted(item, "availableReplicas")
            if lame > 0:
                changed |= self._resize(item, replicas(item) - lame)
        room = available(self._sets) - (arithmetic.wanted(self._it) - arithmetic.limits(self._it)[1])
        for item in sorted(active(self._others), key=statuses.revision, reverse=True):
            step = min(replicas(item), room)
            if step > 0:
                changed |= self._resize(item, replicas(item) - step)
                room -= step
        return changed

    def _clean_up(self) -> None:
        limit = self._it["spec"].get("revisionHistoryLimit")
        kept = HISTORY if limit is None else int(limit)
        old = sorted(self._others, key=created_at)
        for item in old[: max(0, len(old) - kept)]:
            if not total([item]) and not counted(item, "replicas"):
                self._api.delete(REPLICA_SETS, namespace_of(item), name_of(item))

    # Steps and status

    def _has_changed(self) -> bool:
        status = self._it.get("status") or {}
        code = self._hash() if self._new is None else labels_of(self._new)[HASH_LABEL]
        return status.get("currentStepHash", arithmetic.steps_hash(self._it)) != arithmetic.steps_hash(
            self._it
        ) or status.get("currentPodHash", code) not in ("", code)

    def _base(self) -> Obj:
        """The status as it was, with the counts of now; without what is only there when it is so."""
        old = self._it.get("status") or {}
        status: Obj = {
            key: clone(value)
            for key, value in old.items()
            if key not in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "phase", "message")
        }
        drop_condition(status, "InvalidSpec")
        status |= statuses.numbers(self._sets, self._new)
        status["currentPodHash"] = self._hash() if self._new is None else labels_of(self._new)[HASH_LABEL]
        status["currentStepHash"] = arithmetic.steps_hash(self._it)
        if status.get("promoteFull") and status["currentPodHash"] == status.get("stableRS"):
            del status["promoteFull"]
        return status

    def _reset(self) -> Obj:
        """At the beginning of an update; behind the last step where the stable version is the newest again."""
        status = self._base()
        for field in ("abort", "abortedAt", "promoteFull", "pauseConditions", "controllerPause", "currentStepIndex"):
            status.pop(field, None)
        count = len(arithmetic.steps(self._it))
        if count:
            back = self._new is not None and status["currentPodHash"] == status.get("stableRS")
            status["currentStepIndex"] = count if back else 0
            if back:
                self._events.normal(self._it, "SkipSteps", "Rollback to stable ReplicaSets")
        return status

    def _pause(self) -> None:
        """Ask for the pause of a pause step that has none yet and was not left by a person."""
        status = self._it.get("status") or {}
        step = arithmetic.current_step(self._it)
        if step is None or "pause" not in step or status.get("promoteFull") or status.get("abort"):
            return
        self._pauses = not status.get("controllerPause") and self._pause_began() is None

    def _pause_began(self) -> str | None:
        status = self._it.get("status") or {}
        listed = status.get("pauseConditions") or ()
        return next((item["startTime"] for item in listed if item["reason"] == PAUSE_STEP), None)

    def _advanced(self) -> Obj:
        status = self._base()
        old = self._it.get("status") or {}
        count = len(arithmetic.steps(self._it))
        promoted = bool(old.get("promoteFull"))
        if self._stable is None or (not (old.get("abort") and not promoted) and self._is_through(promoted)):
            return self._as_stable(status, count)
        if promoted:
            for field in ("abort", "abortedAt", "pauseConditions", "controllerPause"):
                status.pop(field, None)
            status["currentStepIndex"] = count
            return status
        if old.get("abort"):
            for field in ("pauseConditions", "controllerPause"):
                status.pop(field, None)
            status.setdefault("abortedAt", timestamp(self._api.clock()))
            if count:
                status["currentStepIndex"] = count if status.get("stableRS") == status["currentPodHash"] else 0
            return status
        status.pop("abort", None)
        status.pop("abortedAt", None)
        self._follow_steps(status, count)
        return status

    def _is_through(self, promoted: bool) -> bool:
        if self._new is None or counted(self._new, "availableReplicas") != arithmetic.wanted(self._it):
            return False
        return promoted or arithmetic.current_step(self._it) is None

    def _as_stable(self, status: Obj, count: int) -> Obj:
        for field in ("abort", "abortedAt", "promoteFull", "pauseConditions", "controllerPause", "currentStepIndex"):
            status.pop(field, None)
        if count:
            status["currentStepIndex"] = count
        if status.get("stableRS") != status["currentPodHash"]:
            status["stableRS"] = status["currentPodHash"]
            number = annotations_of(self._it).get(REVISION, "")
            message = f"Rollout completed update to revision {number} ({status['stableRS']})"
            self._events.normal(self._it, "RolloutCompleted", message)
        return status

    def _follow_steps(self, status: Obj, count: int) -> None:
        index = arithmetic.step_index(self._it)
        listed = [item for item in status.get("pauseConditions") or () if item["reason"] != PAUSE_STEP or index < count]
        if count and not self._it["spec"].get("paused") and self._has_completed_step():
            index += 1
            listed = [item for item in listed if item["reason"] != PAUSE_STEP]
            self._events.normal(self._it, "RolloutStepCompleted", f"Rollout step {index}/{count} completed")
        elif self._pauses:
            listed.append({"reason": PAUSE_STEP, "startTime": timestamp(self._api.clock())})
            status["controllerPause"] = True
            self._events.normal(self._it, "RolloutPaused", f"Rollout is paused ({PAUSE_STEP})")
        if count:
            status["currentStepIndex"] = index
        if listed:
            status["pauseConditions"] = listed
        else:
            status.pop("pauseConditions", None)
            status.pop("controllerPause", None)

    def _has_completed_step(self) -> bool:
        step = arithmetic.current_step(self._it)
        if step is None:
            return False
        if "setWeight" in step:
            return arithmetic.is_at_goal(self._it, self._new, self._stable, self._others)
        began = self._pause_began()
        if (self._it.get("status") or {}).get("controllerPause") and began is None:
            return True
        return began is not None and (left := self._pause_left()) is not None and left <= 0

    def _pause_left(self) -> float | None:
        """Seconds until the pause step is over; None where nothing ends it but a person."""
        step, began = arithmetic.current_step(self._it), self._pause_began()
        duration = ((step or {}).get("pause") or {}).get("duration")
        if began is None or duration is None:
            return None
        return arithmetic.seconds_of(duration) - (self._api.clock() - moment_of(began)).total_seconds()

    def _write(self, status: Obj) -> float | None:
        """Write the status where it differs; gives when to look again."""
        if condition_of(status, "InvalidSpec") is None:
            statuses.judge(self._it, status, self._new, self._api.clock())
        if not status.get("conditions"):
            status.pop("conditions", None)
        status["observedGeneration"] = str(self._it["metadata"].get("generation", 0))
        status["phase"], status["message"] = statuses.phase(self._it, status)
        if not status["message"]:
            del status["message"]
        if status != (self._it.get("status") or {}):
            self._it["status"] = status
            self._it = self._api.update_status(ROLLOUTS, self._it)
            return None
        waits = [left for left in (self._pause_left(),) if left is not None]
        progress = condition_of(status, "Progressing")
        if progress is not None and (due := statuses.deadline(self._it, progress)) is not None:
            waits.append((due - self._api.clock()).total_seconds() + 1.0)
        return max(0.05, min(waits)) if waits else None


def _compared(template: Obj) -> Obj:
    """A template with the API server's defaults and without the hash of its ReplicaSet."""
    result: Obj = clone(template)
    metadata = {key: value for key, value in (result.get("metadata") or {}).items() if value}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    defaults.pod_spec(result.setdefault("spec", {}))
    return {**result, "metadata": {**metadata, "labels": labels}}
