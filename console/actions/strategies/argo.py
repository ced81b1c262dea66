"""Drives an Argo Rollouts object: its image, its canary steps, promote and abort. Argo's controller moves the pods.

A share is brought about by the steps `setWeight` and an open-ended `pause` in place of the Rollout's own, written with
the image in one patch. Relied upon: changed steps (or a changed template) begin at step 0, whose weight is in force at
once, so the weight goes from the old to the new value without a dip; and they take an abort back, so they are never
changed while an update stands aborted. 100 % is `promote --full`: status.promoteFull by a merge patch on the status, as
Argo's kubectl plugin writes it, bound to a resourceVersion. Then the Rollout's own steps are put back, which changes
nothing on a fully promoted one.

The way back: abort (a merge patch on the status), which moves the traffic to the stable version at once; then template
and steps as recorded in one patch, which is "rollback to the stable ReplicaSet" to Argo: it skips the steps and takes
the abort back. Where the new version was promoted already, the recorded template goes out without any steps first, so
that nothing waits at a pause. Custom objects know no strategic merge patch; none is sent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from console.actions.strategies.argo_view import (
    STEPS,
    View,
    canary_of,
    hash_of,
    is_taken_up,
    is_whole,
    own_steps_of,
    rollouts,
    stepped,
    steps_of,
    template_in,
    view_of,
)
from console.actions.strategies.argo_waiting import abort, follow, patch_status, promote_fully
from console.actions.strategies.base import ROLLOUT, VERSION, Applied, Asked, Foreseen, Say, Sides
from console.actions.strategies.recorded import (
    find,
    find_all,
    is_recorded,
    owner_warnings,
    record_of,
    replicas_of,
    version_in,
)
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
from console.actions.strategies.writing import Operations, Patience, Writer, annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Argo
from console.core.rollouts.shares import split
from console.systems.kubernetes_objects import owner, selector_text

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

Json = dict[str, Any]


class ArgoStrategy:
    """Drives one Rollout with the canary strategy and a template of its own. good: what was recorded, by which `sides`
    tells the new version from the old one.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        spec: Argo,
        *,
        good: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._spec = spec
        self._good = good
        self._patience = patience
        self._version = ""

    def record(self) -> Json:
        """The Rollout as it is: template (or digest), size, steps, and the hash of its stable ReplicaSet."""
        view = self._view()
        live = view.rollout
        return {
            **record_of(live, self._spec.container),
            "steps": own_steps_of(live),
            "stableRS": str(view.status.get("stableRS") or ""),
        }

    def foresee(self, asked: Asked) -> Foreseen:
        """The writes of `apply`, a sentence each."""
        self._version = asked.version
        spec = self._spec
        try:
            view = self._view()
            weight, share, called = self._weight(view, asked)
            template = self._template(view.rollout, asked)
        except Refused as error:
            return Foreseen((), 0.0, str(error))
        live = view.rollout
        does: list[str] = []
        changed = bool(retemplated(live, template))
        if changed:
            does.append(f"puts {asked.version} on Rollout {spec.rollout}")
        if weight < 100 and (changed or stepped(live, _steps(weight))):
            does.append(f"sets its canary steps to {weight} % and a pause{f' ({called})' if called else ''}")
        if weight == 100 and (changed or not view.settled):
            does.append("promotes it fully, past its remaining steps")
        if weight == 100 and annotation(live, STEPS):
            does.append("puts its own canary steps back")
        return Foreseen(tuple(does), share, warnings=owner_warnings(live))

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """Write image and steps, and follow Argo to the weight; at 100 % promote fully and follow it to the end."""
        self._version = asked.version
        writer = self._writer(asked, say, on_write, fence, stopped)
        weight, _, _ = self._weight(self._view(), asked)
        if weight == 100:
            return self._promote(writer, asked)

        def change(live: Json) -> Operations | None:
            self._refuse_aborted(live)
            return self._changed(live, asked, _steps(weight)) or None

        written = writer.write(rollouts(), self._spec.rollout, change, f"{asked.version}, weight {weight}, pause")
        view = follow(writer, self._spec, written, self._has_paused)
        ready, total = view.ready_of(view.new), sum(view.ready.values())
        return Applied(
            view.share, f"{ready} of {total} pods run {asked.version}, {self._spec.rollout} pauses", writer.writes
        )

    def sides(self) -> Sides:
        """Who serves: the newest and the stable version, by pods or by the traffic router's weights."""
        view = self._view()
        container = self._spec.container
        version = self._version or annotation(view.rollout, VERSION)
        now = version_in(view.rollout, container)
        stable = version_in(view.stable, container) if view.stable is not None else now
        is_old = now != version if self._good is None else view.status.get("stableRS") == self._good["stableRS"]
        if view.settled and is_old:
            return Sides(0.0, version, 0, 0, now, view.ready_of(view.new), view.wanted, view.line(self._spec))
        old = None if view.settled else view.stable
        return Sides(
            view.share,
            now,
            view.ready_of(view.new),
            replicas_of(view.new),
            stable if old is not None else "",
            view.ready_of(old),
            replicas_of(old),
            view.line(self._spec),
        )

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """The writes of `roll_back`; refused where the stable version should serve and neither has a ready pod."""
        view = self._view()
        spec, live = self._spec, view.rollout
        does: list[str] = []
        if not view.settled and not view.aborted and version_in(live, spec.container) != good["version"]:
            does.append(f"aborts the update of Rollout {spec.rollout}, which returns the traffic")
        if not self._is_good(live, good):
            does.append(f"puts {good['version']} back on Rollout {spec.rollout}")
        if steps_of(live) != good["steps"]:
            does.append("puts its own canary steps back")
        refused = self._neither(view)
        return Foreseen(tuple(does), 0.0, refused, owner_warnings(live))

    def roll_back(
        self,
        good: Mapping[str, Any],
        asked: Asked,
        *,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
    ) -> str:
        """Abort what is under way, put template and steps back, and follow Argo until only the old version runs."""
        self._version = asked.version
        writer = self._writer(asked, say, on_write, fence, stopped)
        spec, view = self._spec, self._view()
        template = self._good_template(view, good)
        if refused := self._neither(view):
            raise ActionFailed(refused)
        if retemplated(view.rollout, template) and not view.settled:
            patch_status(writer, spec.rollout, abort, "abort")

        def change(live: Json) -> Operations:
            status, changed = live.get("status") or {}, bool(retemplated(live, template))
            whole = status.get("stableRS") == status.get("currentPodHash") and not changed
            # Steps that pause must not stand between a promoted version and the one before it.
            through = status.get("stableRS") == good["stableRS"] or whole
            size = max(int(good["replicas"]), replicas_of(live))
            # Where nothing else is to be done the marks are, so that a driver that was overtaken notices.
            return [
                *annotated(live, {SETTINGS: "", STEPS: "" if through else json.dumps(good["steps"])}),
                *retemplated(live, template),
                *stepped(live, good["steps"] if through else []),
                *resized(live, size),
            ]

        def own_steps(live: Json) -> Operations:
            return [*annotated(live, {STEPS: ""}), *stepped(live, good["steps"])]

        written = writer.write(rollouts(), spec.rollout, change, f"back to {good['version']}")
        follow(writer, spec, written, is_whole)
        written = writer.write(rollouts(), spec.rollout, own_steps, "its own canary steps")
        view = follow(writer, spec, written, is_whole)
        ready = view.ready_of(view.new)
        return f"{good['version']} serves everything: {ready} of {view.wanted} pods ready"

    def _promote(self, writer: Writer, asked: Asked) -> Applied:
        spec = self._spec

        def change(live: Json) -> Operations | None:
            self._refuse_aborted(live)
            # A new template must wait for the promotion, whatever steps the Rollout has of its own.
            new = bool(retemplated(live, self._template(live, asked)))
            steps = _steps(0) if new and not annotation(live, STEPS) else steps_of(live)
            return self._changed(live, asked, steps) or None

        written = writer.write(rollouts(), spec.rollout, change, f"{asked.version}, to be promoted")
        view = follow(writer, spec, written, is_taken_up)
        if not view.settled:
            patch_status(writer, spec.rollout, promote_fully, "promote fully")
        follow(writer, spec, written, is_whole)

        def own_steps(live: Json) -> Operations | None:
            if not annotation(live, STEPS):
                return None
            return [*annotated(live, {STEPS: ""}), *stepped(live, own_steps_of(live))]

        written = writer.write(rollouts(), spec.rollout, own_steps, "its own canary steps")
        view = follow(writer, spec, written, is_whole)
        ready = view.ready_of(view.new)
        return Applied(1.0, f"{asked.version} serves everything: {ready} of {view.wanted} pods ready", writer.writes)

    def _changed(self, live: Json, asked: Asked, steps: list[Json]) -> list[Json]:
        """The operations for the version with these steps; the Rollout's own are kept on it."""
        operations = [*retemplated(live, self._template(live, asked)), *stepped(live, steps)]
        marks = {SETTINGS: settings_text(settings_of(live, asked))}
        if stepped(live, steps):
            marks[STEPS] = json.dumps(own_steps_of(live))
        return [*annotated(live, marks), *operations] if operations else []

    def _has_paused(self, view: View) -> bool:
        """Whether it stands at our pause. Raises ActionFailed where somebody has moved it on or back."""
        if view.settled:
            raise ActionFailed(
                f"somebody has promoted Rollout {self._spec.rollout} in {self._namespace} to 100 % meanwhile; look who "
                "does, then roll back (R), or override to the last phase (p)"
            )
        self._refuse_aborted(view.rollout)
        return view.phase == "Paused" and view.status.get("currentStepIndex") == 1

    def _refuse_aborted(self, live: Json) -> None:
        if aborted := self._aborted(live):
            raise ActionFailed(aborted)

    def _aborted(self, live: Json) -> str:
        """Who has aborted, as a sentence; a changed step would take the abort back without a word."""
        status = live.get("status") or {}
        if not status.get("abort") or status.get("stableRS") == status.get("currentPodHash"):
            return ""
        return (
            f"the update of Rollout {self._spec.rollout} in {self._namespace} was aborted by somebody else "
            f"({status.get('message') or 'no reason is given'}); roll back (R), or take the abort back with "
            f"`kubectl argo rollouts retry rollout {self._spec.rollout}` and resume (h)"
        )

    def _weight(self, view: View, asked: Asked) -> tuple[int, float, str]:
        """(weight in percent, share it gives, how that is called where it is another). Raises Refused."""
        live, spec = view.rollout, self._spec
        if "canary" not in (live["spec"].get("strategy") or {}):
            raise Refused(f"Rollout {spec.rollout} has no canary strategy; only a canary's weight can be driven")
        if not live["spec"].get("template"):
            raise Refused(f"Rollout {spec.rollout} takes its template from another object; name that one in the plan")
        ours = annotation(live, ROLLOUT) == asked.rollout
        if view.status and not view.settled and not ours:
            raise Refused(
                f"Rollout {spec.rollout} is on its way to another version already ({view.phase}: {view.message}); "
                "promote or abort that first"
            )
        if aborted := self._aborted(live):
            raise Refused(aborted)
        if asked.share.whole:
            return 100, 1.0, ""
        if view.settled and runs(live["spec"]["template"], spec.container, asked.version):
            raise Refused(
                f"Rollout {spec.rollout} runs {asked.version} on every pod, so a share of it cannot be had; roll back "
                "(R) to the version before first"
            )
        if canary_of(live).get("trafficRouting") and asked.share.ratio is not None:
            weight = round(asked.share.ratio * 100)
            if abs(asked.share.ratio * 100 - weight) > 1e-6:
                raise Refused(f"weights of Rollout {spec.rollout} are whole percent, and {asked.share.text} is none")
            return weight, weight / 100, ""
        try:
            divided = split(asked.share, view.wanted)
        except ValueError as error:
            raise Refused(f"{error} (of Rollout {spec.rollout})") from error
        return round(divided.share * 100), divided.share, divided.relabelled

    def _template(self, live: Json, asked: Asked) -> Json:
        template, where = live["spec"]["template"], self._spec.rollout
        return released(template, self._spec.container, asked.version, settings_of(live, asked), where=where)

    def _is_good(self, live: Json, good: Mapping[str, Any]) -> bool:
        return is_recorded(good, live["spec"]["template"])

    def _good_template(self, view: View, good: Mapping[str, Any]) -> Json:
        """The recorded template; one recorded by its digest is taken from the ReplicaSet that was stable then, whose
        template is the same with the server's defaults, which is the same version to Argo.
        """
        if "template" in good:
            return dict(json.loads(good["template"]))
        if self._is_good(view.rollout, good):
            return dict(view.rollout["spec"]["template"])
        from console.systems.kubernetes_connection import REPLICA_SETS

        uid = view.rollout["metadata"]["uid"]
        for each in find_all(self._api, self._namespace, REPLICA_SETS):
            if owner(each, "Rollout") == uid and hash_of(each) == good["stableRS"]:
                return template_in(each)
        raise ActionFailed(
            f"the template of {good['version']} was recorded by its digest only, for a secret is written into it, and "
            f"the cluster keeps no ReplicaSet {good['stableRS']} of Rollout {self._spec.rollout} any more: deploy "
            f"{good['version']} from its manifest, then resume (h)"
        )

    def _neither(self, view: View) -> str:
        """Why no traffic is moved: the stable version should serve, and neither it nor the new one has a ready pod."""
        if view.settled or not replicas_of(view.stable) or view.ready_of(view.stable) or view.ready_of(view.new):
            return ""
        return (
            f"neither the stable nor the new version of Rollout {self._spec.rollout} has a ready pod, so nothing was "
            "moved: get the stable one ready first (press 1 and Enter for pods and events)"
        )

    def _view(self) -> View:
        from console.systems.kubernetes_connection import PODS, REPLICA_SETS

        live = find(self._api, self._namespace, rollouts(), self._spec.rollout)
        if live is None:
            raise ActionFailed(
                f"kubernetes {self._api.host}: there is no Rollout {self._spec.rollout} in {self._namespace}; check "
                "the plan's names and namespace"
            )
        selector = selector_text(live["spec"].get("selector") or {})
        return view_of(
            live,
            find_all(self._api, self._namespace, REPLICA_SETS, selector),
            find_all(self._api, self._namespace, PODS, selector),
        )

    def _writer(
        self, asked: Asked, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Writer:
        return Writer(
            self._api,
            self._namespace,
            asked,
            say=say,
            on_write=on_write,
            fence=fence,
            stopped=stopped,
            patience=self._patience,
        )


def _steps(weight: int) -> list[Json]:
    return [{"setWeight": weight}, {"pause": {}}]
