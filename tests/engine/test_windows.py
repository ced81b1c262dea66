"""The samples that conditions are judged on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.core.verdicts import Sample
from console.engine.windows import lengthened

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def samples(*seconds: int) -> tuple[Sample, ...]:
    return tuple(Sample(NOON + timedelta(seconds=second), float(second)) for second in seconds)


def test_what_came_since_samples_were_last_taken_counts_and_nothing_twice() -> None:
    assert lengthened(samples(0, 2, 4), samples(2, 4, 6)) == samples(0, 2, 4, 6)
    assert lengthened((), samples(2, 4)) == samples(2, 4)
    assert lengthened(samples(0, 2, 4), samples(2, 4)) == samples(0, 2, 4)
    assert lengthened(samples(0, 2), ()) == samples(0, 2)
