"""Shares of traffic as replica counts: which count comes nearest, and which shares no count can reach."""

from __future__ import annotations

from dataclasses import dataclass

from console.core.rollouts.plan import Share


@dataclass(frozen=True, slots=True)
class Split:
    """So many pods of the new version and of the old. share: new of all, 0 to 1. relabelled: how the share is called
    where it is not the one asked for (`1 pod of 6, 16.7%`), else empty.
    """

    new: int
    old: int
    share: float
    relabelled: str = ""


class Unreachable(ValueError):
    """No number of replicas comes near enough to the share; the message says which ones can be had."""


def split(share: Share, total: int) -> Split:
    """How `total` replicas are divided for a share. total: at least 1.

    The nearest count is taken; it must be within half a replica *and* within a quarter of the share asked for (0 % and
    100 % are exact, anything between has at least one pod on each side), else `pods` of the share is used and told in
    `relabelled`, else Unreachable is raised.
    """
    raise NotImplementedError
