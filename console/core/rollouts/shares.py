"""Shares of traffic as replica counts: which count comes nearest, and which shares no count can reach."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from console.core.rollouts.plan import Share

NEAR_ENOUGH = Fraction(1, 4)
"""How far from the share asked for, as a part of it, a replica count may be."""


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

    The nearest count is taken (of two as near, the smaller); it must be within half a replica *and* within a quarter of
    the share asked for (0 % and 100 % are exact, anything between has at least one pod on each side), else `pods` of
    the share is used and told in `relabelled`, else Unreachable is raised; so it is where the pods would leave nothing
    on one side of a share that is neither 0 % nor 100 %. Raises ValueError where there is no replica to divide, or the
    share is none.
    """
    if total < 1:
        raise ValueError(f"{total} replicas cannot be divided; scale the workload to at least 1")
    if share.ratio is not None:
        if not 0 <= share.ratio <= 1:
            raise ValueError(f"a share lies between 0% and 100%, and {share.ratio * 100:g}% does not")
        new = _nearest(share.ratio, total)
        if new is not None:
            return Split(new, total - new, new / total)
    if share.pods is None:
        if share.ratio is None:
            raise ValueError("the share asks for neither a ratio nor a number of pods")
        raise Unreachable(f"{share.text} of {_pods(total)} cannot be had; {_reachable(total)}")
    if share.pods > total:
        raise Unreachable(f"{share.text} is more than the {_pods(total)} there are; {_reachable(total)}")
    part = share.pods / total
    if share.ratio is None:
        return Split(share.pods, total - share.pods, part)
    if share.pods < 1 or share.pods == total:
        raise Unreachable(f"{share.text} of {_pods(total)} would be {_percent(part)}; {_reachable(total)}")
    return Split(share.pods, total - share.pods, part, f"{_pods(share.pods)} of {total}, {_percent(part)}")


def _nearest(ratio: float, total: int) -> int | None:
    """The count nearest to the ratio, None where it is not near enough. A ratio is read as the decimal it was."""
    exact = Fraction(str(ratio)).limit_denominator(1_000_000)
    if exact in (0, 1):
        return int(exact) * total
    wanted = exact * total
    below = wanted.numerator // wanted.denominator
    new = below if wanted - below <= Fraction(1, 2) else below + 1
    new = min(max(new, 1), total - 1)
    if new < 1 or abs(new - wanted) > Fraction(1, 2) or abs(Fraction(new, total) - exact) > exact * NEAR_ENOUGH:
        return None
    return new


def _reachable(total: int) -> str:
    """Which shares so many replicas can be divided into."""
    shares = [_percent(new / total) for new in range(1, total)]
    can = ", ".join([*shares, "100%"]) if total <= 12 else f"any multiple of {_percent(1 / total)}"
    behind = ", `or 1 pod` behind the share," if total > 1 else ""
    return f"with {_pods(total)} there is {can}; write one of these{behind} or run more replicas"


def _pods(count: int) -> str:
    return f"{count} pod{'' if count == 1 else 's'}"


def _percent(part: float) -> str:
    return f"{part * 100:.1f}".removesuffix(".0") + "%"
