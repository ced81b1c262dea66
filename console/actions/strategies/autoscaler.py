"""Autoscalers (HorizontalPodAutoscaler, autoscaling/v2) of the Deployments a rollout moves: found, frozen, restored."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.actions.strategies.base import Asked, Say
from console.actions.strategies.recorded import find_all
from console.actions.strategies.settings import annotated
from console.actions.strategies.writing import Operations, Patience, Writer, annotation
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import Share
from console.systems.kubernetes_connection import Resource
from console.systems.kubernetes_objects import managed_by

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

Json = dict[str, Any]

AUTOSCALERS = Resource("apis/autoscaling/v2", "horizontalpodautoscalers")

FROZEN = "hakgal-console/frozen"
"""Annotation of a frozen autoscaler, JSON. was: its bounds and behavior before. now: its bounds while frozen."""

_DIRECTIONS = ("scaleUp", "scaleDown")


def found(api: KubernetesApi, namespace: str, deployments: Iterable[str]) -> tuple[Json, ...]:
    """The autoscalers whose target is one of the Deployments. Raises ActionFailed, Unverified."""
    names = set(deployments)
    return tuple(each for each in find_all(api, namespace, AUTOSCALERS) if _target(each) in names)


def record(api: KubernetesApi, namespace: str, deployments: Iterable[str]) -> list[Json]:
    """What `restore` returns to: an entry for each autoscaler; of one that is frozen already, what it was before."""
    return [
        {"name": each["metadata"]["name"], "deployment": _target(each), **_before(each)}
        for each in found(api, namespace, deployments)
    ]


def freeze(
    api: KubernetesApi,
    namespace: str,
    deployments: Iterable[str],
    *,
    rollout: str,
    epoch: int,
    say: Say,
    on_write: Say,
    fence: Callable[[], None],
    stopped: threading.Event,
    patience: Patience | None = None,
) -> list[Json]:
    """Keep the autoscalers from changing any size; their record, as `record` gives it. Idempotent.

    Scaling is turned off in both directions (`selectPolicy: Disabled`) and the bounds are opened to every size between
    1 and the larger of the present one and the upper bound: bounds closed to the present size would undo each move of
    pods from one Deployment to another, and a rollback too. What was before is kept on the object as well.
    """
    records = record(api, namespace, deployments)
    writer = _writer(api, namespace, rollout, epoch, say, on_write, fence, stopped, patience)
    for each in found(api, namespace, deployments):
        name, target = str(each["metadata"]["name"]), _target(each)
        for warning in _owned(each):
            say(warning)
        writer.write(AUTOSCALERS, name, _frozen, f"freeze {target}, which it scaled between {_span(_before(each))}")
    return records


def restore(
    api: KubernetesApi,
    namespace: str,
    records: Iterable[Mapping[str, Any]],
    *,
    rollout: str,
    epoch: int,
    say: Say,
    on_write: Say,
    fence: Callable[[], None],
    stopped: threading.Event,
    patience: Patience | None = None,
) -> tuple[str, ...]:
    """Give the autoscalers back what was recorded; a sentence for each that was written or is left as somebody else has
    made it. Idempotent: one that is as recorded is not written.
    """
    writer = _writer(api, namespace, rollout, epoch, say, on_write, fence, stopped, patience)
    told: list[str] = []
    for each in records:
        name = str(each["name"])
        live = writer.read(AUTOSCALERS, name)
        if live is None:
            told.append(f"autoscaler {name} is gone; it scaled {each['deployment']} between {_span(each)}")
            continue
        before = writer.writes
        written = writer.write(
            AUTOSCALERS, name, functools.partial(_thawed, record=each), f"scales between {_span(each)} again"
        )
        if writer.writes > before and _bounds(written["spec"]) != _bounds(each):
            told.append(f"autoscaler {name} was changed while it was frozen and is left at {_span(live['spec'])}")
        elif writer.writes > before:
            told.append(f"autoscaler {name} scales {each['deployment']} between {_span(each)} again")
        elif _bounds(live["spec"]) != _bounds(each):
            told.append(f"autoscaler {name} is left at {_span(live['spec'])}; {_span(each)} was recorded")
    return tuple(told)


def absent(api: KubernetesApi, namespace: str, deployments: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each autoscaler of the Deployments that is there and not frozen; empty where there is none."""
    return tuple(
        f"autoscaler {each['metadata']['name']} scales {_target(each)} between {_span(each['spec'])}: delete it, or "
        "write `autoscaler: freeze` in the plan"
        for each in found(api, namespace, deployments)
        if not annotation(each, FROZEN)
    )


