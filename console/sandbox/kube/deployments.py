"""The Deployment controller: ReplicaSets per template, rolled over within the limits, revisions, conditions."""

from __future__ import annotations

from collections.abc import Iterable

from console.sandbox.kube import deployment_status, rollouts
from console.sandbox.kube.api import Api
from console.sandbox.kube.controller import claim
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.events import Recorder
from console.sandbox.kube.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from console.sandbox.kube.objects import (
    Obj,
    annotations_of,
    clone,
    controller_of,
    created_at,
    is_controlled_by,
    name_of,
    namespace_of,
    owner_reference,
)
from console.sandbox.kube.rollouts import DESIRED, HASH_LABEL, MOST, NOT_COPIED, REVISION, REVISION_HISTORY, replicas
from console.sandbox.kube.selectors import object_selector
from console.sandbox.kube.store import Change, Key


class DeploymentController:
    """Follows deployment_controller.go, sync.go, rolling.go, recreate.go and progress.go of Kubernetes 1.32."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events = Recorder(api, "deployment-controller")

    def existing(self) -> Iterable[Key]:
        """Every Deployment."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(DEPLOYMENTS.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The Deployment itself, the owner of a ReplicaSet, or the Deployments an orphaned ReplicaSet would fit."""
        if change.store == DEPLOYMENTS.stored_as:
            return [change.key]
        if change.store == PODS.stored_as:
            return self._of_pod(change)
        if change.store != REPLICA_SETS.stored_as:
            return []
        found: list[Key] = []
        for obj in (change.object, change.previous):
            if obj is None:
                continue
            owner = controller_of(obj)
            if owner is not None and owner["kind"] == "Deployment":
                found.append((namespace_of(obj), owner["name"]))
            elif owner is None:
                found += [
                    (namespace_of(item), name_of(item))
                    for item in self._api.store.all(DEPLOYMENTS.stored_as, namespace_of(obj))
                    if object_selector(item["spec"]["selector"])(obj)
                ]
        return dict.fromkeys(found)

    def _of_pod(self, change: Change) -> list[Key]:
        """A Recreate waits for the last old pod to be gone."""
        if change.type.value != "DELETED":
            return []
        owner = controller_of(change.object)
        parent = owner and self._api.store.get(REPLICA_SETS.stored_as, namespace_of(change.object), owner["name"])
        grand = controller_of(parent) if parent else None
        return [(namespace_of(change.object), grand["name"])] if grand else []

    def reconcile(self, key: Key) -> float | None:
        """One sync of one Deployment."""
        found = self._api.find(DEPLOYMENTS, *key)
        return None if found is None else _Sync(self._api, self._events, found).run()


