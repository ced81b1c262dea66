"""Pod logs: streams that end, break and repeat themselves become one log without gaps or repetition."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.readings import LogLine
from console.core.system import LogPattern, LogTarget
from console.sources.base import SourceError
from console.sources.logs import LogSource
from console.sources.pod_tail import FROM_ITS_START, MOST_PODS, Rejoined
from tests.conftest import wait_until

REJECT = LogPattern("rejects", "Rejects", "rate_limit_reject")


class Cluster:
    """Pods whose logs a test writes; a stream gives what was written since, and then what comes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.logs: dict[str, list[tuple[datetime, bytes]]] = {}
        self.asked: list[tuple[str, datetime | None]] = []
        self.open: dict[str, queue.Queue[bytes | Exception | None]] = {}
        self.refuse: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, *names: str) -> None:
        for name in names:
            self.logs.setdefault(name, [])
        self.names = [*self.names, *names]

    def write(self, pod: str, *lines: str, at: datetime | None = None) -> None:
        data = "".join(f"{line}\n" for line in lines).encode()
        with self._lock:
            self.logs[pod].append((at or datetime.now(UTC), data))
            if pod in self.open:
                self.open[pod].put(data)

    def end(self, pod: str, how: Exception | None = None) -> None:
        """End the open stream."""
        wait_until(lambda: pod in self.open)
        with self._lock:
            self.open.pop(pod).put(how)

    def open_stream(self, pod: str, since: datetime | None) -> Iterator[bytes]:
        self.asked.append((pod, since))
        if pod not in self.names:
            raise SourceError(f"no pod {pod}: 404 Not Found")
        if pod in self.refuse:
            raise SourceError(self.refuse[pod])
        pieces: queue.Queue[bytes | Exception | None] = queue.Queue()
        with self._lock:
            before = b"".join(
                data for at, data in self.logs[pod] if since is None or at >= since.replace(microsecond=0)
            )
            self.open[pod] = pieces
        if before:
            yield before[: len(before) // 2]
            yield before[len(before) // 2 :]
        while True:
            piece = pieces.get(timeout=20)
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                return
            yield piece


@contextmanager
def following(cluster: Cluster) -> Iterator[LogSource]:
    source = LogSource(
        [LogTarget(None, pods=True)],
        [REJECT],
        clock=lambda: datetime.now(UTC),
        pods=lambda: cluster.names,
        open_stream=cluster.open_stream,
    )
    source.start(lambda: None)
    try:
        yield source
    finally:
        source.stop()
        for pieces in cluster.open.values():
            pieces.put(None)


def lines(source: LogSource, pod: str) -> list[str]:
    return [line.text for line in everything(source) if line.origin == pod and not line.marker]


def markers(source: LogSource) -> list[str]:
    return [line.text for line in everything(source) if line.marker]


def everything(source: LogSource) -> tuple[LogLine, ...]:
    return tuple(source.lines(0, 100_000)[0])


def test_every_pod_is_followed_under_its_name() -> None:
    cluster = Cluster()
    cluster.add("pod-a", "pod-b")
    cluster.write("pod-a", "before")
    with following(cluster) as source:
        wait_until(lambda: len(cluster.open) == 2)
        cluster.write("pod-a", "WARN rate_limit_reject")
        cluster.write("pod-b", "INFO hello")
        wait_until(lambda: len(everything(source)) == 3)
        assert lines(source, "pod-a") == ["before", "WARN rate_limit_reject"]
        assert lines(source, "pod-b") == ["INFO hello"]
        assert set(cluster.asked) == {("pod-a", None), ("pod-b", None)}
        counts = source.reading.value
        assert counts is not None
        assert counts.patterns == (("rejects", 1, 1),)
        assert counts.origins == (("pod-a", ""), ("pod-b", ""))
        assert markers(source) == []


def test_a_stream_that_ends_is_opened_again_and_nothing_comes_twice() -> None:
    cluster = Cluster()
    cluster.add("pod-a")
    with following(cluster) as source:
        cluster.write("pod-a", "one", "two")
        wait_until(lambda: lines(source, "pod-a") == ["one", "two"])
        cluster.end("pod-a")
        cluster.write("pod-a", "three")  # while nobody listens
        wait_until(lambda: lines(source, "pod-a") == ["one", "two", "three"])
        cluster.end("pod-a")
        wait_until(lambda: len(cluster.asked) == 3)
        cluster.write("pod-a", "four")
        wait_until(lambda: lines(source, "pod-a") == ["one", "two", "three", "four"])
        assert markers(source) == []
        since = [since for _, since in cluster.asked]
        assert since[0] is None
        assert all(later is not None and datetime.now(UTC) - later < timedelta(seconds=20) for later in since[1:])


def test_a_log_that_does_not_join_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.pod_tail.GIVE_UP_AFTER", 0.3)
    cluster = Cluster()
    cluster.add("pod-a")
    with following(cluster) as source:
        cluster.write("pod-a", "one", "two")
        wait_until(lambda: lines(source, "pod-a") == ["one", "two"])
        cluster.logs["pod-a"] = []  # rotated away by the node, or a new container
        cluster.end("pod-a")
        wait_until(lambda: len(cluster.asked) == 2)
        cluster.write("pod-a", "ninety")
        wait_until(lambda: lines(source, "pod-a") == ["one", "two", "ninety"], within=8)
        (marker,) = markers(source)
        assert marker.startswith("── pod pod-a was interrupted until ")
        assert marker.endswith(", lines in between may be missing ──")


def test_a_stream_that_breaks_says_why_until_it_is_back() -> None:
    cluster = Cluster()
    cluster.add("pod-a")
    with following(cluster) as source:
        cluster.write("pod-a", "one")
        wait_until(lambda: lines(source, "pod-a"))
        cluster.refuse["pod-a"] = "kubernetes 10.0.0.1: GET log of pod-a: 403 Forbidden"
        cluster.end("pod-a", SourceError("kubernetes 10.0.0.1: GET log of pod-a: connection lost"))
        wait_until(lambda: (source.reading.error or "").endswith("403 Forbidden"), within=8)
        assert source.in_last_hour("rejects", datetime.now(UTC)) is None
        cluster.refuse.clear()
        cluster.write("pod-a", "two")
        wait_until(lambda: lines(source, "pod-a") == ["one", "two"], within=8)
        wait_until(lambda: source.reading.error is None)


def test_a_pod_that_goes_is_read_to_its_end_and_a_new_one_from_its_start() -> None:
    cluster = Cluster()
    cluster.add("pod-a")
    with following(cluster) as source:
        wait_until(lambda: cluster.open)
        cluster.names = []
        cluster.write("pod-a", "last words")
        wait_until(lambda: lines(source, "pod-a") == ["last words"])
        cluster.end("pod-a")
        wait_until(lambda: markers(source) == ["── pod pod-a is gone ──"])
        assert source.reading.value is not None and source.reading.value.origins == ()
        cluster.logs["pod-b"] = []
        cluster.write("pod-b", "first words", at=FROM_ITS_START)
        cluster.names = ["pod-b"]
        wait_until(lambda: lines(source, "pod-b") == ["first words"])
        assert markers(source)[1].startswith("── pod pod-b appeared at ")
        assert cluster.asked[0] == ("pod-a", None)
        assert cluster.asked[-1] == ("pod-b", FROM_ITS_START)


def test_there_is_a_most_of_pods_and_the_rest_are_named() -> None:
    cluster = Cluster()
    cluster.add(*(f"pod-{number:02}" for number in range(MOST_PODS + 2)))
    with following(cluster) as source:
        wait_until(lambda: len(cluster.open) == MOST_PODS)
        wait_until(lambda: source.reading.value and len(source.reading.value.origins) == MOST_PODS + 2)
        assert source.reading.value is not None
        refused = [name for name, error in source.reading.value.origins if error]
        assert refused == [f"pod-{MOST_PODS}", f"pod-{MOST_PODS + 1}"]
        assert len(cluster.asked) == MOST_PODS


def test_pods_that_cannot_be_listed_fail_the_reading() -> None:
    def fail() -> list[str]:
        raise SourceError("kubernetes 10.0.0.1: LIST pods: no answer in 5 s")

    source = LogSource(
        [LogTarget(None, pods=True)],
        [REJECT],
        clock=lambda: datetime.now(UTC),
        pods=fail,
        open_stream=lambda pod, since: iter(()),
    )
    source.start(lambda: None)
    try:
        wait_until(lambda: source.reading.error)
        assert "LIST pods: no answer in 5 s" in (source.reading.error or "")
    finally:
        source.stop()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), st.integers(1, 40)), max_size=6),
)
def test_streams_that_begin_a_little_earlier_join_without_repetition(
    first: int, again: list[tuple[int, int, int]]
) -> None:
    """Each stream begins up to 300 lines before the end of what was seen, and goes on beyond it."""
    given_: list[bytes] = []
    joined: list[Any] = []
    rejoined = Rejoined(lambda block: given_.extend(block.split(b"\n")), lambda: joined.append(1))
    log = [b"line %d" % number for number in range(10_000)]
    rejoined.begin()
    rejoined.lines(b"\n".join(log[:first]))
    end = first
    for back, more, page in again:
        rejoined.begin()
        begin = max(0, end - 1 - back)
        end += more
        for at in range(begin, end, page):
            rejoined.lines(b"\n".join(log[at : min(at + page, end)]))
    assert given_ == log[:end]
    assert not joined


def test_held_back_lines_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    given_: list[bytes] = []
    joined: list[int] = []
    rejoined = Rejoined(lambda block: given_.extend(block.split(b"\n")), lambda: joined.append(len(given_)))
    rejoined.begin()
    rejoined.lines(b"one")
    rejoined.begin()
    rejoined.lines(b"two")
    assert given_ == [b"one"]
    rejoined.settle()
    assert given_ == [b"one"]
    monkeypatch.setattr("console.sources.pod_tail.GIVE_UP_AFTER", -1.0)
    rejoined.settle()
    assert (given_, joined) == ([b"one", b"two"], [1])
    rejoined.lines(b"three")
    assert given_[-1] == b"three"
