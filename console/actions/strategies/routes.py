"""Weights of an HTTPRoute between two Services: read, compared, as operations of a JSON patch, and in force.

Source: HTTPRoute of gateway.networking.k8s.io/v1: a backend without a weight has 1, and weights count in proportion.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.strategies.writing import Writer
from console.core.operations import ActionFailed, Refused, Unverified
from console.core.units import show_span

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import Resource

Json = dict[str, Any]


def http_routes() -> Resource:
    """HTTPRoutes."""
    from console.systems.kubernetes_connection import Resource

    return Resource("apis/gateway.networking.k8s.io/v1", "httproutes")


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one rule. rule: its index. canary: None where the rule has no such backend."""

    rule: int
    stable: int
    canary: int | None

    @property
    def share(self) -> float:
        """The canary's, 0 to 1; 0 where nothing goes to either."""
        both = self.stable + (self.canary or 0)
        return (self.canary or 0) / both if both else 0.0

    def as_body(self) -> Json:
        """As it is recorded."""
        return {"rule": self.rule, "stable": self.stable, "canary": self.canary}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Weights:
        """Read it back."""
        canary = body["canary"]
        return cls(int(body["rule"]), int(body["stable"]), None if canary is None else int(canary))


def weights_of(route: Mapping[str, Any], stable: str, canary: str) -> tuple[Weights, ...]:
    """The weights of every rule that leads to the stable Service. Raises Refused where none does, or where a rule leads
    to a third backend too: a share of two would change the third one's.
    """
    name = route["metadata"]["name"]
    found: list[Weights] = []
    for index, rule in enumerate(route["spec"].get("rules") or ()):
        backends = {_service(each): int(each.get("weight", 1)) for each in rule.get("backendRefs") or ()}
        if stable not in backends:
            continue
        if others := sorted(set(backends) - {stable, canary}):
            raise Refused(
                f"rule {index + 1} of HTTPRoute {name} leads to {', '.join(others)} too, whose share a new weight "
                "would change; part the rule, or move that backend to a rule of its own"
            )
        found.append(Weights(index, backends[stable], backends.get(canary)))
    if not found:
        raise Refused(f"no rule of HTTPRoute {name} leads to Service {stable}; check the plan's names")
    return tuple(found)


def in_percent(current: Iterable[Weights], percent: int) -> tuple[Weights, ...]:
    """The weights for a share in whole percent; those of a rule that has it already are left as they are."""
    return tuple(
        each
        if each.share == percent / 100 and (each.stable or each.canary)
        else Weights(each.rule, 100 - percent, percent)
        for each in current
    )


def moved(route: Mapping[str, Any], stable: str, canary: str, wanted: Iterable[Weights]) -> list[Json]:
    """The operations that give the route these weights; none where it has them. A backend that a rule lacks is added
    as a copy of the stable one's reference, and taken out again where None is wanted; nothing else is touched.
    """
    operations: list[Json] = []
    now = {each.rule: each for each in weights_of(route, stable, canary)}
    for want in wanted:
        have = now.get(want.rule)
        if have is None or have == want:
            continue
        backends = route["spec"]["rules"][want.rule]["backendRefs"]
        path = f"/spec/rules/{want.rule}/backendRefs"
        places = {_service(each): place for place, each in enumerate(backends)}
        if have.stable != want.stable:
            operations.append({"op": "add", "path": f"{path}/{places[stable]}/weight", "value": want.stable})
        if want.canary is None:
            operations.append({"op": "remove", "path": f"{path}/{places[canary]}"})
        elif have.canary is None:
            reference = {**backends[places[stable]], "name": canary, "weight": want.canary}
            operations.append({"op": "add", "path": f"{path}/-", "value": reference})
        elif have.canary != want.canary:
            operations.append({"op": "add", "path": f"{path}/{places[canary]}/weight", "value": want.canary})
    return operations


def unaccepted(route: Mapping[str, Any]) -> str:
    """Why the route as it is now is not in force by what its gateways say; empty where every one has accepted it."""
    generation = int(route["metadata"].get("generation") or 0)
    parents = (route.get("status") or {}).get("parents") or ()
    if not parents:
        return "no gateway has taken it"
    for parent in parents:
        name = (parent.get("parentRef") or {}).get("name", "")
        accepted: Json = next((each for each in parent.get("conditions") or () if each.get("type") == "Accepted"), {})
        if accepted.get("status") != "True":
            return (
                f"gateway {name} does not accept it: {accepted.get('message') or accepted.get('reason') or 'no word'}"
            )
        if int(accepted.get("observedGeneration") or generation) < generation:
            return f"gateway {name} has not seen its newest weights"
    return ""


def wait_until_accepted(writer: Writer, name: str) -> None:
    """Wait until every gateway has accepted the route as it is now. Raises ActionFailed after `patience.trouble`,
    Unverified when told to stop.
    """
    began = time.monotonic()
    while True:
        live = writer.read(http_routes(), name)
        why = "it was deleted" if live is None else unaccepted(live)
        if not why:
            return
        if time.monotonic() - began > writer.patience.trouble.total_seconds():
            raise ActionFailed(
                f"HTTPRoute {name} in {writer.namespace} has its weights, but {why} after "
                f"{show_span(writer.patience.trouble)}: look at its status and its gateway, then resume (h)"
            )
        if writer.stopped.wait(writer.patience.every.total_seconds()):
            raise Unverified(f"waiting for the gateway of {name} was stopped: {why}")


def shown(weights: Iterable[Weights]) -> str:
    """`95:5`, or the same for each rule where they differ."""
    texts = list(dict.fromkeys(f"{each.stable}:{each.canary or 0}" for each in weights))
    return texts[0] if len(texts) == 1 else ", ".join(texts)


def _service(backend: Mapping[str, Any]) -> str:
    kind = backend.get("kind") or "Service"
    name, place = str(backend.get("name", "")), backend.get("namespace")
    named = f"{place}/{name}" if place else name
    return named if kind == "Service" else f"{kind} {named}"
