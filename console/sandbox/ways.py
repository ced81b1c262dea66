"""Where requests go: what Services select, and how the weights of an HTTPRoute divide them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.sandbox.world_file import WaySpec

Json = dict[str, Any]
Lookup = Callable[[str], Json | None]


@dataclass(frozen=True, slots=True)
class Way:
    """A way for requests into the system, as it is now. parts: pods, with the weight of each group of them."""

    name: str
    parts: tuple[tuple[int, tuple[str, ...]], ...]

    def choose(self, chance: random.Random) -> tuple[str, ...]:
        """The pods that one request can go to; none where the group it falls to has none ready."""
        total = sum(weight for weight, _ in self.parts)
        if total == 0:
            return ()
        return chance.choices([pods for _, pods in self.parts], [weight for weight, _ in self.parts])[0]


class Ways:
    """The ways into one environment.

    Clients use one at a time: the first, until somebody writes to an object of another one. So the figures of a system
    that can be released in several ways are those of the way that is being released.
    endpoints: the ready pods of a Service. route: an HTTPRoute as it is.
    """

    def __init__(self, specs: Sequence[WaySpec], endpoints: Callable[[str], Sequence[str]], route: Lookup) -> None:
        self._specs = tuple(specs)
        self._endpoints = endpoints
        self._route = route
        self._by_object: Mapping[str, int] = {
            named: number for number, spec in enumerate(specs) for named in (spec.named, *spec.belongs)
        }
        self._at = 0

    @property
    def rate(self) -> float:
        """Requests a second that clients send."""
        return self._specs[self._at].rate

    @property
    def name(self) -> str:
        """The way that clients use."""
        return self._specs[self._at].named

    def written(self, plural: str, name: str) -> None:
        """A client of the cluster wrote to this object."""
        self._at = self._by_object.get(f"{plural}/{name}", self._at)

    def now(self) -> Way:
        """The way that clients use, as it is now."""
        spec = self._specs[self._at]
        plural, _, name = spec.named.partition("/")
        if plural == "services":
            return Way(spec.named, ((1, tuple(self._endpoints(name))),))
        backends = _backends(self._route(name))
        return Way(spec.named, tuple((weight, tuple(self._endpoints(service))) for service, weight in backends))


def _backends(route: Json | None) -> list[tuple[str, int]]:
    """Services and their weights of a route's first rule that has any."""
    for rule in ((route or {}).get("spec") or {}).get("rules") or ():
        if backends := rule.get("backendRefs"):
            return [(str(backend["name"]), int(backend.get("weight", 1))) for backend in backends]
    return []