class _Sync:
    """One pass over one Deployment."""

    def __init__(self, api: Api, events: Recorder, deployment: Obj) -> None:
        self._api = api
        self._events = events
        self._it = deployment
        self._sets: list[Obj] = []
        self._new: Obj | None = None

    @property
    def _old(self) -> list[Obj]:
        new_uid = self._new["metadata"]["uid"] if self._new else ""
        return [item for item in self._sets if item["metadata"]["uid"] != new_uid]

    def run(self) -> float | None:
        selector = object_selector(self._it["spec"]["selector"])
        self._sets = claim(self._api, REPLICA_SETS, self._it, selector)
        if self._it["metadata"].get("deletionTimestamp"):
            self._find_new(create=False)
            return self._write_status(self._status())
        self._check_paused()
        if self._it["spec"].get("paused") or self._is_scaling():
            self._find_new(create=False)
            self._scale()
            if self._it["spec"].get("paused"):
                self._clean_up()
            return self._write_status(self._status())
        return self._roll() if rollouts.is_rolling(self._it) else self._recreate()

    def _is_scaling(self) -> bool:
        wanted = str(replicas(self._it))
        return any(
            DESIRED in annotations_of(item) and annotations_of(item)[DESIRED] != wanted
            for item in rollouts.active(self._sets)
        )

    def _condition(self, status: str, reason: str, message: str) -> Obj:
        return deployment_status.condition("Progressing", status, reason, message, self._api.clock())

    def _check_paused(self) -> None:
        if not rollouts.has_deadline(self._it):
            return
        status = self._it.setdefault("status", {})
        current = rollouts.condition_of(status, "Progressing")
        if current is not None and current["reason"] == "ProgressDeadlineExceeded":
            return
        was_paused = current is not None and current["reason"] == "DeploymentPaused"
        paused = bool(self._it["spec"].get("paused"))
        if paused and not was_paused:
            rollouts.set_condition(status, self._condition("Unknown", "DeploymentPaused", "Deployment is paused"))
        elif was_paused and not paused:
            rollouts.set_condition(status, self._condition("Unknown", "DeploymentResumed", "Deployment is resumed"))
        else:
            return
        self._it = self._api.update_status(DEPLOYMENTS, self._it)

    # The new ReplicaSet and its revision

    def _find_new(self, *, create: bool) -> None:
        self._new = rollouts.new_set(self._it, self._sets)
        number = str(max((rollouts.revision(item) for item in self._old), default=0) + 1)
        if self._new is None:
            if create:
                self._create_new(number)
            return
        copy: Obj = clone(self._new)
        changed = self._annotate(copy, number, exists=True)
        seconds = self._it["spec"].get("minReadySeconds", 0)
        if changed or copy["spec"].get("minReadySeconds", 0) != seconds:
            copy["spec"]["minReadySeconds"] = seconds
            self._put_set(self._api.update(REPLICA_SETS, copy))
            # The Deployment's own revision follows in the pass that this write brings about.
            return
        number = annotations_of(self._new)[REVISION]
        changed = self._set_revision(number)
        status = self._it.setdefault("status", {})
        if rollouts.has_deadline(self._it) and rollouts.condition_of(status, "Progressing") is None:
            message = f'Found new replica set "{name_of(self._new)}"'
            changed |= rollouts.set_condition(status, self._condition("True", "FoundNewReplicaSet", message))
        if changed:
            self._it = self._api.update_status(DEPLOYMENTS, self._it)

    def _put_set(self, updated: Obj) -> None:
        uid = updated["metadata"]["uid"]
        self._sets = [updated if item["metadata"]["uid"] == uid else item for item in self._sets]
        if self._new is not None and self._new["metadata"]["uid"] == uid:
            self._new = updated

    def _set_revision(self, number: str) -> bool:
        annotations = self._it["metadata"].setdefault("annotations", {})
        changed = bool(annotations.get(REVISION) != number)
        annotations[REVISION] = number
        return changed

    def _annotate(self, item: Obj, number: str, *, exists: bool) -> bool:
        annotations = item["metadata"].setdefault("annotations", {})
        before = dict(annotations)
        for key, value in annotations_of(self._it).items():
            if key not in NOT_COPIED:
                annotations[key] = value
        had = before.get(REVISION)
        if had is None or int(had or 0) < int(number):
            annotations[REVISION] = number
            if had is not None:
                earlier = [text for text in annotations.get(REVISION_HISTORY, "").split(",") if text]
                annotations[REVISION_HISTORY] = ",".join([*earlier, had])
        if not exists:
            self._annotate_size(annotations)
        return bool(annotations != before)

    def _annotate_size(self, annotations: dict[str, str]) -> None:
        annotations[DESIRED] = str(replicas(self._it))
        annotations[MOST] = str(replicas(self._it) + rollouts.max_surge(self._it))

    def _create_new(self, number: str) -> None:
        status = self._it.setdefault("status", {})
        template: Obj = clone(self._it["spec"]["template"])
        code = rollouts.template_hash(template, status.get("collisionCount", 0))
        template["metadata"].setdefault("labels", {})[HASH_LABEL] = code
        selector: Obj = clone(self._it["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = code
        spec: Obj = {"replicas": 0, "selector": selector, "template": template}
        if seconds := self._it["spec"].get("minReadySeconds"):
            spec["minReadySeconds"] = seconds
        new: Obj = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name_of(self._it)}-{code}",
                "namespace": namespace_of(self._it),
                "labels": dict(template["metadata"]["labels"]),
                "ownerReferences": [owner_reference(self._it)],
            },
            "spec": spec,
        }
        spec["replicas"] = rollouts.grown(self._it, self._sets, new)
        self._annotate(new, number, exists=False)
        try:
            self._new = self._api.create(REPLICA_SETS, namespace_of(self._it), new)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            self._collided(new, error)
            return
        self._sets.append(self._new)
        if spec["replicas"] > 0:
            message = f"Scaled up replica set {name_of(self._new)} from 0 to {spec['replicas']}"
            self._events.normal(self._it, "ScalingReplicaSet", message)
        changed = self._set_revision(number)
        if rollouts.has_deadline(self._it):
            message = f'Created new replica set "{name_of(self._new)}"'
            changed |= rollouts.set_condition(status, self._condition("True", "NewReplicaSetCreated", message))
        if changed:
            self._it = self._api.update_status(DEPLOYMENTS, self._it)

    def _collided(self, new: Obj, error: ApiError) -> None:
        """Another ReplicaSet has the name: count it, so that the next pass makes another hash."""
        there = self._api.find(REPLICA_SETS, namespace_of(new), name_of(new))
        if there is not None and is_controlled_by(there, self._it):
            raise error
        self._it["status"]["collisionCount"] = self._it["status"].get("collisionCount", 0) + 1
        self._api.update_status(DEPLOYMENTS, self._it)
        raise error

    # Scaling

    def _scale_set(self, item: Obj, size: int) -> bool:
        before = replicas(item)
        copy: Obj = clone(item)
        copy["spec"]["replicas"] = size
        self._annotate_size(copy["metadata"].setdefault("annotations", {}))
        if copy == item:
            return False
        self._put_set(self._api.update(REPLICA_SETS, copy))
        if size == before:
            return False
        word = "up" if size > before else "down"
        message = f"Scaled {word} replica set {name_of(item)} from {before} to {size}"
        self._events.normal(self._it, "ScalingReplicaSet", message)
        return True

    def _scale(self) -> None:
        desired = replicas(self._it)
        working = rollouts.active(self._sets)
        if len(working) <= 1:
            only = working[0] if working else self._new or next(iter(reversed(rollouts.by_age(self._sets))), None)
            if only is not None and replicas(only) != desired:
                self._scale_set(only, desired)
            return
        if rollouts.is_saturated(self._it, self._new):
            for item in rollouts.active(self._old):
                self._scale_set(item, 0)
            return
        if rollouts.is_rolling(self._it):
            self._scale_in_proportion(working)

    def _scale_in_proportion(self, working: list[Obj]) -> None:
        desired = replicas(self._it)
        allowed = desired + rollouts.max_surge(self._it) if desired > 0 else 0
        to_add = allowed - rollouts.total(working)
        # Largest first; of equal ones the newest gains first and the oldest loses first.
        working = sorted(working, key=lambda item: (created_at(item), rollouts.revision(item)), reverse=to_add > 0)
        working.sort(key=replicas, reverse=True)
        sizes: list[int] = []
        added = 0
        for item in working:
            share = rollouts.proportion(item, self._it, to_add, added) if to_add else 0
            sizes.append(replicas(item) + share)
            added += share
        if to_add:
            sizes[0] = max(0, sizes[0] + to_add - added)
        for item, size in zip(working, sizes, strict=True):
            self._scale_set(item, size)

    def _clean_up(self) -> None:
        limit = self._it["spec"].get("revisionHistoryLimit")
        old = [item for item in self._old if not item["metadata"].get("deletionTimestamp")]
        if limit is None or len(old) <= limit:
            return
        for item in sorted(old, key=lambda one: (rollouts.revision(one), created_at(one)))[: len(old) - limit]:
            unseen = item["metadata"]["generation"] > rollouts.counted(item, "observedGeneration")
            if not replicas(item) and not rollouts.counted(item, "replicas") and not unseen:
                self._api.delete(REPLICA_SETS, namespace_of(item), name_of(item))

    # Rolling over

    def _roll(self) -> float | None:
        self._find_new(create=True)
        done = rollouts.is_complete(self._it, self._it.get("status") or {})
        if not self._grow_new() and not self._shrink_old() and done:
            self._clean_up()
        return self._rollout_status()

    def _grow_new(self) -> bool:
        assert self._new is not None
        desired = replicas(self._it)
        if replicas(self._new) == desired:
            return False
        if replicas(self._new) > desired:
            return self._scale_set(self._new, desired)
        return self._scale_set(self._new, rollouts.grown(self._it, self._sets, self._new))

    def _shrink_old(self) -> bool:
        assert self._new is not None
        old = rollouts.active(self._old)
        if not old:
            return False
        least = replicas(self._it) - rollouts.max_unavailable(self._it)
        unavailable_new = replicas(self._new) - rollouts.counted(self._new, "availableReplicas")
        room = rollouts.total(self._sets) - least - unavailable_new
        if room <= 0:
            return False
        return bool(self._shrink_unhealthy(room)) | bool(self._shrink_healthy(least))

    def _shrink_unhealthy(self, most: int) -> int:
        done = 0
        for item in rollouts.by_age(rollouts.active(self._old)):
            unhealthy = replicas(item) - rollouts.counted(item, "availableReplicas")
            step = min(most - done, unhealthy)
            if step > 0:
                self._scale_set(item, replicas(item) - step)
                done += step
        return done

    def _shrink_healthy(self, least: int) -> int:
        room = rollouts.available(self._sets) - least
        done = 0
        for item in rollouts.by_age(rollouts.active(self._old)):
            step = min(replicas(item), room - done)
            if step > 0:
                self._scale_set(item, replicas(item) - step)
                done += step
        return done

    def _recreate(self) -> float | None:
        self._find_new(create=False)
        stopped = [self._scale_set(item, 0) for item in rollouts.active(self._old)]
        if not any(stopped) and not self._old_pods_run():
            if self._new is None:
                self._find_new(create=True)
            assert self._new is not None
            self._scale_set(self._new, replicas(self._it))
            if rollouts.is_complete(self._it, self._status()):
                self._clean_up()
        return self._rollout_status()

    def _old_pods_run(self) -> bool:
        owners = {item["metadata"]["uid"] for item in self._old}
        for pod in self._api.store.all(PODS.stored_as, namespace_of(self._it)):
            owner = controller_of(pod)
            finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            if owner is not None and owner["uid"] in owners and not finished:
                return True
        return False

    # Status

    def _status(self) -> Obj:
        return deployment_status.calculate(self._it, self._sets, self._new, self._api.clock())

    def _rollout_status(self) -> float | None:
        status = self._status()
        deployment_status.judge_progress(self._it, status, self._new, self._api.clock())
        return self._write_status(status)

    def _write_status(self, status: Obj) -> float | None:
        if status != (self._it.get("status") or {}):
            self._it["status"] = status
            self._it = self._api.update_status(DEPLOYMENTS, self._it)
        if rollouts.is_complete(self._it, status) or self._it["spec"].get("paused"):
            return None
        found = rollouts.condition_of(status, "Progressing")
        due = rollouts.deadline(self._it, status)
        if due is None or found is None or found["reason"] == "ProgressDeadlineExceeded":
            return None
        return max((due - self._api.clock()).total_seconds(), 0.0) + 1.0
