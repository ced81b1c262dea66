"""The sample store: what went in comes out of a window, and old samples go."""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.core.verdicts import Sample
from console.journal.journal import JournalError
from console.journal.samples import SampleStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SampleStore]:
    opened = SampleStore.open(tmp_path / "samples.db")
    yield opened
    opened.close()


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def test_a_window_has_both_its_ends_and_one_metric_only(store: SampleStore) -> None:
    store.add_all({"a": [Sample(at(n), float(n)) for n in range(10)], "b": [Sample(at(5), 99.0)]})
    assert store.window("a", at(3), at(5)) == tuple(Sample(at(n), float(n)) for n in (3, 4, 5))
    assert store.window("b", at(0), at(9)) == (Sample(at(5), 99.0),)
    assert store.window("none", at(0), at(9)) == ()


def test_a_sample_at_the_same_time_takes_the_others_place(store: SampleStore) -> None:
    store.add("a", [Sample(at(1), 1.0)])
    store.add("a", [Sample(at(1), 2.0)])
    assert store.window("a", at(0), at(9)) == (Sample(at(1), 2.0),)


@given(
    st.dictionaries(
        st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        st.floats(allow_nan=True, allow_infinity=True),
        max_size=20,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_times_and_values_come_back_exactly(store: SampleStore, samples: dict[datetime, float]) -> None:
    store.forget(datetime(2200, 1, 1, tzinfo=UTC))
    store.add("a", [Sample(when, value) for when, value in samples.items()])
    found = store.window("a", datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
    assert [sample.at for sample in found] == sorted(samples)
    for sample in found:
        value = samples[sample.at]
        assert sample.value == value or (math.isnan(sample.value) and math.isnan(value))


def test_times_of_other_zones_are_the_same_times(store: SampleStore) -> None:
    store.add("a", [Sample(NOON.astimezone(timezone(timedelta(hours=-5))), 1.0)])
    assert store.window("a", NOON, NOON) == (Sample(NOON, 1.0),)
    with pytest.raises(ValueError, match="no zone"):
        store.add("a", [Sample(datetime(2026, 1, 1), 1.0)])  # noqa: DTZ001


def test_a_write_is_whole_or_not_at_all(store: SampleStore) -> None:
    with pytest.raises(ValueError, match="no zone"):
        store.add_all({"new": [Sample(NOON, 1.0)], "bad": [Sample(datetime(2026, 1, 1), 1.0)]})  # noqa: DTZ001
    assert store.window("new", NOON, NOON) == ()
    store.add("new", [Sample(NOON, 2.0)])
    assert store.window("new", NOON, NOON) == (Sample(NOON, 2.0),)


def test_old_samples_are_forgotten(store: SampleStore) -> None:
    store.add("a", [Sample(at(n), float(n)) for n in range(100)])
    assert store.forget(at(90)) == 90
    assert store.window("a", at(0), at(99)) == tuple(Sample(at(n), float(n)) for n in range(90, 100))


def test_samples_survive_a_restart(store: SampleStore, tmp_path: Path) -> None:
    store.add("a", [Sample(NOON, 1.0)])
    store.close()
    again = SampleStore.open(tmp_path / "samples.db")
    assert again.window("a", NOON, NOON) == (Sample(NOON, 1.0),)
    again.add("a", [Sample(at(1), 2.0)])
    assert len(again.window("a", NOON, at(1))) == 2
    again.close()
    assert stat.S_IMODE((tmp_path / "samples.db").stat().st_mode) == 0o600


def test_two_stores_on_one_file_know_the_same_metrics(store: SampleStore, tmp_path: Path) -> None:
    other = SampleStore.open(tmp_path / "samples.db")
    other.add("b", [Sample(NOON, 1.0)])
    store.add("a", [Sample(NOON, 2.0)])
    store.add("b", [Sample(at(1), 3.0)])
    assert len(other.window("b", NOON, at(1))) == 2
    other.close()


def test_a_closed_store_says_so(store: SampleStore) -> None:
    store.close()
    with pytest.raises(JournalError, match=r"samples\.db: is closed"):
        store.add("a", [Sample(NOON, 1.0)])
