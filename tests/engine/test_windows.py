"""The samples that conditions are judged on."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.core.verdicts import Sample
from console.engine.windows import Windows, lengthened
from console.journal.samples import SampleStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def samples(*seconds: int) -> tuple[Sample, ...]:
    return tuple(Sample(NOON + timedelta(seconds=second), float(second)) for second in seconds)


def test_what_came_since_samples_were_last_taken_counts_and_nothing_twice() -> None:
    assert lengthened(samples(0, 2, 4), samples(2, 4, 6)) == samples(0, 2, 4, 6)
    assert lengthened((), samples(2, 4)) == samples(2, 4)
    assert lengthened(samples(0, 2, 4), samples(2, 4)) == samples(0, 2, 4)
    assert lengthened(samples(0, 2), ()) == samples(0, 2)


def test_the_newest_number_before_the_window_outlives_a_gap_and_a_restart(tmp_path: Path) -> None:
    store = SampleStore.open(tmp_path / "samples.db")
    span = {"errors": timedelta(minutes=2)}
    old, nan, back = Sample(NOON, 1.0), Sample(NOON + timedelta(seconds=15), math.nan), NOON + timedelta(hours=3)
    kept = Windows(span, store, NOON)
    kept.add("errors", (Sample(NOON - timedelta(minutes=1), 7.0), old, nan), nan.at)
    kept.add("errors", (Sample(back, 2.0),), back)
    assert kept.samples("errors")[0] == old
    assert kept.samples("errors")[-1] == Sample(back, 2.0)
    taken_up = Windows(span, store, back).samples("errors")
    assert taken_up == (old, Sample(back, 2.0))
    store.close()
