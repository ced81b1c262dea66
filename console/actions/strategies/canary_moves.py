"""What a canary's two Deployments need written, from what they are: forward to a share, and back to a record. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.actions.strategies.base import ROLLOUT, Asked
from console.actions.strategies.recorded import recorded_template, replicas_of, version_in
from console.actions.strategies.restoring import resized
from console.actions.strategies.settings import (
    SETTINGS,
    annotated,
    released,
    retemplated,
    runs,
    settings_of,
    settings_text,
)
from console.actions.strategies.writing import Change, Operations, annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Canary
from console.core.rollouts.shares import Split, split

Json = dict[str, Any]

TRACK = "hakgal-console/track"
"""Label of the pods of a canary that was made here, besides all of the stable one's: its value is `canary`."""
TOTAL = "hakgal-console/total"
"""Annotation: the pods of both sides together, as the stable one wanted when the rollout began."""
MADE = "hakgal-console/made"
"""Annotation of a canary that was made here: by which rollout. Only that one
deletes it."""

# Argo CD takes whatever carries it for its own, and deletes what is not in Git.
_INSTANCE = "app.kubernetes.io/instance"
_CLAIMED = "claimed for the rollback"
_COPIED = ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")


@dataclass(frozen=True, slots=True)
class Move:
    """One Deployment brought to where it is to be, then waited for. what: `0 → 1 pods`. says: a sentence, empty where
    nothing is to be written. body: what to create where there is none, None where then nothing is done. ends: it is
    deleted when it has no pods left, where it was made here.
    """

    name: str
    what: str
    says: str
    change: Change
    body: Json | None = None
    ends: bool = False


def forward(spec: Canary, asked: Asked, stable: Json, canary: Json | None) -> tuple[Split, tuple[Move, ...]]:
    """How the pods are divided, and the moves in their order: the side that grows first.

    Raises Refused where the share cannot be had, or the stable side is of the new version itself.
    """
    total = _total(asked, stable, canary)
    try:
        divided = split(asked.share, total)
    except ValueError as error:
        raise Refused(f"{error} (of {spec.stable})") from error
    if divided.old == 0:
        return divided, (_stable_takes_all(spec, asked, stable, canary, total), _canary_ends(spec, asked, canary))
    if runs(stable["spec"]["template"], spec.container, asked.version):
        raise Refused(
            f"{spec.stable} runs {asked.version} itself, so a share of it cannot be had; roll back (R) to the version "
            "before first"
        )
    grown = _canary_takes(spec, asked, stable, canary, divided.new, total)
    kept = _scaled(spec.stable, asked, stable, divided.old, total)
    return divided, (grown, kept) if divided.new >= replicas_of(canary) else (kept, grown)


def back(
    spec: Canary, good: Mapping[str, Any], stable: Json, canary: Json | None, replica_sets: Iterable[Json]
) -> tuple[Move, ...]:
    """The moves that return to a record, in their order: the stable side is made able to take everything, the canary
    goes back to what it was, and where it had pods the stable side gives up theirs again. Each puts at least the marks
    on its object, so that a driver that was overtaken notices. Raises ActionFailed where the stable side's template is
    not to be found.
    """
    sets = tuple(replica_sets)
    record, other = good["stable"], good["canary"]
    template = recorded_template(record, stable, sets)
    now, own = replicas_of(stable), int(record["replicas"])
    everything = own + int((other or {}).get("replicas") or 0)
    # More than there were at the start are somebody's answer to load: they stay in the middle of an incident.
    last = max(everything, now) if canary is None or now > everything else own
    ends = None if canary is None else _canary_back(spec, other, canary, sets)
    first = last if ends is None or not ends.says else max(everything, now)

    def stable_back(pods: int, unchanged: str) -> Move:
        def change(live: Json) -> Operations:
            return [*annotated(live, {TOTAL: "", SETTINGS: ""}), *retemplated(live, template), *resized(live, pods)]

        what = _difference(spec, stable, str(record["version"]), pods, {}, unchanged)
        return Move(spec.stable, what, f"{spec.stable}: {what}" if _differs(stable, template, pods) else "", change)

    moves = [stable_back(first, _CLAIMED), *([ends] if ends is not None else [])]
    return (*moves, stable_back(last, f"{_pods(last)} again")) if first != last else tuple(moves)


def canary_labels(stable: Json, canary: Json | None) -> dict[str, str]:
    """The labels of the canary's pods: all of the stable one's, and what the canary's own selector asks for."""
    labels = dict((stable["spec"]["template"].get("metadata") or {}).get("labels") or {})
    if canary is None:
        return labels | {TRACK: "canary"}
    return labels | dict((canary["spec"].get("selector") or {}).get("matchLabels") or {})


def _total(asked: Asked, stable: Json, canary: Json | None) -> int:
    """The pods of both sides together when the rollout began: what was written down then, before anything was moved."""
    for each in (stable, canary):
        if annotation(each, ROLLOUT) == asked.rollout and (total := annotation(each, TOTAL)).isdigit():
            return int(total)
    return replicas_of(stable) + replicas_of(canary)


def _or_claim(asked: Asked, live: Json, operations: Operations) -> Operations | None:
    """None where nothing is to be done; where the object still carries another rollout's marks, at least ours."""
    return operations if operations or annotation(live, ROLLOUT) != asked.rollout else None


