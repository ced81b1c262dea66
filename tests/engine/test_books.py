"""What is written down of good versions, and what a rollback is offered from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.picture import Alerts, Picture
from console.core.readings import ClusterState, Reading, Revision, Workload
from console.core.system import Environment, System, Tone
from console.engine.books import Books
from console.engine.practice import switch_fault
from console.engine.watchfulness import PROVEN, Watchfulness
from console.sources.base import SourceError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATE = '{"spec":{"containers":[{"image":"app:%s","name":"app"}]}}'


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def revision(number: int, template: str = "") -> Revision:
    text = template or TEMPLATE % f"v{number}"
    return Revision(number, f"v{number}", f"app:v{number}", text, 3, 3, 3, NOON)


def workload(current: int, *others: int, uid: str = "one", settled: bool = True) -> Workload:
    revisions = tuple(revision(number) for number in (current, *others))
    return Workload(
        name="app",
        namespace="prod",
        container="app",
        version=f"v{current}",
        image=f"app:v{current}",
        current=current,
        desired=3,
        updated=3,
        ready=3,
        available=3,
        settled=settled,
        paused=False,
        stuck="",
        resource_version="1",
        generation=1,
        uid=uid,
        revisions=revisions,
        template=revisions[0].template,
    )


SYSTEM = System("app", "App", "", Path("system.yaml"), (), (), (), (), None, None, ())
PRODUCTION = Environment("production", Tone.PRODUCTION, None, None, None, None, None, None, (), ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def books(tmp_path: Path, clock: Clock) -> Iterator[Books]:
    books = Books(tmp_path, SYSTEM, PRODUCTION, clock=clock)
    books.open()
    yield books
    books.close("the test ended")


def picture(clock: Clock, shown: Workload, *, judged: bool = True) -> Picture:
    state = ClusterState("prod", "prod", (shown,), (), ())
    return Picture(
        taken_at=clock.now,
        system="app",
        title="App",
        environment="production",
        tone=Tone.PRODUCTION,
        read_only=False,
        cluster=Reading(state, clock.now),
        alerts=Alerts((), clock.now if judged else None),
    )


def watch(watchfulness: Watchfulness, clock: Clock, shown: Workload, span: timedelta, *, judged: bool = True) -> None:
    end = clock.now + span
    while clock.now < end:
        clock.now += timedelta(seconds=2)
        watchfulness.look(picture(clock, shown, judged=judged))


def test_a_version_is_good_after_five_calm_minutes_and_the_way_back_is_another(books: Books, clock: Clock) -> None:
    watchfulness = Watchfulness(SYSTEM, PRODUCTION, books, clock=clock)
    old, new = workload(1), workload(2, 1)
    watch(watchfulness, clock, old, PROVEN - timedelta(seconds=4))
    assert not books.goods(old)
    watch(watchfulness, clock, old, timedelta(seconds=10))
    assert [good.version for good in books.goods(old)] == ["v1"]
    assert watchfulness.way_back(old) is None, "a rollback was offered to what runs"
    watch(watchfulness, clock, new, PROVEN + timedelta(seconds=10))
    assert [good.version for good in books.goods(new)] == ["v2", "v1"]
    back = watchfulness.way_back(new)
    assert back is not None and back.version == "v1"


def test_a_break_in_the_calm_begins_the_wait_anew(books: Books, clock: Clock) -> None:
    watchfulness = Watchfulness(SYSTEM, PRODUCTION, books, clock=clock)
    calm = workload(1)
    watch(watchfulness, clock, calm, PROVEN - timedelta(seconds=20))
    watch(watchfulness, clock, replace(calm, settled=False), timedelta(seconds=2))
    watch(watchfulness, clock, calm, PROVEN - timedelta(seconds=20))
    watch(watchfulness, clock, calm, timedelta(seconds=2), judged=False)
    watch(watchfulness, clock, calm, PROVEN - timedelta(seconds=20))
    assert not books.goods(calm)


def test_another_object_of_the_same_name_is_not_offered_what_was_good_of_the_first(books: Books, clock: Clock) -> None:
    books.record_good(workload(1), revision(1), PROVEN)
    assert books.goods(workload(1)) and not books.goods(workload(1, uid="two"))


def test_a_template_with_a_secret_is_not_stored_but_found_in_the_cluster(
    books: Books, clock: Clock, tmp_path: Path
) -> None:
    secret = (
        '{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"hunter2"}],"image":"app:v1","name":"app"}]}}'
    )
    kept = replace(workload(2), revisions=(revision(2), revision(1, secret)))
    books.record_good(kept, revision(1, secret), PROVEN)
    assert [good.template for good in books.goods(kept)] == [secret]
    assert not books.goods(workload(2)), "a template was invented that nobody keeps"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_a_fault_of_a_sandbox_that_has_ended_is_said_in_a_sentence() -> None:
    with pytest.raises(SourceError, match=r"^the sandbox does not answer; it may have ended$"):
        switch_fault("http://127.0.0.1:1", "latency", True)
