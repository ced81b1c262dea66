"""What the live world offers as answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.core.picture import Picture
from console.core.readings import ClusterState, Pod, Reading, SessionCensus, Workload
from console.core.runbooks.filling import Want
from console.core.system import Environment, KubernetesTarget, System, Tone, WorkloadTarget
from console.engine.assembly import Sources
from console.engine.books import Books
from console.engine.runbook_surroundings import Surroundings
from tests.engine.test_books import workload

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SYSTEM = System("app", "App", "", Path("system.yaml"), (), (), (), (), None, None, ())
KUBERNETES = KubernetesTarget(None, None, "prod", (WorkloadTarget("app", "web"),))
PRODUCTION = Environment("production", Tone.PRODUCTION, "v3", None, KUBERNETES, None, None, None, (), ())


def pod(name: str, *, ready: bool = True, restarts: int = 0) -> Pod:
    containers = int(ready)
    return Pod(name, "Running", ready, containers, 1, restarts, "v1", "app:v1", 1, NOON, "n1", "10.0.0.1", "", False)


def picture(*pods: Pod, workloads: tuple[Workload, ...] = ()) -> Picture:
    census = SessionCensus(9, (("acme", 8), ("globex", 1)), True, 9, 9, NOON, NOON)
    return Picture(
        taken_at=NOON,
        system="app",
        title="App",
        environment="production",
        tone=Tone.PRODUCTION,
        read_only=False,
        cluster=Reading(ClusterState("prod", "prod", workloads, pods, ()), NOON),
        sessions=Reading(census, NOON),
    )


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(tmp_path, SYSTEM, PRODUCTION, clock=lambda: NOON)
    books.open()
    return books


def surroundings(books: Books, shown: Picture) -> Surroundings:
    return Surroundings(
        SYSTEM, PRODUCTION, books=books, sources=Sources, picture=lambda: shown, environ={"PATH": "/bin"}
    )


def test_the_pod_that_is_in_trouble_is_offered_first(books: Books) -> None:
    shown = picture(pod("b"), pod("c", restarts=4), pod("a"), pod("z", ready=False))
    assert surroundings(books, shown).choices(Want.POD) == ("z", "c", "a", "b")


def test_names_of_the_cluster_and_tenants_are_offered_and_nothing_where_nothing_is_known(books: Books) -> None:
    offered = surroundings(books, picture(workloads=(workload(1, 2), replace(workload(1), name="app-canary"))))
    assert offered.choices(Want.NAMESPACE) == ("prod",)
    assert offered.choices(Want.DEPLOYMENT) == ("app", "app-canary")
    assert offered.choices(Want.CONTAINER) == ("app", "web")
    assert offered.choices(Want.TENANT) == ("acme", "globex")
    assert offered.choices(Want.TEXT) == () and offered.choices(Want.SECRET) == ()
    blind = surroundings(books, replace(picture(), cluster=Reading(), sessions=Reading()))
    assert blind.choices(Want.POD) == () and blind.choices(Want.TENANT) == ()
    assert blind.choices(Want.DEPLOYMENT) == ("app",), "what the file names is known without a cluster"


def test_the_version_that_a_release_goes_to_then_what_proved_good_then_what_runs(books: Books) -> None:
    from datetime import timedelta

    runs = workload(2, 1)
    good = runs.revision(1)
    assert good is not None
    books.record_good(runs, good, timedelta(minutes=5))
    assert surroundings(books, picture(workloads=(runs,))).choices(Want.VERSION) == ("v3", "v1", "v2")
