"""Shares as replica counts, against a definition that tries every count."""

from __future__ import annotations

import pytest

from console.core.rollouts.plan import Share
from console.core.rollouts.shares import Split, Unreachable, split

TOTALS = range(1, 21)
PERCENTS = range(1, 101)


def by_trying(percent: int, total: int) -> int | None:
    """The count that the rule names, in whole numbers: parts of a hundred times the total."""
    if percent == 100:
        return total
    best = None
    for new in range(1, total):
        off = abs(100 * new - percent * total)
        if 2 * off <= 100 and 4 * off <= percent * total and (best is None or off < best[1]):
            best = (new, off)
    return None if best is None else best[0]


def test_every_share_of_1_to_20_replicas_is_the_nearest_count_or_is_refused() -> None:
    for total in TOTALS:
        for percent in PERCENTS:
            expected = by_trying(percent, total)
            try:
                found = split(Share(percent / 100), total)
            except Unreachable:
                assert expected is None, f"{percent}% of {total}"
                continue
            assert (found.new, found.old) == (expected, total - found.new), f"{percent}% of {total}"
            assert found.share == found.new / total
            assert found.relabelled == ""


def test_where_no_count_is_near_the_pods_of_the_share_stand_in_and_say_so() -> None:
    for total in TOTALS:
        for percent in range(1, 100):
            for pods in (1, 2, 3):
                expected = by_trying(percent, total)
                share = Share(percent / 100, pods)
                if expected is not None:
                    assert split(share, total) == split(Share(percent / 100), total)
                elif pods >= total:
                    with pytest.raises(Unreachable):
                        split(share, total)
                else:
                    found = split(share, total)
                    assert (found.new, found.old, found.share) == (pods, total - pods, pods / total)
                    assert found.relabelled.startswith(f"{pods} pod{'' if pods == 1 else 's'} of {total}, ")


def test_a_number_of_pods_is_taken_as_it_is() -> None:
    for total in TOTALS:
        for pods in range(1, total + 1):
            assert split(Share(pods=pods), total) == Split(pods, total - pods, pods / total)


def test_everything_and_nothing_are_exact() -> None:
    for total in TOTALS:
        assert split(Share(1.0), total) == Split(total, 0, 1.0)
        assert split(Share(0.0), total) == Split(0, total, 0.0)


@pytest.mark.parametrize(
    ("share", "total", "expected"),
    [
        (Share(0.05), 20, Split(1, 19, 0.05)),
        (Share(0.05, 1), 6, Split(1, 5, 1 / 6, "1 pod of 6, 16.7%")),
        (Share(0.01, 1), 10, Split(1, 9, 0.1, "1 pod of 10, 10%")),
        (Share(0.5), 4, Split(2, 2, 0.5)),
        (Share(0.25), 10, Split(2, 8, 0.2)),
    ],
)
def test_a_share_of_the_protocols_is_divided_so(share: Share, total: int, expected: Split) -> None:
    assert split(share, total) == expected


def test_a_share_that_cannot_be_had_names_those_that_can() -> None:
    with pytest.raises(Unreachable, match=r"10% of 2 pods cannot be had; with 2 pods there is 50%, 100%"):
        split(Share(0.1), 2)
    with pytest.raises(Unreachable, match=r"any multiple of 5%"):
        split(Share(0.01), 20)
    with pytest.raises(Unreachable, match=r"5% of 1 pod cannot be had; with 1 pod there is 100%"):
        split(Share(0.05), 1)


def test_a_small_share_never_becomes_everything() -> None:
    with pytest.raises(Unreachable, match=r"5% or 1 pod of 1 pod would be 100%"):
        split(Share(0.05, 1), 1)


def test_more_pods_than_there_are_is_refused() -> None:
    with pytest.raises(Unreachable, match=r"3 pods is more than the 2 pods there are"):
        split(Share(pods=3), 2)


@pytest.mark.parametrize("share", [Share(), Share(1.5), Share(-0.1)])
def test_a_share_that_is_none_is_an_error(share: Share) -> None:
    with pytest.raises(ValueError, match="share"):
        split(share, 10)


def test_no_replicas_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="0 replicas"):
        split(Share(0.5), 0)
