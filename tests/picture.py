"""Takes the README's pictures: the console on the sandbox, with a release in its production canary, and in a runbook.

Run by `make picture`; writes docs/console.svg and docs/runbook.svg.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from console.app import ConsoleApp
from console.core.evaluation import Verdict
from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import RolloutView
from console.engine.engine import Engine
from console.sandbox.client import start_sandbox
from console.systems.loader import load_system
from console.systems.places import state_of
from screens.runbooks import open_runbook

DOCS = Path(__file__).resolve().parents[1] / "docs"
SIZE = (120, 40)
CALM = 6
"""Points of the sparkline, of 20 seconds each, before the release begins."""
SPEED = 6000
PHASE = "production-canary"
RUNBOOK = "receipt-chain-integrity-failure"
STOPPED = "knhk-closed-loop-blue"
SOAKED = 0.5


async def take(system_file: Path) -> str:
    """Open the console, start a release, wait until half of the canary's soak is over; what it shows, as SVG."""
    system = load_system(system_file)
    engine = Engine(system, system.environments[0], folder=state_of(system))
    app = ConsoleApp(engine, theme="night", environ={"LANG": "C.UTF-8", "COLORTERM": "truecolor"})
    async with app.run_test(size=SIZE) as pilot:
        deadline = time.monotonic() + 400
        while not app.ready or sum(value is not None for value in app.picture.memory_trend.history) < CALM:
            assert time.monotonic() < deadline, "the sparkline did not fill"
            await asyncio.sleep(0.5)
        await asyncio.to_thread(engine.start_rollout, "release", system.name, phase=PHASE)
        while not is_halfway(app.picture.rollout):
            assert time.monotonic() < deadline, "the soak did not come"
            await asyncio.sleep(0.1)
        await pilot.pause()
        svg = app.export_screenshot(title="hakgal-console")
    engine.stop("the picture is taken")
    return svg


def is_halfway(view: RolloutView | None) -> bool:
    """Whether the phase soaks well and half of it is over."""
    if view is None or view.soak is None or view.blind or view.state is not RolloutState.SOAKING:
        return False
    passing = all(gate.verdict is Verdict.PASS for gate in view.gates)
    return passing and view.soak.observed >= view.soak.needed * SOAKED


async def take_runbook(system_file: Path) -> str:
    """Walk into a runbook of the receipt chain, up to its backup; what it shows, as SVG."""
    system = load_system(system_file)
    engine = Engine(system, system.environments[0], folder=state_of(system))
    app = ConsoleApp(engine, theme="night", environ={"LANG": "C.UTF-8", "COLORTERM": "truecolor"})
    async with app.run_test(size=SIZE) as pilot:

        def shown() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        async def shows(words: str) -> None:
            deadline = time.monotonic() + 60
            while words not in shown():
                assert time.monotonic() < deadline, f"{words!r} did not come\n{shown()}"
                await pilot.pause(0.1)

        while not app.ready:
            await pilot.pause(0.1)
        engine.set_fault("receipt-chain", True)
        page = next(path for path in system.runbooks if path.stem == RUNBOOK)
        open_runbook(app, page)
        await shows("DESTROYS")
        await pilot.press("enter")
        await shows("press Enter:")
        await pilot.pause(0.8)
        await pilot.press(*STOPPED, "enter")
        await shows("step 2 of 14")
        await pilot.press("enter")
        await shows("step 3 of 14")
        await pilot.press("t")
        await shows("step 4 of 14")
        await pilot.pause(1)
        svg = app.export_screenshot(title="hakgal-console")
    engine.stop("the picture is taken")
    return svg


def main() -> None:
    """Start the sandboxes, take the pictures, write them."""
    os.environ.pop("NO_COLOR", None)
    DOCS.mkdir(exist_ok=True)
    with start_sandbox(speed=SPEED) as sandbox:
        (DOCS / "console.svg").write_text(asyncio.run(take(sandbox.system)), encoding="utf-8")
    with start_sandbox("knhk") as sandbox:
        (DOCS / "runbook.svg").write_text(asyncio.run(take_runbook(sandbox.system)), encoding="utf-8")
    print(f"wrote console.svg and runbook.svg in {DOCS}")


if __name__ == "__main__":
    main()
