"""What the console scrapes: targets, discovery, and answers that are no metrics."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.core.readings import Pod
from tests.conftest import free_port
from tests.sources.metrics import Hands, metric
from tests.sources.scraped import TEXT, newest, series, source, target
from tests.sources.web import Answer, serve, serve_text


def pod(name: str, ip: str, *, ready: bool = True, terminating: bool = False) -> Pod:
    created = datetime(2024, 1, 1, tzinfo=UTC)
    return Pod(name, "Running", ready, 1, 1, 0, "v1", "image:v1", 1, created, "node", ip, "", terminating)


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"<html>log in</html>", {"Content-Type": "text/html"}, "gave no metrics: line 1 is no sample"),
        (b"a 1\n", {"Content-Type": "application/openmetrics-text"}, "it was cut off"),
        (b"a 1\nb\n", TEXT, "line 2 is no sample: 'b'"),
        (b"a \xff\n", TEXT, "no UTF-8"),
        (b"x" * (10 * 1024 * 1024 + 1), TEXT, "more than 10 MB"),
    ],
)
def test_an_answer_that_is_no_metrics_is_a_failure(body: bytes, headers: dict[str, str], why: str) -> None:
    with serve(lambda _path: (200, headers, body)) as web:
        scraped = source(target(f"{web.url}/metrics"), metric("a", "a"), clock=Hands())
        error = scraped.attempt().error
    assert error is not None
    assert web.address in error
    assert why in error


def test_a_redirect_is_not_followed() -> None:
    with serve(lambda _path: (302, {"Location": "https://login.example/"}, b"")) as web:
        error = source(target(f"{web.url}/metrics"), metric("a", "a"), clock=Hands()).attempt().error
    assert error == f"scrape: {web.address} answered 302 to /metrics"


def test_a_hung_target_does_not_hold_up_the_others() -> None:
    hung = threading.Event()

    def hang(_path: str) -> Answer:
        hung.wait(5)
        return 200, TEXT, b"a 1\n"

    with serve(hang) as slow, serve_text("a 2\n") as quick:
        urls = (f"{slow.url}/metrics", f"{quick.url}/metrics")
        scraped = source(target(*urls, every=1.25), metric("a", "sum(a)", step=1), clock=Hands())
        found = series(scraped, "a")
        hung.set()
    assert [sample.value for sample in found.samples] == [2]
    assert found.note == f"scrape: 1 of 2 targets failed: {slow.address} gave no answer in 1 s"


def test_ready_pods_are_scraped_and_others_are_not() -> None:
    with serve_text("a 1\n") as web:
        pods = [
            pod("one", "127.0.0.1"),
            pod("two", "127.0.0.2", ready=False),
            pod("three", "127.0.0.3", terminating=True),
        ]
        scraped = source(
            target(pod_port=web.port),
            metric("a", 'count(a{pod="one"})'),
            metric("up", "count(up)"),
            clock=Hands(),
            pods=lambda: pods,
        )
        assert newest(scraped, "a") == 1
        assert newest(scraped, "up") == 1


def test_no_ready_pod_is_a_failure_and_not_zero() -> None:
    scraped = source(target(pod_port=1), metric("a", "sum(a) or vector(0)"), clock=Hands(), pods=list)
    assert scraped.attempt().error == "scrape: no ready pod is known"
    assert scraped.reading.value is None


def test_a_pod_that_goes_away_takes_its_series_with_it() -> None:
    clock = Hands()
    with serve_text("a 1\n") as one, serve_text("a 1\n") as two:
        groups = [{"targets": [one.address, two.address], "labels": {"job": "api", "__meta_x": "y", "zone": "z"}}]
        with serve(lambda _path: (200, {}, json.dumps(groups).encode())) as discovery:
            scraped = source(
                target(discovery=f"{discovery.url}/targets"),
                metric("a", 'sum(a{job="api",zone="z",__meta_x=""})', step=5),
                metric("up", "count(up)", step=5),
                clock=clock,
            )
            assert newest(scraped, "a") == 2
            groups[0]["targets"] = [two.address]
            clock.on(5)
            assert newest(scraped, "a") == 1
            assert newest(scraped, "up") == 1
            assert not series(scraped, "a").partial


def test_discovery_from_a_file_with_scheme_path_and_parameters(tmp_path: Path) -> None:
    with serve_text("a 1\n") as web:
        labels = {"__metrics_path__": "/other", "__param_module": "x y", "__scheme__": "http"}
        listed = tmp_path / "targets.json"
        listed.write_text(json.dumps([{"targets": [web.address], "labels": labels}]))
        scraped = source(target(discovery=str(listed)), metric("a", "a"), clock=Hands())
        assert newest(scraped, "a") == 1
        assert web.asked == ["/other?module=x+y"]
        listed.write_text("no json")
        assert scraped.attempt().error is None, "the known targets stay"
        listed.write_text("[]")
        assert scraped.attempt().error == f"scrape: {listed} lists no targets"


def test_discovery_that_never_answered_is_a_failure() -> None:
    port = free_port()
    scraped = source(target(discovery=f"http://127.0.0.1:{port}/targets"), metric("a", "a"), clock=Hands())
    expected = f"scrape: the list of targets could not be read: 127.0.0.1:{port} refused the connection"
    assert scraped.attempt().error == expected


def test_labels_of_the_series_that_are_in_the_way_are_renamed() -> None:
    with serve_text('a{job="own",instance="x",exported_job="y"} 1\n') as web:
        scraped = source(
            target(f"{web.url}/metrics"),
            metric("a", f'a{{job="scrape",instance="{web.address}",exported_job="y",exported_exported_job="own"}}'),
            metric("b", 'a{job="scrape",exported_instance="x"}'),
            clock=Hands(),
        )
        assert len(series(scraped, "b").samples) == 1


def test_gzip_is_read_and_asked_for() -> None:
    import gzip

    body = gzip.compress(b"a 3\n")
    with serve(lambda _path: (200, {**TEXT, "Content-Encoding": "gzip"}, body)) as web:
        assert newest(source(target(f"{web.url}/metrics"), metric("a", "a"), clock=Hands()), "a") == 3
        assert web.headers[0]["Accept-Encoding"] == "gzip"


def test_the_answer_decides_the_format(tmp_path: Path) -> None:
    kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    at = Hands().at.timestamp()
    with serve_text(f"a 3 {at}\n# EOF\n", kind) as web:
        assert newest(source(target(f"{web.url}/metrics"), metric("a", "a"), clock=Hands()), "a") == 3
