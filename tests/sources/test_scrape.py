"""The console scrapes by itself: partial answers, staleness, and one evaluation per grid point."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from console.core.verdicts import Series
from console.sources.scrape import ScrapeSource
from tests.conftest import free_port, wait_until
from tests.sources.metrics import Hands, metric
from tests.sources.scraped import TEXT, Counting, newest, series, source, target
from tests.sources.web import serve, serve_text


def test_a_rate_over_scraped_samples() -> None:
    clock = Hands()
    with serve(Counting()) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("rate", "sum(rate(hits_total[1m]))"), clock=clock)
        for _ in range(13):
            scraped.attempt()
            clock.on(5)
        assert newest(scraped, "rate") == pytest.approx(2.0)


def test_every_grid_point_is_evaluated_once_and_lies_on_the_grid() -> None:
    clock = Hands()
    with serve(Counting()) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("hits", "hits_total", step=15), clock=clock)
        seen: dict[datetime, float] = {}
        for _ in range(20):
            for sample in series(scraped, "hits").samples:
                assert seen.setdefault(sample.at, sample.value) == sample.value
                assert sample.at.timestamp() % 15 == 0
            clock.on(5)
        assert len(seen) == 7
        times = sorted(seen)
        assert all(later - earlier == timedelta(seconds=15) for earlier, later in pairwise(times))


def test_old_samples_leave_the_window_and_the_memory() -> None:
    clock = Hands()
    with serve(Counting()) as web:
        wanted = metric("rate", "rate(hits_total[1m])", step=5)
        scraped = source(target(f"{web.url}/metrics"), wanted, clock=clock, window=60)
        for _ in range(200):
            scraped.attempt()
            clock.on(5)
        assert len(series(scraped, "rate").samples) == 12
        assert scraped._rounds is not None
        # a minute of range and five of lookback, for three series
        assert scraped._rounds.storage.samples() <= 3 * (360 / 5 + 3)


def test_a_metric_that_vanishes_is_gone_at_once_and_not_after_the_lookback() -> None:
    clock = Hands()
    text = ["a 1\nb 2\n"]
    with serve(lambda _path: (200, TEXT, text[0].encode())) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a", step=5), metric("b", "b", step=5), clock=clock)
        assert len(series(scraped, "b").samples) == 1
        text[0] = "a 1\n"
        clock.on(5)
        assert len(series(scraped, "b").samples) == 1
        assert series(scraped, "b").end == clock.at, "it was looked for"
        assert len(series(scraped, "a").samples) == 2


def test_a_series_with_its_own_time_stays_for_the_lookback() -> None:
    clock = Hands()
    text = [f"a 1 {int(clock.at.timestamp() * 1000)}\nb 1\n"]
    with serve(lambda _path: (200, TEXT, text[0].encode())) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a", step=5), clock=clock)
        scraped.attempt()
        text[0] = "b 1\n"
        clock.on(5)
        assert len(series(scraped, "a").samples) == 2


def test_half_of_the_targets_is_partial_and_names_the_other_half() -> None:
    clock = Hands()
    port = free_port()
    with serve_text("memory_bytes 100\n") as one, serve_text("memory_bytes 50\n") as two:
        urls = (f"{one.url}/metrics", f"{two.url}/metrics", f"http://127.0.0.1:{port}/metrics")
        scraped = source(target(*urls), metric("memory", "sum(memory_bytes)", step=5), clock=clock)
        partial = series(scraped, "memory")
        assert partial.partial
        assert partial.note == f"scrape: 1 of 3 targets failed: 127.0.0.1:{port} refused the connection"
        assert [sample.value for sample in partial.samples] == [150]
        clock.on(5)
        with serve(lambda _path: (200, TEXT, b"memory_bytes 7\n"), port):
            whole = series(scraped, "memory")
    assert not whole.partial
    assert whole.note == ""
    # the incomplete sample is not passed off as a whole one
    assert [sample.value for sample in whole.samples] == [157]


def test_a_failed_target_makes_only_what_it_fed_partial() -> None:
    clock = Hands()
    fails = [False]
    with (
        serve_text("a 1\n") as one,
        serve(lambda _path: (500, TEXT, b"") if fails[0] else (200, TEXT, b"b 1\n")) as two,
    ):
        scraped = source(
            target(f"{one.url}/metrics", f"{two.url}/metrics"),
            metric("a", "a", step=5),
            metric("b", "sum(b)", step=5),
            metric("up", "sum(up)", step=5),
            clock=clock,
        )
        scraped.attempt()
        clock.on(5)
        fails[0] = True
        assert not series(scraped, "a").partial
        reading = scraped.reading.value
        assert reading is not None
        assert reading["b"].partial
        assert f"{two.address} answered 500 to /metrics" in reading["b"].note
        assert not reading["up"].partial
        assert [sample.value for sample in reading["up"].samples] == [2, 1]


def test_when_all_targets_fail_the_reading_fails_and_keeps_the_old_samples() -> None:
    clock = Hands()
    with serve_text("a 1\n") as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a", step=5), clock=clock)
        scraped.attempt()
    clock.on(5)
    reading = scraped.attempt()
    assert reading.error == f"scrape: {web.address} refused the connection"
    assert reading.value is not None
    assert len(reading.value["a"].samples) == 1


def test_a_query_outside_of_the_subset_is_the_error_of_its_series_alone() -> None:
    with serve_text("a 1\n") as web:
        scraped = source(
            target(f"{web.url}/metrics"), metric("good", "a"), metric("bad", "predict_linear(a[5m], 60)"), clock=Hands()
        )
        assert newest(scraped, "good") == 1
        error = series(scraped, "bad").error
    assert error is not None
    assert error.startswith("bad: promql: predict_linear at column 1 is outside of what the console evaluates itself")


def test_several_series_need_an_aggregation() -> None:
    with serve_text('a{x="1"} 1\na{x="2"} 2\na{x="3"} 6\n') as web:
        scraped = source(
            target(f"{web.url}/metrics"),
            metric("plain", "a"),
            metric("average", "a", aggregate="avg"),
            metric("nothing", "b"),
            clock=Hands(),
        )
        plain = series(scraped, "plain")
        assert plain.error == "plain: `a` gave 3 series; name an aggregation (sum, avg, min or max)"
        assert plain.samples == ()
        assert newest(scraped, "average") == 3
        assert series(scraped, "nothing").samples == ()
        assert series(scraped, "nothing").error is None


def test_not_a_number_is_kept() -> None:
    with serve_text("a NaN\n") as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a"), clock=Hands())
        assert math.isnan(newest(scraped, "a"))


def test_a_gap_in_observation_is_left_unknown() -> None:
    clock = Hands()
    with serve(Counting()) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("hits", "hits_total", step=5), clock=clock)
        scraped.attempt()
        clock.on(100)
        points = [sample.at for sample in series(scraped, "hits").samples]
        # the lookback would have carried the old value through all of the gap
        assert points == [clock.at - timedelta(seconds=seconds) for seconds in (100, 95, 0)]


def test_what_fails_is_not_said_to_have_been_looked_for() -> None:
    clock = Hands()
    with serve_text("a 1\n") as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a", step=5), clock=clock)
        end = series(scraped, "a").end
    clock.on(5)
    scraped.attempt()
    value = scraped.reading.value
    assert value is not None
    assert end == value["a"].end == Hands().at


def test_a_clock_that_was_set_back_starts_anew() -> None:
    clock = Hands()
    with serve(Counting()) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("hits", "hits_total", step=5), clock=clock)
        for _ in range(4):
            scraped.attempt()
            clock.on(5)
        clock.on(-3600)
        assert [sample.at for sample in series(scraped, "hits").samples] == [clock.at]


STEP = timedelta(seconds=0.2)


def test_it_scrapes_by_itself_and_again_on_request() -> None:
    counting = Counting()
    with serve(counting) as web:
        scraped = ScrapeSource(
            target(f"{web.url}/metrics", every=0.2),
            [(metric("hits", "hits_total", step=0.2), timedelta(seconds=60))],
            pods=None,
            clock=lambda: datetime.now(UTC),
        )
        calls: list[int] = []
        scraped.start(lambda: calls.append(1))
        wait_until(lambda: len((scraped.reading.value or {"hits": Series(STEP)})["hits"].samples) >= 3, what="samples")
        scraped.stop()
        assert len(web.asked) >= 3
        assert calls


def test_nothing_heavy_is_imported_before_the_first_read() -> None:
    heavy = "{'requests', 'urllib3', 'promql_parser', 'prometheus_api_client', 'http.client'}"
    code = f"import sys, console.sources.scrape, console.sources.prometheus; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert shown.stdout == "[]\n"
