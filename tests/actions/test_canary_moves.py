"""A canary's moves as pure rules: whatever is interrupted, capacity never falls, and the way back ends as recorded."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.actions.strategies.base import EPOCH, ROLLOUT, VERSION, Asked
from console.actions.strategies.canary_moves import MADE, Move, back, forward
from console.actions.strategies.recorded import record_of, replicas_of, version_in
from console.core.operations import Refused
from console.core.rollouts.plan import Canary, Share
from console.core.rollouts.shares import split
from console.sandbox.kube.patches import json_patch

Json = dict[str, Any]

SPEC = Canary("wall", "wall-canary", "firewall")
SHARES = st.one_of(
    st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0]).map(lambda ratio: Share(ratio=ratio)),
    st.builds(Share, ratio=st.sampled_from([0.05, 0.25, 0.5]), pods=st.integers(1, 3)),
    st.builds(Share, pods=st.integers(1, 20)),
)


class Crashed(Exception):
    """The driver ends here."""


def deployment(name: str, version: str, pods: int, **labels: str) -> Json:
    matched = {"app": "wall", **labels}
    return {
        "metadata": {"name": name, "uid": name, "labels": matched},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": matched},
            "template": {
                "metadata": {"labels": matched},
                "spec": {"containers": [{"name": "firewall", "image": f"repo/wall:{version}"}]},
            },
        },
    }


@dataclass
class Cluster:
    """Two Deployments whose pods are always ready. seen: pods wanted of both after each write."""

    objects: dict[str, Json]
    seen: list[int] = field(default_factory=list)

    @property
    def sides(self) -> tuple[Json, Json | None]:
        return self.objects[SPEC.stable], self.objects.get(SPEC.canary)

    def carry_out(self, moves: tuple[Move, ...], asked: Asked, left: int) -> int:
        """As a strategy does; how many more writes may be made. Raises Crashed where there are none left."""
        marks = {ROLLOUT: asked.rollout, EPOCH: str(asked.epoch), VERSION: asked.version}
        for move in moves:
            live = self.objects.get(move.name)
            if live is None:
                if move.body is None:
                    continue
                left = self._written(left)
                live = copy.deepcopy({**move.body, "metadata": {**move.body["metadata"], "uid": move.name}})
                live["metadata"]["annotations"] |= marks
                self.objects[move.name] = live
                self.seen.append(self._pods())
            operations = move.change(live)
            marked = (live["metadata"].get("annotations") or {}).items() >= marks.items()
            if operations is not None and (operations or not marked):
                left = self._written(left)
                live = copy.deepcopy(live)
                live["metadata"]["annotations"] = (live["metadata"].get("annotations") or {}) | marks
                self.objects[move.name] = live = json_patch(live, list(operations))
                self.seen.append(self._pods())
            if move.ends and MADE in live["metadata"]["annotations"]:
                assert live["spec"]["replicas"] == 0
                left = self._written(left)
                del self.objects[move.name]
        return left

    def _written(self, left: int) -> int:
        if not left:
            raise Crashed
        return left - 1

    def _pods(self) -> int:
        return sum(replicas_of(each) for each in self.sides)

    def apply(self, asked: Asked, left: int = 99) -> int:
        _, moves = forward(SPEC, asked, *self.sides)
        return self.carry_out(moves, asked, left)

    def roll_back(self, good: Json, asked: Asked, left: int = 99) -> int:
        moves = back(SPEC, good, *self.sides, [])
        left = self.carry_out(moves[:1], asked, left)
        return self.carry_out(back(SPEC, good, *self.sides, [])[1:], asked, left)

    def record(self) -> Json:
        stable, canary = self.sides
        told = {"stable": record_of(stable, None), "canary": canary and record_of(canary, None)}
        read: Json = json.loads(json.dumps(told))
        return read


def asking(share: Share, *values: tuple[str, str], epoch: int = 1) -> Asked:
    return Asked("v2", share, values, "r-2", epoch, "phase")


@settings(max_examples=150, deadline=None)
@given(
    pods=st.integers(1, 20),
    existing=st.one_of(st.none(), st.integers(0, 4)),
    phases=st.lists(st.tuples(SHARES, st.integers(0, 4), st.sampled_from(["", "FULL", "INFO"])), max_size=6),
    crashes=st.lists(st.integers(0, 3), max_size=3),
)
@example(pods=2, existing=None, phases=[(Share(ratio=1.0), 4, ""), (Share(ratio=0.0), 4, "")], crashes=[])
def test_interrupted_anywhere_no_capacity_is_lost_and_the_way_back_ends_at_the_record(
    pods: int, existing: int | None, phases: list[tuple[Share, int, str]], crashes: list[int]
) -> None:
    objects = {SPEC.stable: deployment(SPEC.stable, "v1", pods)}
    if existing is not None:
        objects[SPEC.canary] = deployment(SPEC.canary, "v0", existing, track="canary")
    cluster = Cluster(objects)
    total = pods + (existing or 0)
    before, good = copy.deepcopy(objects), cluster.record()
    for share, crash, level in phases:
        asked = asking(share, *([("AUDIT_LEVEL", level)] if level else []))
        with suppress(Refused):
            with suppress(Crashed):
                cluster.apply(asked, crash)
            cluster.apply(asked)
            stable, canary = cluster.sides
            divided = split(share, total)
            if divided.old:
                assert (replicas_of(stable), replicas_of(canary)) == (divided.old, divided.new)
                assert version_in(stable, None) == "v1"
            else:
                assert (replicas_of(stable), replicas_of(canary)) == (total, 0)
                assert version_in(stable, None) == "v2"
            assert not divided.new or canary is None or divided.old == 0 or version_in(canary, None) == "v2"
            assert cluster.apply(asked, 0) == 0
    for number, crash in enumerate(crashes):
        with suppress(Crashed):
            cluster.roll_back(good, asking(Share(), epoch=2 + number), crash)
    last = asking(Share(), epoch=9)
    cluster.roll_back(good, last)
    assert min(cluster.seen, default=total) >= total
    assert {name: each["spec"] for name, each in cluster.objects.items()} == {
        name: each["spec"] for name, each in before.items()
    }
    assert cluster.roll_back(good, last, 0) == 0


@settings(max_examples=60, deadline=None)
@given(pods=st.integers(2, 20), first=SHARES, second=SHARES)
def test_what_was_soaked_is_what_is_released(pods: int, first: Share, second: Share) -> None:
    cluster = Cluster({SPEC.stable: deployment(SPEC.stable, "v1", pods)})
    for share, values in ((first, (("A", "1"), ("B", "1"))), (second, (("B", "2"),))):
        with suppress(Refused):
            cluster.apply(asking(share, *values))
    released = version_in(cluster.sides[0], None) == "v2"
    canary = cluster.sides[1]
    before = (canary if canary is not None and replicas_of(canary) else cluster.sides[0])["spec"]["template"]["spec"]
    cluster.apply(asking(Share(ratio=1.0)))
    stable, canary = cluster.sides
    if released or before["containers"][0]["image"].endswith("v2"):
        assert stable["spec"]["template"]["spec"] == before
    assert replicas_of(stable) == pods
    assert canary is None
