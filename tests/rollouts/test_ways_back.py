"""Where a rollback by key leads: to the rollout's environment, and to its start also when the rollout is over."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from console.core.rollouts.state import RolloutState
from console.core.states import Outcome
from console.engine.engine import Engine
from console.systems.kubernetes_connection import DEPLOYMENTS
from tests.conftest import wait_until
from tests.engine_world import ended
from tests.rollouts.lives import Life
from tests.rollouts.pair import NAMESPACES, Pair, Server, _deployment
from tests.rollouts.test_watcher import reached

Watch = Callable[..., Life]
Desk = Callable[[], Engine]


def clustered(console: Engine) -> None:
    wait_until(lambda: console.picture.deployed is not None, what="the cluster")


def rolled_back(console: Engine) -> str:
    """Roll back as the key does; the operation's last word."""
    over = ended(console, console.roll_back(console.plan_rollback(), "pair"))
    assert over.outcome is Outcome.DONE, over.summary
    return over.summary


def test_after_an_abort_the_key_takes_the_new_version_away(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    watch()
    reached(pair, RolloutState.WAITING)
    assert "R takes the new version away" in console.abort("pair", "not today")
    reached(pair, RolloutState.ABORTED)
    wait_until(lambda: (shown := console.picture.deployed) and len(shown.versions) == 2, what="both versions")
    plan = console.plan_rollback()
    assert (plan.rollout, plan.environment, plan.to_version) == (pair.rollout().id, "live", "v1")
    assert "which is aborted" in plan.now_pods
    assert rolled_back(console).startswith("ROLLED BACK and verified")
    assert pair.live() == {"app": ("app:v1", 4, "")}
    assert pair.rollout().state is RolloutState.ABORTED


def test_a_release_that_is_completed_goes_back_as_a_whole(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    life = watch()
    reached(pair, RolloutState.WAITING)
    console.promote("pair")
    reached(pair, RolloutState.WAITING, phase=1)
    console.promote("pair")
    assert life.ends(15) == 0
    wait_until(lambda: (shown := console.picture.deployed) and shown.now == "v2", what="the new version")
    assert console.plan_rollback().rollout == pair.rollout().id
    assert "v1 serves everything" in rolled_back(console)
    assert pair.live() == {"app": ("app:v1", 4, "")}
    # What was rolled back does not run any more: the key does not offer the same again.
    wait_until(
        lambda: (
            (shown := console.picture.deployed)
            and not any(each.version == "v2" and each.ready for each in shown.versions)
        ),
        what="the old version alone",
    )
    assert console.plan_rollback().rollout == ""


def test_what_has_traffic_already_is_not_recorded_as_good(pair: Pair, watch: Watch, desk: Desk) -> None:
    console = desk()
    pair.begin()
    watch()
    reached(pair, RolloutState.WAITING)
    console.abort("pair", "again from the start")
    reached(pair, RolloutState.ABORTED)
    pair.begin()
    watch()
    reached(pair, RolloutState.HELD)
    held = pair.rollout().held
    assert held is not None
    assert "v2 has traffic in live already (1 of 4 pods run v2, 1 of them ready), so what is live cannot" in held.why
    wait_until(lambda: (shown := console.picture.deployed) and len(shown.versions) == 2, what="both versions")
    rolled_back(console)
    assert console.retry("one-pod", "pair") == "tries again"
    reached(pair, RolloutState.WAITING)
    good = pair.rollout().goods["live"]["traffic"]
    assert (good["stable"]["version"], good["canary"]) == ("v1", None)


@pytest.fixture
def two(pair: Pair, server: Server) -> Pair:
    """The same, with a production besides that no phase has reached."""
    other = f"production-{secrets.token_hex(3)}"
    pair.api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    pair.api.create(DEPLOYMENTS, _deployment(), namespace=other)
    path = pair.folder / "system.yaml"
    text = path.read_text()
    live = text[text.index("  live:\n") : text.index("metrics:\n")]
    production = live.replace("  live:\n", "  production:\n").replace(
        f"namespace: {pair.namespace}", f"namespace: {other}"
    )
    path.write_text(text.replace("metrics:\n", f"{production}metrics:\n"))
    return pair


def test_a_console_on_another_environment_rolls_back_where_the_rollout_is(two: Pair, watch: Watch) -> None:
    two.begin()
    watch()
    reached(two, RolloutState.WAITING)
    system = two.system
    production = system.environment("production")
    assert production is not None
    console = Engine(
        system,
        production,
        folder=two.state,
        clock=lambda: datetime.now(UTC),
        environ=os.environ,
        interval=timedelta(seconds=0.3),
    )
    console.start()
    try:
        clustered(console)
        plan = console.plan_rollback()
        assert (plan.environment, plan.namespace, plan.to_version) == ("live", two.namespace, "v1")
        rolled_back(console)
        assert two.live() == {"app": ("app:v1", 4, "")}
        assert two.rollout().state is RolloutState.ROLLED_BACK
    finally:
        console.stop("the test ended")


def test_a_rollback_by_command_in_another_environment_says_which_is_meant(two: Pair, watch: Watch) -> None:
    two.begin()
    watch()
    reached(two, RolloutState.WAITING)
    # The command finds the state where the system names it.
    path = two.folder / "system.yaml"
    path.write_text(f"{path.read_text()}\nstate: {two.state}\n")

    def rollback(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "console.cli", "rollback", "--system", str(two.folder), *arguments]
        environ = {**os.environ, "XDG_CONFIG_HOME": str(two.folder / "config")}
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environ)

    refused = rollback("--env", "production", "--confirm", "pair")
    assert refused.returncode == 2
    assert "is under way in live: --env live rolls it back; --env production --workload app" in refused.stderr
    done = rollback("--env", "live", "--confirm", "pair")
    assert done.returncode == 0, done.stderr
    assert f"all of {two.rollout().id}" in done.stdout
    assert two.live() == {"app": ("app:v1", 4, "")}
