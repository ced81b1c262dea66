"""What every value of the sample app is right now: as the file has it, as a fault sets it, or as set by hand."""

from __future__ import annotations

from collections.abc import Sequence

from console.sandbox.faults import Faults
from console.sandbox.metrics import Hand
from console.sandbox.versions import Reach
from console.sandbox.world_file import FaultSpec


class Knobs:
    """Values by name. reach, below: what faults can do to whoever asks."""

    def __init__(self, faults: Faults, specs: Sequence[FaultSpec], hand: Hand) -> None:
        self.hand = hand
        self._faults = faults
        self._specs = specs

    def value(self, name: str, usual: float, reach: Reach) -> float:
        """The value of that name; `usual` where nothing is wrong with it."""
        by_hand = self.hand.get(name)
        if by_hand is not None:
            return by_hand
        for spec in self._specs:
            if name in spec.sets and self._faults.on(spec.name) and _hits(spec, reach):
                value, grows = spec.sets[name]
                return usual + grows * self._faults.on_for(spec.name) if grows else value
        return usual

    def complaints(self, reach: Reach) -> list[str]:
        """The lines that the faults in force have an app log."""
        return [spec.logs for spec in self._specs if spec.logs and self._faults.on(spec.name) and _hits(spec, reach)]


def _hits(spec: FaultSpec, reach: Reach) -> bool:
    return {"newest": reach.newest, "shared": reach.shared, "all": True}[spec.hits]
