"""A plan's own commands as a strategy, run by a real shell on a file; and which strategy a phase gets."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions.strategies.argo import ArgoStrategy
from console.actions.strategies.base import Asked, Fenced, Say
from console.actions.strategies.blue_green import BlueGreenStrategy
from console.actions.strategies.canary import CanaryStrategy
from console.actions.strategies.command import CommandStrategy, Ran
from console.actions.strategies.gateway import GatewayStrategy
from console.actions.strategies.making import strategy_of
from console.actions.strategies.rolling import RollingStrategy
from console.core.operations import ActionFailed, Refused, Unverified
from console.core.rollouts.plan import Argo, BlueGreen, Canary, Command, Gateway, Nothing, Phase, Rolling, Share
from tests.kubernetes.cluster import utc_now
from tests.kubernetes.driving import Driver, Killed, ask

FIVE, EVERYTHING = Share(ratio=0.05), Share(ratio=1.0)


def shell(command: str, values: Mapping[str, str], timeout: timedelta, say: Say, stopped: threading.Event) -> Ran:
    """bash, ended at its deadline or when told."""
    process = subprocess.Popen(
        ["bash", "-c", command],
        env={"PATH": os.environ["PATH"], **values},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + timeout.total_seconds()
    while process.poll() is None and time.monotonic() < deadline and not stopped.wait(0.01):
        pass
    timed_out = process.poll() is None and not stopped.is_set()
    if process.poll() is None:
        process.kill()
    lines = tuple(process.communicate()[0].splitlines())
    for line in lines:
        say(line)
    return Ran(process.returncode, lines, timed_out=timed_out)


class Balancer:
    """A load balancer that is a file: the share in percent, and every change on a line of a journal."""

    def __init__(self, folder: Path) -> None:
        self.share = folder / "share"
        self.journal = folder / "journal"
        self.share.write_text("0\n")
        self.journal.touch()

    def strategy(self, **commands: Any) -> CommandStrategy:
        fields = {
            "apply": f'echo "$SHARE" > {self.share}; echo "apply $VERSION $SHARE $PHASE $EPOCH" >> {self.journal}',
            "read": f"cat {self.share}",
            "roll_back": f'echo 0 > {self.share}; echo "back $VERSION $SHARE $ROLLOUT" >> {self.journal}',
            "timeout": timedelta(seconds=5),
            **commands,
        }
        return CommandStrategy(Command(**fields), run=shell)

    @property
    def changes(self) -> list[str]:
        return self.journal.read_text().splitlines()


@pytest.fixture
def balancer(tmp_path: Path) -> Balancer:
    return Balancer(tmp_path)


def apply(strategy: CommandStrategy, asked: Asked, **driver: Any) -> tuple[Any, Driver]:
    made = Driver(epoch=asked.epoch, **driver)
    return made.apply(strategy, asked), made


def test_it_is_read_applied_and_read_back(balancer: Balancer) -> None:
    strategy = balancer.strategy()
    assert strategy.record() == {"percent": 0.0}
    (does,) = strategy.foresee(ask(FIVE)).does
    assert does.endswith("0 % → 5 %")
    applied, driver = apply(strategy, ask(FIVE, version="v2.3.3", epoch=7))
    assert (applied.share, applied.writes) == (0.05, 1)
    assert applied.says.startswith("5 % on v2.3.3 by `cat ")
    assert balancer.changes == ["apply v2.3.3 5 phase 7"]
    assert len(driver.writes) == 1
    assert strategy.sides().share == 0.05


def test_applied_again_nothing_is_run(balancer: Balancer) -> None:
    apply(balancer.strategy(), ask(FIVE))
    applied, driver = apply(balancer.strategy(), ask(FIVE))
    assert (applied.share, applied.writes, driver.writes) == (0.05, 0, [])
    assert not balancer.strategy().foresee(ask(FIVE)).does
    assert len(balancer.changes) == 1


def test_the_way_back_is_the_recorded_share_from_every_point(balancer: Balancer) -> None:
    for share in (None, FIVE, EVERYTHING):
        strategy = balancer.strategy()
        good = strategy.record()
        if share is not None:
            apply(strategy, ask(share))
        before = len(balancer.changes)
        said = Driver().roll_back(strategy, good, ask(EVERYTHING))
        assert said.startswith("0 % on ")
        assert said.endswith("as was recorded good")
        assert len(balancer.changes) - before == (share is not None)
        assert not balancer.strategy().foresee_rollback(good).does
    assert balancer.changes[-1] == "back 3.10 0 release-1"


def test_a_fence_is_asked_before_the_command_runs(balancer: Balancer) -> None:
    with pytest.raises(Fenced):
        apply(balancer.strategy(), ask(FIVE), overtaken=True)
    with pytest.raises(Killed):
        apply(balancer.strategy(), ask(FIVE), dies_before=1)
    apply(balancer.strategy(), ask(FIVE))
    with pytest.raises(Fenced):
        Driver(overtaken=True).roll_back(balancer.strategy(), {"percent": 0.0}, ask(FIVE))
    assert len(balancer.changes) == 1


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("echo five", "printed 'five' where a percentage from 0 to 100 belongs"),
        ("echo 101", "printed '101' where"),
        ("echo nan", "printed 'nan' where"),
        ("true", "printed 'nothing' where"),
        ("echo 5; echo done", "printed 'done' where"),
        ("echo no route to host >&2; exit 7", "exit code 7: no route to host"),
    ],
)
def test_a_share_that_cannot_be_read_stops_it_before_anything_is_run(balancer: Balancer, read: str, said: str) -> None:
    with pytest.raises(ActionFailed, match=said):
        apply(balancer.strategy(read=read), ask(FIVE))
    assert balancer.changes == []


@pytest.mark.parametrize("printed", ["5", "5%%", " 5.0 %% ", "warning: slow\\n5"])
def test_a_share_is_the_last_line_with_or_without_a_sign(balancer: Balancer, printed: str) -> None:
    assert balancer.strategy(read=f"printf '{printed}\\n'").record() == {"percent": 5.0}


def test_what_the_commands_do_is_not_taken_on_trust(balancer: Balancer) -> None:
    with pytest.raises(ActionFailed, match=r"ended well, but `cat .*` says 0 % and not 5 %"):
        apply(balancer.strategy(apply="true"), ask(FIVE))
    with pytest.raises(ActionFailed, match=r"exit code 3: the disk is full; mend that"):
        apply(balancer.strategy(apply="echo the disk is full; exit 3"), ask(FIVE))
    apply(balancer.strategy(), ask(FIVE))
    with pytest.raises(ActionFailed, match="says 5 % and not 0 %; look who serves"):
        Driver().roll_back(balancer.strategy(roll_back="true"), {"percent": 0.0}, ask(FIVE))


def test_a_command_that_hangs_or_is_stopped_is_unknown_and_done_again_is_read_first(balancer: Balancer) -> None:
    slow = f"echo 5 > {balancer.share}; echo slow >> {balancer.journal}; exec sleep 30"
    with pytest.raises(Unverified, match=r"did not end within .* and was stopped"):
        apply(balancer.strategy(apply=slow, timeout=timedelta(seconds=0.3)), ask(FIVE))
    applied, driver = apply(balancer.strategy(apply=slow), ask(FIVE))
    assert (applied.share, driver.writes) == (0.05, [])
    stopped = threading.Event()
    with pytest.raises(Unverified, match="was stopped"):
        apply(
            balancer.strategy(apply="exec sleep 30"), ask(EVERYTHING), stopped=stopped, on_write=lambda _: stopped.set()
        )


def test_a_share_that_cannot_be_read_does_not_keep_the_way_back_from_being_run(balancer: Balancer) -> None:
    apply(balancer.strategy(), ask(EVERYTHING))
    gate = balancer.share.parent / "down"
    gate.touch()
    read = f"test ! -e {gate} && cat {balancer.share}"
    strategy = balancer.strategy(read=read, roll_back=f"echo 0 > {balancer.share}; rm {gate}")
    assert strategy.foresee_rollback({"percent": 0.0}).warnings
    driver = Driver()
    assert driver.roll_back(strategy, {"percent": 0.0}, ask(EVERYTHING)).startswith("0 %")
    assert "rolling back all the same" in driver.lines[0]
    gate.touch()
    with pytest.raises(Unverified, match="ended well, but the share cannot be read"):
        Driver().roll_back(balancer.strategy(read=read), {"percent": 0.0}, ask(EVERYTHING))


def test_nearly_nothing_is_not_nothing(balancer: Balancer) -> None:
    balancer.share.write_text("0.3\n")
    Driver().roll_back(balancer.strategy(), {"percent": 0.0}, ask(EVERYTHING))
    assert balancer.share.read_text() == "0\n"


def test_pods_and_settings_are_no_matter_of_commands(balancer: Balancer) -> None:
    assert "give a share in percent" in balancer.strategy().foresee(ask(Share(pods=1))).refused
    assert "cannot be read back (AUDIT_LEVEL)" in balancer.strategy().foresee(ask(FIVE, AUDIT_LEVEL="FULL")).refused
    with pytest.raises(ActionFailed, match=r"nothing was changed: .*AUDIT_LEVEL"):
        apply(balancer.strategy(), ask(FIVE, AUDIT_LEVEL="FULL"))
    assert balancer.changes == []


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (Canary("api", "api-canary"), CanaryStrategy),
        (Rolling("api"), RollingStrategy),
        (BlueGreen("api", "api-blue", "api-green"), BlueGreenStrategy),
        (Gateway("api", "api", "api-canary", "api", "api-canary"), GatewayStrategy),
        (Argo("api"), ArgoStrategy),
        (Command("true", "echo 0", "true"), CommandStrategy),
    ],
)
def test_every_kind_of_strategy_is_made(spec: Any, kind: type) -> None:
    api: Any = object()
    made = strategy_of(Phase("one", "production", strategy=spec), api, "prod", run=shell, clock=utc_now)
    assert type(made) is kind


def test_a_phase_without_traffic_and_one_without_its_cluster_are_refused() -> None:
    with pytest.raises(Refused, match="changes no traffic"):
        strategy_of(Phase("check", "production", strategy=Nothing()), None, "", run=shell, clock=utc_now)
    with pytest.raises(Refused, match="needs Kubernetes, which production does not have"):
        strategy_of(Phase("one", "production", strategy=Rolling("api")), None, "", run=shell, clock=utc_now)
