"""A runbook as a picture, at both sizes, in every state that a tired person must tell apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.core.runbooks.document import Runbook
from console.core.runbooks.filling import Assessment
from console.core.runbooks.runs import Mark
from console.core.states import AlertState
from screens.runbook import RunbookRoom
from screens.runbooks import RunbooksRoom
from tests import pictures
from tests.screens.desks import PlayedDesk
from tests.screens.played_runbooks import PATH, PLACEHOLDERS, PlayedRunbooks, runbook
from tests.screens.test_rooms import until

SMALL, LARGE = (80, 24), (120, 40)
Compare = Callable[..., bool]
Act = Callable[["Scene"], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def foreseen(_document: Runbook, step: int, _system: object, _environment: str) -> Assessment:
        desk = PlayedDesk(pictures.healthy()).runbooks
        return desk.assess(desk.begin(PATH).id, step)

    monkeypatch.setattr("screens.dialog.DEAF", 0.01)
    monkeypatch.setattr("screens.runbook_walk.foreseen", foreseen)


class Scene:
    """A console in which a runbook is open, brought to where the picture is taken."""

    def __init__(self, act: Act | None, *, begun: bool, **options: Any) -> None:
        self.desk = PlayedDesk(pictures.trouble(), pictures.log_lines(20))
        self.desk.system = replace(self.desk.system, runbooks=(PATH,))
        self.played: PlayedRunbooks = self.desk.runbooks
        self.played.values = {"redis_host": "redis-0", "REDIS_PASSWORD": "hunter2"}
        self.run = self.played.begin(PATH).id if begun else ""
        self.act = act
        self.app = ConsoleApp(self.desk, clock=lambda: pictures.NOW, **{"theme": "night", "environ": {}, **options})

    async def __call__(self, pilot: Pilot[Any]) -> None:
        """What `run_before` of a snapshot does."""
        self.pilot = pilot
        await pilot.pause()
        self.app.push_screen(RunbookRoom(PATH, self.run))
        await until(pilot, lambda: isinstance(self.app.screen, RunbookRoom) and self.app.screen.is_mounted, "the room")
        await until(pilot, lambda: self.room.walk.document and bool(self.room.walk.run) == bool(self.run), "the file")
        await self.still()
        if self.act is not None:
            await self.act(self)
        await self.still()

    @property
    def room(self) -> RunbookRoom:
        return next(screen for screen in self.app.screen_stack if isinstance(screen, RunbookRoom))

    async def still(self) -> None:
        """Everything that was asked of the desk is answered and drawn."""
        walk = self.room.walk

        def answered() -> bool:
            judged = walk.step is None or not walk.step.runnable or walk.at in walk.assessed
            return judged and not (walk.doing or walk._renewing or walk._fetching)

        await until(self.pilot, answered, "the answers")
        await self.pilot.pause(0.1)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.still()

    async def done(self, step: int, *lines: str, code: int = 0, **more: Any) -> None:
        """A step that has run."""
        self.played.play_step(self.run, step, *lines)
        self.played.end_step(self.run, step, code, **more)
        self.room.walk.operations[step] = f"run-step-{step}"
        self.room.walk.renew()
        await self.still()

    async def at(self, step: int) -> None:
        self.room.go(step)
        await self.still()


PODS = (
    "NAME      READY   STATUS             RESTARTS",
    "redis-0   0/1     \x1b[31mCrashLoopBackOff\x1b[0m   7",
    "redis-1   1/1     \x1b[32mRunning\x1b[0m            0",
)


async def failed(scene: Scene) -> None:
    await scene.done(1, "# Replication", "role:master", "connected_slaves:1", expected=())
    await scene.at(2)
    await scene.done(2, *PODS, code=1, expected=("-redis-0   1/1", "+redis-0   0/1"))
    await scene.at(2)


async def going(scene: Scene) -> None:
    """The first steps are done; the run stands at a step that changes something."""
    await scene.done(1, "# Replication", "role:master", "connected_slaves:1", expected=())
    await scene.done(2, *PODS)
    scene.played.skip(scene.run, 3, "nobody is on call")
    scene.room.walk.renew()
    await scene.still()
    await scene.at(4)


async def running(scene: Scene) -> None:
    await scene.done(1, "role:master")
    scene.played.play_step(scene.run, 2, *(f"pod redis-{number} is looked at" for number in range(40)), "Go on? [y/N] ")
    scene.room.walk.renew()
    await scene.at(2)


async def unknown(scene: Scene) -> None:
    await scene.done(1, "role:master")
    await scene.done(4, "statefulset.apps/redis restarted")
    old = scene.played.all_runs[scene.run].step(4)
    how = "the process that ran it was killed; verify what it left behind"
    attempt = replace(old.attempts[-1], mark=Mark.UNKNOWN, exit_code=None, how=how)
    scene.played.put(scene.run, replace(old, mark=Mark.UNKNOWN, attempts=(attempt,)), here=4)
    scene.room.walk.renew()
    await scene.at(4)


async def destroying(scene: Scene) -> None:
    await going(scene)
    await scene.at(5)
    await scene.press("enter")


async def filling(scene: Scene) -> None:
    scene.played.placeholders = PLACEHOLDERS
    scene.played.values = {"redis_host": "redis-0"}
    await scene.at(5)
    await scene.press("v")
    await scene.press(*"hunter2", "enter")
    await scene.press(*"many", "enter")


async def resuming(scene: Scene) -> None:
    await going(scene)
    scene.room.do_runs()
    await scene.pilot.pause(0.1)


async def changed(scene: Scene) -> None:
    scene.played.diff = (
        "--- as the run began",
        "+++ as the file is now",
        "@@ -29,3 +29,3 @@",
        " ```bash",
        "-kubectl rollout restart statefulset/redis -n hak-gal",
        "+kubectl rollout restart statefulset/redis -n hak-gal --context prod",
        " ```",
    )
    await scene.press("c")


async def listed(scene: Scene) -> None:
    await going(scene)
    storm, broken = PATH.with_name("rate-limit-storm.md"), PATH.with_name("broken.md")
    scene.played.documents[storm] = replace(runbook(storm), title="Rate-limit storm")
    scene.desk.system = replace(scene.desk.system, runbooks=(PATH, broken, storm))
    alert = replace(pictures.alert("rate limit storm", AlertState.FIRING, "1", "2"), runbook=storm)
    alerts = replace(scene.desk.picture.alerts, alerts=(alert,))
    scene.desk.play(replace(scene.desk.picture, alerts=alerts))
    scene.app.push_screen(RunbooksRoom())
    await until(scene.pilot, lambda: getattr(scene.app.screen, "read", None), "the list")


@SIZES
@pytest.mark.parametrize("act", [failed, going, running, unknown], ids=lambda act: act.__name__)
def test_a_run_looks_as_agreed(snap_compare: Compare, act: Act, size: tuple[int, int]) -> None:
    scene = Scene(act, begun=True)
    assert snap_compare(scene.app, terminal_size=size, run_before=scene)


@SIZES
def test_a_runbook_that_is_only_read_looks_as_agreed(snap_compare: Compare, size: tuple[int, int]) -> None:
    scene = Scene(None, begun=False)
    assert snap_compare(scene.app, terminal_size=size, run_before=scene)


@SIZES
@pytest.mark.parametrize("act", [destroying, filling, listed], ids=lambda act: act.__name__)
def test_what_is_opened_from_a_run_looks_as_agreed(snap_compare: Compare, act: Act, size: tuple[int, int]) -> None:
    scene = Scene(act, begun=True)
    assert snap_compare(scene.app, terminal_size=size, run_before=scene)


@pytest.mark.parametrize("act", [resuming, changed], ids=lambda act: act.__name__)
def test_a_run_that_is_gone_on_with_looks_as_agreed(snap_compare: Compare, act: Act) -> None:
    scene = Scene(act, begun=True)
    assert snap_compare(scene.app, terminal_size=SMALL, run_before=scene)


def test_a_run_without_colour_and_beyond_ascii(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = Scene(going, begun=True, theme=None, ascii_only=True, environ={"NO_COLOR": "1"})
    assert snap_compare(scene.app, terminal_size=SMALL, run_before=scene)
