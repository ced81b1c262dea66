"""A Deployment brought back to its record, or to another size: what strategies with two of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from console.actions.strategies.recorded import is_recorded, recorded_template, replicas_of
from console.actions.strategies.settings import SETTINGS, annotated, retemplated
from console.actions.strategies.writing import Operations, Writer

Json = dict[str, Any]


def resized(live: Json, size: int) -> list[Json]:
    """The operations that give a Deployment this many pods; none where it has them."""
    return [] if replicas_of(live) == size else [{"op": "add", "path": "/spec/replicas", "value": size}]


def restore(
    writer: Writer,
    live: Json,
    record: Mapping[str, Any],
    container: str | None,
    *,
    size: Callable[[Json], int],
    forget: Iterable[str] = (),
) -> Json:
    """Give a Deployment its recorded template and a size, and wait until it is ready; the Deployment as it is then.

    size: from the live object. forget: annotations that are taken away, besides what was set. Where nothing else is to
    be done the marks are put on it, so that a driver that was overtaken notices. Raises as `Writer`, and ActionFailed
    where a template recorded by digest is nowhere to be found.
    """
    from console.systems.kubernetes_connection import DEPLOYMENTS, REPLICA_SETS

    template = (
        dict(live["spec"]["template"])
        if is_recorded(record, live["spec"]["template"])
        else recorded_template(record, live, writer.read_all(REPLICA_SETS))
    )
    gone = dict.fromkeys((SETTINGS, *forget), "")

    def change(found: Json) -> Operations:
        return [*annotated(found, gone), *retemplated(found, template), *resized(found, size(found))]

    name = str(record["name"])
    what = f"back to {record['version']}, {replicas_of(live)} → {size(live)} pods"
    return writer.wait_ready(writer.write(DEPLOYMENTS, name, change, what), container)
