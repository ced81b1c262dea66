"""A Deployment that was written, followed until it is ready or the reason is known why it does not get so."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from console.actions.rollback_standing import Standing
from console.core.operations import ActionFailed, Unverified
from console.core.units import show_span
from console.systems.kubernetes_objects import progressing, template_image, template_text, version_of

if TYPE_CHECKING:
    from console.actions.strategies.writing import Writer

Json = dict[str, Any]

# A large Deployment may take longer than `Patience.whole`, as long as something moves.
_LONGEST_MOVING = 4


class Follow:
    """One Deployment on its way to being ready."""

    def __init__(self, writer: Writer, written: Json, container: str | None) -> None:
        self._writer = writer
        self._name = str(written["metadata"]["name"])
        self._wanted = template_text(written["spec"]["template"])
        self._container = container
        self._version = self._version_of(written)
        # A controller may leave its word about the version before standing for a while.
        self._late_before = _late(written)

    def until_ready(self) -> Json:
        """The Deployment as it is when it is ready; raises as `Writer.wait_ready`."""
        from console.systems.kubernetes_connection import DEPLOYMENTS

        writer, patience = self._writer, self._writer.patience
        began = moved = time.monotonic()
        last: Standing | None = None
        told: set[str] = set()
        while True:
            live = writer.read(DEPLOYMENTS, self._name)
            if live is None:
                raise ActionFailed(f"{self._name} was deleted while it was waited for; deploy it anew, then resume (h)")
            writer.guard(live)
            if template_text(live["spec"]["template"]) != self._wanted:
                raise ActionFailed(
                    f"somebody has put another template ({self._version_of(live)}) on {self._name} since "
                    f"{self._version} was written; look who does, then resume (h) to write it again"
                )
            standing = writer.standing(live)
            if last is None and standing.verified:
                return live
            if last is None or _counts(standing) != _counts(last):
                moved = time.monotonic()
                writer.say(f"{self._name}: {standing.line(self._version)}")
            last = standing
            if standing.verified:
                return live
            still = timedelta(seconds=time.monotonic() - moved)
            slow = (standing.waiting,) if standing.waiting and still > patience.quiet else ()
            for trouble in (*standing.troubles, *slow):
                if _kind(trouble) not in told:
                    told.add(_kind(trouble))
                    writer.say(trouble)
            self._give_up_if(standing, still)
            lasted = timedelta(seconds=time.monotonic() - began)
            if still > patience.whole or lasted > patience.whole * _LONGEST_MOVING:
                raise self._not_ready(standing, f"not ready after {show_span(lasted)}")
            if writer.stopped.wait(patience.every.total_seconds()):
                raise Unverified(
                    f"waiting for {self._name} was stopped: {standing.line(self._version)}; the cluster goes on with it"
                )

    def _version_of(self, deployment: Json) -> str:
        return version_of(template_image(deployment["spec"]["template"], self._container)[1])

    def _give_up_if(self, standing: Standing, still: timedelta) -> None:
        """Raise where nothing more is to be expected. still: since a pod count last changed."""
        if standing.paused:
            raise self._not_ready(standing, "its Deployment is paused: kubectl rollout resume it")
        if standing.gave_up and standing.gave_up != self._late_before:
            raise self._not_ready(standing, "the controller gave up (ProgressDeadlineExceeded)")
        if (standing.troubles or standing.gave_up) and still > self._writer.patience.trouble:
            raise self._not_ready(standing, f"nothing has moved for {show_span(still)}")

    def _not_ready(self, standing: Standing, why: str) -> ActionFailed:
        reasons = [*standing.troubles, *([standing.waiting] if standing.waiting else [])]
        troubles = f"; {'; '.join(reasons)}" if reasons else ""
        return ActionFailed(
            f"{self._name} in {self._writer.namespace} does not get ready: {why}: {standing.line(self._version)}"
            f"{troubles}; press 1 and Enter for pods and events"
        )


def _late(deployment: Json) -> str:
    """When the controller last said that the deadline for progress has passed, empty where it does not say so."""
    progress = progressing(deployment)
    return str(progress.get("lastUpdateTime") or "") if progress.get("status") == "False" else ""


def _counts(standing: Standing) -> tuple[int, int, int]:
    return standing.ready, standing.desired, standing.left


def _kind(trouble: str) -> str:
    """What is wrong without which pod it is, so that a pod made anew does not say it again."""
    return trouble.partition(": ")[2].partition(":")[0] or "waiting"
