"""Takes the README's picture: the console itself, on the sandbox, with a release in its production canary.

Run by `make picture`; writes docs/console.svg.
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

TARGET = Path(__file__).resolve().parents[1] / "docs" / "console.svg"
SIZE = (120, 40)
CALM = 6
"""Points of the sparkline, of 20 seconds each, before the release begins."""
SPEED = 6000
PHASE = "production-canary"
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


def main() -> None:
    """Start a sandbox, take the picture, write it."""
    os.environ.pop("NO_COLOR", None)
    with start_sandbox(speed=SPEED) as sandbox:
        svg = asyncio.run(take(sandbox.system))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(svg, encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
