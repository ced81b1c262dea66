"""From alert to rollback to calm, through the engine, on whichever cluster the tests are given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.picture import Picture
from console.core.states import Outcome
from console.core.templates import digest
from console.engine.engine import Engine
from console.systems.kubernetes_errors import KubernetesError
from console.systems.loader import load_system
from tests.conftest import wait_until
from tests.engine_world import ended, seen
from tests.kubernetes.cluster import BAD, NEW, OLD, PATIENCE, World
from tests.sources.web import Web

SYSTEM = """
name: flow
environments:
  test:
    tone: staging
    target: "{new}"
    kubernetes:
      kubeconfig: {kubeconfig}
      namespace: {namespace}
      workloads: [{{deployment: hak-gal}}]
    scrape: {{urls: ["http://127.0.0.1:{port}/metrics"], every: 500ms}}
metrics:
  errors: {{title: errors, unit: /s, promql: "sum(rate(app_errors_total[4s]))", step: 1s}}
alerts:
  errors: {{title: errors, severity: P1, when: errors > 1/s, action: Roll back.}}
"""


class FaultyVersion:
    """A /metrics whose error counter grows while any pod of the new version is there."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._errors = 0
        self._ended = threading.Event()
        self.web = Web(lambda _path: (200, {"Content-Type": "text/plain"}, self._metrics()))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _metrics(self) -> bytes:
        return f"# TYPE app_errors_total counter\napp_errors_total {self._errors}\n".encode()

    def _run(self) -> None:
        while not self._ended.wait(0.25):
            # What cannot be asked now counts no errors; the test would then miss its alert.
            with suppress(KubernetesError):
                if any(pod.version == NEW and not pod.terminating for pod in self._world.pods()):
                    self._errors += 5

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.web.stop()


@pytest.fixture
def faulty(world: World) -> Iterator[FaultyVersion]:
    faulty = FaultyVersion(world)
    yield faulty
    faulty.close()


@pytest.fixture
def engine(world: World, faulty: FaultyVersion, kubeconfig: Path, tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "flow" / "system.yaml"
    path.parent.mkdir()
    path.write_text(SYSTEM.format(new=NEW, kubeconfig=kubeconfig, namespace=world.namespace, port=faulty.web.port))
    system = load_system(path)
    engine = Engine(system, system.environments[0], folder=tmp_path, environ={}, interval=timedelta(seconds=0.5))
    yield engine
    engine.stop("the test ended")


@pytest.mark.timeout(300)
def test_the_alert_of_a_bad_version_clears_after_the_rollback(world: World, engine: Engine) -> None:
    world.deploy(version=OLD)
    world.set_version(NEW)
    world.settled()
    engine.start()
    seen(engine, lambda picture: picture.alerts.firing, within=PATIENCE, what="the alert")
    deployed = engine.picture.deployed
    assert deployed is not None and (deployed.now, deployed.state, deployed.target) == (NEW, "SETTLED", NEW)

    plan = engine.plan_rollback()
    assert (plan.now_version, plan.to_version, plan.target) == (NEW, OLD, "flow")
    with pytest.raises(Refused, match="nothing was done"):
        engine.roll_back(plan, "hak-gal")
    over = ended(engine, engine.roll_back(plan, "flow"), within=PATIENCE)
    assert over.outcome is Outcome.DONE, over
    assert "ROLLED BACK and verified" in over.summary

    wait_until(lambda: {pod.version for pod in world.pods()} == {OLD}, within=PATIENCE, what="pods of the old version")

    def is_old(picture: Picture) -> bool:
        # Deployment and pods come by watches of their own, so one may be ahead of the other for a moment.
        deployed = picture.deployed
        settled = deployed is not None and (deployed.now, deployed.state) == (OLD, "SETTLED")
        return settled and deployed is not None and deployed.versions[0].share == 1.0

    seen(engine, is_old, within=PATIENCE, what="only the old version on the screen")
    picture = seen(engine, lambda picture: not picture.alerts.firing, within=PATIENCE, what="calm")
    assert picture.alerts.checked_at is not None
    again = engine.plan_rollback()
    assert again.to_version == NEW and "itself rolled back from" in again.warnings[0]


@pytest.mark.timeout(300)
def test_a_killed_console_leaves_a_rollback_that_the_next_one_verifies(
    world: World, engine: Engine, tmp_path: Path
) -> None:
    from console.engine.engine import utc_now
    from console.journal.journal import Journal

    world.deploy(version=OLD)
    world.set_version(NEW)
    world.settled()
    before = world.workload()
    wanted = next(revision for revision in before.revisions if revision.version == OLD)
    # As a console leaves it that is killed right after its write: an intent on disk, the patch sent, no result.
    journal = Journal.open(tmp_path / "journal.db", clock=utc_now)
    journal.intend(
        "rollback",
        "flow/test/hak-gal",
        {
            "environment": "test",
            "process": "999999999:1",
            "workload": "hak-gal",
            "from": {"version": NEW, "revision": before.current},
            "to": {"version": OLD, "revision": wanted.number, "digest": digest(wanted.template)},
        },
    )
    world.set_version(OLD)
    engine.start()
    wait_until(lambda: not journal.open_intents(), within=PATIENCE, what="the intent's result")
    [result] = [event for event in journal.events(kinds=("rollback",)) if event.outcome]
    journal.close()
    assert result.outcome == "done" and f"{OLD} runs" in result.body["summary"]
    seen(engine, lambda picture: any("rollback begun" in notice for notice in picture.notices), what="the notice")


@pytest.mark.timeout(300)
def test_a_rollback_that_does_not_come_up_does_not_bar_the_way_to_another(world: World, engine: Engine) -> None:
    world.deploy(version=OLD)
    world.set_version(BAD)
    wait_until(lambda: world.version() == BAD, within=PATIENCE, what="the bad version")
    world.set_version(NEW)
    world.settled()
    revisions = {revision.version: revision.number for revision in world.workload().revisions}
    engine.start()
    seen(engine, lambda picture: picture.deployed and picture.deployed.state == "SETTLED", within=PATIENCE)
    hanging = engine.roll_back(engine.plan_rollback(revisions[BAD]), "flow")
    seen(
        engine,
        lambda picture: picture.deployed and picture.cluster.value.workloads[0].version == BAD,
        within=PATIENCE,
        what="the bad version asked for",
    )
    plan = engine.plan_rollback(revisions[OLD])
    assert "is under way; this one takes its place" in plan.warnings[0]
    over = ended(engine, engine.roll_back(plan, "flow"), within=PATIENCE)
    assert over.outcome is Outcome.DONE, over
    assert ended(engine, hanging, within=PATIENCE).outcome is Outcome.UNKNOWN
    assert world.settled().version == OLD