def warnings(api: KubernetesApi, namespace: str, deployments: Iterable[str]) -> tuple[str, ...]:
    """What is to be minded before the Deployments' sizes are moved: who else moves them or owns what does."""
    told: list[str] = []
    try:
        there = found(api, namespace, deployments)
    except (ActionFailed, Unverified) as error:
        return (f"autoscalers cannot be looked at: {error}",)
    for each in there:
        if not annotation(each, FROZEN):
            told.append(
                f"autoscaler {each['metadata']['name']} scales {_target(each)} between {_span(each['spec'])} and may "
                "undo a share by replica count: write `autoscaler: freeze` in the plan"
            )
        told += _owned(each)
    return tuple(told)


def _writer(
    api: KubernetesApi,
    namespace: str,
    rollout: str,
    epoch: int,
    say: Say,
    on_write: Say,
    fence: Callable[[], None],
    stopped: threading.Event,
    patience: Patience | None,
) -> Writer:
    asked = Asked("", Share(), (), rollout, epoch, "")
    return Writer(api, namespace, asked, say=say, on_write=on_write, fence=fence, stopped=stopped, patience=patience)


def _frozen(live: Json) -> Operations | None:
    if _kept(live) and not _moved(live) and _is_disabled(live):
        return None
    was = _before(live)
    current = int((live.get("status") or {}).get("currentReplicas") or 0)
    now = {"minReplicas": min(int(was["minReplicas"]), 1), "maxReplicas": max(int(was["maxReplicas"]), current)}
    behavior = dict(live["spec"].get("behavior") or {})
    for direction in _DIRECTIONS:
        behavior[direction] = {**(behavior.get(direction) or {}), "selectPolicy": "Disabled"}
    return [
        *annotated(live, {FROZEN: json.dumps({"was": was, "now": now}, sort_keys=True)}),
        *_bounded(now),
        {"op": "add", "path": "/spec/behavior", "value": behavior},
    ]


def _thawed(live: Json, record: Mapping[str, Any]) -> Operations | None:
    if not annotation(live, FROZEN):
        return None
    operations = annotated(live, {FROZEN: ""})
    if not _moved(live):
        operations += _bounded(record)
    if _is_disabled(live):
        if record.get("behavior"):
            operations.append({"op": "add", "path": "/spec/behavior", "value": record["behavior"]})
        else:
            operations.append({"op": "remove", "path": "/spec/behavior"})
    return operations


def _bounded(bounds: Mapping[str, Any]) -> list[Json]:
    return [{"op": "add", "path": f"/spec/{key}", "value": bounds[key]} for key in ("minReplicas", "maxReplicas")]


def _before(live: Json) -> Json:
    """Its bounds and behavior; where it is frozen what they were before, unless somebody has changed them since."""
    was = _kept(live).get("was") or {}
    bounds = _bounds(was) if was and not _moved(live) else _bounds(live["spec"])
    behavior = was.get("behavior") if was and _is_disabled(live) else live["spec"].get("behavior")
    return {**bounds, "behavior": behavior}


def _kept(live: Json) -> Json:
    try:
        kept = json.loads(annotation(live, FROZEN) or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) and {"was", "now"} <= kept.keys() else {}


def _moved(live: Json) -> bool:
    """Whether the bounds of a frozen one are no longer those it was frozen with."""
    return bool(_bounds(live["spec"]) != _kept(live).get("now"))


def _is_disabled(live: Json) -> bool:
    behavior = live["spec"].get("behavior") or {}
    return all((behavior.get(each) or {}).get("selectPolicy") == "Disabled" for each in _DIRECTIONS)


def _bounds(spec: Mapping[str, Any]) -> Json:
    lowest = spec.get("minReplicas")
    return {"minReplicas": 1 if lowest is None else int(lowest), "maxReplicas": int(spec.get("maxReplicas") or 0)}


def _span(spec: Mapping[str, Any]) -> str:
    bounds = _bounds(spec)
    return f"{bounds['minReplicas']} and {bounds['maxReplicas']} pods"


def _target(autoscaler: Mapping[str, Any]) -> str:
    """The Deployment it scales, empty where it scales something else."""
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return str(target.get("name", "")) if target.get("kind") == "Deployment" else ""


def _owned(autoscaler: Json) -> Sequence[str]:
    name = autoscaler["metadata"]["name"]
    told = [
        f"KEDA's ScaledObject {each.get('name')} owns autoscaler {name} and puts its own bounds back: annotate it with "
        "autoscaling.keda.sh/paused=true while the rollout lasts"
        for each in autoscaler["metadata"].get("ownerReferences") or ()
        if each.get("kind") == "ScaledObject"
    ]
    if by := managed_by(autoscaler):
        told.append(f"{by} owns autoscaler {name} and may put its bounds back: stop its sync while the rollout lasts")
    return told