def _stable_takes_all(spec: Canary, asked: Asked, stable: Json, canary: Json | None, total: int) -> Move:
    # What the canary was soaked with goes over to the stable one, once; from then on the stable one keeps it.
    ahead = runs(stable["spec"]["template"], spec.container, asked.version)
    source = stable if ahead or canary is None else canary
    values = settings_of(source, asked)
    kept = settings_text(values)

    def change(live: Json) -> Operations | None:
        template = released(live["spec"]["template"], spec.container, asked.version, values, where=spec.stable)
        marks = annotated(live, {TOTAL: str(total), SETTINGS: kept})
        pods = max(total, replicas_of(live))
        return _or_claim(asked, live, [*marks, *retemplated(live, template), *resized(live, pods)])

    what = _difference(spec, stable, asked.version, max(total, replicas_of(stable)), values)
    return Move(spec.stable, what, f"{spec.stable}: {what}" if change(stable) else "", change)


def _canary_ends(spec: Canary, asked: Asked, canary: Json | None) -> Move:
    # One that an earlier rollout made was there when this one began: a rollback returns to it.
    ends = annotation(canary, MADE) == asked.rollout
    pods = replicas_of(canary)
    what = f"{pods} → 0 pods"
    says = ""
    if canary is not None and ends:
        says = f"{spec.canary}: {what}, then it is deleted, for it was made here"
    elif pods:
        says = f"{spec.canary}: {what}"
    return Move(spec.canary, what, says, lambda live: _or_claim(asked, live, resized(live, 0)), ends=ends)


def _canary_takes(spec: Canary, asked: Asked, stable: Json, canary: Json | None, pods: int, total: int) -> Move:
    values = settings_of(canary, asked)
    template = released(stable["spec"]["template"], spec.container, asked.version, values, where=spec.stable)
    marks = {TOTAL: str(total), SETTINGS: settings_text(values)}

    def labelled(canary: Json | None) -> Json:
        metadata = {**(template.get("metadata") or {}), "labels": canary_labels(stable, canary)}
        return {**template, "metadata": metadata}

    def change(live: Json) -> Operations | None:
        return _or_claim(
            asked, live, [*annotated(live, marks), *retemplated(live, labelled(live)), *resized(live, pods)]
        )

    if canary is not None:
        what = _difference(spec, canary, asked.version, pods, values)
        return Move(spec.canary, what, f"{spec.canary}: {what}" if change(canary) else "", change)
    if not pods:
        return Move(spec.canary, "", "", change)
    body = _made(spec, asked, stable, labelled(None), pods, marks)
    what = f"made with {_pods(pods)} of {asked.version}{_set(values)}"
    return Move(spec.canary, what, f"{spec.canary}: {what}, from the template of {spec.stable}", change, body)


def _canary_back(spec: Canary, record: Mapping[str, Any] | None, canary: Json, sets: tuple[Json, ...]) -> Move:
    template: Json | None = None
    wanted = 0
    lost = ""
    if record is not None:
        try:
            template, wanted = recorded_template(record, canary, sets), int(record["replicas"])
        except ActionFailed:
            # Without its template it would serve the version that is rolled back from.
            lost = f", for the template of {record['version']} is not kept any more"

    def change(live: Json) -> Operations:
        put = retemplated(live, template) if template is not None else []
        gone = [] if ends else annotated(live, {TOTAL: "", SETTINGS: ""})
        return [*gone, *put, *resized(live, wanted)]

    ends = record is None and bool(annotation(canary, MADE))
    version = str(record["version"]) if record is not None and not lost else version_in(canary, spec.container)
    what = _difference(spec, canary, version, wanted, {}, _CLAIMED) + lost
    says = f"{spec.canary}: {what}" if ends or _differs(canary, template, wanted) else ""
    return Move(
        spec.canary, what, says + (", then it is deleted, for it was made here" if ends else ""), change, ends=ends
    )


def _scaled(name: str, asked: Asked, live: Json, pods: int, total: int) -> Move:
    def change(live: Json) -> Operations | None:
        return _or_claim(asked, live, [*annotated(live, {TOTAL: str(total)}), *resized(live, pods)])

    what = f"{replicas_of(live)} → {_pods(pods)}"
    return Move(name, what, f"{name}: {what}" if resized(live, pods) else "", change)


def _made(spec: Canary, asked: Asked, stable: Json, template: Json, pods: int, marks: Mapping[str, str]) -> Json:
    selector = stable["spec"].get("selector") or {}
    matched = {**(selector.get("matchLabels") or {}), TRACK: "canary"}
    annotations = {key: value for key, value in marks.items() if value} | {MADE: asked.rollout}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": spec.canary,
            "labels": {key: value for key, value in matched.items() if key != _INSTANCE},
            "annotations": annotations,
        },
        "spec": {
            "replicas": pods,
            "selector": {**selector, "matchLabels": matched},
            "template": template,
            **{key: stable["spec"][key] for key in _COPIED if key in stable["spec"]},
        },
    }


def _differs(live: Json, template: Json | None, pods: int) -> bool:
    return replicas_of(live) != pods or (template is not None and bool(retemplated(live, template)))


def _difference(
    spec: Canary, live: Json, version: str, pods: int, values: Mapping[str, str], unchanged: str = "as it was"
) -> str:
    """`v2.3.2 → v2.3.3, 9 → 10 pods, AUDIT_LEVEL=FULL`, without what stays."""
    before = version_in(live, spec.container)
    parts = [] if before == version else [f"{before} → {version}"]
    if replicas_of(live) != pods:
        parts.append(f"{replicas_of(live)} → {_pods(pods)}")
    return (", ".join(parts) or unchanged) + _set(values)


def _set(values: Mapping[str, str]) -> str:
    return "".join(f", {key}={value}" for key, value in values.items())


def _pods(count: int) -> str:
    return f"{count} pod{'' if count == 1 else 's'}"
