"""Following an Argo Rollouts object to where it shall go, and writing its status as Argo's kubectl plugin does."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from console.actions.strategies.argo_view import View, rollouts, view_of
from console.actions.strategies.recorded import version_in
from console.actions.strategies.writing import Writer, passes
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import Argo
from console.core.units import show_span
from console.systems.kubernetes_errors import KubernetesError
from console.systems.kubernetes_objects import selector_text, template_text

Json = dict[str, Any]

_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


def follow(writer: Writer, spec: Argo, written: Json, done: Callable[[View], bool]) -> View:
    """Look until `done` says so of a view whose spec the controller has observed; that view.

    written: as it was after the last write. done: may raise. Raises ActionFailed where somebody puts another template
    on it or pauses it, where it does not get on, Unverified when told to stop.
    """
    wanted = template_text(written["spec"]["template"])
    version = version_in(written, spec.container)
    began = moved = time.monotonic()
    last: View | None = None
    told: set[str] = set()
    while True:
        view = look(writer, spec)
        writer.guard(view.rollout)
        if template_text(view.rollout["spec"]["template"]) != wanted:
            raise ActionFailed(
                f"somebody has put another template ({version_in(view.rollout, spec.container)}) on Rollout "
                f"{spec.rollout} since {version} was written; look who does, then resume (h) to write it again"
            )
        if view.observed and done(view):
            if last is None or view.moves != last.moves:
                writer.say(view.line(spec))
            return view
        if last is None or view.moves != last.moves:
            moved = time.monotonic()
            writer.say(view.line(spec))
        last = view
        for trouble in view.troubles:
            kind = trouble.partition(": ")[2].partition(":")[0]
            if kind not in told:
                told.add(kind)
                writer.say(trouble)
        _give_up_if(writer, spec, view, timedelta(seconds=time.monotonic() - moved))
        if time.monotonic() - began > writer.patience.whole.total_seconds():
            raise _stuck(spec, view, f"not there after {show_span(writer.patience.whole)}")
        if writer.stopped.wait(writer.patience.every.total_seconds()):
            raise Unverified(f"waiting for Rollout {spec.rollout} was stopped: {view.line(spec)}; Argo goes on with it")


def look(writer: Writer, spec: Argo) -> View:
    """The Rollout as it is now, with its ReplicaSets and pods. Raises ActionFailed where it is gone."""
    from console.systems.kubernetes_connection import PODS, REPLICA_SETS

    live = writer.read(rollouts(), spec.rollout)
    if live is None:
        raise ActionFailed(f"Rollout {spec.rollout} was deleted meanwhile; deploy it anew, then resume (h)")
    selector = selector_text(live["spec"].get("selector") or {})
    return view_of(live, writer.read_all(REPLICA_SETS, selector), writer.read_all(PODS, selector))


def _give_up_if(writer: Writer, spec: Argo, view: View, still: timedelta) -> None:
    """Raise where nothing more is to be expected. still: since something last changed."""
    if view.rollout["spec"].get("paused"):
        raise _stuck(spec, view, "somebody has paused it (spec.paused)")
    # A controller may leave its word about the version before standing for a while.
    if still > writer.patience.trouble and (view.troubles or view.phase in ("", "Degraded") or not view.observed):
        raise _stuck(spec, view, f"nothing has moved for {show_span(still)}")


def _stuck(spec: Argo, view: View, why: str) -> ActionFailed:
    troubles = f"; {'; '.join(view.troubles)}" if view.troubles else ""
    unseen = "" if view.observed else "; its controller has not seen the newest spec: is Argo Rollouts running?"
    return ActionFailed(
        f"Rollout {spec.rollout} does not get there: {why}: {view.line(spec)}{troubles}{unseen}; "
        "press 1 and Enter for pods and events"
    )


def patch_status(writer: Writer, name: str, change: Callable[[Json], Json | None], what: str) -> None:
    """Write what `change` finds to differ in the status, by a merge patch on the status subresource, bound to the
    resourceVersion it was computed from; a 409 is read and decided again. Raises as `Writer`.
    """
    from console.systems.kubernetes_connection import MERGE_PATCH

    line = f"PATCH rollouts/{name}/status in {writer.namespace}: {what}"
    began, pause = time.monotonic(), _PAUSE
    doubted = False
    while True:
        live = writer.read(rollouts(), name)
        if live is None:
            raise ActionFailed(f"{line}: there is no such Rollout any more; deploy it anew, then resume (h)")
        writer.guard(live)
        wanted = change(live.get("status") or {})
        if wanted is None:
            if doubted:
                writer.writes += 1
                writer.say(f"{line}; only the answer was lost")
            return
        doubted = False
        writer.fence()
        writer.on_write(line)
        body = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}, "status": wanted}
        try:
            writer.api.patch(
                rollouts(), name, body, content_type=MERGE_PATCH, subresource="status", namespace=writer.namespace
            )
        except KubernetesError as error:
            if error.status == 409:
                # Argo's controller writes the status all the time: only its haste is waited for.
                writer.say(f"{line}: it had changed in between; reading it again")
                pause = _PAUSE / 4
            elif not passes(error):
                raise ActionFailed(f"{line}: it was not written: {error}; mend that, then resume (h)") from error
            else:
                doubted = error.unknown
                writer.say(f"{error}; trying again")
                pause = min(pause * 2, _LONGEST_PAUSE)
            if time.monotonic() - began > writer.patience.contact.total_seconds() or writer.stopped.wait(pause):
                raise Unverified(f"{line}: it is not known to be written: {error}; it is compared anew next") from error
        else:
            writer.writes += 1
            writer.say(line)
            return


def promote_fully(status: Json) -> Json | None:
    """What `promote --full` writes; None where it is written, or nothing is to be promoted."""
    if status.get("promoteFull") or status.get("stableRS") == status.get("currentPodHash"):
        return None
    return {"promoteFull": True}


def abort(status: Json) -> Json | None:
    """What `abort` writes; None where it is written, or nothing is under way."""
    if status.get("abort") or status.get("stableRS") == status.get("currentPodHash"):
        return None
    return {"abort": True}
